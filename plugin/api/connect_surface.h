// The Connect protocol, version 1, unary calls over HTTP/1.1 (connectrpc.com, "Connect Protocol
// Reference"): decodes a request, calls the Service, encodes the reply.
//
//   POST /mosquitto_session_status.v1.SessionStatusService/<Method>
//        Content-Type: application/proto | application/json
//   GET  …/<Method>?connect=v1&encoding=json&message=…       (all methods are free of side effects)
//
// Not served, on purpose: streaming calls, gRPC and gRPC-Web (415); compressed requests (501).
//
// Threads:   any listener thread.
// Ownership: the service outlives the surface.
// Errors:    always the Connect error body, also for 404, 405 and 415.
#ifndef SESSION_STATUS_PLUGIN_API_CONNECT_SURFACE_H_
#define SESSION_STATUS_PLUGIN_API_CONNECT_SURFACE_H_

#include "plugin/api/service.h"
#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"

namespace session_status::api {

class ConnectSurface : public http::ConnectErrorHandler {
 public:
  // Everything this surface answers lies below this path.
  static constexpr absl::string_view kPathPrefix =
      "/mosquitto_session_status.v1.SessionStatusService/";

  explicit ConnectSurface(const Service& service) : service_(service) {}

  void Handle(const http::Request& request, http::Reply* reply) override;

 private:
  const Service& service_;
};

}  // namespace session_status::api

#endif  // SESSION_STATUS_PLUGIN_API_CONNECT_SURFACE_H_
