// Strangers take all that they may have. Whom the transport vouches for gets in all the same, and
// is served.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_certificates.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
// Half of a request whose body makes the listener keep 64 KiB for it.
constexpr size_t kBodyBytes = 60'000;
const std::string& HalfAPost() {
  static const std::string half =
      absl::StrCat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ", kBodyBytes, "\r\n\r\n",
                   std::string(kBodyBytes / 2, 'b'));
  return half;
}
const std::string& ItsOtherHalf() {
  static const std::string half(kBodyBytes / 2, 'b');
  return half;
}

// An IPv4 address of this machine by which one comes to it as a stranger; empty: it is on no
// network.
std::string AddressOnANetwork() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return "";
  std::string found;
  for (const ifaddrs* i = list; i != nullptr && found.empty(); i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET) continue;
    if ((i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0) continue;
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, text,
                sizeof text);
    found = text;
  }
  ::freeifaddrs(list);
  return found;
}

class StrangersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string address = AddressOnANetwork();
    if (address.empty()) GTEST_SKIP() << "this machine is on no network: nobody is a stranger";
    options_.tcp_addresses = {absl::StrCat(address, ":0"), "127.0.0.1:0"};
    options_.connections_per_peer_max = 1000;
    // Nothing but the limits makes room.
    options_.first_byte_timeout = options_.header_timeout = options_.body_timeout =
        options_.linger_timeout = testing::kPatience * 2;
  }

  void Start() { listener_ = std::make_unique<TestListener>(options_); }
  Listener& listener() { return **listener_; }
  std::string unix_address() { return listener().addresses()[0]; }
  std::string stranger_address() { return listener().addresses()[1]; }
  std::string loopback_address() { return listener().addresses()[2]; }

  // Come in, and say so much; those who find no room are turned away.
  void Crowd(int count, absl::string_view bytes) {
    const int64_t before = listener().stats().accepted;
    for (int i = 0; i < count; ++i) {
      crowd_.emplace_back(stranger_address());
      crowd_.back().Send(bytes);
    }
    ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().accepted == before + count; }));
  }

  ListenerOptions options_;
  std::unique_ptr<TestListener> listener_;
  std::vector<TestClient> crowd_;
};

TEST_F(StrangersTest, WithHalfSentRequestsKeepNobodyOutWhoIsVouchedFor) {
  options_.connections_max = 16;
  Start();
  ASSERT_NO_FATAL_FAILURE(Crowd(40, "G"));
  // More than are kept for them: the last ones push strangers out.
  std::vector<TestClient> administrators;
  for (int i = 0; i < 12; ++i) {
    administrators.emplace_back(i % 2 == 0 ? unix_address() : loopback_address());
    ASSERT_EQ(administrators.back().Ask(kGet).status, 200) << i;
  }
  for (size_t i = 0; i < administrators.size(); ++i) {
    EXPECT_EQ(administrators[i].Ask(kGet).status, 200) << "an earlier one, " << i;
  }
  EXPECT_LE(listener().stats().connections, 16 + 16 / 4);
}

TEST_F(StrangersTest, PushOutNobodyWhoIsVouchedFor) {
  options_.connections_max = 16;
  options_.connections_awaiting_first_byte_max = 4;
  Start();
  std::vector<TestClient> administrators;
  for (int i = 0; i < 4; ++i) {
    administrators.emplace_back(i % 2 == 0 ? unix_address() : loopback_address());
    ASSERT_EQ(administrators.back().Ask(kGet).status, 200);  // and idle from here on
  }
  TestClient silent(unix_address());
  ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().connections == 5; }));
  ASSERT_NO_FATAL_FAILURE(Crowd(40, ""));
  ASSERT_NO_FATAL_FAILURE(Crowd(40, kGet));
  for (TestClient& administrator : administrators) EXPECT_EQ(administrator.Ask(kGet).status, 200);
  EXPECT_EQ(silent.Ask(kGet).status, 200);
}

TEST_F(StrangersTest, PushOutNobodyWhoIsVouchedForAndHasSaidNothing) {
  options_.connections_awaiting_first_byte_max = 4;
  Start();
  std::vector<TestClient> silent;
  for (int i = 0; i < 4; ++i) silent.emplace_back(i % 2 == 0 ? unix_address() : loopback_address());
  ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().connections == 4; }));
  ASSERT_NO_FATAL_FAILURE(Crowd(5, kGet));
  const TestReply refusal = crowd_.back().Read();
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(refusal.body, "too many connections");
  EXPECT_EQ(listener().stats().evicted_connections, 0);
  // A program of this machine pushes out its like, the socket's anybody.
  TestClient program(loopback_address());
  EXPECT_EQ(program.Ask(kGet).status, 200);
  EXPECT_TRUE(silent[1].AtEnd());
  for (const size_t i : {0u, 2u, 3u}) EXPECT_EQ(silent[i].Ask(kGet).status, 200) << i;
}

TEST_F(StrangersTest, WhoAreTurnedAwayLeaveRoomToTellOthersWhyTheyAre) {
  options_.connections_max = 8;
  options_.connections_per_peer_max = 1;
  Start();
  ASSERT_NO_FATAL_FAILURE(Crowd(40, kGet));
  TestClient first(unix_address());
  ASSERT_EQ(first.Ask(kGet).status, 200);
  TestClient second(unix_address());
  const TestReply reply = second.Ask(kGet);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "too many connections from this peer");
  EXPECT_TRUE(second.AtEnd()) << "an end, no reset";
  const TestReply last = crowd_.back().Read();
  EXPECT_EQ(last.status, 503) << "of the strangers the last one is told, the oldest made room";
}

TEST_F(StrangersTest, WithHalfSentBodiesLeaveMemoryForOthers) {
  options_.buffered_bytes_max = 1024 * 1024;
  Start();
  ASSERT_NO_FATAL_FAILURE(Crowd(60, HalfAPost()));
  ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().refused_requests > 0; }));
  for (const std::string& address : {unix_address(), loopback_address()}) {
    TestClient administrator(address);
    const int64_t held = listener().stats().buffered_bytes;
    ASSERT_TRUE(administrator.Send(HalfAPost()));
    ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().buffered_bytes > held; }))
        << "his first half waits for the other";
    EXPECT_EQ(administrator.Ask(ItsOtherHalf()).status, 200);
  }
}

TEST_F(StrangersTest, OfOneAddressHoldAQuarterOfTheMemory) {
  options_.buffered_bytes_max = 1024 * 1024;
  Start();
  ASSERT_NO_FATAL_FAILURE(Crowd(60, HalfAPost()));
  // At least 32 KiB each.
  ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().refused_requests >= 60 - 8; }));
  EXPECT_LE(listener().stats().buffered_bytes, 1024 * 1024 / 4);
  crowd_.clear();
  EXPECT_TRUE(testing::WaitUntil([&] { return listener().stats().buffered_bytes == 0; }));
  ASSERT_NO_FATAL_FAILURE(Crowd(1, HalfAPost()));
  EXPECT_EQ(crowd_.back().Ask(ItsOtherHalf()).status, 200) << "what they held was given back";
}

TEST_F(StrangersTest, AreNoneAnyMoreWithACertificate) {
  const std::string directory = MakeTemporaryDirectory();
  TestCertificates certificates(directory);
  for (const char* name : {"server", "client"}) certificates.Make(name);
  options_.tls_addresses = {options_.tcp_addresses[0]};
  options_.tls_certificate_file = certificates.certificate_file("server");
  options_.tls_private_key_file = certificates.key_file("server");
  options_.tls_client_ca_file = certificates.ca_file();
  options_.buffered_bytes_max = 1024 * 1024;
  Start();
  ASSERT_NO_FATAL_FAILURE(Crowd(60, HalfAPost()));
  ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().refused_requests > 0; }));
  const auto anonymous = certificates.ClientContext();
  TestClient stranger(listener().addresses()[3], anonymous.get());
  EXPECT_EQ(stranger.Ask(HalfAPost()).status, 503);
  const auto named = certificates.ClientContext("client");
  TestClient administrator(listener().addresses()[3], named.get());
  const int64_t held = listener().stats().buffered_bytes;
  ASSERT_TRUE(administrator.Send(HalfAPost()));
  ASSERT_TRUE(testing::WaitUntil([&] { return listener().stats().buffered_bytes > held; }));
  EXPECT_EQ(administrator.Ask(ItsOtherHalf()).status, 200);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace session_status::transport
