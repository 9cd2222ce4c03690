// Memory that runs out on either side of the desk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/control/desk.h"
#include "tests/plugin/failing_memory.h"
#include "tests/testing/wait.h"

namespace session_status::control {
namespace {

using testing::FailingMemory;
using testing::WaitUntil;

constexpr char kLong[] = " of more letters than fit into the object";

std::vector<std::string> Tick(Desk* desk) {
  std::vector<std::string> sent;
  desk->Tick([&](const Answer& answer) {
    sent.push_back(answer.payload);
    return true;
  });
  return sent;
}

TEST(DeskMemoryTest, AQuestionThatFindsNoMemoryLeavesNothingBehind) {
  Desk desk([](absl::string_view payload) { return std::string(payload); });
  uint64_t asked = 0;
  for (uint64_t nth = 1; nth == 1 || FailingMemory::failed() > 0; ++nth) {
    Asker asker;
    asker.client_id = absl::StrCat("client ", nth, kLong);
    const std::string question = absl::StrCat(nth, kLong);
    const FailingMemory failing(nth);
    desk.Ask(std::move(asker), question);
    ++asked;
  }
  const uint64_t dropped = desk.counters().dropped.value();
  EXPECT_GT(dropped, 2u);
  EXPECT_EQ(desk.counters().waiting.value(), asked - dropped);
  ASSERT_TRUE(desk.Start(0).ok());
  std::vector<std::string> answers;
  EXPECT_TRUE(WaitUntil([&] {
    for (std::string& answer : Tick(&desk)) answers.push_back(std::move(answer));
    return answers.size() == asked - dropped;
  }));
  EXPECT_EQ(desk.counters().waiting.value(), 0u);
  // As many as ever may wait, of one client too.
  for (size_t i = 0; i < kWaitingPerClientMax; ++i) {
    Asker asker;
    asker.client_id = absl::StrCat("client 1", kLong);
    desk.Ask(std::move(asker), "again");
  }
  EXPECT_EQ(desk.counters().refused.value(), 0u);
  size_t again = 0;
  EXPECT_TRUE(WaitUntil([&] { return (again += Tick(&desk).size()) == kWaitingPerClientMax; }));
}

TEST(DeskMemoryTest, AnAnswerThatFindsNoMemoryIsDroppedAndTheDeskGoesOn) {
  bool fails = true;
  std::optional<FailingMemory> failing;
  Desk desk([&](absl::string_view payload) {
    if (fails) failing.emplace(1, testing::kForEver);  // in this thread
    return absl::StrCat(payload, kLong);
  });
  ASSERT_TRUE(desk.Start(0).ok());
  // More than may wait at a time.
  for (size_t i = 1; i <= 2 * kWaitingMax; ++i) {
    desk.Ask(Asker(), "x");
    ASSERT_TRUE(WaitUntil([&] {
      EXPECT_THAT(Tick(&desk), ::testing::IsEmpty());
      return desk.counters().dropped.value() == i;
    }));
    FailingMemory::End();
  }
  EXPECT_EQ(desk.counters().waiting.value(), 0u);
  fails = false;
  desk.Ask(Asker(), "x");
  std::vector<std::string> answers;
  EXPECT_TRUE(WaitUntil([&] { return !(answers = Tick(&desk)).empty(); }));
  EXPECT_THAT(answers, ::testing::ElementsAre(absl::StrCat("x", kLong)));
}

}  // namespace
}  // namespace session_status::control
