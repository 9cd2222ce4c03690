#include "plugin/http/trust.h"

#include <gtest/gtest.h>

namespace session_status::http {
namespace {

TEST(IsLocalHostNameTest, TakesOnlyNamesOfLoopbackForWhichBrowsersTellWhosePageAsks) {
  for (const char* host : {"localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:18080",
                           "127.255.0.9", "[::1]", "[::1]:18080", "[0:0:0:0:0:0:0:1]:80"}) {
    EXPECT_TRUE(IsLocalHostName(host)) << host;
  }
  for (const char* host :
       {"", ":", ":80", "evil.example", "evil.example:18080", "localhost.evil.example",
        "127.0.0.1.evil.example", "::1", "0x7f.1", "127.1", "2130706433",
        // Browsers tell nothing when they ask these, and come out at loopback.
        "0.0.0.0", "0.0.0.0:18080", "[::]", "[::]:18080", "[::ffff:127.0.0.1]:18080",
        "[::ffff:7f00:1]", "10.0.0.1", "128.0.0.1", "[fe80::1]", "[::2]",
        // What comes behind is looked at.
        "[::1].evil.example", "[::1]evil", "[::1]:80.evil.example", "[::1]:80]", "[evil",
        "[evil]:80", "[::1", "[]", "127.0.0.1:evil", "127.0.0.1:80:80", "localhost:80a",
        "localhost:-1", "127.0.0.1 :80", "127.0.0.1]"}) {
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
  EXPECT_FALSE(Trusted({{"Host", "0.0.0.0:18080"}}));
  EXPECT_FALSE(Trusted({{"Host", "[::1].evil.example"}}));
}

// It is loopback's rule only: what names a server has on a network is its own affair.
TEST_F(IsTrustedTest, WhoIsVouchedForOtherwiseMayUseAnyName) {
  for (const char* host : {"10.0.0.1:18443", "0.0.0.0", "status.example"}) {
    peer_ = Peer();
    peer_.kind = Peer::Kind::kUnixSocket;
    EXPECT_TRUE(Trusted({{"Host", host}})) << host;
    peer_ = Peer();
    peer_.loopback = peer_.tls = peer_.client_certificate = true;
    EXPECT_TRUE(Trusted({{"Host", host}})) << host;
  }
}

// Whatever the transport: a certificate may be the browser's, and a socket may be a proxy's.
TEST_F(IsTrustedTest, APageOfAnotherSiteIsNot) {
  Peer unix_socket, loopback, certificate;
  unix_socket.kind = Peer::Kind::kUnixSocket;
  loopback.loopback = true;
  certificate.tls = certificate.client_certificate = true;
  for (const Peer& peer : {unix_socket, loopback, certificate}) {
    peer_ = peer;
    for (const char* site : {"cross-site", "same-site", "", "nonsense"}) {
      EXPECT_FALSE(Trusted({{"Host", "localhost:8080"}, {"Sec-Fetch-Site", site}})) << site;
    }
    for (const char* origin :
         {"null", "", "http://evil.example", "http://localhost:8081", "https://localhost",
          "http://localhost:8080.evil.example", "localhost:8080", "http://localhost"}) {
      EXPECT_FALSE(Trusted({{"Host", "localhost:8080"}, {"Origin", origin}})) << origin;
    }
    EXPECT_FALSE(Trusted({{"Origin", "http://localhost:8080"}})) << "and no Host";
    // One of two is enough.
    EXPECT_FALSE(Trusted({{"Origin", "http://evil.example"},
                          {"Host", "localhost:8080"},
                          {"Origin", "http://localhost:8080"}}));
  }
}

TEST_F(IsTrustedTest, ThePageOfThisServerAndAPersonAre) {
  peer_.loopback = true;
  for (const char* site : {"same-origin", "none"}) {
    EXPECT_TRUE(Trusted({{"Host", "localhost:8080"}, {"Sec-Fetch-Site", site}})) << site;
  }
  struct Case {
    const char *host, *origin;
  };
  for (const Case& c :
       {Case{"localhost:8080", "http://localhost:8080"},
        Case{"LocalHost:8080", "http://localhost:8080"}, Case{"127.0.0.1", "http://127.0.0.1"},
        Case{"127.0.0.1:80", "http://127.0.0.1"}, Case{"127.0.0.1:443", "https://127.0.0.1"},
        Case{"[::1]:8080", "http://[::1]:8080"}, Case{"[::1]", "https://[::1]"}}) {
    EXPECT_TRUE(Trusted({{"Host", c.host}, {"Origin", c.origin}})) << c.host << " " << c.origin;
  }
}

TEST_F(IsTrustedTest, WhatAProxyPassedOnIsNotWithoutACertificateOfItsOwn) {
  for (const char* name : {"Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-Forwarded-Proto",
                           "X-Real-IP", "Via"}) {
    SCOPED_TRACE(name);
    const std::vector<Header> headers = {{"Host", "127.0.0.1:8080"}, {name, "x"}};
    peer_ = Peer();
    peer_.kind = Peer::Kind::kUnixSocket;
    EXPECT_FALSE(Trusted(headers));
    peer_ = Peer();
    peer_.loopback = true;
    EXPECT_FALSE(Trusted(headers));
    peer_.tls = peer_.client_certificate = true;
    EXPECT_TRUE(Trusted(headers));
  }
  peer_.client_certificate = false;
  EXPECT_TRUE(Trusted({{"Host", "127.0.0.1:8080"}, {"X-Request-Id", "x"}, {"Vie", "x"}}));
}

TEST(IsTrustedWithoutPeerTest, ARequestWithoutAPeerIsNot) { EXPECT_FALSE(IsTrusted(Request())); }

class AudienceOfTest : public ::testing::Test {
 protected:
  Audience Of(std::vector<Header> headers = {{"Host", "localhost"}}) {
    Request request;
    request.headers = headers;
    request.peer = &peer_;
    return AudienceOf(request);
  }
  Peer peer_;  // TCP, from elsewhere
};

TEST_F(AudienceOfTest, WhoMayReadTheMetricsOnlyIsHeldToThatWhateverHeComesBy) {
  Peer unix_socket, certificate, certificate_on_this_machine;
  unix_socket.kind = Peer::Kind::kUnixSocket;
  certificate.tls = certificate.client_certificate = true;
  certificate_on_this_machine = certificate;
  certificate_on_this_machine.loopback = true;
  for (const Peer& peer : {unix_socket, certificate, certificate_on_this_machine}) {
    peer_ = peer;
    EXPECT_EQ(Of(), Audience::kTrusted);
    peer_.metrics_only = true;
    EXPECT_EQ(Of(), Audience::kObservers);
  }
}

TEST_F(AudienceOfTest, WhatMakesAStrangerOfTheTrustedMakesOneOfAnObserver) {
  peer_.metrics_only = true;
  EXPECT_EQ(Of(), Audience::kAnyone) << "nothing vouches for him";
  peer_.kind = Peer::Kind::kUnixSocket;
  EXPECT_EQ(Of({{"Host", "x"}, {"Sec-Fetch-Site", "cross-site"}}), Audience::kAnyone);
  EXPECT_EQ(Of({{"Host", "x"}, {"Origin", "http://evil.example"}}), Audience::kAnyone);
  EXPECT_EQ(Of({{"Host", "x"}, {"X-Forwarded-For", "10.0.0.1"}}), Audience::kAnyone);
}

}  // namespace
}  // namespace session_status::http
