#include "plugin/listing/session_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace session_status::listing {
namespace {

using ::testing::HasSubstr;

TEST(SessionFilterTest, ANetworkListsThoseInItAndNobodyWithoutAnAddress) {
  pb::ListSessionsRequest request;
  request.set_address("::/0");
  const auto filter = SessionFilter::Make(request);
  ASSERT_TRUE(filter.ok()) << filter.status();
  const auto wants = [&filter](const char* address) {
    registry::SessionDetails details;
    details.address = address;
    return filter->Wants("c", details);
  };
  EXPECT_TRUE(wants("2001:db8::1"));
  EXPECT_TRUE(wants("10.0.0.7"));
  EXPECT_FALSE(wants("/run/mqtt.sock"));
  EXPECT_FALSE(wants(""));
}

TEST(SessionFilterTest, WhatIsNoNetworkIsRefused) {
  for (const char* text : {"10.0.0", "10.0.0.0/33", "10.0.0.0/ 8", "10.0.0.0/+8", "10.0.0.0/8 "}) {
    pb::ListSessionsRequest request;
    request.set_address(text);
    EXPECT_THAT(SessionFilter::Make(request).status().message(),
                HasSubstr("an address, or a network such as 10.0.0.0/8"))
        << text;
  }
}

}  // namespace
}  // namespace session_status::listing
