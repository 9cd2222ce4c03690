// Slots and the words in them (registry/session_record.h), below the index and below the registry.
#include <array>
#include <optional>

#include "registry/client_id_inl.h"
#include "registry/session_index.h"
#include "registry/session_registry.h"
#include "tests/registry/orders/checks.h"

namespace session_status::orders {
namespace {

using registry::ClientIdHasher;
using registry::Details;
using registry::DetailWords;
using registry::LineStore;
using registry::PreparedId;
using registry::ReservedMemory;
using registry::SessionDetails;
using registry::SessionEvent;
using registry::SessionIndex;
using registry::SessionRegistry;
using registry::SessionState;
using registry::SessionStatus;
using registry::Slot;
using registry::SnapshotInfo;

const ClientIdHasher& Hasher() {
  static const ClientIdHasher* const hasher = new ClientIdHasher;
  return *hasher;
}

// Ids of the first shard: they share a page, and one takes the slot that another leaves.
std::vector<std::string> IdsOfOnePage(size_t count) {
  std::vector<std::string> ids;
  for (int i = 0; ids.size() < count; ++i) {
    std::string id = absl::StrCat("client-", i);
    if (Hasher().Hash(id.data(), id.size()) >> 56 == 0) ids.push_back(std::move(id));
  }
  return ids;
}

// Two clients take turns in one slot. The n-th life of the slot has status n and all its details
// are n: whoever finds a client must find a life of its own, and one life only.
class Slots : public Check {
 public:
  Slots() : ids_(IdsOfOnePage(2)) {
    for (size_t i = 0; i < 2; ++i) Hasher().Prepare(ids_[i], &prepared_[i]);
  }
  int threads() const override { return 2; }

  void Begin() override {
    index_.reset();
    lines_.emplace(64, ReservedMemory::Pages::kSmall);
    index_ = std::make_unique<SessionIndex>(64, ReservedMemory::Pages::kSmall, Hasher(), *lines_);
    slot_ = Insert(1);
  }

  void Thread(int thread) override {
    if (thread == 0) {
      for (uint64_t life = 2; life <= 3; ++life) {
        index_->Remove(slot_);
        Expect(Insert(life) == slot_, "the slot is not reused");
      }
      return;
    }
    uint64_t last = 0;
    for (int round = 0; round < 3; ++round) {
      const auto& id = prepared_[static_cast<size_t>(round) % 2];
      uint64_t status = 0;
      const Slot s = index_->Find(id, &status);
      if (s == 0) continue;
      Expect(s == slot_, "a client is somewhere else");
      Expect(status >= 1 && status <= 3 && &IdOf(status) == &id, "a client has another's status");
      Expect(status >= last, "a life that was over came back");
      last = status;
      // As SessionReader::FindDetails: details that are framed by one life are of that life.
      const uint32_t life = index_->hot(s).identity.Load();
      if (!index_->Holds(s, id, &status)) continue;
      const Details details = index_->details(s).Load();
      if (index_->hot(s).identity.Load() != life) continue;
      for (const uint64_t word : details.words()) {
        Expect(word == status, "details are of another life");
      }
    }
  }

 private:
  const PreparedId& IdOf(uint64_t life) const { return prepared_[(life + 1) % 2]; }
  Slot Insert(uint64_t life) {
    const PreparedId& id = IdOf(life);
    const SessionIndex::Place place = index_->Reserve(id.hash, [](Slot, Slot) {});
    uint64_t first_word = 0;
    index_->StoreId(id, &first_word);
    DetailWords words;
    words.fill(life);
    index_->BeginLife(place.slot, id, first_word, life, life, Details(words));
    index_->Link(place);
    return place.slot;
  }

  const std::vector<std::string> ids_;
  std::array<PreparedId, 2> prepared_;
  std::optional<LineStore> lines_;
  std::unique_ptr<SessionIndex> index_;
  Slot slot_ = 0;
};

SessionEvent Connected(absl::string_view id, uint64_t n) {
  SessionEvent e;
  e.client_id = id;
  e.incarnation = n;
  e.time = absl::FromUnixMillis(static_cast<int64_t>(n));
  e.connection.keepalive_s = static_cast<uint16_t>(n);
  e.connection.listener_port = static_cast<uint16_t>(n);
  e.connection.clean_start = true;
  return e;
}

// Connection after connection of one client; the n-th has n everywhere.
class DetailsOfOneMoment : public Check {
 public:
  int threads() const override { return 2; }

  void Begin() override {
    registry_ = std::make_unique<SessionRegistry>(registry::RegistryOptions{.sessions_max = 64});
    registry_->Apply(Connected("lamp", 1));
  }

  void Thread(int thread) override {
    if (thread == 0) {
      for (uint64_t n = 2; n <= 3; ++n) registry_->Apply(Connected("lamp", n));
      return;
    }
    uint64_t last = 0;
    for (int round = 0; round < 2; ++round) {
      SessionDetails d;
      Expect(registry_->FindDetails("lamp", &d), "a client that is online was missed");
      const uint64_t n = d.incarnation;
      Expect(d.connected_at == absl::FromUnixMillis(static_cast<int64_t>(n)) &&
                 d.keepalive_s == n && d.listener_port == n && d.connects == n,
             "details are of two moments");
      Expect(n >= last, "details ran backwards");
      last = n;
    }
  }

 private:
  std::unique_ptr<SessionRegistry> registry_;
};

// A cut shows a client that ended; the client is forgotten, leaves its slot with the next cut, and
// comes back. Whoever asks the same cut twice gets the same answer.
class Forgotten : public Check {
 public:
  int threads() const override { return 3; }

  void Begin() override {
    registry_ = std::make_unique<SessionRegistry>(
        registry::RegistryOptions{.ended_max = 0, .sessions_max = 64});
    registry_->Apply(Connected("lamp", 1));
    SessionEvent end;
    end.kind = SessionEvent::Kind::kEnded;
    end.client_id = "lamp";
    end.incarnation = 1;
    end.time = absl::FromUnixMillis(2);
    registry_->Apply(end);
    registry_->PublishSnapshot(absl::UnixEpoch(), kFirstCut);
  }

  void Thread(int thread) override {
    switch (thread) {
      case 0:
        registry_->Maintain(absl::FromUnixMillis(3), 10);
        registry_->Maintain(absl::FromUnixMillis(3), 10);
        registry_->Apply(Connected("lamp", 2));
        return;
      case 1:
        registry_->PublishSnapshot(absl::UnixEpoch(), kFirstCut + 1);
        return;
      default:
        return Read();
    }
  }

 private:
  static constexpr int64_t kFirstCut = 10;

  void Read() {
    SnapshotInfo last;
    SessionState last_state = SessionState::kUnknown;
    for (int round = 0; round < 3; ++round) {
      const absl::string_view id = "lamp";
      SessionStatus status;
      const SnapshotInfo cut =
          registry_->QuerySnapshot(absl::MakeConstSpan(&id, 1), absl::MakeSpan(&status, 1));
      Expect(cut.steady_ms >= last.steady_ms, "cuts ran backwards");
      if (cut.steady_ms == kFirstCut) {
        Expect(cut.sequence == 2 && status.state == SessionState::kOffline,
               "the first cut shows something else");
      } else if (cut.sequence == 2) {
        Expect(!status.online(), "a cut shows a later connection");
      } else {
        Expect(cut.sequence == 3 && status.online(), "a cut does not show its connection");
      }
      if (cut.steady_ms == last.steady_ms) {
        Expect(status.state == last_state, "two answers of one cut differ");
      }
      last = cut;
      last_state = status.state;
    }
  }

  std::unique_ptr<SessionRegistry> registry_;
};

}  // namespace

std::unique_ptr<Check> MakeForgotten() { return std::make_unique<Forgotten>(); }
std::unique_ptr<Check> MakeSlots() { return std::make_unique<Slots>(); }
std::unique_ptr<Check> MakeDetails() { return std::make_unique<DetailsOfOneMoment>(); }

}  // namespace session_status::orders
