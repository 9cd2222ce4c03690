#include "plugin/failure_log.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "plugin/http/error_body.h"
#include "tests/testing/fake_broker.h"

namespace session_status {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

absl::Time g_now;

TEST(FailureLogTest, WritesWhatFailedAndWhyAndCountsTheOthers) {
  testing::FakeBroker broker(testing::FakeBroker::k21);
  broker::BrokerLog log;
  FailureLog failures(log, [] { return g_now; });
  g_now = absl::FromUnixSeconds(1'000'000'000);
  http::Reply reply;
  http::SetError(absl::UnavailableError("the session database cannot be read: disk I/O error"),
                 &reply);
  for (int i = 0; i < 8; ++i) failures.OnFailure("GetHistory", reply);
  constexpr char kLine[] =
      "session-status: query GetHistory failed: 503 {\"code\":\"unavailable\",\"message\":\"the "
      "session database cannot be read: disk I/O error\"}";
  EXPECT_THAT(broker.log, ElementsAre(kLine, kLine, kLine, kLine, kLine));
  g_now += absl::Seconds(1);
  broker.log.clear();
  failures.OnFailure("GetHistory", reply);
  EXPECT_THAT(broker.log, ElementsAre(absl::StrCat(kLine, " (3 more left out before)")));
}

}  // namespace
}  // namespace session_status
