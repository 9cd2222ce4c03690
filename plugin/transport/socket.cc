#include "plugin/transport/socket.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::transport {
namespace {

IoResult PlainResult(ssize_t result) {
  if (result > 0) return {IoResult::Kind::kDone, static_cast<size_t>(result)};
  if (result == 0) return {IoResult::Kind::kClosed, 0};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return {IoResult::Kind::kWouldBlock, 0};
  }
  return {IoResult::Kind::kFailed, 0};
}

int ClampToInt(size_t size) { return static_cast<int>(std::min<size_t>(size, INT_MAX)); }

}  // namespace

Socket::Socket(FileDescriptor fd, SSL_CTX* context) : fd_(std::move(fd)) {
  if (context == nullptr) return;
  ssl_.reset(SSL_new(context));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_.get()) != 1) throw std::bad_alloc();
  SSL_set_accept_state(ssl_.get());
}

IoResult Socket::TlsResult(int result) {
  wants_write_ = false;
  if (result > 0) return {IoResult::Kind::kDone, static_cast<size_t>(result)};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {IoResult::Kind::kWouldBlock, 0};
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return {IoResult::Kind::kWouldBlock, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {IoResult::Kind::kClosed, 0};
    default:
      return {IoResult::Kind::kFailed, 0};
  }
}

IoResult Socket::Handshake() {
  if (ssl_ == nullptr) return {};
  ERR_clear_error();
  const IoResult result = TlsResult(SSL_do_handshake(ssl_.get()));
  if (result.kind == IoResult::Kind::kDone) {
    SSL_set_msg_callback(ssl_.get(), OnTlsMessage);
    SSL_set_msg_callback_arg(ssl_.get(), this);
  }
  return result;
}

std::string Socket::HandshakeFailure() const {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0 || ERR_SYSTEM_ERROR(code)) return "";
  const char* const reason = ERR_reason_error_string(code);
  std::string text = reason != nullptr ? reason : absl::StrCat("OpenSSL error ", code);
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict != X509_V_OK) {
    absl::StrAppend(&text, " (", X509_verify_cert_error_string(verdict), ")");
  }
  return text;
}

void Socket::OnTlsMessage(int written, int, int content_type, const void*, size_t, SSL* ssl,
                          void* socket) {
  if (written != 0 || content_type != SSL3_RT_HEADER) return;
  if (++static_cast<Socket*>(socket)->records_ <= kBareRecordsMax) return;
  // The way to stop a read from within: it fails at this record, as after the peer's end.
  SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN);
}

bool Socket::has_client_certificate() const {
  return ssl_ != nullptr && SSL_get0_peer_certificate(ssl_.get()) != nullptr &&
         SSL_get_verify_result(ssl_.get()) == X509_V_OK;
}

bool Socket::ClientBears(absl::Span<const std::string> names) const {
  X509* const certificate = ssl_ == nullptr ? nullptr : SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return false;
  // Who may ask is named in full: "*.example.com" in a certificate is none of them.
  constexpr unsigned kFlags = X509_CHECK_FLAG_ALWAYS_CHECK_SUBJECT | X509_CHECK_FLAG_NO_WILDCARDS;
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return X509_check_host(certificate, name.data(), name.size(), kFlags, nullptr) == 1;
  });
}

// What OpenSSL does in a handshake.
bool Socket::PassesAgain(SSL_CTX* rules) const {
  X509* const certificate = ssl_ == nullptr ? nullptr : SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr) return true;
  ERR_clear_error();
  const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(X509_STORE_CTX_new(),
                                                                         X509_STORE_CTX_free);
  if (check == nullptr ||
      X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(rules), certificate,
                          SSL_get_peer_cert_chain(ssl_.get())) != 1 ||
      X509_STORE_CTX_set_default(check.get(), "ssl_client") != 1) {
    return false;
  }
  X509_VERIFY_PARAM* const how = X509_STORE_CTX_get0_param(check.get());
  X509_VERIFY_PARAM_set_auth_level(how, SSL_CTX_get_security_level(rules));
  return X509_VERIFY_PARAM_set1(how, SSL_CTX_get0_param(rules)) == 1 &&
         X509_verify_cert(check.get()) == 1;
}

IoResult Socket::Read(char* data, size_t size) {
  if (ssl_ == nullptr) return PlainResult(::recv(fd_.get(), data, size, 0));
  ERR_clear_error();
  const int result = SSL_read(ssl_.get(), data, ClampToInt(size));
  if (result > 0) records_ = 0;
  return TlsResult(result);
}

IoResult Socket::Write(absl::string_view bytes) {
  if (ssl_ == nullptr) {
    return PlainResult(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  // OpenSSL writes without MSG_NOSIGNAL; the loop's thread has SIGPIPE blocked.
  ERR_clear_error();
  return TlsResult(SSL_write(ssl_.get(), bytes.data(), ClampToInt(bytes.size())));
}

void Socket::ShutdownWriting() {
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // close_notify, as far as it fits; nobody waits for the answer
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

IoResult Socket::DiscardInput(char* scratch, size_t size) {
  return PlainResult(::recv(fd_.get(), scratch, size, 0));
}

}  // namespace session_status::transport
