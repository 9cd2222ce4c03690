// Writes a session database as a broker leaves it that many clients have visited and left.
//
//   past_sessions FILE COUNT
//
// A broker that starts with it knows COUNT ended sessions: the quick way to a large registry.
#include <cstdio>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/store/session_store.h"
#include "registry/session_registry.h"

namespace session_status::bench {
namespace {

using registry::SessionEvent;

// What waits to be written stays far below the queue's limit.
constexpr uint64_t kFlushEvery = 20'000;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "past_sessions: %s\n", status.ToString().c_str());
  return 1;
}

int Write(const std::string& path, uint64_t count) {
  store::SessionStoreOptions options;
  options.path = path;
  options.ended_max = count;
  registry::RegistryOptions registry_options;
  registry_options.ended_max = count;
  registry::SessionRegistry sessions(registry_options);
  auto opened = store::SessionStore::Open(options, absl::Now());
  if (!opened.ok()) return Fail(opened.status());
  store::SessionStore& store = **opened;
  store.Restore([](const SessionEvent&) {});
  const uint64_t first = store.first_incarnation();
  if (const absl::Status started = store.Start(sessions); !started.ok()) return Fail(started);
  const auto tell = [&](const SessionEvent& event) {
    store.OnChange(event, sessions.Apply(event));
  };
  for (uint64_t i = 0; i < count; ++i) {
    const std::string id = absl::StrCat("GID_bench@@@device-", i);
    SessionEvent event;
    event.client_id = id;
    event.incarnation = first + i;
    event.time = absl::Now();
    event.connection.address = absl::StrCat("10.", i >> 16 & 255, ".", i >> 8 & 255, ".", i & 255);
    event.connection.username = "devices";
    event.connection.listener_port = 1883;
    event.connection.keepalive_s = 60;
    event.connection.protocol_version = registry::ProtocolVersion::kMqtt5;
    tell(event);
    event.kind = SessionEvent::Kind::kEnded;
    event.reason = registry::EndReason::kClientDisconnect;
    tell(event);
    if (i % kFlushEvery != 0) continue;
    if (const absl::Status flushed = store.Flush(); !flushed.ok()) return Fail(flushed);
  }
  if (const absl::Status flushed = store.Flush(); !flushed.ok()) return Fail(flushed);
  store.BeginClose(absl::Now());
  return store.Close() ? 0 : Fail(absl::DeadlineExceededError("the disk hangs"));
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) {
  uint64_t count = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &count) || count == 0) {
    std::fprintf(stderr, "usage: past_sessions FILE COUNT\n");
    return 2;
  }
  return session_status::bench::Write(argv[1], count);
}
