// How far long work has come, as a person at a terminal sees it while the answer goes to a file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cli/cli_process.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"

namespace session_status::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Longer than work may take without a bar (cli/progress.cc).
constexpr absl::Duration kLong = absl::Milliseconds(700);
constexpr int kClients = 100;
constexpr int kAsked = 20'001;  // in three calls

// A command, and what its bar counts.
struct Work {
  const char* name;
  std::vector<std::string> arguments;
  const char* bar;
};
void PrintTo(const Work& work, std::ostream* out) { *out << work.name; }

// {IDS}: a file of kAsked identifiers. Each command writes more than a pipe takes unread.
const Work kWork[] = {
    {"Batch", {"batch", "-f", "{IDS}"}, " 10000 of 20001 clients"},
    {"BatchInJson", {"--json", "batch", "-f", "{IDS}"}, " 10000 of 20001 clients"},
    {"ListInCsv", {"list", "--csv"}, " of 100 sessions"},
    {"ListInJson", {"--json", "list"}, " of 100 sessions"},
    {"ListAsATable", {"list"}, " of 100 sessions"},
    {"AListWithAFilter", {"list", "--csv", "--state", "online"}, " sessions"},
};

class ProgressTest : public ::testing::TestWithParam<Work> {
 protected:
  static void SetUpTestSuite() {
    broker_ = BrokerProcess::Start({.line = BrokerLine::k21,
                                    .config = kPlainConfig,
                                    .plugin = SessionStatusPlugin(),
                                    .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}}});
    for (int i = 0; i < kClients; ++i) {
      clients_.push_back(std::make_unique<MqttClient>(ClientOptions{
          .id = absl::StrCat("client-", std::string(900, 'x'), i), .port = broker_->port()}));
      ASSERT_EQ(clients_.back()->Connect(), 0);
    }
    std::ofstream ids(broker_->Expand("{DIR}/ids"));
    for (int i = 0; i < kAsked; ++i) ids << "id-" << i << "\n";
  }
  static void TearDownTestSuite() {
    clients_.clear();
    broker_.reset();
  }

  static std::vector<std::string> Arguments() {
    std::vector<std::string> all = {"--socket", broker_->Expand("{DIR}/admin.sock")};
    for (const std::string& argument : GetParam().arguments) {
      all.push_back(argument == "{IDS}" ? broker_->Expand("{DIR}/ids") : argument);
    }
    return all;
  }

  static std::unique_ptr<BrokerProcess> broker_;
  static std::vector<std::unique_ptr<MqttClient>> clients_;
};
std::unique_ptr<BrokerProcess> ProgressTest::broker_;
std::vector<std::unique_ptr<MqttClient>> ProgressTest::clients_;

INSTANTIATE_TEST_SUITE_P(Of, ProgressTest, ::testing::ValuesIn(kWork),
                         [](const ::testing::TestParamInfo<Work>& work) {
                           return std::string(work.param.name);
                         });

TEST_P(ProgressTest, ABarIsOnTheTerminalWhileTheAnswerGoesElsewhereAndThenIsGone) {
  CliProcess command(Arguments(), Screen::kAllButOutput);
  ASSERT_TRUE(command.LeaveUnread(kLong));
  EXPECT_EQ(command.Wait(), 0);
  EXPECT_THAT(command.errors(),
              AllOf(StartsWith("\r"), HasSubstr(GetParam().bar), EndsWith("\r\x1b[K")));
  EXPECT_THAT(command.errors(), Not(HasSubstr("\n"))) << "all in one line";
  EXPECT_THAT(command.output(), Not(HasSubstr("\x1b"))) << "nothing of it is in the answer";
  EXPECT_GE(std::count(command.output().begin(), command.output().end(), '\n'), 3);
}

TEST_P(ProgressTest, ThereIsNoBarWhereTheAnswerIsOnTheTerminalItself) {
  CliProcess command(Arguments(), Screen::kAll);
  ASSERT_TRUE(command.LeaveUnread(kLong));
  EXPECT_EQ(command.Wait(), 0);
  EXPECT_THAT(command.output(), AllOf(Not(HasSubstr(GetParam().bar)), Not(HasSubstr("\x1b[K"))));
}

TEST_P(ProgressTest, ThereIsNoBarWithoutATerminal) {
  CliProcess command(Arguments(), Screen::kNone);
  ASSERT_TRUE(command.LeaveUnread(kLong));
  EXPECT_EQ(command.Wait(), 0);
  EXPECT_THAT(command.output(), AllOf(Not(HasSubstr(GetParam().bar)), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace session_status::testing
