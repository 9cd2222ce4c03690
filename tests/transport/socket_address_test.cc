#include "plugin/transport/socket_address.h"

#include <gtest/gtest.h>

#include <string>

namespace session_status::transport {
namespace {

TEST(SocketAddressTest, ReadsAndPrintsAddresses) {
  struct Case {
    const char* text;
    const char* printed;
    const char* host;
    bool loopback;
  };
  for (const Case& c :
       {Case{"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", true},
        Case{"127.9.9.9:1", "127.9.9.9:1", "127.9.9.9", true},
        Case{"localhost:80", "127.0.0.1:80", "127.0.0.1", true},
        Case{"10.0.0.1:65535", "10.0.0.1:65535", "10.0.0.1", false},
        Case{"[::1]:80", "[::1]:80", "::1", true},
        Case{"[fe80::1]:0", "[fe80::1]:0", "fe80::1", false},
        Case{"[::ffff:127.0.0.1]:1", "[127.0.0.1]:1", "127.0.0.1", true},
        Case{"[::ffff:127.9.9.9]:1", "[127.9.9.9]:1", "127.9.9.9", true},
        Case{"[::ffff:10.0.0.1]:1", "[10.0.0.1]:1", "10.0.0.1", false},
        Case{"[::ffff:10.0.0.127]:1", "[10.0.0.127]:1", "10.0.0.127", false},
        Case{"[::]:80", "[::]:80", "::", false}, Case{"*:8080", "*:8080", "::", false}}) {
    const auto address = ParseTcpAddress(c.text);
    ASSERT_TRUE(address.ok()) << c.text;
    EXPECT_EQ(ToString(*address), c.printed);
    EXPECT_EQ(HostOf(*address), c.host);
    EXPECT_EQ(IsLoopback(*address), c.loopback) << c.text;
    EXPECT_TRUE(SameAddress(*address, *address));
  }
}

TEST(SocketAddressTest, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", "80", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:8o", "::1:80", "[::1]", "[::1:80", "host:80", "127.0.0:80", "[127.0.0.1]:80"}) {
    EXPECT_FALSE(ParseTcpAddress(text).ok()) << text;
  }
  EXPECT_FALSE(ParseUnixAddress("").ok());
  EXPECT_FALSE(ParseUnixAddress(std::string(108, 'p')).ok());
  EXPECT_TRUE(ParseUnixAddress(std::string(107, 'p')).ok());
}

}  // namespace
}  // namespace session_status::transport
