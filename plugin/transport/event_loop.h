// One thread's worth of listener: accepts, waits, gives every connection its turn, ends the late.
//
// Threads:   Run: the loop's own thread, until Stop(). Stop, OnTlsReload, counters: any.
//            The rest: before Run.
// Errors:    Prepare() says what the system refused. Inside Run() nothing escapes: a connection
// that
//            runs out of memory is closed, the loop goes on.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_EVENT_LOOP_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_EVENT_LOOP_H_

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "plugin/transport/connection.h"
#include "plugin/transport/event_source.h"
#include "plugin/transport/listening_socket.h"
#include "plugin/transport/loop_context.h"
#include "plugin/transport/tls_holder.h"

namespace session_status::transport {

// What all loops of one listener share.
struct SharedState {
  const ListenerOptions& options;
  http::Handler& handler;
  const ListeningSockets& sockets;
  BufferBudget& buffers;
  ConnectionLimits& limits;
  TlsHolder& tls;
  const FailedHandshakeObserver& on_failed_handshake;  // may be empty
};

class EventLoop {
 public:
  explicit EventLoop(const SharedState& shared);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  absl::Status Prepare();
  void Run() noexcept;
  void Stop();
  // SharedState::tls was replaced: connections by a certificate that it would not take any more
  // end.
  void OnTlsReload();

  const LoopCounters& counters() const { return context_.counters; }

 private:
  class Acceptor;
  class WakeSource;

  void Turn();
  void Guarded(Connection* connection, void (Connection::*step)());
  void Dispatch(const epoll_event& event);
  int WaitMs() const;
  void ReadClocks();
  void RunReady();
  void SendReplies();
  void RunWakes();
  void CheckCertificates();
  void ExpireLate();
  void DestroyClosed();
  void CloseAll();

  void Accept(const ListeningSocket& socket);
  void Admit(FileDescriptor fd, const SocketAddress& address, bool tls);
  // Why a newcomer is not served. status 0: it is admitted, and `use` is its peer's.
  struct Entry {
    int status = 0;
    absl::string_view message;
    PeerUse* use = nullptr;
  };
  Entry Enter(const PeerKey& key, Standing standing);
  bool MakeRoom(Standing newcomer);
  bool CloseOldest(const TimeoutQueue& queue);
  size_t SilentMax() const;
  size_t Silent() const;
  bool MayBeSilent(Standing newcomer) const;
  void LimitSilent(Standing newcomer);
  void TurnAway(FileDescriptor fd, SSL_CTX* tls, const SocketAddress& address, const PeerKey& key,
                Standing standing, const Entry& entry);
  Connection* Add(FileDescriptor fd, SSL_CTX* tls, const SocketAddress& address, const PeerKey& key,
                  Access access, PeerUse* use);
  void RefuseWaiting(const ListeningSocket& socket);
  void PauseAccepting();
  void ResumeAccepting();

  const SharedState& shared_;
  LoopContext context_;
  FileDescriptor epoll_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::unique_ptr<WakeSource> wake_source_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> running_;  // scratch: the ready list of this turn
  std::vector<uint64_t> woken_;       // scratch
  int64_t paused_until_ns_ = 0;       // 0: accepting
  std::atomic<bool> stop_{false};     // (1) Stop() releases, (2) the loop acquires
  // (3) OnTlsReload() releases, (4) the loop acquires.
  std::atomic<bool> tls_reloaded_{false};
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_EVENT_LOOP_H_
