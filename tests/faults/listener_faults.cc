// The admin side of a real broker under attack: headers that drip, requests that nobody reads
// the answers of, bodies without end. MQTT goes on, an administrator is answered, and the
// broker's memory stays bounded.
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"
#include "tests/transport/test_client.h"

namespace session_status::testing {
namespace {

using transport::TestClient;

constexpr int kLorises = 200;
constexpr int kFlooders = 4;
constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kBufferedMax = 2 * kMiB;  // the listener's, of all connections together
constexpr int64_t kGrowthMax =
    kBufferedMax + 8 * kMiB;  // of the broker; less than 3 MiB are measured
// Far above what is measured, far below a hang. The listener's thread is nicer than the
// three attackers on the same cores, so what a sanitizer adds to its work is waited for
// many times over (6 s were seen).
#ifdef SESSION_STATUS_SANITIZED
constexpr absl::Duration kAnswerMax = kPatience;
#else
constexpr absl::Duration kAnswerMax = absl::Seconds(5);
#endif

class ListenerFault : public ScenarioTest {
 protected:
  // A line of /proc/PID/status in bytes.
  int64_t Memory(absl::string_view name) {
    const std::string status = ReadFile(absl::StrCat("/proc/", broker_->pid(), "/status"));
    const size_t at = status.find(absl::StrCat("\n", name, ":"));
    int64_t kib = 0;
    const size_t from = at + name.size() + 2;
    EXPECT_TRUE(at != std::string::npos &&
                absl::SimpleAtoi(status.substr(from, status.find("kB", from) - from), &kib))
        << status;
    return kib * 1024;
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, ListenerFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

// Does `work` again and again in a thread of its own.
class Attacker {
 public:
  template <typename Work>
  explicit Attacker(Work work)
      : thread_([this, work]() mutable {
          while (!stop_.load()) work();
        }) {}
  ~Attacker() {
    stop_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_P(ListenerFault, UnderAttackMqttAndAdministratorsAreServedAndMemoryStaysBounded) {
  // Not nice: beside other tests a nice thread waits seconds for the processor, whatever it does in
  // time.
  Start(absl::StrCat(kPlainConfig, "plugin_opt_admin_listen 127.0.0.1:{PORT2}\n",
                     "plugin_opt_listener_nice 0\n",
                     "plugin_opt_listener_connections_per_peer_max 1000\n",
                     "plugin_opt_listener_body_bytes_max 131072\n",
                     "plugin_opt_listener_buffered_bytes_max ", kBufferedMax, "\n"));
  RawConnection lamp = RawConnection::Tcp(port());
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(admin_->WaitForState("lamp", "ONLINE").online);
  const int64_t before = Memory("VmRSS");
  const std::string target = absl::StrCat("127.0.0.1:", port(2));
  const timeval soon = {0, 10'000};

  TestClient announces(target);
  EXPECT_EQ(
      announces.Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n").status,
      413);
  std::vector<TestClient> lorises;
  for (int i = 0; i < kLorises; ++i) {
    lorises.emplace_back(target);
    EXPECT_TRUE(lorises.back().Send("GET / HTTP/1.1\r\nHost: x\r\nA"));
  }
  std::string many;
  while (many.size() < 64 * 1024)
    absl::StrAppend(&many, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  std::vector<TestClient> flooders;
  for (int i = 0; i < kFlooders; ++i) {
    flooders.emplace_back(target);
    ::setsockopt(flooders.back().fd(), SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  }
  const std::string chunk = absl::StrCat("10000\r\n", std::string(65536, 'b'), "\r\n");
  std::atomic<int> cut_off{0};
  std::atomic<int> held_back{0};
  absl::Duration slowest_ping, slowest_answer;
  int answered = 0;
  {
    const Attacker drips([&] {
      for (TestClient& loris : lorises) loris.Send("a");
    });
    const Attacker floods([&] {
      for (TestClient& flooder : flooders) {
        errno = 0;
        // Not gone within SO_SNDTIMEO: nothing is read there any more.
        if (!flooder.Send(many) && errno == EAGAIN) held_back.fetch_add(1);
      }
    });
    const Attacker pours([&] {
      TestClient client(target);
      client.Send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
      // Not so many bytes: in the two seconds in which they are thrown away, gigabytes may go
      // through.
      for (const absl::Time from = absl::Now(); absl::Now() - from < kPatience;) {
        if (client.Send(chunk)) continue;
        cut_off.fetch_add(1);
        return;
      }
    });
    const auto timed = [](absl::Duration* slowest, const auto& what) {
      const absl::Time from = absl::Now();
      what();
      *slowest = std::max(*slowest, absl::Now() - from);
    };
    const absl::Time patience = absl::Now() + kPatience;
    // A body is read and thrown away for two seconds, so that the refusal arrives, then cut off.
    for (int i = 0; i < 200 || cut_off < 1 || held_back < kFlooders; ++i) {
      timed(&slowest_ping, [&] { ASSERT_TRUE(lamp.Ping()); });
      timed(&slowest_answer, [&] { answered += Query("lamp").online; });
      if (HasFatalFailure()) return;
      ASSERT_EQ(answered, i + 1);
      if (absl::Now() > patience) break;
    }
  }
  EXPECT_GE(cut_off, 1) << "bodies without end are cut off";
  EXPECT_GE(held_back, kFlooders) << "who reads no answers is not read";
  EXPECT_LT(slowest_ping, kAnswerMax);
  EXPECT_LT(slowest_answer, kAnswerMax);
#ifndef SESSION_STATUS_SANITIZED  // whose shadow memory says nothing about ours
  EXPECT_LE(Memory("VmHWM") - before, kGrowthMax) << before;
#endif
  RecordProperty("grown_kib", static_cast<int>((Memory("VmHWM") - before) / 1024));
  RecordProperty("slowest_ping_ms", static_cast<int>(absl::ToInt64Milliseconds(slowest_ping)));
  RecordProperty("slowest_answer_ms", static_cast<int>(absl::ToInt64Milliseconds(slowest_answer)));
  // When they are gone, all is as before.
  lorises.clear();
  flooders.clear();
  EXPECT_EQ(TestClient(target).Ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
  EXPECT_EQ(broker_->Stop(), 0);
}

}  // namespace
}  // namespace session_status::testing
