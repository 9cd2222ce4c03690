// One accepted, non-blocking connection: plain or TLS. Writing never raises SIGPIPE.
//
// Threads:   one loop's thread.
// Ownership: closes its descriptor.
// Errors:    kClosed: the peer ended properly; kFailed: anything else, too many TLS records without
//            application data (kBareRecordsMax) as well. Either way it is over.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_SOCKET_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_SOCKET_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/transport/file_descriptor.h"

namespace session_status::transport {

struct IoResult {
  enum class Kind { kDone, kWouldBlock, kClosed, kFailed };
  Kind kind = Kind::kDone;
  size_t bytes = 0;
};

class Socket {
 public:
  // `context` null: plain.
  Socket(FileDescriptor fd, SSL_CTX* context);
  Socket(const Socket&) = delete;  // OpenSSL knows its address
  Socket& operator=(const Socket&) = delete;

  void Close() {
    ssl_.reset();
    fd_.Close();
  }

  int fd() const { return fd_.get(); }
  bool tls() const { return ssl_ != nullptr; }

  // TLS: kDone once the handshake is through (at once for plain sockets). kWouldBlock: call again
  // when the socket is readable, or writable if wants_write().
  IoResult Handshake();
  // After one that has failed: what was wrong. Empty: nothing but that the peer went away.
  std::string HandshakeFailure() const;
  // A verified one.
  bool has_client_certificate() const;
  // Whether the certificate, if there is one, bears one of `names`.
  bool ClientBears(absl::Span<const std::string> names) const;
  // Whether a handshake by `rules` would take the certificate that the peer has shown; true without
  // one.
  bool PassesAgain(SSL_CTX* rules) const;

  IoResult Read(char* data, size_t size);
  IoResult Write(absl::string_view bytes);
  // Bytes that were received but not handed out: no event will announce them.
  bool has_buffered_input() const { return ssl_ != nullptr && SSL_has_pending(ssl_.get()) == 1; }
  // TLS only: the last call that blocked waits for room to write.
  bool wants_write() const { return wants_write_; }

  // No more writing; what the peer still sends can be drained by DiscardInput().
  void ShutdownWriting();
  IoResult DiscardInput(char* scratch, size_t size);

 private:
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  // Records in a row from which nothing can be read, KeyUpdate for one. An honest peer sends few;
  // OpenSSL reads over any number of them in one call.
  static constexpr int kBareRecordsMax = 32;

  IoResult TlsResult(int result);
  // Called by OpenSSL for every part of a record.
  static void OnTlsMessage(int written, int version, int content_type, const void* bytes,
                           size_t size, SSL* ssl, void* socket);

  FileDescriptor fd_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  bool wants_write_ = false;
  int records_ = 0;  // received since something could be read
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_SOCKET_H_
