#include "plugin/transport/listener.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/os/service_thread.h"
#include "plugin/transport/event_loop.h"
#include "plugin/transport/listening_socket.h"
#include "plugin/transport/tls_context.h"

namespace session_status::transport {
namespace {

constexpr char kThreadName[] = "session-http";  // 15 characters at most
// However small the process's limit is, an administrator must get in.
constexpr int kConnectionsMin = 8;

int ConnectionsMax(const ListenerOptions& options) {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return options.connections_max;
  }
  const rlim_t share = limit.rlim_cur / 100 * static_cast<rlim_t>(options.descriptors_percent_max);
  return std::min(options.connections_max,
                  std::max(kConnectionsMin, static_cast<int>(std::min<rlim_t>(share, 1 << 30))));
}

absl::Status CheckRanges(const ListenerOptions& options) {
  struct Range {
    absl::string_view option;
    int64_t value, min, max;
  };
  const Range ranges[] = {
      {"listener_threads", options.threads, 1, 64},
      {"listener_nice", options.nice_level, 0, 19},
      {"listener_connections_max", options.connections_max, 1, 1'000'000},
      {"listener_connections_per_peer_max", options.connections_per_peer_max, 1, 1'000'000},
      {"listener_connections_awaiting_first_byte_max", options.connections_awaiting_first_byte_max,
       1, 1'000'000},
      {"listener_descriptors_percent_max", options.descriptors_percent_max, 1, 100},
      {"listener_header_count_max", options.header_count_max, 1, 1000},
      {"listener_pipelined_max", options.pipelined_max, 1, 10'000},
      {"listener_request_line_bytes_max", static_cast<int64_t>(options.request_line_bytes_max), 64,
       1 << 24},
      {"listener_header_bytes_max", static_cast<int64_t>(options.header_bytes_max), 64, 1 << 24},
      {"listener_body_bytes_max", static_cast<int64_t>(options.body_bytes_max), 0, 1 << 30},
      {"listener_unsent_bytes_max", static_cast<int64_t>(options.unsent_bytes_max), 1, 1 << 30},
  };
  for (const Range& range : ranges) {
    if (range.value >= range.min && range.value <= range.max) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        range.option, " is ", range.value, "; give a number from ", range.min, " to ", range.max));
  }
  return absl::OkStatus();
}

}  // namespace

class Listener::Impl {
 public:
  Impl(const ListenerOptions& options, http::Handler& handler,
       const FailedHandshakeObserver& on_failed_handshake)
      : connections_max_(ConnectionsMax(options)),
        buffers_(options.buffered_bytes_max),
        limits_(connections_max_, options.connections_per_peer_max),
        shared_{options, handler, sockets_, buffers_, limits_, tls_, on_failed_handshake} {}

  ~Impl() { StopThreads(); }

  void StopThreads() {
    for (const auto& loop : loops_) loop->Stop();
    threads_.clear();  // joins
  }

  absl::Status Start() {
    const ListenerOptions& options = shared_.options;
    if (absl::Status status = CheckRanges(options); !status.ok()) return status;
    if (absl::Status status = ReloadTls(); !status.ok()) return status;
    absl::StatusOr<ListeningSockets> sockets = OpenListeningSockets(options);
    if (!sockets.ok()) return sockets.status();
    sockets_ = *std::move(sockets);
    for (int i = 0; i < options.threads; ++i) {
      loops_.push_back(std::make_unique<EventLoop>(shared_));
      if (absl::Status status = loops_.back()->Prepare(); !status.ok()) return status;
    }
    return StartThreads();
  }

  absl::Status ReloadTls() {
    if (shared_.options.tls_addresses.empty()) return absl::OkStatus();
    absl::StatusOr<std::shared_ptr<SSL_CTX>> context = MakeTlsContext(shared_.options);
    if (!context.ok()) return context.status();
    tls_.Set(*std::move(context));
    for (const auto& loop : loops_) loop->OnTlsReload();
    return absl::OkStatus();
  }

  ListenerStats stats() const {
    ListenerStats sum;
    for (const auto& loop : loops_) {
      const LoopCounters& counters = loop->counters();
      sum.connections += counters.connections.Get();
      sum.accepted += counters.accepted.Get();
      sum.requests += counters.requests.Get();
      sum.refused_requests += counters.refused_requests.Get();
      sum.refused_connections += counters.refused_connections.Get();
      sum.evicted_connections += counters.evicted_connections.Get();
      sum.failed_handshakes += counters.failed_handshakes.Get();
      sum.timeouts += counters.timeouts.Get();
      sum.accept_pauses += counters.accept_pauses.Get();
      sum.bytes_received += counters.bytes_received.Get();
      sum.bytes_sent += counters.bytes_sent.Get();
    }
    sum.buffered_bytes = static_cast<int64_t>(buffers_.used());
    return sum;
  }

  std::vector<std::string> addresses() const {
    std::vector<std::string> texts;
    for (const auto& socket : sockets_) texts.push_back(ToString(socket->address()));
    return texts;
  }

  int connections_max() const { return connections_max_; }

 private:
  absl::Status StartThreads() {
    for (const auto& loop : loops_) {
      threads_.push_back(std::make_unique<os::ServiceThread>());
      const absl::Status status = threads_.back()->Start(kThreadName, shared_.options.nice_level,
                                                         [&loop = *loop] { loop.Run(); });
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const int connections_max_;
  BufferBudget buffers_;
  ConnectionLimits limits_;
  TlsHolder tls_;
  ListeningSockets sockets_;
  const SharedState shared_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::unique_ptr<os::ServiceThread>> threads_;  // go before the loops they run
};

Listener::Listener(ListenerOptions options, http::Handler& handler,
                   FailedHandshakeObserver on_failed_handshake)
    : options_(std::move(options)),
      handler_(handler),
      on_failed_handshake_(std::move(on_failed_handshake)) {}

Listener::~Listener() { Stop(); }

absl::Status Listener::Start() {
  if (impl_ != nullptr) return absl::FailedPreconditionError("the listener is already started");
  // Before the first request can ask for stats.
  impl_ = std::make_unique<Impl>(options_, handler_, on_failed_handshake_);
  absl::Status status = impl_->Start();
  if (!status.ok()) Stop();
  return status;
}

void Listener::Stop() {
  if (impl_ == nullptr) return;
  impl_->StopThreads();  // until then the handler may ask for our stats
  impl_.reset();
}

absl::Status Listener::ReloadTls() {
  return impl_ == nullptr ? absl::OkStatus() : impl_->ReloadTls();
}

ListenerStats Listener::stats() const {
  return impl_ == nullptr ? ListenerStats() : impl_->stats();
}

std::vector<std::string> Listener::addresses() const {
  return impl_ == nullptr ? std::vector<std::string>() : impl_->addresses();
}

int Listener::connections_max() const { return impl_ == nullptr ? 0 : impl_->connections_max(); }

}  // namespace session_status::transport
