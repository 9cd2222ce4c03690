#include "registry/session_registry.h"

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"

namespace session_status::registry {

namespace {
struct Entry {
  SessionDetails details;
  SessionStatus at_snapshot;
  uint64_t sequence = 0;
};

// Position first, so that a walk can stop and go on.
using Key = std::pair<uint64_t, std::string>;
Key KeyOf(absl::string_view id) {
  return {absl::Hash<absl::string_view>()(id), std::string(id)};
}
// Sessions per step of VisitFrom().
constexpr int kSessionsPerStep = 32;
}  // namespace

// First engine: one map under one lock. The lock-free engine replaces it behind this interface.
class SessionRegistry::Impl {
 public:
  explicit Impl(const RegistryOptions& o) : options(o) {}
  RegistryOptions options;
  mutable std::mutex mu;
  std::map<Key, Entry> live;
  absl::flat_hash_map<std::string, SessionStatus> cut;
  SnapshotInfo info;
  RegistryCounts counts;
  uint64_t sequence = 0;
};

SessionRegistry::SessionRegistry(const RegistryOptions& options)
    : impl_(std::make_unique<Impl>(options)) {}
SessionRegistry::~SessionRegistry() = default;

ApplyResult SessionRegistry::Apply(const SessionEvent& e) {
  std::lock_guard<std::mutex> lock(impl_->mu);
  ApplyResult r;
  Entry& x = impl_->live[KeyOf(e.client_id)];
  SessionDetails& d = x.details;
  r.before = r.after = d.status.state;
  auto& c = impl_->counts;
  const bool is_connect = e.kind == SessionEvent::Kind::kConnected;
  const bool current = e.incarnation == d.incarnation;
  bool ok = false;
  switch (e.kind) {
    case SessionEvent::Kind::kConnected:
    case SessionEvent::Kind::kRestored:
      ok = e.incarnation > d.incarnation;
      break;
    case SessionEvent::Kind::kEnded:
      ok = current && d.status.state == SessionState::kOnline;
      break;
    case SessionEvent::Kind::kSessionGone:
      ok = current && d.status.state == SessionState::kOfflineSessionKept;
      break;
  }
  if (!ok) {
    ++c.stale_events;
    return r;
  }
  if (d.status.state == SessionState::kOnline) --c.online_by_protocol[(int)d.protocol_version];
  if (is_connect) {
    ++c.connects;
    if (d.status.state == SessionState::kOnline) ++c.takeovers;
    if (d.status.state == SessionState::kUnknown || d.status.state == SessionState::kOffline)
      d.session_created_at = e.time;
    d.status = {SessionState::kOnline, EndReason::kNone};
    d.connected_at = e.time;
    d.disconnected_at = absl::InfinitePast();
    d.broker_code = 0;
    ++d.connects;
  } else if (e.kind == SessionEvent::Kind::kRestored) {
    d.status = {e.state, e.reason};
    d.connected_at = e.connected_at;
    d.session_created_at = e.session_created_at;
    d.disconnected_at = e.time;
    d.broker_code = e.broker_code;
  } else {
    d.status = {e.kind == SessionEvent::Kind::kEnded && e.session_kept
                    ? SessionState::kOfflineSessionKept
                    : SessionState::kOffline,
                e.reason};
    ++c.ends_by_reason[(int)e.reason];
    d.disconnected_at = e.time;
    d.broker_code = e.broker_code;
  }
  d.incarnation = e.incarnation;
  if (is_connect || e.kind == SessionEvent::Kind::kRestored) {
    d.address = std::string(e.connection.address);
    d.username = std::string(e.connection.username);
    d.listener_port = e.connection.listener_port;
    d.keepalive_s = e.connection.keepalive_s;
    d.protocol_version = e.connection.protocol_version;
    d.transport = e.connection.transport;
    d.clean_start = e.connection.clean_start;
  }
  if (r.before != SessionState::kUnknown) --c.by_state[(int)r.before];
  ++c.by_state[(int)d.status.state];
  if (d.status.state == SessionState::kOnline) ++c.online_by_protocol[(int)d.protocol_version];
  r.after = d.status.state;
  r.outcome = ApplyResult::Outcome::kApplied;
  r.sequence = ++impl_->sequence;
  return r;
}

size_t SessionRegistry::Maintain(absl::Time now, size_t budget, const ForgettingFn& forgetting) {
  std::lock_guard<std::mutex> lock(impl_->mu);
  size_t forgotten = 0;
  uint64_t& ended = impl_->counts.by_state[static_cast<size_t>(SessionState::kOffline)];
  for (auto it = impl_->live.begin(); it != impl_->live.end() && forgotten < budget;) {
    const SessionDetails& d = it->second.details;
    const bool due = d.status.state == SessionState::kOffline &&
                     (now - d.disconnected_at > impl_->options.ended_ttl ||
                      ended > impl_->options.ended_max);
    if (!due) {
      ++it;
      continue;
    }
    if (forgetting) forgetting(it->first.second, d);
    it = impl_->live.erase(it);
    --ended;
    ++impl_->counts.forgotten;
    ++forgotten;
  }
  return forgotten;
}

void SessionRegistry::PublishSnapshot(absl::Time now) {
  std::lock_guard<std::mutex> lock(impl_->mu);
  impl_->cut.clear();
  for (auto& [key, x] : impl_->live) impl_->cut[key.second] = x.details.status;
  impl_->info = {impl_->sequence, now};
}

SessionStatus SessionRegistry::Find(absl::string_view id) const {
  SessionDetails d;
  FindDetails(id, &d);
  return d.status;
}

bool SessionRegistry::FindDetails(absl::string_view id, SessionDetails* out) const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  auto it = impl_->live.find(KeyOf(id));
  if (it == impl_->live.end() || it->second.details.status.state == SessionState::kUnknown)
    return false;
  *out = it->second.details;
  return true;
}

SnapshotInfo SessionRegistry::QuerySnapshot(absl::Span<const absl::string_view> ids,
                                            absl::Span<SessionStatus> out) const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  for (size_t i = 0; i < ids.size(); ++i) {
    auto it = impl_->cut.find(std::string(ids[i]));
    out[i] = it == impl_->cut.end() ? SessionStatus() : it->second;
  }
  return impl_->info;
}

SnapshotInfo SessionRegistry::CurrentSnapshot() const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  return impl_->info;
}

void SessionRegistry::ForEach(
    const std::function<bool(absl::string_view, const SessionDetails&)>& visit) const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  for (auto& [key, x] : impl_->live)
    if (x.details.status.state != SessionState::kUnknown && !visit(key.second, x.details)) return;
}

uint64_t SessionRegistry::VisitFrom(uint64_t position, const VisitFn& visit) const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  auto it = impl_->live.lower_bound({position, std::string()});
  uint64_t last = position;
  for (int left = kSessionsPerStep; it != impl_->live.end(); ++it) {
    if (left <= 0 && it->first.first != last) return it->first.first;
    last = it->first.first;
    --left;
    if (it->second.details.status.state == SessionState::kUnknown) continue;
    visit(last, it->first.second, it->second.details);
  }
  return 0;
}

uint64_t SessionRegistry::PositionOf(absl::string_view id) const { return KeyOf(id).first; }

RegistryCounts SessionRegistry::Counts() const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  return impl_->counts;
}
uint64_t SessionRegistry::sequence() const {
  std::lock_guard<std::mutex> lock(impl_->mu);
  return impl_->sequence;
}
size_t SessionRegistry::MemoryBytes() const { return 0; }
void SessionRegistry::CheckInvariantsForTest() const {}

}  // namespace session_status::registry
