#include "plugin/transport/event_loop.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <thread>
#include <utility>

#include "plugin/transport/peer.h"

namespace session_status::transport {
namespace {

constexpr int kEventsPerTurn = 128;
// Accepted per event: enough to drain a burst, few enough that others are served in between.
constexpr int kAcceptsPerTurn = 64;
// Peers accepted only to be closed when descriptors ran out, before accepting pauses.
constexpr uint64_t kRefusedPerPauseMax = 64;
constexpr int64_t kAcceptPauseNs = 100'000'000;
// Connections that are open beyond the limits only to be told so; beyond, the oldest makes room.
// At most a quarter of what is allowed: where descriptors are few, the broker keeps its share.
// Both of all loops together, but at least one each.
constexpr int kTurnedAwayMax = 64;
constexpr int kTurnedAwayShare = 4;
// Replies are sent together after this many: a client that serves several connections then wakes up
// once for all of them, which costs the sender less than waking it for each (measured on loopback;
// see docs/performance.md). Bounded, so that the first does not wait for a crowd.
constexpr size_t kRepliesTogetherMax = 64;
constexpr size_t kReplyBytesTogetherMax = 256 * 1024;
// Scratch that one huge reply blew up is given back.
constexpr size_t kScratchKeptBytes = 1024 * 1024;

}  // namespace

class EventLoop::Acceptor : public EventSource {
 public:
  Acceptor(EventLoop& loop, const ListeningSocket& socket) : loop_(loop), socket_(socket) {}
  void OnEvents(uint32_t) override { loop_.Accept(socket_); }
  int fd() const { return socket_.fd(); }

  bool Listen(int epoll_fd) {
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;  // of several threads one wakes up
    event.data.ptr = static_cast<EventSource*>(this);
    return ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd(), &event) == 0;
  }

 private:
  EventLoop& loop_;
  const ListeningSocket& socket_;
};

class EventLoop::WakeSource : public EventSource {
 public:
  explicit WakeSource(EventLoop& loop) : loop_(loop) {}
  void OnEvents(uint32_t) override { loop_.RunWakes(); }

 private:
  EventLoop& loop_;
};

EventLoop::EventLoop(const SharedState& shared)
    : shared_(shared),
      context_(shared.options, shared.handler, shared.buffers, shared.limits),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  context_.epoll_fd = epoll_.get();
  context_.on_failed_handshake = &shared.on_failed_handshake;
}

EventLoop::~EventLoop() { CloseAll(); }

absl::Status EventLoop::Prepare() {
  if (!epoll_.valid() || context_.wakes->fd() < 0) {
    return absl::ResourceExhaustedError(
        "the listener found no free file descriptors; raise the broker's limit (LimitNOFILE)");
  }
  wake_source_ = std::make_unique<WakeSource>(*this);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = static_cast<EventSource*>(wake_source_.get());
  bool ok = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, context_.wakes->fd(), &event) == 0;
  for (const auto& socket : shared_.sockets) {
    acceptors_.push_back(std::make_unique<Acceptor>(*this, *socket));
    ok = ok && acceptors_.back()->Listen(epoll_.get());
  }
  ReadClocks();
  if (ok) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      "the listener cannot watch its sockets; see /proc/sys/fs/epoll/max_user_watches");
}

void EventLoop::Stop() {
  stop_.store(true, std::memory_order_release);  // (1)
  context_.wakes->Wake();
}

void EventLoop::OnTlsReload() {
  tls_reloaded_.store(true, std::memory_order_release);  // (3)
  context_.wakes->Wake();
}

void EventLoop::Run() noexcept {
  while (!stop_.load(std::memory_order_acquire)) {  // (2)
    try {
      Turn();
    } catch (...) {
      // Out of memory while accepting or growing a list; the next turn tries again.
    }
  }
  CloseAll();
}

void EventLoop::Turn() {
  std::array<epoll_event, kEventsPerTurn> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsPerTurn, WaitMs());
  ReadClocks();
  for (int i = 0; i < count; ++i) {
    Dispatch(events[static_cast<size_t>(i)]);
    if (context_.replies.size() >= kRepliesTogetherMax ||
        context_.out.size() >= kReplyBytesTogetherMax) {
      SendReplies();
    }
  }
  SendReplies();
  RunReady();
  ExpireLate();
  SendReplies();
  DestroyClosed();
  if (context_.out.capacity() > kScratchKeptBytes) std::string().swap(context_.out);
  if (context_.reply.body.capacity() > kScratchKeptBytes) std::string().swap(context_.reply.body);
}

void EventLoop::Dispatch(const epoll_event& event) {
  auto* source = static_cast<EventSource*>(event.data.ptr);
  try {
    source->OnEvents(event.events);
  } catch (...) {
    if (auto* connection = dynamic_cast<Connection*>(source)) connection->Close();
  }
}

void EventLoop::Guarded(Connection* connection, void (Connection::*step)()) {
  if (connection->closed()) return;
  try {
    (connection->*step)();
  } catch (...) {
    connection->Close();
  }
}

void EventLoop::ReadClocks() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  context_.now_ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  context_.now = absl::Now();
  context_.writer.SetNow(context_.now);
}

int EventLoop::WaitMs() const {
  if (!context_.ready.empty()) return 0;
  int64_t earliest = paused_until_ns_ != 0 ? paused_until_ns_ : INT64_MAX;
  for (const Waits& waits : context_.waits) {
    for (const TimeoutQueue* queue : waits.all()) {
      if (queue->oldest() != nullptr) earliest = std::min(earliest, queue->oldest()->deadline_ns());
    }
  }
  if (earliest == INT64_MAX) return -1;
  const int64_t left_ms = (earliest - context_.now_ns) / 1'000'000 + 1;
  return static_cast<int>(std::clamp<int64_t>(left_ms, 0, 60'000));
}

void EventLoop::RunReady() {
  running_.swap(context_.ready);
  for (Connection* connection : running_) {
    Guarded(connection, &Connection::OnReady);
    if (context_.out.size() >= kReplyBytesTogetherMax) SendReplies();
  }
  running_.clear();
}

void EventLoop::SendReplies() {
  // OnReply may append behind the last slice, and takes that back before it returns.
  for (const LoopContext::PendingReply& reply : context_.replies) {
    if (reply.connection->closed()) continue;
    try {
      reply.connection->OnReply(absl::string_view(context_.out).substr(reply.begin, reply.size));
    } catch (...) {
      reply.connection->Close();
    }
  }
  context_.replies.clear();
  context_.out.clear();
}

void EventLoop::RunWakes() {
  context_.wakes->Take(&woken_);
  if (tls_reloaded_.exchange(false, std::memory_order_acquire)) CheckCertificates();  // (4)
  for (const uint64_t id : woken_) {
    const auto found = context_.streams.find(id);
    if (found != context_.streams.end()) Guarded(found->second, &Connection::OnWake);
  }
}

// One check costs about as much as a handshake's; a reload is rare.
void EventLoop::CheckCertificates() {
  context_.tls = shared_.tls.Get();
  for (const auto& connection : connections_) Guarded(connection.get(), &Connection::OnTlsReload);
}

void EventLoop::ExpireLate() {
  for (const Waits& waits : context_.waits) {
    for (const TimeoutQueue* queue : waits.all()) {
      while (queue->oldest() != nullptr && queue->oldest()->deadline_ns() <= context_.now_ns) {
        auto* connection = static_cast<Connection*>(queue->oldest());
        Guarded(connection, &Connection::OnTimeout);
      }
    }
  }
  if (paused_until_ns_ != 0 && paused_until_ns_ <= context_.now_ns) ResumeAccepting();
}

void EventLoop::DestroyClosed() {
  for (Connection* connection : context_.closed) {
    const size_t slot = connection->slot;
    std::swap(connections_[slot], connections_.back());
    connections_[slot]->slot = slot;
    connections_.pop_back();
  }
  context_.closed.clear();
}

void EventLoop::CloseAll() {
  for (const auto& connection : connections_) connection->Close();
  context_.ready.clear();
  DestroyClosed();
}

// --- accepting ---

void EventLoop::Accept(const ListeningSocket& socket) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    SocketAddress address;
    FileDescriptor fd(
        ::accept4(socket.fd(), address.get(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.valid()) {
      if (address.size < sizeof(sa_family_t)) address.storage.ss_family = AF_UNIX;
      Admit(std::move(fd), address, socket.tls());
      continue;
    }
    switch (errno) {
      case EMFILE:
      case ENFILE:
        RefuseWaiting(socket);
        return PauseAccepting();
      case ENOBUFS:
      case ENOMEM:
        return PauseAccepting();
      case EAGAIN:
        return;
      default:
        continue;  // that one peer is gone already
    }
  }
}

// There is no descriptor to accept with, and one that is closed to make room may go to the broker's
// thread, which accepts as well. So a thread with a descriptor table of its own does it: there
// nobody else can take the place. It must hold no copy of a connection when it is joined (a
// thread's table outlives it a little): the peer of one that is closed here would not be told.
// Linux 5.9; before, peers wait until a descriptor is free.
void EventLoop::RefuseWaiting(const ListeningSocket& socket) {
  uint64_t refused = 0;
  const auto refuse = [&]() noexcept {
    const auto listening = static_cast<unsigned>(socket.fd());
    if (::close_range(listening + 1, ~0U, CLOSE_RANGE_UNSHARE) != 0) return;
    if (listening > 0) ::close_range(0, listening - 1, 0);
    for (; refused < kRefusedPerPauseMax; ++refused) {
      const int peer = ::accept4(socket.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) break;
      ::close(peer);
    }
    ::close(socket.fd());
  };
  try {
    std::thread(refuse).join();
  } catch (const std::exception&) {  // no memory for a thread: they wait for the next time
  }
  context_.counters.refused_connections.Add(refused);
}

void EventLoop::PauseAccepting() {
  context_.counters.accept_pauses.Add();
  for (const auto& acceptor : acceptors_) {
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, acceptor->fd(), nullptr);
  }
  paused_until_ns_ = context_.now_ns + kAcceptPauseNs;
}

void EventLoop::ResumeAccepting() {
  paused_until_ns_ = 0;
  for (const auto& acceptor : acceptors_) {
    if (acceptor->Listen(epoll_.get()) || errno == EEXIST) continue;
    paused_until_ns_ = context_.now_ns + kAcceptPauseNs;  // no memory for the watch: try again
  }
}

bool EventLoop::CloseOldest(const TimeoutQueue& queue) {
  if (queue.oldest() == nullptr) return false;
  static_cast<Connection*>(queue.oldest())->Close();
  return true;
}

// The lowest standing gives way first, and of one standing the idle, who lose least. A peer that
// has not sent its request, or does not take its answer, gives way to a higher standing only: of
// its own kind none is pushed out while it is served.
bool EventLoop::MakeRoom(Standing newcomer) {
  const auto rank = static_cast<size_t>(newcomer);
  bool made = false;
  for (size_t i = 0; i <= rank && !made; ++i) {
    const Waits& waits = context_.waits[i];
    made = CloseOldest(waits.idle);
    if (i == rank) break;
    for (const TimeoutQueue* queue :
         {&waits.linger, &waits.first_byte, &waits.head, &waits.body, &waits.write}) {
      made = made || CloseOldest(*queue);
    }
  }
  if (made) context_.counters.evicted_connections.Add();
  return made;
}

EventLoop::Entry EventLoop::Enter(const PeerKey& key, Standing standing) {
  Entry entry;
  if (!MayBeSilent(standing)) return {503, "too many connections"};
  auto verdict = shared_.limits.Enter(key, standing, &entry.use);
  if (verdict == ConnectionLimits::Verdict::kFull && MakeRoom(standing)) {
    verdict = shared_.limits.Enter(key, standing, &entry.use);
  }
  if (verdict == ConnectionLimits::Verdict::kAdmitted) return entry;
  entry.status = 503;
  entry.message = verdict == ConnectionLimits::Verdict::kFull
                      ? "too many connections"
                      : "too many connections from this peer";
  return entry;
}

size_t EventLoop::SilentMax() const {
  return static_cast<size_t>(
      std::max(1, shared_.options.connections_awaiting_first_byte_max / shared_.options.threads));
}

size_t EventLoop::Silent() const {
  size_t silent = 0;
  for (const Waits& waits : context_.waits) silent += waits.first_byte.size();
  return silent;
}

// A newcomer has said nothing yet. Is there a place for one more such, or whom it may push out?
bool EventLoop::MayBeSilent(Standing newcomer) const {
  if (Silent() < SilentMax()) return true;
  const Waits* waits = context_.waits.data();
  return std::any_of(waits, waits + static_cast<size_t>(newcomer) + 1,
                     [](const Waits& w) { return w.first_byte.size() > 0; });
}

// Of those that have said nothing yet the oldest goes, strangers first and none of a higher
// standing.
void EventLoop::LimitSilent(Standing newcomer) {
  if (Silent() < SilentMax()) return;
  for (size_t i = 0; i <= static_cast<size_t>(newcomer); ++i) {
    if (CloseOldest(context_.waits[i].first_byte)) {
      return context_.counters.evicted_connections.Add();
    }
  }
}

void EventLoop::Admit(FileDescriptor fd, const SocketAddress& address, bool tls) {
  context_.counters.accepted.Add();
  const std::shared_ptr<SSL_CTX> tls_context = tls ? shared_.tls.Get() : nullptr;
  std::string ignored;
  const http::Peer peer = PeerOf(fd.get(), address, &ignored);
  const PeerKey key = PeerKeyOf(address, peer);
  const Standing standing = StandingOf(peer);
  Entry entry = {403, "this user may not use the socket"};
  const Access access = AccessOfUser(fd.get(), peer, shared_.options);
  if (access != Access::kNone) entry = Enter(key, standing);
  if (entry.status != 0) {
    context_.counters.refused_connections.Add();
    TurnAway(std::move(fd), tls_context.get(), address, key, standing, entry);
    return;
  }
  Connection* connection = nullptr;
  try {
    connection = Add(std::move(fd), tls_context.get(), address, key, access, entry.use);
  } catch (...) {
    shared_.limits.Leave(key, standing);
    return;
  }
  LimitSilent(standing);
  Guarded(connection, &Connection::Start);
}

// Where no more may be kept open for it, one that had its time to read the answer (by TLS: to shake
// hands for it) makes room: the oldest, and never one of a higher standing.
void EventLoop::TurnAway(FileDescriptor fd, SSL_CTX* tls, const SocketAddress& address,
                         const PeerKey& key, Standing standing, const Entry& entry) {
  const int turned_away_max =
      std::max(1, std::min(shared_.limits.connections_max() / kTurnedAwayShare, kTurnedAwayMax) /
                      shared_.options.threads);
  if (context_.turned_away >= turned_away_max) {
    bool made = false;
    for (size_t i = 0; i <= static_cast<size_t>(standing) && !made; ++i) {
      made = CloseOldest(context_.waits[i].turned_away);
    }
    if (!made) return;
  }
  Connection* connection = Add(std::move(fd), tls, address, key, Access::kNone, nullptr);
  ++context_.turned_away;
  try {
    connection->TurnAway({entry.status, entry.message});
  } catch (...) {
    connection->Close();
  }
}

Connection* EventLoop::Add(FileDescriptor fd, SSL_CTX* tls, const SocketAddress& address,
                           const PeerKey& key, Access access, PeerUse* use) {
  // Room first, so that Close() and QueueReady() never allocate.
  const size_t count = connections_.size() + 1;
  for (auto* list : {&context_.ready, &context_.closed, &running_}) {
    if (list->capacity() < count) list->reserve(count * 2);
  }
  if (context_.replies.capacity() < count) context_.replies.reserve(count * 2);
  auto connection =
      std::make_unique<Connection>(context_, std::move(fd), tls, address, key, access, use);
  connection->slot = connections_.size();
  connections_.push_back(std::move(connection));
  return connections_.back().get();
}

}  // namespace session_status::transport
