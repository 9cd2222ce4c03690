// A registry whose writer is wired as in the plugin: cut, apply, feed.
#ifndef SESSION_STATUS_TESTS_LISTING_LISTING_FIXTURE_H_
#define SESSION_STATUS_TESTS_LISTING_LISTING_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/feed/change_feed.h"
#include "plugin/listing/frozen_cuts.h"

namespace session_status::listing {

inline const absl::Time kStart = absl::FromUnixMillis(1'700'000'000'000);
inline constexpr int64_t kEpoch = 1'699'999'999'000;

// One broker: applies events as session_plugin.cc does.
class Writer {
 public:
  explicit Writer(os::Poller& poller, const CutOptions& cut_options = {},
                  const registry::RegistryOptions& registry_options = {},
                  size_t feed_bytes = size_t{1} << 22)
      : registry(registry_options),
        feed(registry, poller, {.buffer_bytes = feed_bytes}, kEpoch),
        cuts(registry, poller, cut_options) {}

  registry::ApplyResult Apply(const registry::SessionEvent& event) {
    cuts.BeginChange(event.client_id);
    const registry::ApplyResult result = registry.Apply(event);
    cuts.EndChange();
    if (result.outcome == registry::ApplyResult::Outcome::kApplied) feed.OnChange(event, result);
    return result;
  }
  size_t Maintain(absl::Time now, size_t budget) {
    cuts.BeginChange({});
    const size_t n = registry.Maintain(
        now, budget, [this](absl::string_view id, const registry::SessionDetails& details) {
          cuts.Forgetting(id, details);
        });
    cuts.EndChange();
    return n;
  }
  void Connect(absl::string_view id, absl::string_view address = "10.0.0.7") {
    registry::SessionEvent e;
    e.client_id = id;
    e.incarnation = current[std::string(id)] = ++incarnation;
    e.time = kStart + absl::Milliseconds(incarnation);
    e.connection.address = address;
    e.connection.username = "alice";
    e.connection.listener_port = 1883;
    e.connection.keepalive_s = 60;
    e.connection.protocol_version = registry::ProtocolVersion::kMqtt5;
    e.connection.transport = registry::Transport::kMqtt;
    Apply(e);
  }
  void End(absl::string_view id, bool kept = false) {
    registry::SessionEvent e;
    e.kind = registry::SessionEvent::Kind::kEnded;
    e.client_id = id;
    e.incarnation = current[std::string(id)];
    e.time = kStart + absl::Milliseconds(++incarnation);
    e.reason = registry::EndReason::kNetworkError;
    e.session_kept = kept;
    Apply(e);
  }

  uint64_t incarnation = 0;
  std::map<std::string, uint64_t> current;
  registry::SessionRegistry registry;
  feed::ChangeFeed feed;
  FrozenCuts cuts;
};

// What a follower knows of one client.
struct Known {
  registry::SessionState state = registry::SessionState::kUnknown;
  uint64_t incarnation = 0;
  bool operator==(const Known& o) const { return state == o.state && incarnation == o.incarnation; }
};
using Mirror = std::map<std::string, Known>;

inline std::ostream& operator<<(std::ostream& out, const Known& k) {
  return out << static_cast<int>(k.state) << "@" << k.incarnation;
}

// Reads a whole cut; fails the test when a session comes twice.
inline absl::Status ReadCut(FrozenCut* cut, Mirror* out) {
  uint64_t position = 0;
  do {
    const absl::Status status = cut->Read(
        position, position,
        [&](uint64_t, absl::string_view id, const registry::SessionDetails& d) {
          const bool added =
              out->emplace(std::string(id), Known{d.status.state, d.incarnation}).second;
          EXPECT_TRUE(added) << id << " came twice";
        },
        &position);
    if (!status.ok()) return status;
  } while (position != 0);
  return absl::OkStatus();
}

// One random event about one of `ids` clients. The same rng, the same events.
inline registry::SessionEvent RandomEvent(std::mt19937_64* rng, uint64_t ids, uint64_t* incarnation,
                                          std::map<std::string, Mirror::mapped_type>* model,
                                          std::string* id) {
  using registry::SessionState;
  *id = absl::StrCat("client-", (*rng)() % ids);
  Known& known = (*model)[*id];
  registry::SessionEvent e;
  e.client_id = *id;
  e.time = kStart + absl::Milliseconds(*incarnation);
  e.connection.address = "10.1.2.3";
  if (known.state == SessionState::kOnline && (*rng)() % 4 != 0) {
    e.kind = registry::SessionEvent::Kind::kEnded;
    e.reason = registry::EndReason::kNetworkError;
    e.session_kept = (*rng)() % 2 == 0;
    e.incarnation = known.incarnation;
    known.state = e.session_kept ? SessionState::kOfflineSessionKept : SessionState::kOffline;
  } else if (known.state == SessionState::kOfflineSessionKept && (*rng)() % 2 == 0) {
    e.kind = registry::SessionEvent::Kind::kSessionGone;
    e.reason = registry::EndReason::kSessionExpired;
    e.incarnation = known.incarnation;
    known.state = SessionState::kOffline;
  } else {
    e.incarnation = known.incarnation = ++*incarnation;
    known.state = SessionState::kOnline;
  }
  return e;
}

}  // namespace session_status::listing

#endif  // SESSION_STATUS_TESTS_LISTING_LISTING_FIXTURE_H_
