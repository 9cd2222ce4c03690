// The change feed over HTTP, twice:
//
//   GET  /v1/changes            server-sent events; POST with a form for long watch sets
//        ?after=SEQUENCE        everything after it (or EPOCH-SEQUENCE; Last-Event-ID wins)
//        &id=…&id=…             a watch set; begins with its present states
//        &prefix=…&group=…&kind=online,offline,session_kept,session_gone,repaired
//   POST …/WatchSessions        a Connect server stream, application/connect+proto or +json
//
// Threads:   any listener thread.
// Ownership: the feed outlives both surfaces.
// Errors:    SseSurface: HTTP status and the Connect error body. WatchSurface: as the protocol
//            asks, status 200 and the error in the end of the stream; 404, 405, 415 for what is
//            not a stream at all.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGES_SURFACE_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGES_SURFACE_H_

#include <string>

#include "plugin/feed/change_feed.h"
#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"

namespace session_status::feed {

class SseSurface : public http::ConnectErrorHandler {
 public:
  static constexpr absl::string_view kPath = "/v1/changes";

  explicit SseSurface(ChangeFeed& feed) : feed_(feed) {}
  void Handle(const http::Request& request, http::Reply* reply) override;

 private:
  absl::Status Open(const http::Request& request, http::Reply* reply);
  ChangeFeed& feed_;
};

class WatchSurface : public http::ConnectErrorHandler {
 public:
  static constexpr absl::string_view kPath =
      "/mosquitto_session_status.v1.SessionStatusService/WatchSessions";

  WatchSurface(ChangeFeed& feed, std::string instance_id)
      : feed_(feed), instance_id_(std::move(instance_id)) {}
  void Handle(const http::Request& request, http::Reply* reply) override;

 private:
  absl::Status Open(const http::Request& request, bool json, http::Reply* reply);
  ChangeFeed& feed_;
  const std::string instance_id_;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGES_SURFACE_H_
