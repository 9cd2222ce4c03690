#include "plugin/broker/end_reason.h"

#include <gtest/gtest.h>

#include <climits>
#include <map>
#include <set>

namespace session_status::broker {
namespace {

using registry::EndReason;

// The broker's names of the codes are in end_reason.cc; what grace and history make of them depends
// on the reason alone.
TEST(EndReasonTest, KnowsTheBrokersCodesAndGuessesNone) {
  const std::map<EndReason, std::set<int>> codes = {
      {EndReason::kClientDisconnect, {0}},
      {EndReason::kTakenOver, {142}},
      {EndReason::kKeepaliveTimeout, {19}},
      {EndReason::kNetworkError, {4, 7, 8, 14}},
      {EndReason::kKicked, {30, 138, 152}},
      {EndReason::kProtocolError,
       {2, 9, 10, 18, 21, 22, 24, 25, 143, 144, 145, 146, 147, 148, 153, 154, 158, 161, 162}},
      {EndReason::kServerShutdown, {139}},
      {EndReason::kNotAuthorized, {11, 12, 134}},
  };
  for (int code = -1; code <= 300; ++code) {
    EndReason want = EndReason::kUnknown;
    for (const auto& [reason, its_codes] : codes) {
      if (its_codes.count(code) > 0) want = reason;
    }
    EXPECT_EQ(EndReasonFromBroker(code), want) << code;
  }
  for (const int code : {INT_MIN, 100'000, INT_MAX}) {
    EXPECT_EQ(EndReasonFromBroker(code), EndReason::kUnknown) << code;
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
