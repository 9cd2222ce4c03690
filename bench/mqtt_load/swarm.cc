#include "bench/mqtt_load/swarm.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"

namespace session_status::bench {
namespace {

// Below the broker's listen backlog of 100: no connection waits for a retransmitted SYN.
constexpr uint32_t kPendingMax = 80;
constexpr char kPingRequest[] = {'\xC0', 0};
constexpr char kDisconnect[] = {'\xE0', 0};

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "mqtt_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

// MQTT 3.1.1, clean session.
std::string ConnectPacket(const std::string& id, uint16_t keepalive_s) {
  std::string packet = {'\x10', static_cast<char>(12 + id.size())};
  packet.append("\0\4MQTT\4\2", 8);
  packet += static_cast<char>(keepalive_s >> 8);
  packet += static_cast<char>(keepalive_s & 0xFF);
  packet += static_cast<char>(id.size() >> 8);
  packet += static_cast<char>(id.size() & 0xFF);
  return packet + id;
}

}  // namespace

std::string ClientId(uint32_t client) { return absl::StrFormat("load-%07u", client); }

int64_t NowNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void SwarmFigures::Add(const SwarmFigures& other) {
  connect.Add(other.connect);
  ping.Add(other.ping);
  takeovers += other.takeovers;
  returns += other.returns;
  refused += other.refused;
  lost += other.lost;
}

Swarm::Swarm(std::vector<transport::SocketAddress> targets, uint16_t keepalive_s)
    : targets_(std::move(targets)),
      keepalive_s_(keepalive_s),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) Die("epoll_create1");
}

Swarm::~Swarm() {
  for (size_t fd = 0; fd < connections_.size(); ++fd) {
    if (connections_[fd].stage != Stage::kFree) ::close(static_cast<int>(fd));
  }
  ::close(epoll_);
}

SwarmFigures Swarm::Take() { return std::exchange(figures_, SwarmFigures()); }

void Swarm::Ramp(uint32_t count) {
  while (fd_of_.size() < count || pending_ > 0) {
    while (fd_of_.size() < count && pending_ < kPendingMax) {
      fd_of_.push_back(-1);
      Open(static_cast<uint32_t>(fd_of_.size()) - 1);
    }
    Poll(100);
  }
}

void Swarm::Hold(const HoldSettings& settings, const std::function<void()>& each_second) {
  const int64_t start = NowNs();
  const double pings_per_second = static_cast<double>(fd_of_.size()) / settings.ping_seconds;
  double churned = 0, pinged = 0;
  int64_t next_second = start + 1'000'000'000;
  for (int64_t now = start;; now = NowNs()) {
    const double elapsed = static_cast<double>(now - start) / 1e9;
    if (elapsed >= settings.seconds && pending_ == 0 && leaving_ == 0) return;
    if (elapsed < settings.seconds) {
      for (; churned < elapsed * settings.churn_per_second; ++churned) {
        if (pending_ + leaving_ >= kPendingMax) {  // as fast as the broker can: no faster
          churned = elapsed * settings.churn_per_second;
          break;
        }
        Churn(settings);
      }
      for (; pinged < elapsed * pings_per_second; ++pinged) {
        Ping(next_ping_++ % static_cast<uint32_t>(fd_of_.size()));
      }
    }
    if (now >= next_second) {
      next_second += 1'000'000'000;
      each_second();
    }
    Poll(1);
  }
}

void Swarm::Churn(const HoldSettings& settings) {
  const bool takeover = static_cast<double>(rng_() % 1000) < settings.takeover_share * 1000;
  const auto client = static_cast<uint32_t>(rng_() % (fd_of_.size() / 4)) * 4 + (takeover ? 1 : 2);
  takeover ? TakeOver(client) : Leave(client, /*returns=*/true);
}

void Swarm::LeaveOdd() {
  for (uint32_t client = 1; client < fd_of_.size(); client += 2) {
    Leave(client, /*returns=*/false);
    while (leaving_ >= kPendingMax) Poll(100);
  }
  while (leaving_ > 0) Poll(100);
}

void Swarm::Open(uint32_t client) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) Die("socket");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const transport::SocketAddress& to = targets_[next_target_++ % targets_.size()];
  if (::connect(fd, to.get(), to.size) != 0 && errno != EINPROGRESS) Die("connect");
  if (connections_.size() <= static_cast<size_t>(fd))
    connections_.resize(static_cast<size_t>(fd) + 1);
  Connection& c = connections_[static_cast<size_t>(fd)];
  c = {.client = client, .generation = c.generation + 1, .stage = Stage::kConnecting};
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
  event.data.u64 = uint64_t{c.generation} << 32 | static_cast<uint32_t>(fd);
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) Die("epoll_ctl");
  ++pending_;
}

void Swarm::Close(int fd) {
  Connection& c = connections_[static_cast<size_t>(fd)];
  if (fd_of_[c.client] == fd) fd_of_[c.client] = -1;
  c.stage = Stage::kFree;
  ::close(fd);
}

void Swarm::Leave(uint32_t client, bool returns) {
  const int fd = fd_of_[client];
  if (fd < 0) return;
  Connection& c = connections_[static_cast<size_t>(fd)];
  if (c.stage != Stage::kUp) return;
  c.stage = Stage::kLeaving;
  c.returns = returns;
  --up_;
  ++leaving_;
  Send(fd, std::string(kDisconnect, sizeof(kDisconnect)));
}

void Swarm::TakeOver(uint32_t client) {
  const int fd = fd_of_[client];
  if (fd < 0 || connections_[static_cast<size_t>(fd)].stage != Stage::kUp) return;
  connections_[static_cast<size_t>(fd)].stage = Stage::kReplaced;
  --up_;
  ++figures_.takeovers;
  Open(client);
}

void Swarm::Ping(uint32_t client) {
  const int fd = fd_of_[client];
  if (fd < 0) return;
  Connection& c = connections_[static_cast<size_t>(fd)];
  if (c.stage != Stage::kUp || c.sent_ns != 0) return;
  c.sent_ns = NowNs();
  Send(fd, std::string(kPingRequest, sizeof(kPingRequest)));
}

// A few bytes into an empty socket buffer: all or, on a broken connection, an event soon.
void Swarm::Send(int fd, const std::string& bytes) {
  if (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0 && errno == EAGAIN) Die("send");
}

void Swarm::Poll(int timeout_ms) {
  std::array<epoll_event, 256> events;
  const int count =
      ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const uint64_t tag = events[static_cast<size_t>(i)].data.u64;
    const auto fd = static_cast<int>(tag & 0xFFFFFFFF);
    // Closed, and perhaps opened again, by an earlier event of this round.
    const Connection& c = connections_[static_cast<size_t>(fd)];
    if (c.stage == Stage::kFree || c.generation != static_cast<uint32_t>(tag >> 32)) continue;
    OnEvent(fd, events[static_cast<size_t>(i)].events);
  }
}

void Swarm::OnEvent(int fd, uint32_t events) {
  Connection& c = connections_[static_cast<size_t>(fd)];
  if (c.stage == Stage::kConnecting && (events & EPOLLOUT) != 0 && (events & EPOLLERR) == 0) {
    c.stage = Stage::kAwaitingConnack;
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u64 = uint64_t{c.generation} << 32 | static_cast<uint32_t>(fd);
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
    c.sent_ns = NowNs();
    Send(fd, ConnectPacket(ClientId(c.client), keepalive_s_));
    return;
  }
  uint8_t bytes[64];
  const ssize_t count = ::recv(fd, bytes, sizeof(bytes), 0);
  if (count > 0) return OnBytes(fd, bytes, static_cast<size_t>(count));
  if (count < 0 && errno == EAGAIN) return;
  OnEnd(fd);
}

// Only CONNACK (4 bytes) and PINGRESP (2 bytes) are expected.
void Swarm::OnBytes(int fd, const uint8_t* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    Connection& c = connections_[static_cast<size_t>(fd)];
    c.bytes[c.have++] = bytes[i];
    if (c.have < 2 || c.have < 2 + std::min<int>(c.bytes[1], 2)) continue;
    c.have = 0;
    OnPacket(fd);
    if (connections_[static_cast<size_t>(fd)].stage == Stage::kFree) return;
  }
}

void Swarm::OnPacket(int fd) {
  Connection& c = connections_[static_cast<size_t>(fd)];
  if (c.bytes[0] == 0x20 && c.stage == Stage::kAwaitingConnack) {
    --pending_;
    if (c.bytes[3] != 0) {
      ++figures_.refused;
      return Close(fd);
    }
    figures_.connect.Add(NowNs() - c.sent_ns);
    c.sent_ns = 0;
    c.stage = Stage::kUp;
    fd_of_[c.client] = fd;
    ++up_;
  } else if (c.bytes[0] == 0xD0 && c.sent_ns != 0) {
    figures_.ping.Add(NowNs() - c.sent_ns);
    c.sent_ns = 0;
  }
}

void Swarm::OnEnd(int fd) {
  const Connection c = connections_[static_cast<size_t>(fd)];
  Close(fd);
  switch (c.stage) {
    case Stage::kReplaced:
      return;
    case Stage::kLeaving:
      --leaving_;
      if (!c.returns) return;
      ++figures_.returns;
      return Open(c.client);
    case Stage::kUp:
      --up_;
      ++figures_.lost;
      return;
    default:
      --pending_;
      ++figures_.refused;
      return;
  }
}

}  // namespace session_status::bench
