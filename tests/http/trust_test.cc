#include "plugin/http/trust.h"

#include <gtest/gtest.h>

namespace session_status::http {
namespace {

TEST(IsLocalHostNameTest, TakesOnlyNamesThatNoDnsAnswerCanPointElsewhere) {
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:18080",
                           "10.0.0.1", "[::1]", "[::1]:18080"}) {
    EXPECT_TRUE(IsLocalHostName(host)) << host;
  }
  for (const char* host : {"", "evil.example", "evil.example:18080", "localhost.evil.example",
                           "127.0.0.1.evil.example", "[evil", "[evil]:80", "::1", "0x7f.1"}) {
    EXPECT_FALSE(IsLocalHostName(host)) << host;
  }
}

class IsTrustedTest : public ::testing::Test {
 protected:
  bool Trusted(std::vector<Header> headers = {{"Host", "localhost"}}) {
    Request request;
    request.headers = headers;
    request.peer = &peer_;
    return IsTrusted(request);
  }
  Peer peer_;  // TCP, from elsewhere
};

TEST_F(IsTrustedTest, AStrangerIsNot) {
  EXPECT_FALSE(Trusted());
  peer_.tls = true;
  EXPECT_FALSE(Trusted());
}

TEST_F(IsTrustedTest, TheUnixSocketAndAClientCertificateAre) {
  peer_.kind = Peer::Kind::kUnixSocket;
  EXPECT_TRUE(Trusted({{"Host", "whatever.example"}}));
  peer_ = Peer();
  peer_.tls = peer_.client_certificate = true;
  EXPECT_TRUE(Trusted({{"Host", "status.example"}}));
}

TEST_F(IsTrustedTest, LoopbackIsUnlessABrowserWasLedThereByName) {
  peer_.loopback = true;
  EXPECT_TRUE(Trusted());
  EXPECT_TRUE(Trusted({}));
  EXPECT_FALSE(Trusted({{"Host", "evil.example:18080"}}));
}

TEST(IsTrustedWithoutPeerTest, ARequestWithoutAPeerIsNot) { EXPECT_FALSE(IsTrusted(Request())); }

}  // namespace
}  // namespace session_status::http
