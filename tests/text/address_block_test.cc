#include "plugin/text/address_block.h"

#include <gtest/gtest.h>

#include <string>

namespace session_status::text {
namespace {

TEST(AddressBlockTest, ContainsItsOwnNetworkToTheLastBitAndNothingElse) {
  struct Case {
    const char* range;
    const char* address;
    bool contained;
  };
  for (const Case& c : {
           Case{"10.16.0.0/12", "10.16.0.0", true},
           Case{"10.16.0.0/12", "10.31.255.255", true},
           Case{"10.16.0.0/12", "10.15.255.255", false},
           Case{"10.16.0.0/12", "10.32.0.0", false},
           Case{"10.16.0.0/12", "11.16.0.0", false},
           Case{"10.31.1.2/12", "10.16.0.1", true},  // what is behind the network does not count
           Case{"10.0.0.0/8", "10.255.0.1", true},
           Case{"10.0.0.0/8", "11.0.0.1", false},
           Case{"192.168.7.128/25", "192.168.7.127", false},
           Case{"192.168.7.128/25", "192.168.7.255", true},
           Case{"10.0.0.6/31", "10.0.0.7", true},
           Case{"10.0.0.6/31", "10.0.0.8", false},
           Case{"10.0.0.7/32", "10.0.0.7", true},
           Case{"10.0.0.7/32", "10.0.0.6", false},
           Case{"10.0.0.7", "10.0.0.7", true},
           Case{"10.0.0.7", "10.0.0.6", false},
           Case{"0.0.0.0/0", "203.0.113.9", true},
           Case{"0.0.0.0/0", "2001:db8::1", false},
           Case{"2001:db8:8000::/33", "2001:db8:8000::1", true},
           Case{"2001:db8:8000::/33", "2001:db8:ffff::1", true},
           Case{"2001:db8:8000::/33", "2001:db8:7fff::1", false},
           Case{"2001:db8::/127", "2001:db8::1", true},
           Case{"2001:db8::/127", "2001:db8::2", false},
           Case{"::/0", "2001:db8::1", true},
           Case{"::/0", "10.0.0.7", true},  // as ::ffff:10.0.0.7
           Case{"::ffff:10.0.0.0/104", "10.0.0.7", true},
           Case{"10.0.0.0/8", "::ffff:10.0.0.7", true},
           Case{"10.0.0.0/8", "10.1.0.0/16", true},
           Case{"10.1.0.0/16", "10.0.0.0/8", false},
       }) {
    SCOPED_TRACE(std::string(c.range) + " and " + c.address);
    const auto range = ParseAddressBlock(c.range);
    const auto address = ParseAddressBlock(c.address);
    ASSERT_TRUE(range.has_value());
    ASSERT_TRUE(address.has_value());
    EXPECT_EQ(range->Contains(*address), c.contained);
  }
}

TEST(AddressBlockTest, WhatIsNoAddressIsRefused) {
  using namespace std::string_literals;
  for (const std::string& text :
       {""s, "10.0.0"s, "10.0.0.0/33"s, "10.0.0.0/"s, "::/129"s, "10.0.0.7\0"s, "10.0.0.0\0x/8"s,
        "2001:db8::\0/32"s, "10.0.0.0/ 8"s, "10.0.0.0/+8"s, "10.0.0.0/8 "s, "10.0.0.0/-0"s,
        "10.0.0.0/99999999999"s, " 10.0.0.7"s, "fe80::1%eth0"s, "/8"s, "/run/mqtt.sock"s,
        std::string(100, '1')}) {
    EXPECT_FALSE(ParseAddressBlock(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace session_status::text
