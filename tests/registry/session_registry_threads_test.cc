// Readers beside a writer. What they saw is judged by a replay of the writer's events:
//   snapshot answers must be exactly the state after `SnapshotInfo.sequence` events;
//   live answers must be linearizable: true at some moment between the call and the return, and
//   in one order for all readers.
// Run under TSan as well. Which store pairs with which load is said by number where they are
// (contributing.md); docs/models/ checks the protocols under sequential consistency only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "registry/session_registry.h"
#include "tests/registry/event_log.h"
#include "tests/registry/registry_model.h"

namespace session_status::registry {
namespace {

#ifdef SESSION_STATUS_SANITIZED
constexpr size_t kScale = 1;
#else
constexpr size_t kScale = 10;
#endif

uint64_t NextRandom(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state >> 11;
}

// Forgetting makes kUnknown of kOffline and takes no sequence number: both are "not there".
SessionStatus Forgettable(SessionStatus s) {
  return s.state == SessionState::kOffline ? SessionStatus() : s;
}

bool Same(SessionStatus a, SessionStatus b) { return a.state == b.state && a.reason == b.reason; }

struct Plan {
  const char* name;
  uint64_t seed;
  size_t ids;
  size_t events;
  bool forget;  // the writer forgets ended sessions as fast as it can
};

class SessionRegistryThreadsTest : public testing::TestWithParam<Plan> {
 protected:
  SessionRegistryThreadsTest()
      : log_(GetParam().seed, TrickyIds(GetParam().ids), GetParam().events * kScale) {
    RegistryOptions options;
    options.sessions_max = 1'000'000;
    if (GetParam().forget) options.ended_max = 1;
    registry_ = std::make_unique<SessionRegistry>(options);
  }

  SessionStatus Normal(SessionStatus s) const { return GetParam().forget ? Forgettable(s) : s; }

  void Write() {
    for (size_t i = 0; i < log_.size(); ++i) {
      const ApplyResult r = registry_->Apply(log_.event(i));
      ASSERT_EQ(r.outcome, ApplyResult::Outcome::kApplied);
      ASSERT_EQ(r.sequence, i + 1);
      if (GetParam().forget) registry_->Maintain(log_.event(i).time, 2);
    }
    done_.store(true);
  }

  // Runs `step` beside the writer until it is done, and once more.
  template <typename Step>
  void WhileWriting(Step step) {
    do {
      step();
    } while (!done_.load() && !HasFailure());
    step();
  }

  void RunBesideWriter(std::vector<std::function<void()>> steps) {
    std::vector<std::thread> threads;
    for (auto& step : steps) threads.emplace_back([this, step] { WhileWriting(step); });
    Write();
    for (auto& t : threads) t.join();
  }

  std::function<void()> Refresher() {
    return [this] {
      registry_->PublishSnapshot(absl::FromUnixMillis(static_cast<int64_t>(++cuts_)));
      registry_->PopulateAhead(absl::Milliseconds(1));
      std::this_thread::yield();
    };
  }

  EventLog log_;
  std::unique_ptr<SessionRegistry> registry_;
  std::atomic<bool> done_{false};
  uint64_t cuts_ = 0;
};

TEST_P(SessionRegistryThreadsTest, ABatchIsTheStateAfterExactlyTheSequenceItNames) {
  uint64_t random = GetParam().seed;
  uint64_t last_sequence = 0;
  absl::Time last_taken = absl::InfinitePast();
  size_t checked = 0;
  const auto read = [&] {
    std::vector<size_t> numbers(1 + NextRandom(&random) % 40);
    std::vector<absl::string_view> views;
    for (size_t& n : numbers) {
      n = NextRandom(&random) % log_.ids().size();
      views.push_back(log_.ids()[n]);
    }
    std::vector<SessionStatus> answers(views.size());
    const SnapshotInfo info = registry_->QuerySnapshot(views, absl::MakeSpan(answers));
    ASSERT_GE(info.sequence, last_sequence) << "time ran backwards";
    ASSERT_GE(info.taken_at, last_taken) << "time ran backwards";
    last_sequence = info.sequence;
    last_taken = info.taken_at;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const auto& moment = log_.history(numbers[i])[log_.MomentAt(numbers[i], info.sequence)];
      ASSERT_TRUE(Same(Normal(answers[i]), Normal(moment.details.status)))
          << "id " << numbers[i] << " at " << info.sequence << ": state "
          << static_cast<int>(answers[i].state) << ", not "
          << static_cast<int>(moment.details.status.state);
      ++checked;
    }
  };
  RunBesideWriter({read, Refresher()});
  registry_->CheckInvariantsForTest();
  EXPECT_GT(checked, 0u);
  registry_->PublishSnapshot(absl::FromUnixSeconds(1));
  EXPECT_EQ(registry_->CurrentSnapshot().sequence, log_.size());
}

TEST_P(SessionRegistryThreadsTest, LiveReadsAreLinearizable) {
  // Per id: the earliest moment that explains what finished reads have seen, of either reader. An
  // answer must be explained by a moment that is not before what was there when its read began
  // (what one reader has seen, a later read of the other must not contradict), not over at that
  // time (`before` events were finished) and not after what had begun when it ended (`after`
  // finished, one may be running).
  std::vector<std::atomic<size_t>> seen_until(log_.ids().size());
  const auto explain = [&](size_t n, size_t floor, uint64_t before, const auto& fits) {
    const auto& history = log_.history(n);
    const size_t last = log_.MomentAt(n, registry_->sequence() + 1);
    for (size_t m = std::max(floor, log_.MomentAt(n, before)); m <= last; ++m) {
      if (!fits(history[m].details)) continue;
      size_t known = seen_until[n].load();
      while (known < m && !seen_until[n].compare_exchange_weak(known, m)) {
      }
      return true;
    }
    return false;
  };
  const auto read = [&](uint64_t* random) {
    const size_t n = NextRandom(random) % log_.ids().size();
    const std::string& id = log_.ids()[n];
    const size_t floor = seen_until[n].load();
    const uint64_t before = registry_->sequence();
    if (NextRandom(random) % 4 != 0) {
      const SessionStatus seen = registry_->Find(id);
      ASSERT_TRUE(
          explain(n, floor, before,
                  [&](const SessionDetails& d) { return Same(Normal(seen), Normal(d.status)); }))
          << "state " << static_cast<int>(seen.state) << " of id " << n << " after " << before;
      return;
    }
    SessionDetails seen;
    registry_->FindDetails(id, &seen);
    ASSERT_TRUE(explain(n, floor, before,
                        [&](const SessionDetails& d) {
                          if (!GetParam().forget) return Difference(seen, d).empty();
                          // A client that comes back after being forgotten has no past.
                          if (Normal(d.status).state == SessionState::kUnknown) {
                            return Normal(seen.status).state == SessionState::kUnknown;
                          }
                          SessionDetails want = d;
                          want.connects = seen.connects;
                          want.session_created_at = seen.session_created_at;
                          return Difference(seen, want).empty();
                        }))
        << "details of id " << n << " after " << before;
  };
  const auto reader = [&](uint64_t seed) { return [&read, seed]() mutable { read(&seed); }; };
  RunBesideWriter({reader(GetParam().seed), reader(GetParam().seed + 1), Refresher()});
  registry_->CheckInvariantsForTest();
}

TEST_P(SessionRegistryThreadsTest, AWalkSeesEverySessionThatStaysExactlyOnce) {
  // Ids of their own, connected before and never touched again.
  std::set<std::string> staying;
  for (int i = 0; i < 2000; ++i) staying.insert(absl::StrCat("staying-", i));
  uint64_t incarnation = 1;
  for (const std::string& id : staying) {
    SessionEvent e;
    e.client_id = id;
    e.incarnation = incarnation++;
    registry_->Apply(e);
  }
  const uint64_t offset = staying.size();
  size_t walks = 0;
  const auto walk = [&] {
    std::set<std::string> seen;
    registry_->ForEach([&](absl::string_view id, const SessionDetails& d) {
      EXPECT_NE(d.status.state, SessionState::kUnknown);
      EXPECT_TRUE(seen.insert(std::string(id)).second) << "twice";
      return true;
    });
    for (const std::string& id : staying) ASSERT_TRUE(seen.count(id)) << id;
    ++walks;
  };
  std::thread reader([&] { WhileWriting(walk); });
  for (size_t i = 0; i < log_.size(); ++i) {
    ASSERT_EQ(registry_->Apply(log_.event(i)).sequence, offset + i + 1);
    if (GetParam().forget) registry_->Maintain(log_.event(i).time, 2);
    if (i % 1000 == 0) registry_->PublishSnapshot(log_.event(i).time);
  }
  done_.store(true);
  reader.join();
  EXPECT_GT(walks, 0u);
}

INSTANTIATE_TEST_SUITE_P(Plans, SessionRegistryThreadsTest,
                         testing::Values(Plan{"TwoIds", 1, 2, 20'000, false},
                                         Plan{"AllKindsOfIds", 2, 40, 10'000, false},
                                         Plan{"AllKindsOfIdsForgotten", 3, 40, 10'000, true},
                                         Plan{"ManyIds", 4, 3000, 10'000, false},
                                         Plan{"ManyIdsForgotten", 5, 3000, 10'000, true}),
                         [](const auto& test) { return test.param.name; });

TEST(SessionRegistryGrowthTest, NoPresentIdIsEverMissedWhileTheTableGrows) {
  constexpr uint64_t kIds = 30'000 * kScale;
  SessionRegistry registry;
  std::atomic<uint64_t> present{0};
  std::vector<std::string> ids;
  for (uint64_t i = 0; i < kIds; ++i) ids.push_back(absl::StrCat("a growing client ", i));
  std::atomic<bool> failed{false};
  std::vector<std::thread> readers;
  for (uint64_t reader = 1; reader <= 2; ++reader) {
    readers.emplace_back([&, reader] {
      uint64_t random = reader;
      uint64_t known = 0;
      while (known < kIds && !failed.load()) {
        known = present.load(std::memory_order_acquire);
        if (known == 0) continue;
        const uint64_t i = NextRandom(&random) % known;
        const absl::string_view id = ids[i];
        bool found = registry.Find(id).online();
        if (reader == 2) {  // the i-th id is there from the sequence i + 1 on
          SessionStatus answer;
          const SnapshotInfo info = registry.QuerySnapshot({id}, absl::MakeSpan(&answer, 1));
          found = found && answer.online() == (info.sequence >= i + 1);
        }
        if (!found) failed.store(true);
      }
    });
  }
  for (uint64_t i = 0; i < kIds; ++i) {
    SessionEvent e;
    e.client_id = ids[i];
    e.incarnation = i + 1;
    if (registry.Apply(e).outcome != ApplyResult::Outcome::kApplied) failed.store(true);
    present.store(i + 1, std::memory_order_release);
    if (i % 997 == 0) registry.PublishSnapshot(absl::FromUnixSeconds(1));
  }
  for (auto& t : readers) t.join();
  EXPECT_FALSE(failed.load());
  registry.CheckInvariantsForTest();
}

}  // namespace
}  // namespace session_status::registry
