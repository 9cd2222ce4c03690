#include "plugin/fleet/host_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/os/mutex.h"
#include "tests/testing/wait.h"

namespace session_status::fleet {
namespace {

using ::testing::HasSubstr;
using testing::WaitUntil;

constexpr absl::Duration kShort = absl::Milliseconds(30);

// A name server that a test takes away. It outlives the test as long as somebody waits for it.
class NameServer {
 public:
  NameServer() : state_(std::make_shared<State>()) {}
  ~NameServer() { Answer(absl::NotFoundError("the test is over")); }

  HostNames::Resolve resolve() const {
    return [state = state_](const std::string&) {
      ++state->asked;
      os::MutexLock lock(&state->mu);
      while (!state->answer.has_value()) state->changed.Wait(&state->mu);
      state->changed.Signal();
      ++state->answered;
      return *state->answer;
    };
  }
  void Answer(absl::StatusOr<std::string> answer) {
    os::MutexLock lock(&state_->mu);
    state_->answer = std::move(answer);
    state_->changed.Signal();
  }
  void GoAway() {
    os::MutexLock lock(&state_->mu);
    state_->answer.reset();
  }
  int asked() const { return state_->asked; }
  int answered() const { return state_->answered; }

 private:
  struct State {
    os::Mutex mu;
    os::CondVar changed;
    std::optional<absl::StatusOr<std::string>> answer ABSL_GUARDED_BY(mu);  // none: away
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
  };
  const std::shared_ptr<State> state_;
};

class HostNamesTest : public ::testing::Test {
 protected:
  std::string Find(const std::string& host, absl::Duration patience = testing::kPatience) {
    const absl::StatusOr<std::string> found = names_.Find(host, patience);
    return found.ok() ? *found : std::string(found.status().message());
  }

  NameServer server_;
  os::StopSignal stop_;
  HostNames names_{&stop_, server_.resolve()};
};

TEST_F(HostNamesTest, AnAddressIsItsOwnAnswer) {
  for (const char* address : {"127.0.0.1", "10.1.2.3", "::1", "fe80::1"}) {
    EXPECT_EQ(Find(address, absl::ZeroDuration()), address);
  }
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(HostNamesTest, TheSystemKnowsThisHost) {
  const absl::StatusOr<std::string> found = HostNames::AskSystem("localhost");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, "127.0.0.1");
}

TEST_F(HostNamesTest, AnAnswerThatComesTooLateServesWhoComesBackForIt) {
  EXPECT_THAT(Find("engine", kShort), HasSubstr("does not answer"));
  EXPECT_THAT(Find("engine", kShort), HasSubstr("does not answer"));
  EXPECT_EQ(server_.asked(), 1) << "one question at a time";
  server_.Answer(absl::NotFoundError("no such name"));
  EXPECT_TRUE(WaitUntil([&] { return server_.answered() == 1; }));
  server_.GoAway();
  EXPECT_TRUE(WaitUntil([&] { return Find("engine", absl::ZeroDuration()) == "no such name"; }));
  EXPECT_EQ(server_.asked(), 1);
}

TEST_F(HostNamesTest, EveryOpeningAsksAnew) {
  server_.Answer("10.0.0.1");
  EXPECT_EQ(Find("engine"), "10.0.0.1");
  server_.Answer("10.0.0.2");
  EXPECT_EQ(Find("engine"), "10.0.0.2");
}

TEST_F(HostNamesTest, TheLastAddressServesWhileTheNameServersAreAway) {
  server_.Answer("10.0.0.1");
  EXPECT_EQ(Find("engine"), "10.0.0.1");
  server_.GoAway();
  EXPECT_EQ(Find("engine", kShort), "10.0.0.1");
  EXPECT_THAT(Find("other", kShort), HasSubstr("does not answer"));
  server_.Answer(absl::UnavailableError("temporary failure"));
  EXPECT_EQ(Find("engine"), "10.0.0.1");
  server_.Answer(absl::NotFoundError("no such name"));
  EXPECT_TRUE(WaitUntil([&] { return Find("engine") == "no such name"; }))
      << "the name is gone, and that is an answer";
}

TEST_F(HostNamesTest, AStopEndsTheWait) {
  std::thread stopper([this] {
    EXPECT_TRUE(WaitUntil([this] { return server_.asked() == 1; }));
    stop_.RequestStop();
  });
  EXPECT_EQ(Find("engine", absl::Hours(1)), "stopping");
  stopper.join();
}

TEST_F(HostNamesTest, NoMoreNamesAreAskedForThanTheLimit) {
  for (size_t i = 0; i < kHostNamesMax; ++i) {
    EXPECT_THAT(Find(absl::StrCat("node-", i), absl::ZeroDuration()), HasSubstr("not answer"));
  }
  EXPECT_THAT(Find("one-more", absl::ZeroDuration()), HasSubstr("too many"));
  server_.Answer("10.0.0.1");
  EXPECT_TRUE(WaitUntil([&] { return Find("one-more") == "10.0.0.1"; }));
}

}  // namespace
}  // namespace session_status::fleet
