// One life of a broker, as the session store sees it: a registry, the store, events. Time is the
// test's; as in the plugin, that of events never steps back, whatever the clock does.
#ifndef SESSION_STATUS_TESTS_STORE_BROKER_LIFE_H_
#define SESSION_STATUS_TESTS_STORE_BROKER_LIFE_H_

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "plugin/broker/steady_wall_clock.h"
#include "plugin/store/session_store.h"

namespace session_status::store {

// Lines for the operator, of all lives of a test.
class LogLines {
 public:
  void Add(absl::string_view line) {
    std::lock_guard<std::mutex> lock(mu_);
    lines_.emplace_back(line);
  }
  void Clear() {
    std::lock_guard<std::mutex> lock(mu_);
    lines_.clear();
  }
  std::vector<std::string> lines() const {
    std::lock_guard<std::mutex> lock(mu_);
    return lines_;
  }

 private:
  mutable std::mutex mu_;  // which ThreadSanitizer knows
  std::vector<std::string> lines_;
};

class BrokerLife {
 public:
  // Ends without Close() unless the test calls it: a crash. Writes only when told to (Flush), but
  // for the store's heartbeat.
  BrokerLife(SessionStoreOptions options, absl::Time now, LogLines* log) {
    clocks_->wall_ns = absl::ToUnixNanos(now);
    Look();
    options.monotonic = [clocks = clocks_] {
      return absl::Milliseconds(clocks->elapsed_ms.load());
    };
    options.wall = [clocks = clocks_] { return absl::FromUnixNanos(clocks->wall_ns.load()); };
    options.log = [log](absl::string_view line) { log->Add(line); };
    auto opened = SessionStore::Open(std::move(options), now);
    if (!opened.ok()) {
      ADD_FAILURE() << opened.status();
      return;
    }
    store = *std::move(opened);
    store->Restore([this](const registry::SessionEvent& event) { registry.Apply(event); });
    next_incarnation_ = store->first_incarnation();
    const absl::Status started = store->Start(registry);
    EXPECT_TRUE(started.ok()) << started;
  }

  absl::Time now() const { return now_; }
  void set_event_takes(absl::Duration time) { event_takes_ = time; }  // 1 ms
  void Advance(absl::Duration time) {
    Pass(time);
    store->OnTick(now_);
  }
  // Somebody sets the clock.
  void SetClock(absl::Time now) {
    clocks_->wall_ns = absl::ToUnixNanos(now);
    Look();
    store->OnTick(now_);
  }

  uint64_t Connect(const std::string& id, registry::Connection connection = {}) {
    registry::SessionEvent event;
    event.kind = registry::SessionEvent::Kind::kConnected;
    event.connection = connection;
    if (event.connection.address.empty()) event.connection.address = "10.0.0.1";
    incarnations_[id] = next_incarnation_++;
    Tell(id, &event);
    return incarnations_[id];
  }
  void End(const std::string& id, registry::EndReason reason, bool kept = false) {
    registry::SessionEvent event;
    event.kind = registry::SessionEvent::Kind::kEnded;
    event.reason = reason;
    event.session_kept = kept;
    Tell(id, &event);
  }
  // A kept session ended without a connection.
  void Gone(const std::string& id, registry::EndReason reason) {
    registry::SessionEvent event;
    event.kind = registry::SessionEvent::Kind::kSessionGone;
    event.reason = reason;
    Tell(id, &event);
  }
  // The broker turns out to hold a session. 0: one that nobody knows.
  void Find(const std::string& id, uint64_t incarnation = 0) {
    registry::SessionEvent event;
    event.kind = registry::SessionEvent::Kind::kRestored;
    event.state = registry::SessionState::kOfflineSessionKept;
    event.reason = registry::EndReason::kUnknown;
    event.connected_at = event.session_created_at = absl::InfinitePast();
    incarnations_[id] = incarnation == 0 ? next_incarnation_++ : incarnation;
    Tell(id, &event, absl::InfinitePast());
  }
  void Maintain() {
    registry.Maintain(now_, 1'000'000,
                      [this](absl::string_view id, const registry::SessionDetails&) {
                        store->OnForgotten(id, now_);
                      });
  }
  void Flush() {
    const absl::Status status = store->Flush();
    EXPECT_TRUE(status.ok()) << status;
  }
  // An orderly end.
  void Close() {
    store->BeginClose(now_);
    EXPECT_TRUE(store->Close());
  }

  registry::SessionDetails Details(const std::string& id) const {
    registry::SessionDetails details;
    registry.FindDetails(id, &details);
    return details;
  }
  std::map<std::string, registry::SessionDetails> All() const {
    std::map<std::string, registry::SessionDetails> all;
    registry.ForEach([&](absl::string_view id, const registry::SessionDetails& details) {
      all.emplace(id, details);
      return true;
    });
    return all;
  }
  uint64_t next_incarnation() const { return next_incarnation_; }

  registry::SessionRegistry registry;
  std::unique_ptr<SessionStore> store;  // destroyed first

 private:
  struct Clocks {
    std::atomic<int64_t> wall_ns{0};
    std::atomic<int64_t> elapsed_ms{0};
  };
  void Pass(absl::Duration time) {
    clocks_->wall_ns += absl::ToInt64Nanoseconds(time);
    clocks_->elapsed_ms += absl::ToInt64Milliseconds(time);
    Look();
  }
  void Look() {
    now_ = steady_.Advance(absl::FromUnixNanos(clocks_->wall_ns),
                           absl::Milliseconds(clocks_->elapsed_ms.load()));
  }
  void Tell(const std::string& id, registry::SessionEvent* event) {
    Pass(event_takes_);
    Tell(id, event, now_);
  }
  void Tell(const std::string& id, registry::SessionEvent* event, absl::Time time) {
    event->client_id = id;
    event->incarnation = incarnations_[id];
    event->time = time;
    const registry::ApplyResult result = registry.Apply(*event);
    ASSERT_EQ(result.outcome, registry::ApplyResult::Outcome::kApplied) << id;
    store->OnChange(*event, result);
  }

  const std::shared_ptr<Clocks> clocks_ =
      std::make_shared<Clocks>();  // the store's thread reads them
  broker::SteadyWallClock steady_;
  absl::Time now_;
  absl::Duration event_takes_ = absl::Milliseconds(1);
  uint64_t next_incarnation_ = 0;
  std::map<std::string, uint64_t> incarnations_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_TESTS_STORE_BROKER_LIFE_H_
