// Hostile crowds: others are answered meanwhile, memory stays within its limit.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
// How long an honest client may wait in a test; far above what is measured, far below a hang.
constexpr absl::Duration kAnswerMax = absl::Seconds(2);

class Attack {
 public:
  template <typename Work>
  explicit Attack(Work work)
      : thread_([this, work] {
          while (!stop_) work();
        }) {}
  ~Attack() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

absl::Duration SlowestOf(int questions, const std::string& address) {
  absl::Duration slowest;
  TestClient client(address);
  for (int i = 0; i < questions; ++i) {
    const absl::Time start = absl::Now();
    if (client.Ask(kGet).status != 200) return absl::InfiniteDuration();
    slowest = std::max(slowest, absl::Now() - start);
  }
  return slowest;
}

TEST(FloodTest, AThousandSlowLorisesDoNotDelayOthers) {
  ListenerOptions options;
  options.connections_per_peer_max = 2000;
  options.connections_max = 2000;
  TestListener listener(options);
  std::vector<TestClient> lorises;
  for (int i = 0; i < 1000; ++i) {
    lorises.emplace_back(listener.tcp_address());
    ASSERT_TRUE(lorises.back().Send("GET / HTTP/1.1\r\nHost: x\r\nA"));
  }
  ASSERT_TRUE(testing::WaitUntil([&] { return listener->stats().connections == 1000; }));
  {
    const Attack drip([&lorises] {
      for (TestClient& loris : lorises) loris.Send("a");
    });
    EXPECT_LT(SlowestOf(200, listener.unix_address()), kAnswerMax);
  }
  // One smallest block each.
  EXPECT_LE(listener->stats().buffered_bytes, 1001 * 4096);
}

TEST(FloodTest, APipeliningFloodLeavesTurnsForOthersAndIsHeldBack) {
  ListenerOptions options;
  TestListener listener(options);
  std::string many;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&many, kGet);
  TestClient flooder(listener.tcp_address());
  const timeval soon = {0, 10'000};
  ::setsockopt(flooder.fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
  const Attack flood([&] { flooder.Send(many); });  // and never reads
  EXPECT_LT(SlowestOf(200, listener.unix_address()), kAnswerMax);
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().buffered_bytes > 0; }));
  EXPECT_LE(listener->stats().buffered_bytes, static_cast<int64_t>(2 * options.unsent_bytes_max));
}

TEST(FloodTest, AHugeAnnouncedBodyIsRefusedBeforeItIsRead) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  const TestReply reply =
      client.Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n");
  EXPECT_EQ(reply.status, 413);
}

TEST(FloodTest, AHugeBodyIsCutOffAndOthersAreServed) {
  ListenerOptions options;
  options.linger_timeout = absl::Milliseconds(200);
  TestListener listener(options);
  std::atomic<bool> cut_off{false};
  std::thread sender([&] {
    TestClient client(listener.tcp_address());
    client.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk = absl::StrCat("10000\r\n", std::string(65536, 'b'), "\r\n");
    for (int i = 0; i < 1 << 14; ++i) {  // 1 GB
      if (!client.Send(chunk)) {
        cut_off = true;
        return;
      }
    }
  });
  EXPECT_LT(SlowestOf(200, listener.unix_address()), kAnswerMax);
  EXPECT_LE(listener->stats().buffered_bytes, 1024 * 1024);
  sender.join();
  EXPECT_TRUE(cut_off);
}

TEST(FloodTest, MemoryOfAllConnectionsTogetherIsBounded) {
  ListenerOptions options;
  options.buffered_bytes_max = 1024 * 1024;
  options.connections_per_peer_max = 200;
  TestListener listener(options);
  std::vector<TestClient> clients;
  const std::string half = absl::StrCat(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", std::string(30000, 'b'));
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back(listener.unix_address());
    clients.back().Send(half);
  }
  ASSERT_TRUE(testing::WaitUntil([&] { return listener->stats().refused_requests > 0; }));
  EXPECT_LE(listener->stats().buffered_bytes, 1024 * 1024);
  EXPECT_EQ(clients.back().Read().status, 503);
  EXPECT_EQ(TestClient(listener.tcp_address()).Ask(kGet).status, 200)
      << "a request that needs no buffer is answered";
}

TEST(FloodTest, ConnectionsThatComeAndGoLeaveNothingBehind) {
  TestListener listener;
  for (int i = 0; i < 2000; ++i) {
    TestClient client(i % 2 == 0 ? listener.unix_address() : listener.tcp_address());
    if (i % 3 == 0) {
      ASSERT_EQ(client.Ask(kGet).status, 200);
    } else if (i % 3 == 1) {
      client.Send("GET / HT");
      const linger now = {1, 0};  // a reset instead of an end
      ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
  }
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().connections == 0; }));
  EXPECT_EQ(listener->stats().buffered_bytes, 0);
}

}  // namespace
}  // namespace session_status::transport
