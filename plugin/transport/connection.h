// One connection: reads once, answers every complete request of that read, writes the replies
// together; then waits, with a deadline for whatever it waits for.
//
// The phases, and what each waits for:
//
//   handshake → first byte → head → body → replying → idle → head → …
//                                             ├→ writing    the reader is slow: nothing is read
//                                             ├→ streaming  a reply in pieces, waiting for its next
//                                             ├→ ready      more pipelined requests than one turn
//                                             └→ lingering  refused: drain, so that the answer
//                                             lands
//
// Threads:   the loop's thread.
// Ownership: owned by the loop, which destroys it after Close(), at the end of its turn.
// Errors:    std::bad_alloc may leave any On…(); the loop then calls Close().
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "plugin/http/http_message.h"
#include "plugin/transport/event_source.h"
#include "plugin/transport/loop_context.h"
#include "plugin/transport/peer.h"
#include "plugin/transport/socket.h"

namespace session_status::transport {

class Connection : public EventSource, public TimeoutQueue::Member {
 public:
  // `access`: a certificate may change it. `use`: set when the limits count it under `key`, given
  // back by Close(); nullptr: turned away.
  Connection(LoopContext& context, FileDescriptor fd, SSL_CTX* tls, const SocketAddress& address,
             const PeerKey& key, Access access, PeerUse* use);

  // Both after construction, one of them: serve, or say why not (by TLS after the handshake) and
  // close. The message outlives the connection.
  void Start();
  void TurnAway(const Refusal& why);

  void OnEvents(uint32_t events) override;
  void OnReady();                         // from LoopContext::ready
  void OnReply(absl::string_view bytes);  // its slice of LoopContext::out, to be sent now
  void OnWake();                          // its stream called wake
  void OnTimeout();
  // LoopContext::tls was replaced: whoever it would not let in any more is closed.
  void OnTlsReload();
  void Close() noexcept;

  bool closed() const { return phase_ == Phase::kClosed; }
  const http::Peer& peer() const { return peer_; }
  Standing standing() const { return holder_.standing; }
  size_t slot = 0;  // the loop's own: where it keeps this connection

 private:
  enum class Phase : uint8_t {
    kHandshake,
    kFirstByte,
    kHead,
    kBody,
    kIdle,
    kReplying,
    kReady,
    kWriting,
    kStreaming,
    kLingering,
    kClosed
  };
  // Received and not yet answered bytes, in scratch memory or in in_.
  struct Window {
    char* data;
    size_t size;
  };

  void EnterPhase(Phase phase);
  void SetInterest(uint32_t events);
  // Its next turn comes without an event: with its deadline running on, or in the phase kReady.
  void Queue();
  void QueueReady();

  void ShakeHands();
  // `reason` empty: the peer went away, which is no failure to be told of.
  void FailHandshake(absl::string_view reason);
  // A certificate was shown: no stranger any more.
  void Rise();
  void SayTurnedAway();
  void ReadAndAnswer();
  void AnswerBuffered();
  // Answers what is complete in the window, up to the limits of one turn.
  void Answer(Window* window);
  // One step of it; false: stop.
  bool AnswerOne(Window* window);
  void Dispatch(const char* data);
  void Refuse(char* data, int status, absl::string_view message);
  // What was appended to LoopContext::out since `begin` goes out with the replies of others.
  void Reply(size_t begin);
  // After a turn: what to wait for now.
  void Settle();
  void AwaitInput();

  void Send(absl::string_view bytes);
  void Flush();
  void PumpStream();
  void EndStream();
  void FinishClosing();
  void Drain();

  LoopContext& context_;
  Socket socket_;
  std::string address_text_;
  http::Peer peer_;
  const PeerKey key_;
  const bool admitted_;
  Refusal turned_away_;  // why it was not admitted
  BufferHolder holder_;

  Phase phase_ = Phase::kFirstByte;
  bool queued_ = false;       // in LoopContext::ready
  bool more_ = false;         // the turn ended before the received bytes did
  bool answered_ = false;     // a request was completed in this turn
  bool continued_ = false;    // "100 Continue" was sent for the current request
  bool close_after_ = false;  // once everything is written
  bool linger_ = false;       // … and then drain
  bool eof_ = false;          // the peer ended its side
  bool stream_chunked_ = false;
  bool old_tls_ = false;  // the handshake goes by rules that were replaced meanwhile
  uint32_t interest_ = 0;
  size_t written_in_phase_ = 0;

  std::unique_ptr<RequestParser> parser_;  // while a request is incomplete
  Buffer in_;
  Buffer out_;
  std::unique_ptr<http::BodyStream> stream_;
  std::shared_ptr<StreamWaker> waker_;
  uint64_t stream_id_ = 0;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_H_
