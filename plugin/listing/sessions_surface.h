// All sessions in one answer of any length, with flat memory:
//
//   GET /v1/sessions?format=jsonl|csv&fields=clientId,address&…
//       state=online,offline_session_kept,offline  prefix=  group=  address=10.0.0.0/8
//       protocol=3.1|3.1.1|5  listener=1883  reason=network_error,…
//       connected_from=  connected_until=  disconnected_from=  disconnected_until=
//                                          (milliseconds since 1970, or RFC 3339)
//
// Each once, but fields, state and reason, whose values add up; in UTF-8. No filter is empty but
// prefix.
//
// The headers Session-Sequence and Session-Epoch name the cut: follow on from there with
// GET /v1/changes?after=EPOCH-SEQUENCE. A listing that cannot be finished ends with a line
// {"error":{"code":…,"message":…}}, in CSV with a line that begins with "#error".
//
// Threads:   any listener thread.
// Ownership: the lister outlives the surface and its streams.
// Errors:    HTTP status and the Connect error body.
#ifndef SESSION_STATUS_PLUGIN_LISTING_SESSIONS_SURFACE_H_
#define SESSION_STATUS_PLUGIN_LISTING_SESSIONS_SURFACE_H_

#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"
#include "plugin/listing/lister.h"

namespace session_status::listing {

class SessionsSurface : public http::ConnectErrorHandler {
 public:
  static constexpr absl::string_view kPath = "/v1/sessions";

  explicit SessionsSurface(Lister& lister) : lister_(lister) {}
  void Handle(const http::Request& request, http::Reply* reply) override;

 private:
  absl::Status Open(const http::Request& request, http::Reply* reply);
  Lister& lister_;
};

}  // namespace session_status::listing

#endif  // SESSION_STATUS_PLUGIN_LISTING_SESSIONS_SURFACE_H_
