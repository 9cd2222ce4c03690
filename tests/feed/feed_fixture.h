// A registry, its feed and a poller driven by hand: events in, followers out.
#ifndef SESSION_STATUS_TESTS_FEED_FEED_FIXTURE_H_
#define SESSION_STATUS_TESTS_FEED_FEED_FIXTURE_H_

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/feed/change_feed.h"
#include "plugin/feed/subscription.h"

namespace session_status::feed {

inline const absl::Time kStart = absl::FromUnixMillis(1'700'000'000'000);
inline constexpr int64_t kEpoch = 1'699'999'999'000;

// Writes what it is told as short lines: "online a #3", "gap 2..9", "started 9", "state a online".
class LineSink : public Subscription::Sink {
 public:
  void OnStarted(uint64_t s) override { lines.push_back(absl::StrCat("started ", s)); }
  void OnState(const Change& c) override {
    lines.push_back(absl::StrCat("state ", c.client_id, " ", Name(c.after)));
  }
  void OnChange(const Change& c) override {
    lines.push_back(absl::StrCat(Name(c.after), " ", c.client_id, " #", c.sequence));
  }
  void OnGap(uint64_t from, uint64_t to) override {
    lines.push_back(absl::StrCat("gap ", from, "..", to));
  }
  bool Full() const override { return lines.size() >= full_at; }
  std::vector<std::string> Take() { return std::exchange(lines, {}); }

  static std::string Name(registry::SessionState state) {
    static constexpr const char* kNames[] = {"unknown", "online", "kept", "offline"};
    return kNames[static_cast<int>(state)];
  }
  std::vector<std::string> lines;
  size_t full_at = 1'000'000;
};

class FeedTest : public ::testing::Test {
 protected:
  void Apply(const registry::SessionEvent& event) {
    const registry::ApplyResult result = registry_.Apply(event);
    if (result.outcome == registry::ApplyResult::Outcome::kApplied) feed_.OnChange(event, result);
  }
  void Connect(absl::string_view id) {
    registry::SessionEvent e;
    e.client_id = id;
    e.incarnation = online_[std::string(id)] = ++incarnation_;
    e.time = kStart + absl::Milliseconds(incarnation_);
    e.connection.address = "10.0.0.7";
    e.connection.listener_port = 1883;
    e.connection.protocol_version = registry::ProtocolVersion::kMqtt5;
    e.connection.transport = registry::Transport::kMqtt;
    Apply(e);
  }
  void End(absl::string_view id, bool kept = false) {
    registry::SessionEvent e;
    e.kind = registry::SessionEvent::Kind::kEnded;
    e.client_id = id;
    e.incarnation = online_[std::string(id)];
    e.time = kStart + absl::Seconds(9);
    e.reason = registry::EndReason::kNetworkError;
    e.broker_code = 7;
    e.session_kept = kept;
    Apply(e);
  }
  // All that is to be had now.
  static std::vector<std::string> Drain(Subscription* subscription) {
    LineSink sink;
    while (subscription->Deliver(&sink)) {
    }
    return sink.lines;
  }

  uint64_t incarnation_ = 0;
  std::map<std::string, uint64_t> online_;
  registry::SessionRegistry registry_;
  os::Poller poller_{absl::Milliseconds(1)};
  ChangeFeed feed_{registry_, poller_, {.buffer_bytes = 1}, kEpoch};
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_TESTS_FEED_FEED_FIXTURE_H_
