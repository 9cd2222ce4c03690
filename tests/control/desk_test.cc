#include "plugin/control/desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/wait.h"

namespace session_status::control {
namespace {

using ::testing::HasSubstr;

Asker From(absl::string_view client) {
  Asker asker;
  asker.client_id = std::string(client);
  return asker;
}

// Holds every answer back until told.
class Gate {
 public:
  void Open() {
    std::lock_guard<std::mutex> lock(mu_);
    open_ = true;
    changed_.notify_all();
  }
  void Pass() {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool open_ = false;
};

class DeskTest : public ::testing::Test {
 protected:
  ~DeskTest() override { gate_.Open(); }

  // One tick; returns what left, as "client: payload".
  std::vector<std::string> Tick() {
    std::vector<std::string> sent;
    desk_.Tick([&](const Answer& answer) {
      sent.push_back(absl::StrCat(answer.asker.client_id, ": ", answer.payload.substr(0, 200)));
      return true;
    });
    return sent;
  }
  // Ticks until `count` answers have left, or patience is over.
  std::vector<std::string> Collect(size_t count) {
    std::vector<std::string> all;
    testing::WaitUntil([&] {
      for (std::string& line : Tick()) all.push_back(std::move(line));
      return all.size() >= count;
    });
    return all;
  }

  Gate gate_;
  std::string big_;  // the answer, when set
  Desk desk_{[this](absl::string_view payload) {
    gate_.Pass();
    return big_.empty() ? absl::StrCat("re ", payload) : big_;
  }};
};

TEST_F(DeskTest, AnswersInOrder) {
  gate_.Open();
  ASSERT_TRUE(desk_.Start(0).ok());
  for (int i = 0; i < 5; ++i) desk_.Ask(From("a"), absl::StrCat(i));
  EXPECT_THAT(Collect(5),
              ::testing::ElementsAre("a: re 0", "a: re 1", "a: re 2", "a: re 3", "a: re 4"));
  EXPECT_EQ(desk_.counters().waiting.value(), 0u);
  EXPECT_EQ(desk_.counters().answered.value(), 5u);
}

TEST_F(DeskTest, OneClientMayHaveOnlySoManyWaitingAndTheOthersAreServed) {
  ASSERT_TRUE(desk_.Start(0).ok());
  for (size_t i = 0; i <= kWaitingPerClientMax; ++i) desk_.Ask(From("greedy"), "x");
  desk_.Ask(From("modest"), "y");
  const std::vector<std::string> refused = Tick();
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0], HasSubstr("greedy: "));
  EXPECT_THAT(refused[0], HasSubstr("8 requests of this client are waiting"));
  gate_.Open();
  EXPECT_THAT(Collect(kWaitingPerClientMax + 1), ::testing::Contains("modest: re y"));
  // And when they have been answered, the first may ask again.
  desk_.Ask(From("greedy"), "z");
  EXPECT_THAT(Collect(1), ::testing::ElementsAre("greedy: re z"));
}

TEST_F(DeskTest, TheQueueIsBoundedInNumberAndBytes) {
  ASSERT_TRUE(desk_.Start(0).ok());
  for (size_t i = 0; i < kWaitingMax; ++i) desk_.Ask(From(absl::StrCat("c", i)), "x");
  desk_.Ask(From("late"), "x");
  ASSERT_THAT(Tick(), ::testing::ElementsAre(HasSubstr("too many requests are waiting")));
  gate_.Open();
  EXPECT_EQ(Collect(kWaitingMax).size(), kWaitingMax);

  desk_.Ask(From("big"), std::string(kRequestBytesMax + 1, 'x'));
  EXPECT_THAT(Collect(1), ::testing::ElementsAre(HasSubstr("the request has 1048577 bytes")));
}

TEST_F(DeskTest, WaitingBytesAreBounded) {
  ASSERT_TRUE(desk_.Start(0).ok());
  for (size_t i = 0; i < kWaitingBytesMax / kRequestBytesMax; ++i) {
    desk_.Ask(From(absl::StrCat("c", i)), std::string(kRequestBytesMax, 'x'));
  }
  desk_.Ask(From("late"), "x");
  EXPECT_THAT(Tick(), ::testing::ElementsAre(HasSubstr("too many requests are waiting")));
  gate_.Open();
  EXPECT_EQ(Collect(kWaitingBytesMax / kRequestBytesMax).size(),
            kWaitingBytesMax / kRequestBytesMax);
  // What has been answered makes room again.
  desk_.Ask(From("late"), std::string(kRequestBytesMax, 'y'));
  EXPECT_THAT(Collect(1), ::testing::ElementsAre(HasSubstr("late: re yyy")));
}

TEST_F(DeskTest, OneTickSendsAFewAnswersAndFewBytes) {
  gate_.Open();
  ASSERT_TRUE(desk_.Start(0).ok());
  for (size_t i = 0; i < kWaitingMax; ++i) desk_.Ask(From(absl::StrCat("c", i)), "x");
  size_t total = 0;
  EXPECT_TRUE(testing::WaitUntil([&] {
    const size_t sent = Tick().size();
    EXPECT_LE(sent, kAnswersPerTickMax);
    total += sent;
    return total == kWaitingMax;
  }));

  big_ = std::string(kAnswerBytesPerTickMax, 'x');
  for (int i = 0; i < 3; ++i) desk_.Ask(From("a"), "x");
  total = 0;
  EXPECT_TRUE(testing::WaitUntil([&] {
    const size_t sent = Tick().size();
    EXPECT_LE(sent, 1u);
    total += sent;
    return total == 3;
  }));
}

TEST_F(DeskTest, AnAnswerThatCannotLeaveIsCounted) {
  gate_.Open();
  ASSERT_TRUE(desk_.Start(0).ok());
  desk_.Ask(From("gone"), "x");
  EXPECT_TRUE(testing::WaitUntil([&] {
    desk_.Tick([](const Answer&) { return false; });
    return desk_.counters().dropped.value() == 1;
  }));
  EXPECT_EQ(desk_.counters().answered.value(), 0u);
  EXPECT_EQ(desk_.counters().waiting.value(), 0u);
}

TEST_F(DeskTest, RefusalsBeyondTheirRoomAreDroppedAndCounted) {
  for (size_t i = 0; i < kRefusalsMax + 3; ++i) {
    desk_.Refuse(From(absl::StrCat("c", i)), absl::PermissionDeniedError("no"));
  }
  EXPECT_EQ(desk_.counters().dropped.value(), 3u);
  EXPECT_EQ(Collect(kRefusalsMax).size(), kRefusalsMax);
}

TEST_F(DeskTest, WhoIsRefusedMoreThanHeReadsTakesNobodysRefusal) {
  for (size_t i = 0; i < kRefusalsMax; ++i) {
    desk_.Refuse(From("greedy"), absl::PermissionDeniedError("no"));
  }
  desk_.Refuse(From("modest"), absl::PermissionDeniedError("no"));
  const std::vector<std::string> sent = Collect(kRefusalsPerClientMax + 1);
  EXPECT_EQ(sent.size(), kRefusalsPerClientMax + 1);
  EXPECT_THAT(sent.back(), HasSubstr("modest: "));
}

// Strangers can be refused without end; that must keep nobody else's answer back.
TEST_F(DeskTest, AnswersLeaveBesideAFloodOfRefusals) {
  gate_.Open();
  ASSERT_TRUE(desk_.Start(0).ok());
  for (size_t i = 0; i < kWaitingMax; ++i) desk_.Ask(From(absl::StrCat("c", i)), "x");
  size_t answers = 0, refusals = 0;
  EXPECT_TRUE(testing::WaitUntil([&] {
    for (size_t i = 0; i < kRefusalsMax; ++i) {
      desk_.Refuse(From(absl::StrCat("stranger", i)), absl::PermissionDeniedError("no"));
    }
    for (const std::string& message : Tick()) ++(message[0] == 's' ? refusals : answers);
    return answers == kWaitingMax;
  }));
  EXPECT_GE(refusals, answers / kMessagesPerRefusal) << "they are answered, too";
}

// Each takes a tick of its own.
TEST_F(DeskTest, RefusalsLeaveBesideLargeAnswers) {
  gate_.Open();
  ASSERT_TRUE(desk_.Start(0).ok());
  big_ = std::string(kAnswerBytesPerTickMax, 'x');
  for (size_t i = 0; i < 2 * kMessagesPerRefusal; ++i) desk_.Ask(From(absl::StrCat("c", i)), "x");
  desk_.Refuse(From("stranger"), absl::PermissionDeniedError("no"));
  size_t answers = 0, refusals = 0;
  EXPECT_TRUE(testing::WaitUntil([&] {
    for (const std::string& message : Tick()) ++(message[0] == 's' ? refusals : answers);
    return refusals == 1;
  }));
  EXPECT_LE(answers, kMessagesPerRefusal);
}

TEST_F(DeskTest, StopsWithQuestionsStillWaiting) {
  gate_.Open();
  ASSERT_TRUE(desk_.Start(0).ok());
  for (int i = 0; i < 8; ++i) desk_.Ask(From("a"), "x");
  desk_.Stop();
}

}  // namespace
}  // namespace session_status::control
