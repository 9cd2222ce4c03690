#include "plugin/transport/connection.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

namespace session_status::transport {
namespace {

// A slow reader must take this much within write_timeout to get as long again.
constexpr size_t kWriteProgressBytes = 16 * 1024;
// Room for a read into a request that is already partly there.
constexpr size_t kReadRoomMin = 2048;
// One piece of a stream, and pieces per turn: others are served in between.
constexpr size_t kStreamPieceBytes = 64 * 1024;
constexpr int kStreamPiecesPerTurn = 4;
// Drained per event while lingering; the deadline bounds the whole.
constexpr int kDrainReadsPerTurn = 4;

}  // namespace

ParserPool::ParserPool(const ListenerOptions& options)
    : limits_{options.request_line_bytes_max,    options.header_bytes_max,
              options.header_count_max,          options.body_bytes_max,
              options.chunk_extension_bytes_max, options.trailer_bytes_max} {
  free_.reserve(kKeptMax);
}

std::unique_ptr<RequestParser> ParserPool::Take() {
  if (free_.empty()) return std::make_unique<RequestParser>(limits_);
  std::unique_ptr<RequestParser> parser = std::move(free_.back());
  free_.pop_back();
  parser->Reset();
  return parser;
}

void ParserPool::Return(std::unique_ptr<RequestParser> parser) noexcept {
  if (parser != nullptr && free_.size() < kKeptMax) free_.push_back(std::move(parser));
}

Waits::Waits(const ListenerOptions& options)
    : first_byte(options.first_byte_timeout),
      head(options.header_timeout),
      body(options.body_timeout),
      idle(options.idle_timeout),
      write(options.write_timeout),
      linger(options.linger_timeout),
      turned_away(options.linger_timeout) {}

LoopContext::LoopContext(const ListenerOptions& listener_options, http::Handler& request_handler,
                         BufferBudget& budget, ConnectionLimits& connection_limits)
    : options(listener_options),
      handler(request_handler),
      limits(connection_limits),
      buffers(budget),
      parsers(options),
      waits{Waits(options), Waits(options), Waits(options)},
      wakes(std::make_shared<WakeQueue>()) {}

Connection::Connection(LoopContext& context, FileDescriptor fd, SSL_CTX* tls,
                       const SocketAddress& address, const PeerKey& key, Access access,
                       PeerUse* use)
    : context_(context),
      socket_(std::move(fd), tls),
      peer_(PeerOf(socket_.fd(), address, &address_text_)),
      key_(key),
      admitted_(use != nullptr),
      holder_{StandingOf(peer_), nullptr},
      in_(context.buffers, holder_),
      out_(context.buffers, holder_) {
  peer_.tls = socket_.tls();
  peer_.metrics_only = access == Access::kMetrics;
  if (use != nullptr && standing() == Standing::kStranger) {
    holder_.address_bytes = &use->buffered_bytes;
  }
  context_.counters.connections.Add();
}

void Connection::Start() {
  EnterPhase(socket_.tls() ? Phase::kHandshake : Phase::kFirstByte);
  SetInterest(EPOLLIN);
}

void Connection::TurnAway(const Refusal& why) {
  turned_away_ = why;
  Start();
  if (phase_ == Phase::kFirstByte) SayTurnedAway();  // else ShakeHands() does
}

void Connection::SayTurnedAway() {
  const size_t begin = context_.out.size();
  Refuse(nullptr, turned_away_.status, turned_away_.message);
  // At once, not together with the replies of others: it must linger, and so be able to make room,
  // before the next one is turned away.
  Send(absl::string_view(context_.out).substr(begin));
  context_.out.resize(begin);
  Settle();
}

void Connection::Close() noexcept {
  if (closed()) return;
  if (socket_.tls() && phase_ != Phase::kLingering) socket_.ShutdownWriting();
  phase_ = Phase::kClosed;
  TimeoutQueue::Member::Stop();
  if (queued_) std::erase(context_.ready, this);
  // To close the descriptor does not do while there is a copy of it: epoll would go on to tell of
  // this connection.
  if (interest_ != 0) ::epoll_ctl(context_.epoll_fd, EPOLL_CTL_DEL, socket_.fd(), nullptr);
  socket_.Close();
  EndStream();
  context_.parsers.Return(std::move(parser_));
  in_.Release();
  out_.Release();
  if (admitted_) {
    context_.limits.Leave(key_, standing());
  } else {
    --context_.turned_away;
  }
  context_.counters.connections.Add(-1);
  context_.closed.push_back(this);
}

void Connection::EnterPhase(Phase phase) {
  if (closed()) return;
  const bool restart = phase != phase_ || phase == Phase::kIdle || answered_ || interest_ == 0;
  phase_ = phase;
  if (!restart) return;
  const int64_t now = context_.now_ns;
  Waits& waits = context_.WaitsOf(standing());
  switch (phase) {
    case Phase::kHandshake:
    case Phase::kFirstByte:
      (admitted_ ? waits.first_byte : waits.turned_away).Start(*this, now);
      break;
    case Phase::kHead:
      waits.head.Start(*this, now);
      break;
    case Phase::kBody:
      waits.body.Start(*this, now);
      break;
    case Phase::kIdle:
      waits.idle.Start(*this, now);
      break;
    case Phase::kWriting:
      written_in_phase_ = 0;
      (admitted_ ? waits.write : waits.turned_away).Start(*this, now);
      break;
    case Phase::kLingering:
      (admitted_ ? waits.linger : waits.turned_away).Start(*this, now);
      break;
    case Phase::kReplying:
    case Phase::kReady:
    case Phase::kStreaming:
    case Phase::kClosed:
      TimeoutQueue::Member::Stop();
      break;
  }
}

void Connection::SetInterest(uint32_t events) {
  if (closed() || events == interest_) return;
  epoll_event event = {};
  event.events = events;
  event.data.ptr = static_cast<EventSource*>(this);
  const int operation = interest_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  interest_ = events;
  if (::epoll_ctl(context_.epoll_fd, operation, socket_.fd(), &event) != 0) Close();
}

void Connection::QueueReady() {
  EnterPhase(Phase::kReady);
  if (!closed()) Queue();
}

void Connection::Queue() {
  if (queued_) return;
  context_.ready.push_back(this);  // the loop made room for every connection
  queued_ = true;
}

void Connection::OnEvents(uint32_t events) {
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  switch (phase_) {
    case Phase::kHandshake:
      return ShakeHands();
    case Phase::kFirstByte:
    case Phase::kHead:
    case Phase::kBody:
    case Phase::kIdle:
      return ReadAndAnswer();
    case Phase::kWriting:
      return broken ? Close() : Flush();
    case Phase::kStreaming:
      eof_ = true;  // EPOLLRDHUP: nobody waits for what comes later
      return Close();
    case Phase::kLingering:
      return Drain();
    case Phase::kReplying:
    case Phase::kReady:  // its turn comes
    case Phase::kClosed:
      return;
  }
}

void Connection::ShakeHands() {
  const IoResult result = socket_.Handshake();
  switch (result.kind) {
    case IoResult::Kind::kWouldBlock:
      return SetInterest(socket_.wants_write() ? EPOLLOUT : EPOLLIN);
    case IoResult::Kind::kClosed:
    case IoResult::Kind::kFailed:
      return FailHandshake(socket_.HandshakeFailure());
    case IoResult::Kind::kDone:
      break;
  }
  if (old_tls_ && !socket_.PassesAgain(context_.tls.get())) {
    return FailHandshake("its certificate is not good any more since the reload");
  }
  const Access access = AccessOfCertificate(socket_, context_.options);
  peer_.client_certificate = access != Access::kNone;
  peer_.metrics_only = access == Access::kMetrics;
  if (peer_.client_certificate) Rise();
  if (!admitted_) return SayTurnedAway();
  phase_ = Phase::kFirstByte;  // with the deadline of the handshake: both are one wait
  SetInterest(EPOLLIN);
  if (!closed()) ReadAndAnswer();  // the request may have come with the last flight
}

void Connection::FailHandshake(absl::string_view reason) {
  if (!reason.empty()) {
    context_.counters.failed_handshakes.Add();
    if (*context_.on_failed_handshake) (*context_.on_failed_handshake)(peer_, reason);
  }
  Close();
}

void Connection::Rise() {
  const Standing risen = StandingOf(peer_);
  if (admitted_) context_.limits.Raise(standing(), risen);
  // Nothing is buffered during a handshake, so nothing is owed in the old name. The wait that runs
  // goes on in its old queue: the request mostly came with the handshake's last flight.
  holder_ = {risen, nullptr};
}

void Connection::ReadAndAnswer() {
  const bool buffered = !in_.empty();
  const size_t begin = context_.out.size();
  if (buffered && in_.room() < kReadRoomMin && !in_.Reserve(std::max(kReadRoomMin, in_.size()))) {
    Refuse(in_.data(), 503, "out of buffer memory");
    return Reply(begin);
  }
  Window window = {context_.read_bytes.data(), 0};
  const IoResult result = buffered ? socket_.Read(in_.room_data(), in_.room())
                                   : socket_.Read(window.data, context_.read_bytes.size());
  if (result.kind == IoResult::Kind::kWouldBlock) {
    return SetInterest(socket_.wants_write() ? EPOLLOUT : EPOLLIN);
  }
  if (result.kind != IoResult::Kind::kDone) return Close();
  context_.counters.bytes_received.Add(static_cast<int64_t>(result.bytes));
  if (buffered) {
    in_.Commit(result.bytes);
    return AnswerBuffered();
  }
  window.size = result.bytes;
  Answer(&window);
  if (window.size > 0 && !in_.Append({window.data, window.size})) {
    if (stream_ == nullptr) {
      Refuse(window.data, 503, "out of buffer memory");
    } else {
      close_after_ = linger_ = true;  // a refusal would be taken for a part of the stream
    }
  }
  Reply(begin);
}

void Connection::AnswerBuffered() {
  const size_t begin = context_.out.size();
  Window window = {in_.data(), in_.size()};
  Answer(&window);
  in_.Consume(static_cast<size_t>(window.data - in_.data()));
  in_.Truncate(window.size);
  if (in_.empty()) in_.Release();
  Reply(begin);
}

void Connection::Answer(Window* window) {
  const size_t begin = context_.out.size();
  answered_ = false;
  more_ = false;
  for (int answered = 0; window->size > 0; ++answered) {
    if (answered == context_.options.pipelined_max ||
        context_.out.size() - begin >= context_.options.unsent_bytes_max) {
      more_ = true;
      break;
    }
    if (!AnswerOne(window)) break;
  }
}

bool Connection::AnswerOne(Window* window) {
  if (parser_ == nullptr) parser_ = context_.parsers.Take();
  switch (parser_->Parse(window->data, &window->size)) {
    case RequestParser::Progress::kNeedMore:
      if (!continued_ && parser_->wants_continue(window->size)) {
        context_.out.append("HTTP/1.1 100 Continue\r\n\r\n");
        continued_ = true;
      }
      return false;
    case RequestParser::Progress::kRefused:
      Refuse(window->data, parser_->refusal().status, parser_->refusal().message);
      window->size = 0;
      return false;
    case RequestParser::Progress::kComplete:
      break;
  }
  Dispatch(window->data);
  window->data += parser_->consumed();
  window->size -= parser_->consumed();
  context_.parsers.Return(std::move(parser_));
  answered_ = true;
  continued_ = false;
  if (close_after_) {
    linger_ = linger_ || window->size > 0;
    window->size = 0;
  }
  more_ = stream_ != nullptr && window->size > 0;
  return !close_after_ && stream_ == nullptr;
}

void Connection::Dispatch(const char* data) {
  http::Request& request = context_.request;
  http::Reply& reply = context_.reply;
  parser_->Fill(data, &context_.headers, &request);
  request.peer = &peer_;
  request.now = context_.now;
  reply.Clear();
  context_.counters.requests.Add();
  context_.handler.Handle(request, &reply);

  ReplyWriter::Framing framing;
  framing.close = reply.close || !parser_->keep_alive();
  framing.keep_alive_named = parser_->is_http_1_0();
  linger_ = linger_ || reply.close;
  if (reply.stream != nullptr) {
    if (parser_->is_head()) {
      framing.body = ReplyWriter::Body::kNoneOfStream;
      reply.stream.reset();
    } else if (parser_->is_http_1_0()) {
      framing.body = ReplyWriter::Body::kUntilClose;
      framing.close = true;
    } else {
      framing.body = ReplyWriter::Body::kChunked;
    }
  } else if (parser_->is_head()) {
    framing.body = ReplyWriter::Body::kNone;
  }
  const bool sound = context_.writer.Append(reply, framing, &context_.out);
  close_after_ = framing.close || !sound;
  if (!sound || reply.stream == nullptr) return;
  stream_ = std::move(reply.stream);
  stream_chunked_ = framing.body == ReplyWriter::Body::kChunked;
  stream_id_ = ++context_.last_stream_id;
  context_.streams[stream_id_] = this;
  waker_ = std::make_shared<StreamWaker>(context_.wakes, stream_id_);
  stream_->Start([waker = waker_] { waker->Wake(); });
}

void Connection::Refuse(char* data, int status, absl::string_view message) {
  http::Request& request = context_.request;
  http::Reply& reply = context_.reply;
  request = http::Request();
  if (parser_ != nullptr && data != nullptr) {
    parser_->GiveUp(data);
    parser_->Fill(data, &context_.headers, &request);
  }
  request.peer = &peer_;
  request.now = context_.now;
  reply.Clear();
  reply.status = status;
  context_.counters.refused_requests.Add();
  context_.handler.HandleRefused(request, status, message, &reply);
  reply.stream.reset();
  ReplyWriter::Framing framing;
  framing.close = true;
  if (parser_ != nullptr && parser_->is_head()) framing.body = ReplyWriter::Body::kNone;
  context_.writer.Append(reply, framing, &context_.out);
  close_after_ = linger_ = true;
  more_ = false;
}

void Connection::Reply(size_t begin) {
  const size_t size = context_.out.size() - begin;
  if (size == 0) return Settle();
  EnterPhase(Phase::kReplying);
  context_.replies.push_back({this, begin, size});  // the loop made room for every connection
}

void Connection::OnReply(absl::string_view bytes) {
  Send(bytes);
  Settle();
}

void Connection::Settle() {
  if (closed()) return;
  if (!out_.empty()) {
    EnterPhase(Phase::kWriting);
    return SetInterest(socket_.tls() && !socket_.wants_write() ? EPOLLIN : EPOLLOUT);
  }
  if (stream_ != nullptr) return PumpStream();
  if (close_after_) return FinishClosing();
  if (more_) return QueueReady();
  AwaitInput();
  SetInterest(EPOLLIN);
  // Perhaps only a part of a record: whoever sends such parts gains no time by it.
  if (socket_.has_buffered_input()) Queue();
}

void Connection::AwaitInput() {
  if (in_.empty()) {
    EnterPhase(Phase::kIdle);
  } else {
    EnterPhase(parser_ != nullptr && parser_->head_complete() ? Phase::kBody : Phase::kHead);
  }
}

void Connection::OnReady() {
  queued_ = false;
  switch (phase_) {
    case Phase::kReady:
      return stream_ != nullptr ? PumpStream() : AnswerBuffered();
    case Phase::kFirstByte:
    case Phase::kHead:
    case Phase::kBody:
    case Phase::kIdle:
      return ReadAndAnswer();
    case Phase::kHandshake:
    case Phase::kReplying:
    case Phase::kWriting:
    case Phase::kStreaming:
    case Phase::kLingering:
    case Phase::kClosed:
      return;
  }
}

void Connection::Send(absl::string_view bytes) {
  while (out_.empty() && !bytes.empty()) {
    const IoResult result = socket_.Write(bytes);
    if (result.kind == IoResult::Kind::kWouldBlock) break;
    if (result.kind != IoResult::Kind::kDone) return Close();
    context_.counters.bytes_sent.Add(static_cast<int64_t>(result.bytes));
    bytes.remove_prefix(result.bytes);
  }
  if (!bytes.empty() && !out_.Append(bytes)) Close();  // no memory left for slow readers
}

void Connection::Flush() {
  while (!out_.empty()) {
    const IoResult result = socket_.Write({out_.data(), out_.size()});
    if (result.kind == IoResult::Kind::kWouldBlock) {
      return SetInterest(socket_.tls() && !socket_.wants_write() ? EPOLLIN : EPOLLOUT);
    }
    if (result.kind != IoResult::Kind::kDone) return Close();
    context_.counters.bytes_sent.Add(static_cast<int64_t>(result.bytes));
    out_.Consume(result.bytes);
    written_in_phase_ += result.bytes;
    if (written_in_phase_ >= kWriteProgressBytes) {
      written_in_phase_ = 0;
      context_.WaitsOf(standing()).write.Start(*this, context_.now_ns);
    }
  }
  out_.Release();
  answered_ = true;
  if (stream_ == nullptr && !close_after_ && more_) return QueueReady();
  Settle();
}

void Connection::OnWake() {
  if (waker_ != nullptr) waker_->Acknowledge();
  if (phase_ == Phase::kStreaming) PumpStream();
}

void Connection::PumpStream() {
  for (int piece = 0; piece < kStreamPiecesPerTurn; ++piece) {
    waker_->Acknowledge();
    context_.piece.clear();
    const http::BodyStream::Progress progress = stream_->Next(kStreamPieceBytes, &context_.piece);
    const bool done = progress == http::BodyStream::Progress::kDone;
    const size_t begin = context_.out.size();
    if (stream_chunked_) {
      ReplyWriter::AppendChunk(context_.piece, &context_.out);
      if (done) ReplyWriter::AppendLastChunk(&context_.out);
    } else {
      context_.out.append(context_.piece);
    }
    if (done) {
      EndStream();
      more_ = !in_.empty();
    }
    Send(absl::string_view(context_.out).substr(begin));
    context_.out.resize(begin);
    if (closed()) return;
    if (done || !out_.empty()) return Settle();
    if (progress == http::BodyStream::Progress::kWaiting) {
      EnterPhase(Phase::kStreaming);
      return SetInterest(EPOLLRDHUP);
    }
  }
  QueueReady();
}

void Connection::EndStream() {
  if (stream_ == nullptr) return;
  context_.streams.erase(stream_id_);
  stream_.reset();
  waker_.reset();
}

void Connection::FinishClosing() {
  if (!linger_) return Close();
  context_.parsers.Return(std::move(parser_));
  in_.Release();
  socket_.ShutdownWriting();
  EnterPhase(Phase::kLingering);
  SetInterest(EPOLLIN);
  if (!closed()) Drain();
}

void Connection::Drain() {
  for (int i = 0; i < kDrainReadsPerTurn; ++i) {
    const IoResult result =
        socket_.DiscardInput(context_.read_bytes.data(), context_.read_bytes.size());
    if (result.kind == IoResult::Kind::kWouldBlock) return;
    if (result.kind != IoResult::Kind::kDone) return Close();
  }
}

void Connection::OnTlsReload() {
  if (phase_ == Phase::kHandshake) {
    old_tls_ = true;  // looked at when the certificate is here
  } else if (!socket_.PassesAgain(context_.tls.get())) {
    Close();
  }
}

void Connection::OnTimeout() {
  // Who asks nothing more, or reads the end of a refusal, is not slow.
  if (phase_ != Phase::kLingering && phase_ != Phase::kIdle) context_.counters.timeouts.Add();
  if (phase_ != Phase::kHead && phase_ != Phase::kBody) return Close();
  const size_t begin = context_.out.size();
  Refuse(in_.data(), 408, "the request took too long to arrive");
  Reply(begin);
}

}  // namespace session_status::transport
