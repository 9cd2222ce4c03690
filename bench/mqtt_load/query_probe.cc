#include "bench/mqtt_load/query_probe.h"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/mqtt_load/swarm.h"
#include "plugin/transport/socket_address.h"

namespace session_status::bench {
namespace {

constexpr int kIds = 10;

[[noreturn]] void Die(const std::string& message) {
  std::fprintf(stderr, "mqtt_load: %s\n", message.c_str());
  std::exit(1);
}

std::string BatchRequest(const std::string& ids_json) {
  const std::string body = absl::StrCat("{\"clientIds\":[", ids_json, "]}");
  return absl::StrCat(
      "POST /mosquitto_session_status.v1.SessionStatusService/BatchQuerySessionByClientIds "
      "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ",
      body.size(), "\r\n\r\n", body);
}

size_t CountOf(absl::string_view text, absl::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != absl::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

QueryProbe::QueryProbe(const std::string& socket_path, uint32_t clients, double batches_per_second)
    : clients_(clients), fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto address = transport::ParseUnixAddress(socket_path);
  if (!address.ok() || ::connect(fd_, address->get(), address->size) != 0) {
    Die(absl::StrCat("cannot reach ", socket_path));
  }
  thread_ = std::thread([this, batches_per_second] { Run(batches_per_second); });
}

QueryProbe::~QueryProbe() {
  stop_.store(true);
  thread_.join();
  ::close(fd_);
}

QueryFigures QueryProbe::Take() {
  absl::MutexLock lock(&mu_);
  return std::exchange(figures_, QueryFigures());
}

// The body of the reply.
std::string QueryProbe::Ask(const std::string& request) {
  if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    Die("the admin socket was closed");
  }
  std::string in;
  for (;;) {
    char bytes[16384];
    const ssize_t count = ::recv(fd_, bytes, sizeof(bytes), 0);
    if (count <= 0) Die(absl::StrCat("no reply, only: ", in));
    in.append(bytes, static_cast<size_t>(count));
    const size_t head_end = in.find("\r\n\r\n");
    if (head_end == std::string::npos) continue;
    if (!absl::StartsWith(in, "HTTP/1.1 200")) Die(absl::StrCat("refused: ", in));
    const size_t at =
        in.find("ontent-");  // the only header of ours with a number behind "Length: "
    const size_t length_at = in.find("ength: ", at) + 7;
    size_t length = 0;
    if (!absl::SimpleAtoi(
            absl::string_view(in).substr(length_at, in.find('\r', length_at) - length_at),
            &length)) {
      Die("a reply without a length");
    }
    if (in.size() >= head_end + 4 + length) return in.substr(head_end + 4);
  }
}

void QueryProbe::Run(double batches_per_second) {
  std::mt19937_64 rng(2);
  const auto pause = std::chrono::nanoseconds(static_cast<int64_t>(1e9 / batches_per_second));
  auto next = std::chrono::steady_clock::now();
  while (!stop_.load()) {
    std::string ids;
    for (int i = 0; i < kIds;) {
      const auto client = static_cast<uint32_t>(rng() % clients_);
      if (!NeverOffline(client)) continue;
      absl::StrAppend(&ids, i == 0 ? "\"" : ",\"", ClientId(client), "\"");
      ++i;
    }
    const std::string request = BatchRequest(ids);
    const int64_t start = NowNs();
    const std::string reply = Ask(request);
    const int64_t took = NowNs() - start;
    const size_t online = CountOf(reply, "\"SESSION_STATE_ONLINE\"");
    {
      absl::MutexLock lock(&mu_);
      figures_.latency.Add(took);
      if (online != kIds) {
        figures_.wrong += kIds - online;
        figures_.example = reply;
      }
    }
    // Behind its pace, it goes on from now: no burst follows a stall.
    next = std::max(next + pause, std::chrono::steady_clock::now());
    std::this_thread::sleep_until(next);
  }
}

}  // namespace session_status::bench
