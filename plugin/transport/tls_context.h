// The server side of TLS: certificate, key, client CA → an OpenSSL context.
//
// No session is kept here: clients resume by ticket. With a client CA no session is resumed at all:
// each connection shows its certificate, and it is looked at.
//
// Threads:   MakeTlsContext: any. A context is shared by all loops; connections that were made with
//            an old one keep it.
// Errors:    the status names the option and the file, and says what OpenSSL or the system said.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_TLS_CONTEXT_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_TLS_CONTEXT_H_

#include <openssl/ssl.h>

#include <memory>

#include "absl/status/statusor.h"
#include "plugin/transport/listener_options.h"

namespace session_status::transport {

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeTlsContext(const ListenerOptions& options);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_TLS_CONTEXT_H_
