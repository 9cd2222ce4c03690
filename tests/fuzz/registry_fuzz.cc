// Client identifiers of any bytes through the registry, against the model of its tests: live view,
// snapshot, details and counts.
//
// The input: a line of identifiers between '|' (`ab*9000` repeats "ab" as often), then pairs of an
// operation and an identifier's number:
//   c connected   e ended   k ended, session kept   g kept session gone   r restored, offline
//   s ended with an older incarnation   m forget what is over the limits   p publish a snapshot
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "registry/client_id.h"
#include "registry/session_registry.h"
#include "tests/fuzz/fuzz.h"
#include "tests/registry/registry_model.h"

namespace session_status::registry {
namespace {

constexpr size_t kIdsMax = 16;
constexpr int kOperationsMax = 500;
const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

RegistryOptions SmallOptions() {
  RegistryOptions options;
  options.ended_max = 4;
  options.sessions_max = 1000;
  options.huge_pages = false;
  return options;
}

std::string Expand(absl::string_view text) {
  const size_t star = text.rfind('*');
  size_t times = 0;
  if (star == absl::string_view::npos || !absl::SimpleAtoi(text.substr(star + 1), &times)) {
    return std::string(text.substr(0, kClientIdBytesMax));
  }
  const absl::string_view piece = text.substr(0, star);
  std::string id;
  while (!piece.empty() && times-- > 0 && id.size() + piece.size() <= kClientIdBytesMax) {
    id.append(piece.data(), piece.size());
  }
  return id;
}

std::vector<std::string> ReadIds(absl::string_view line) {
  std::vector<std::string> ids;
  while (ids.size() < kIdsMax && !line.empty()) {
    const size_t end = std::min(line.find('|'), line.size());
    std::string id = Expand(line.substr(0, end));
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  if (ids.empty()) ids.emplace_back("only");
  return ids;
}

class Pair {
 public:
  explicit Pair(std::vector<std::string> ids) : ids_(std::move(ids)) {}

  void Do(char operation, uint8_t argument) {
    const std::string& id = ids_[argument % ids_.size()];
    now_ += absl::Milliseconds(argument);
    switch (operation) {
      case 'c':
        return Apply(SessionEvent::Kind::kConnected, id, ++incarnation_, argument);
      case 'r':
        return Apply(SessionEvent::Kind::kRestored, id, ++incarnation_, argument);
      case 'e':
        return Apply(SessionEvent::Kind::kEnded, id, Held(id), 0);
      case 'k':
        return Apply(SessionEvent::Kind::kEnded, id, Held(id), 1);
      case 'g':
        return Apply(SessionEvent::Kind::kSessionGone, id, Held(id), 0);
      case 's':
        return Apply(SessionEvent::Kind::kEnded, id, Held(id) / 2 + 1, argument);
      case 'm':
        FUZZ_CHECK(real_.Maintain(now_, argument) == model_.Maintain(now_, argument));
        return;
      case 'p':
        real_.PublishSnapshot(now_);
        model_.PublishSnapshot(now_);
        return CheckSnapshot();
      default:
        return;
    }
  }

  void CheckAll() const {
    real_.CheckInvariantsForTest();
    for (const std::string& id : ids_) Check(id);
    const RegistryCounts real = real_.Counts();
    FUZZ_CHECK(real.by_state == model_.counts().by_state);
    FUZZ_CHECK(real.online_by_protocol == model_.counts().online_by_protocol);
    FUZZ_CHECK(real.stale_events == model_.counts().stale_events);
    FUZZ_CHECK(real.out_of_memory == 0);
    size_t seen = 0;
    real_.ForEach([&](absl::string_view id, const SessionDetails&) {
      FUZZ_CHECK(model_.sessions().count(std::string(id)) == 1);
      ++seen;
      return true;
    });
    FUZZ_CHECK(seen == model_.sessions().size());
  }

 private:
  uint64_t Held(const std::string& id) const {
    const auto found = model_.sessions().find(id);
    return found == model_.sessions().end() ? 1 : found->second.incarnation;
  }

  void Apply(SessionEvent::Kind kind, const std::string& id, uint64_t incarnation,
             uint8_t argument) {
    SessionEvent event;
    event.kind = kind;
    event.client_id = id;
    event.incarnation = incarnation;
    event.time = now_;
    event.session_kept = (argument & 1) != 0;
    event.state = SessionState::kOffline;
    event.connected_at = event.session_created_at = absl::InfinitePast();
    // Identifiers serve as user names and addresses too: bytes of the same kind come there.
    event.connection.username = ids_[argument / 2 % ids_.size()];
    event.connection.address = ids_[argument / 3 % ids_.size()];
    event.connection.protocol_version = ProtocolVersion::kMqtt5;
    const ApplyResult real = real_.Apply(event);
    const ApplyResult model = model_.Apply(event);
    FUZZ_CHECK(real.outcome == model.outcome && real.sequence == model.sequence);
    FUZZ_CHECK(real.before == model.before && real.after == model.after);
    Check(id);
  }

  void Check(const std::string& id) const {
    const SessionStatus live = real_.Find(id), want = model_.Find(id);
    FUZZ_CHECK(live.state == want.state && live.reason == want.reason);
    SessionDetails details;
    const auto found = model_.sessions().find(id);
    FUZZ_CHECK(real_.FindDetails(id, &details) == (found != model_.sessions().end()));
    if (found != model_.sessions().end()) FUZZ_CHECK(Difference(details, found->second).empty());
  }

  void CheckSnapshot() const {
    const std::vector<absl::string_view> views(ids_.begin(), ids_.end());
    std::vector<SessionStatus> out(views.size());
    FUZZ_CHECK(real_.QuerySnapshot(views, absl::MakeSpan(out)).sequence == model_.sequence());
    for (size_t i = 0; i < ids_.size(); ++i) {
      FUZZ_CHECK(out[i].state == model_.FindInSnapshot(ids_[i]).state);
    }
  }

  const std::vector<std::string> ids_;
  SessionRegistry real_{SmallOptions()};
  RegistryModel model_{SmallOptions()};
  uint64_t incarnation_ = 0;
  absl::Time now_ = kStart;
};

}  // namespace
}  // namespace session_status::registry

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::registry;
  session_status::fuzz::Input input(data, size);
  Pair pair(ReadIds(input.Until('\n')));
  for (int done = 0; !input.empty() && done < kOperationsMax; ++done) {
    const char operation = static_cast<char>(input.Byte());
    if (operation == ' ' || operation == '\n') continue;
    pair.Do(operation, static_cast<uint8_t>(input.Byte() - uint8_t{'0'}));
  }
  pair.CheckAll();
  return 0;
}
