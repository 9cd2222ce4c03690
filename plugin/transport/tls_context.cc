#include "plugin/transport/tls_context.h"

#include <openssl/err.h>
#include <openssl/pemerr.h>

#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace session_status::transport {
namespace {

std::string OpenSslReason() {
  const unsigned long code = ERR_get_error();
  if (code == 0) return "no reason given";
  ERR_clear_error();
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : absl::StrCat("OpenSSL error ", code);
}

absl::Status BadFile(absl::string_view option, absl::string_view file, absl::string_view remedy) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, " \"", file, "\": ", OpenSslReason(), "; ", remedy));
}

// HTTP/1.1 is all we speak; a client that offers only others is refused in the handshake.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  constexpr absl::string_view kProtocol = "http/1.1";
  for (unsigned int i = 0; i < offered_size && offered[i] < offered_size - i;
       i += 1u + offered[i]) {
    if (offered[i] == kProtocol.size() &&
        std::memcmp(offered + i + 1, kProtocol.data(), kProtocol.size()) == 0) {
      *out = offered + i + 1;
      *out_size = offered[i];
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Else OpenSSL asks the terminal, which would stop the broker's start, a reload or `doctor`.
int KnowNoPassPhrase(char*, int, int, void*) {
  ERR_raise(ERR_LIB_PEM,
            PEM_R_BAD_PASSWORD_READ);  // OpenSSL's own would be "interrupted or cancelled"
  return -1;
}

void SetFixedParts(SSL_CTX* context) {
  SSL_CTX_set_default_passwd_cb(context, KnowNoPassPhrase);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // Renegotiation costs the server more than the client; nobody needs it.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);  // one read per record instead of two
  // By default OpenSSL remembers 20,480 sessions of clients that take no tickets, in no limit of
  // ours, and again for each reload while one of its connections is open. Who wants to resume takes
  // a ticket, which is the client's to keep.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, SelectProtocol, nullptr);
}

absl::Status LoadIdentity(SSL_CTX* context, const ListenerOptions& options) {
  if (SSL_CTX_use_certificate_chain_file(context, options.tls_certificate_file.c_str()) != 1) {
    return BadFile("tls_certificate_file", options.tls_certificate_file,
                   "give a PEM file with the chain, leaf first, readable by the broker's user");
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.tls_private_key_file.c_str(),
                                  SSL_FILETYPE_PEM) != 1) {
    return BadFile("tls_private_key_file", options.tls_private_key_file,
                   "give a PEM file without pass phrase, readable by the broker's user");
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return BadFile("tls_private_key_file", options.tls_private_key_file,
                   "the key does not belong to tls_certificate_file");
  }
  return absl::OkStatus();
}

// OpenSSL verifies in a full handshake only: who resumes, and so renews his ticket, would get in
// for ever with a certificate that has ended or is revoked.
void ResumeNoSession(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  // In TLS 1.3 the option leaves tickets that name cached sessions.
  SSL_CTX_set_num_tickets(context, 0);
}

absl::Status LoadClientCa(SSL_CTX* context, const ListenerOptions& options) {
  if (options.tls_client_ca_file.empty()) {
    if (!options.tls_client_certificate_required) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "tls_client_certificate_required is set without tls_client_ca_file; name the CA");
  }
  const char* file = options.tls_client_ca_file.c_str();
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(file);
  if (names == nullptr || SSL_CTX_load_verify_file(context, file) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return BadFile("tls_client_ca_file", options.tls_client_ca_file,
                   "give a PEM file of CA certificates, readable by the broker's user");
  }
  SSL_CTX_set_client_CA_list(context, names);
  SSL_CTX_set_verify(
      context,
      SSL_VERIFY_PEER |
          (options.tls_client_certificate_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
      nullptr);
  ResumeNoSession(context);
  return absl::OkStatus();
}

absl::Status LoadRevocations(SSL_CTX* context, const ListenerOptions& options) {
  const std::string& file = options.tls_client_crl_file;
  if (file.empty()) return absl::OkStatus();
  X509_LOOKUP* const lookup =
      X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), X509_LOOKUP_file());
  if (lookup == nullptr || X509_load_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM) <= 0) {
    return BadFile("tls_client_crl_file", file,
                   "give a PEM file with the CA's list of revoked certificates, readable by the "
                   "broker's user");
  }
  // Of the client's own certificate: lists of the authorities above it are seldom at hand.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_CRL_CHECK);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeTlsContext(const ListenerOptions& options) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()),
                                   [](SSL_CTX* c) { SSL_CTX_free(c); });
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for TLS");
  SetFixedParts(context.get());
  if (absl::Status status = LoadIdentity(context.get(), options); !status.ok()) return status;
  if (absl::Status status = LoadClientCa(context.get(), options); !status.ok()) return status;
  if (absl::Status status = LoadRevocations(context.get(), options); !status.ok()) return status;
  return context;
}

}  // namespace session_status::transport
