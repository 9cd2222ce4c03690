#include "registry/session_registry.h"

#include <algorithm>

#include "registry/client_id_inl.h"
#include "registry/session_reader.h"
#include "registry/session_table.h"
#include "registry/session_writer.h"

namespace session_status::registry {

class SessionRegistry::Impl {
 public:
  explicit Impl(const RegistryOptions& options) : table(options), writer(table), reader(table) {}

  SessionTable table;
  SessionWriter writer;
  SessionReader reader;
};

SessionRegistry::SessionRegistry(const RegistryOptions& options) {
  constexpr uint64_t kSessionsLeast = 1000;
  for (RegistryOptions fitting = options; impl_ == nullptr; fitting.sessions_max /= 2) {
    const bool last = fitting.sessions_max < 2 * kSessionsLeast;
    try {
      impl_ = std::make_unique<Impl>(fitting);
    } catch (const std::bad_alloc&) {
      if (last) throw;
      continue;
    }
    if (!last && !ReservedMemory::WouldGrant(impl_->table.ReservedBytes())) impl_.reset();
  }
}
SessionRegistry::~SessionRegistry() = default;

ApplyResult SessionRegistry::Apply(const SessionEvent& event) { return impl_->writer.Apply(event); }

void SessionRegistry::Prefetch(absl::string_view client_id) const {
  if (client_id.size() > kClientIdBytesMax) return;
  PreparedId id;
  impl_->table.hasher.Prepare(client_id, &id);
  impl_->table.index.BeginProbe(id.hash);
}

bool SessionRegistry::MustForget() const { return impl_->writer.MustForget(); }

size_t SessionRegistry::Maintain(absl::Time now, size_t budget, const ForgettingFn& forgetting) {
  return impl_->writer.Maintain(now, budget, forgetting);
}

uint64_t SessionRegistry::InspectFrom(uint64_t position, const InspectFn& inspect) {
  return impl_->writer.InspectFrom(position, inspect);
}

void SessionRegistry::PublishSnapshot(absl::Time now, int64_t steady_ms) {
  impl_->table.epochs.Publish(now, steady_ms);
}

absl::Duration SessionRegistry::PopulateAhead(absl::Duration since_last) {
  SessionTable& t = impl_->table;
  return std::min({t.index.PopulateAhead(since_last), t.strings.PopulateAhead(since_last),
                   t.lines.memory().PopulateAhead(since_last)});
}

SessionStatus SessionRegistry::Find(absl::string_view client_id) const {
  return impl_->reader.Find(client_id);
}

bool SessionRegistry::FindDetails(absl::string_view client_id, SessionDetails* details) const {
  return impl_->reader.FindDetails(client_id, details);
}

SnapshotInfo SessionRegistry::QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                            absl::Span<SessionStatus> out) const {
  return impl_->reader.QuerySnapshot(client_ids, out);
}

SnapshotInfo SessionRegistry::CurrentSnapshot() const { return impl_->reader.CurrentSnapshot(); }

void SessionRegistry::ForEach(
    const std::function<bool(absl::string_view, const SessionDetails&)>& visit) const {
  impl_->reader.ForEach(visit);
}

uint64_t SessionRegistry::VisitFrom(uint64_t position, const VisitFn& visit) const {
  return impl_->reader.VisitFrom(position, visit);
}

uint64_t SessionRegistry::PositionOf(absl::string_view client_id) const {
  return impl_->reader.PositionOf(client_id);
}

uint64_t SessionRegistry::sessions_max() const { return impl_->table.sessions_max; }

RegistryCounts SessionRegistry::Counts() const { return impl_->table.counters.Read(); }

std::vector<GroupCounts> SessionRegistry::CountsByGroup() const {
  return impl_->table.groups.Counts();
}

std::vector<ListenerCount> SessionRegistry::OnlineByListener() const {
  return impl_->table.counters.OnlineByListener();
}

uint64_t SessionRegistry::sequence() const { return impl_->table.epochs.sequence(); }

size_t SessionRegistry::MemoryBytes() const {
  const SessionTable& t = impl_->table;
  return sizeof(Impl) + DetailMemoryBytes() + t.index.TouchedBytes() +
         t.lines.memory().TouchedBytes();
}

size_t SessionRegistry::DetailMemoryBytes() const {
  return impl_->table.index.DetailTouchedBytes() + impl_->table.strings.TouchedBytes();
}

void SessionRegistry::CheckInvariantsForTest() const { impl_->writer.CheckInvariantsForTest(); }

}  // namespace session_status::registry
