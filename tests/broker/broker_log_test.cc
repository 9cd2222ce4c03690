#include "plugin/broker/broker_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_broker.h"

namespace session_status::broker {
namespace {

using ::testing::ElementsAre;
using testing::FakeBroker;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(BrokerLogTest, TheBrokersThreadWritesAtOnce) {
  FakeBroker broker(FakeBroker::k21);
  BrokerLog log;
  log.Write(LogLevel::kNotice, "hello");
  EXPECT_THAT(broker.log, ElementsAre("session-status: hello"));
}

TEST(BrokerLogTest, OtherThreadsLinesWaitForTheBrokersThread) {
  FakeBroker broker(FakeBroker::k21);
  BrokerLog log;
  std::thread([&] { log.Write(LogLevel::kWarning, "from elsewhere"); }).join();
  EXPECT_THAT(broker.log, IsEmpty());
  log.Flush();
  log.Flush();
  EXPECT_THAT(broker.log, ElementsAre("session-status: from elsewhere"));
}

TEST(BrokerLogTest, AMessageIsNeverAFormatAndNeverTwoLines) {
  FakeBroker broker(FakeBroker::k21);
  BrokerLog log;
  log.Write(LogLevel::kError, "100%s %n\nforged line\x7f");
  EXPECT_THAT(broker.log, ElementsAre("session-status: 100%s %n?forged line?"));
}

TEST(BrokerLogTest, LongLinesAreCut) {
  FakeBroker broker(FakeBroker::k21);
  BrokerLog log;
  log.Write(LogLevel::kInfo, std::string(65535, 'x'));
  ASSERT_EQ(broker.log.size(), 1u);
  EXPECT_LT(broker.log[0].size(), kLogLineBytesMax + 100);
}

TEST(BrokerLogTest, AFloodFromOtherThreadsIsCutAndCounted) {
  FakeBroker broker(FakeBroker::k21);
  BrokerLog log;
  std::thread([&] {
    for (size_t i = 0; i < kLogQueueMax + 5; ++i) log.Write(LogLevel::kInfo, absl::StrCat(i));
  }).join();
  log.Flush();
  ASSERT_EQ(broker.log.size(), kLogQueueMax + 1);
  EXPECT_THAT(broker.log.back(), HasSubstr("5 log lines dropped"));
}

}  // namespace
}  // namespace session_status::broker
