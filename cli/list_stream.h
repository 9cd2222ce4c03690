// GET /v1/sessions seen from the other end: the path that asks for it, and what comes.
//
// Threads: one.
// Errors:  a listing that the plugin could not finish ends with a line that says so; it is taken
//          out of the output and returned by Finish().
#ifndef SESSION_STATUS_CLI_LIST_STREAM_H_
#define SESSION_STATUS_CLI_LIST_STREAM_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {

// Path and query for the filter and fields of `request`.
std::string ListPath(const ::mosquitto_session_status::v1::ListSessionsRequest& request, bool csv);

class ListStream {
 public:
  // `limit` 0: none.
  ListStream(bool csv, uint64_t limit) : csv_(csv), limit_(limit) {}

  // The next bytes of the body; returns those to print, valid until the next call. Only whole
  // lines.
  absl::string_view Take(absl::string_view bytes);
  // Sessions taken so far.
  uint64_t sessions() const { return sessions_; }
  bool enough() const { return limit_ != 0 && sessions_ >= limit_; }
  // At the end of the body.
  absl::Status Finish() const;

 private:
  bool IsError(absl::string_view line) const;

  const bool csv_;
  const uint64_t limit_;
  std::string buffer_;  // begins with what was returned last
  size_t returned_ = 0;
  size_t scanned_ = 0;
  bool quoted_ = false;  // CSV: inside of a quoted cell, where a line break is data
  bool heading_seen_ = false;
  uint64_t sessions_ = 0;
  std::string error_;
};

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_LIST_STREAM_H_
