// Closed-loop load for HTTP/1.1 and RESP servers, over TCP, Unix sockets or TLS.
//
//   load_client --target=127.0.0.1:8080 --request_file=F --connections=16 --pipeline=1 --seconds=2
//
// Every connection sends `pipeline` requests in one write, waits for that many replies, and starts
// again. Prints one line of JSON: rate, latency of a batch, errors, and the CPU time the server
// process spent per request, as its scheduler counted it (all its threads).
//
// Written because wrk knows no Unix sockets, no Redis and no CPU accounting.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "bench/latency_histogram.h"
#include "plugin/transport/socket_address.h"

namespace session_status::bench {
namespace {

struct Settings {
  std::string target;
  std::string request_file;  // one request; sent as it is
  bool records = false;      // … or many, each after its length, as signed_requests writes them
  bool tls = false;
  bool resp = false;  // replies are RESP arrays, not HTTP
  int connections = 1;
  int pipeline = 1;
  double seconds = 1;
  double warmup_seconds = 0.2;
  int cpu = -1;  // of this client
  int server_pid = 0;
};

[[noreturn]] void Die(absl::string_view message) {
  std::fprintf(stderr, "load_client: %s\n", std::string(message).c_str());
  std::exit(1);
}

int64_t NowNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// How long all threads of a process have run, and waited for a processor that others had.
struct CpuTime {
  int64_t ran_ns = 0;
  int64_t waited_ns = 0;
};

CpuTime CpuTimeOf(int pid) {
  CpuTime sum;
  std::error_code ec;
  for (const auto& task :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"), ec)) {
    std::ifstream file(task.path() / "schedstat");
    CpuTime time;
    if (!(file >> time.ran_ns >> time.waited_ns)) continue;
    sum.ran_ns += time.ran_ns;
    sum.waited_ns += time.waited_ns;
  }
  return sum;
}

// How long the next reply in `bytes` is; 0: incomplete. Dies on anything but success.
class ReplySizer {
 public:
  explicit ReplySizer(bool resp) : resp_(resp) {}
  size_t SizeOf(absl::string_view bytes) { return resp_ ? Resp(bytes) : Http(bytes); }
  size_t last_body_bytes() const { return body_bytes_; }

 private:
  size_t Http(absl::string_view bytes) {
    // Replies of one second share their head; comparing is cheaper than parsing.
    if (!head_.empty() && absl::StartsWith(bytes, head_)) {
      return bytes.size() >= head_.size() + body_bytes_ ? head_.size() + body_bytes_ : 0;
    }
    const void* found = ::memmem(bytes.data(), bytes.size(), "\r\n\r\n", 4);
    if (found == nullptr) return 0;
    const size_t head = static_cast<size_t>(static_cast<const char*>(found) - bytes.data()) + 4;
    if (!absl::StartsWith(bytes, "HTTP/1.1 200 ")) {
      Die(absl::StrCat("the server says: ", bytes.substr(0, 400)));
    }
    const absl::string_view name = "Content-Length: ";
    const size_t at = bytes.substr(0, head).find(name);
    if (at == absl::string_view::npos) Die("a reply without Content-Length");
    body_bytes_ = std::strtoul(bytes.data() + at + name.size(), nullptr, 10);
    head_ = std::string(bytes.substr(0, head));
    return bytes.size() >= head + body_bytes_ ? head + body_bytes_ : 0;
  }
  // An array of bulk strings. The values never change, so the first size is that of all.
  size_t Resp(absl::string_view bytes) {
    if (body_bytes_ == 0) body_bytes_ = ParseResp(bytes);
    if (body_bytes_ == 0 || bytes.size() < body_bytes_) return 0;
    if (bytes[0] != '*') Die(absl::StrCat("the server says: ", bytes.substr(0, 100)));
    return body_bytes_;
  }
  static size_t ParseResp(absl::string_view bytes) {
    if (bytes.empty()) return 0;
    if (bytes[0] != '*') Die(absl::StrCat("the server says: ", bytes.substr(0, 100)));
    size_t at = bytes.find("\r\n");
    if (at == absl::string_view::npos) return 0;
    int left = std::atoi(bytes.data() + 1);
    for (at += 2; left > 0; --left) {
      const size_t end = bytes.find("\r\n", at);
      if (end == absl::string_view::npos) return 0;
      at = end + 2 + std::strtoul(bytes.data() + at + 1, nullptr, 10) + 2;
    }
    return bytes.size() >= at ? at : 0;
  }

  const bool resp_;
  std::string head_;
  size_t body_bytes_ = 0;
};

class Client {
 public:
  Client(const Settings& settings, SSL_CTX* context) {
    const auto address = absl::StartsWith(settings.target, "/")
                             ? transport::ParseUnixAddress(settings.target)
                             : transport::ParseTcpAddress(settings.target);
    if (!address.ok()) Die(address.status().ToString());
    fd_ = ::socket(address->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd_, address->get(), address->size) != 0) {
      Die(absl::StrCat("cannot connect to ", settings.target));
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd_);
    if (SSL_connect(ssl_) != 1) Die("TLS handshake failed");
  }

  int fd() const { return fd_; }
  int left = 0;
  int64_t sent_at = 0;

  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ssl_ != nullptr
                            ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                            : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) Die("the connection broke while sending");
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }

  // Reads once; returns how many replies are complete now.
  int Receive(ReplySizer& sizer) {
    do {
      if (buffer_.size() - end_ < 65536) buffer_.resize(buffer_.size() * 2 + 131072);
      const ssize_t n =
          ssl_ != nullptr
              ? SSL_read(ssl_, buffer_.data() + end_, static_cast<int>(buffer_.size() - end_))
              : ::recv(fd_, buffer_.data() + end_, buffer_.size() - end_, 0);
      if (n <= 0) Die("the connection broke while receiving");
      end_ += static_cast<size_t>(n);
    } while (ssl_ != nullptr && SSL_pending(ssl_) > 0);
    int replies = 0;
    while (begin_ < end_) {
      const size_t size = sizer.SizeOf({buffer_.data() + begin_, end_ - begin_});
      if (size == 0) break;
      begin_ += size;
      ++replies;
    }
    if (begin_ == end_) {
      begin_ = end_ = 0;
    } else if (begin_ > buffer_.size() / 2) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return replies;
  }

 private:
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;
};

Settings Parse(int argc, char** argv) {
  Settings s;
  for (int i = 1; i < argc; ++i) {
    absl::string_view arg = argv[i];
    const size_t equals = std::min(arg.find('='), arg.size());
    const absl::string_view name = arg.substr(0, equals);
    const std::string value(arg.substr(std::min(equals + 1, arg.size())));
    if (name == "--target")
      s.target = value;
    else if (name == "--request_file")
      s.request_file = value;
    else if (name == "--tls")
      s.tls = true;
    else if (name == "--records")
      s.records = true;
    else if (name == "--resp")
      s.resp = true;
    else if (name == "--connections")
      s.connections = std::atoi(value.c_str());
    else if (name == "--pipeline")
      s.pipeline = std::atoi(value.c_str());
    else if (name == "--seconds")
      s.seconds = std::atof(value.c_str());
    else if (name == "--cpu")
      s.cpu = std::atoi(value.c_str());
    else if (name == "--server_pid")
      s.server_pid = std::atoi(value.c_str());
    else
      Die(absl::StrCat("unknown argument ", arg));
  }
  if (s.target.empty() || s.request_file.empty()) Die("--target and --request_file are needed");
  return s;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Die(absl::StrCat("cannot read ", path));
  return {std::istreambuf_iterator<char>(file), {}};
}

// The requests of a file, one batch after the other; starts again at the end.
class Requests {
 public:
  explicit Requests(const Settings& s) : bytes_(ReadFile(s.request_file)), pipeline_(s.pipeline) {
    if (!s.records) {
      batch_ = bytes_;
      for (int i = 1; i < pipeline_; ++i) batch_ += bytes_;
    }
  }
  absl::string_view NextBatch() {
    if (!batch_.empty()) return batch_;
    scratch_.clear();
    for (int i = 0; i < pipeline_; ++i) {
      if (at_ >= bytes_.size()) at_ = 0;
      uint32_t size = 0;
      std::memcpy(&size, bytes_.data() + at_, sizeof(size));
      scratch_.append(bytes_, at_ + sizeof(size), size);
      at_ += sizeof(size) + size;
    }
    return scratch_;
  }

 private:
  const std::string bytes_;
  const int pipeline_;
  std::string batch_;  // when all batches are the same
  std::string scratch_;
  size_t at_ = 0;
};

int64_t OwnCpuNs() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000'000LL +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000LL;
}

void Run(const Settings& s) {
  if (s.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(s.cpu), &set);
    ::sched_setaffinity(0, sizeof(set), &set);
  }
  Requests requests_to_send(s);
  SSL_CTX* context = s.tls ? SSL_CTX_new(TLS_client_method()) : nullptr;

  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < s.connections; ++i) {
    clients.push_back(std::make_unique<Client>(s, context));
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.ptr = clients.back().get();
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, clients.back()->fd(), &event);
  }
  ReplySizer sizer(s.resp);
  const auto start_batch = [&](Client& client, int64_t now) {
    client.sent_at = now;
    client.left = s.pipeline;
    client.Send(requests_to_send.NextBatch());
  };
  for (auto& client : clients) start_batch(*client, NowNs());

  auto latency = std::make_unique<LatencyHistogram>();
  const int64_t begin = NowNs() + static_cast<int64_t>(s.warmup_seconds * 1e9);
  const int64_t end = begin + static_cast<int64_t>(s.seconds * 1e9);
  bool measuring = false;
  int64_t requests = 0, began = 0, now = 0, own_cpu = 0;
  CpuTime server;
  for (;;) {
    epoll_event events[256];
    const int count = ::epoll_wait(epoll, events, 256, 1000);
    if (count == 0) Die("no reply within a second");
    now = NowNs();
    if (!measuring && now >= begin) {
      measuring = true;
      began = now;
      server = CpuTimeOf(s.server_pid);
      own_cpu = OwnCpuNs();
    }
    if (now >= end) break;
    for (int i = 0; i < count; ++i) {
      auto& client = *static_cast<Client*>(events[i].data.ptr);
      const int replies = client.Receive(sizer);
      client.left -= replies;
      if (measuring) requests += replies;
      if (client.left > 0) continue;
      const int64_t done = NowNs();
      if (measuring) latency->Add(done - client.sent_at);
      start_batch(client, done);
    }
  }
  const CpuTime server_end = CpuTimeOf(s.server_pid);
  const auto server_cpu = static_cast<double>(server_end.ran_ns - server.ran_ns);
  const auto server_wait = static_cast<double>(server_end.waited_ns - server.waited_ns);
  own_cpu = OwnCpuNs() - own_cpu;
  const double seconds = static_cast<double>(now - began) / 1e9;
  const double n = static_cast<double>(std::max<int64_t>(requests, 1));
  std::printf(
      "{\"requests\": %lld, \"per_second\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
      "\"server_cpu_us\": %.3f, \"server_busy\": %.3f, \"server_wait\": %.3f, \"client_busy\": "
      "%.3f, \"reply_bytes\": "
      "%zu}\n",
      static_cast<long long>(requests), static_cast<double>(requests) / seconds,
      latency->QuantileUs(0.5), latency->QuantileUs(0.99), server_cpu / n / 1000,
      server_cpu / seconds / 1e9, server_wait / seconds / 1e9,
      static_cast<double>(own_cpu) / seconds / 1e9, sizer.last_body_bytes());
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) {
  session_status::bench::Run(session_status::bench::Parse(argc, argv));
  return 0;
}
