#include "plugin/broker/end_reason.h"

#include <gtest/gtest.h>

namespace session_status::broker {
namespace {

using registry::EndReason;

TEST(EndReasonTest, KnowsTheBrokersCodesAndGuessesNone) {
  struct Case {
    int code;
    EndReason want;
  };
  for (const Case& c : {Case{0, EndReason::kClientDisconnect}, Case{2, EndReason::kProtocolError},
                        Case{7, EndReason::kNetworkError}, Case{11, EndReason::kNotAuthorized},
                        Case{19, EndReason::kKeepaliveTimeout}, Case{30, EndReason::kKicked},
                        Case{142, EndReason::kTakenOver}, Case{152, EndReason::kKicked},
                        Case{162, EndReason::kProtocolError}, Case{-1, EndReason::kUnknown},
                        Case{1, EndReason::kUnknown}, Case{163, EndReason::kUnknown},
                        Case{100'000, EndReason::kUnknown}}) {
    EXPECT_EQ(EndReasonFromBroker(c.code), c.want) << c.code;
  }
}

TEST(EndReasonTest, ACodeThatIsNoneIsStoredAsNone) {
  EXPECT_EQ(BrokerCode(142), 142);
  EXPECT_EQ(BrokerCode(0), 0);
  EXPECT_EQ(BrokerCode(-1), kNoBrokerCode);
  EXPECT_EQ(BrokerCode(1 << 20), kNoBrokerCode);
}

}  // namespace
}  // namespace session_status::broker
