// How long a broker takes to acknowledge a publish, one at a time: QoS 1, 100 bytes, no subscriber.
//
//   publish_probe PORT SECONDS
//
// Prints one line of JSON. Raw sockets: what is measured is the broker, not a client library.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "plugin/transport/socket_address.h"

namespace session_status::bench {
namespace {

[[noreturn]] void Die(const char* message) {
  std::fprintf(stderr, "publish_probe: %s\n", message);
  std::exit(1);
}

void Exchange(int fd, const std::string& packet, size_t reply_bytes) {
  char reply[16];
  if (::send(fd, packet.data(), packet.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(packet.size()) ||
      ::recv(fd, reply, reply_bytes, MSG_WAITALL) != static_cast<ssize_t>(reply_bytes)) {
    Die("the connection broke");
  }
}

// MQTT 3.1.1: CONNECT with client identifier "probe", clean session, keepalive 60.
std::string ConnectPacket() { return std::string("\x10\x11\0\4MQTT\4\2\0\x3c\0\5probe", 19); }

// PUBLISH, QoS 1, topic "t", packet identifier 1.
std::string PublishPacket() { return std::string("\x32\x69\0\1t\0\1", 7) + std::string(100, 'p'); }

int Main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto address = transport::ParseTcpAddress(absl::StrCat("127.0.0.1:", argv[1]));
  if (!address.ok()) Die("bad port");
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, address->get(), address->size) != 0) Die("cannot connect");
  Exchange(fd, ConnectPacket(), 4);
  std::vector<double> us;
  const absl::Time end = absl::Now() + absl::Seconds(std::atof(argv[2]));
  for (absl::Time now = absl::Now(); now < end;) {
    Exchange(fd, PublishPacket(), 4);
    const absl::Time after = absl::Now();
    us.push_back(absl::ToDoubleMicroseconds(after - now));
    now = after;
  }
  std::sort(us.begin(), us.end());
  std::printf("{\"publishes\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
              us.size(), us[us.size() / 2], us[us.size() * 99 / 100], us[us.size() * 999 / 1000]);
  return 0;
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) { return session_status::bench::Main(argc, argv); }
