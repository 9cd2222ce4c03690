// Wraps a surface that answers queries, and records each answer: operation, result, time taken. One
// that failed is also told, for the log.
//
// Threads:   any listener thread.
// Ownership: everything given to the constructor outlives it.
// Errors:    the wrapped surface's; none of its own.
#ifndef SESSION_STATUS_PLUGIN_METRICS_MEASURED_SURFACE_H_
#define SESSION_STATUS_PLUGIN_METRICS_MEASURED_SURFACE_H_

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/strings/string_view.h"
#include "plugin/http/http_message.h"
#include "plugin/metrics/query_recorder.h"

namespace session_status::metrics {

// A monotonic clock in nanoseconds.
using MonotonicNs = int64_t (*)();

// Called with the operation's name, as the caller wrote it. Must not throw.
using OnFailure = std::function<void(absl::string_view operation, const http::Reply& reply)>;

class MeasuredSurface : public http::Handler {
 public:
  MeasuredSurface(http::Handler& surface, QuerySurface label, QueryRecorder& recorder,
                  MonotonicNs now_ns, OnFailure on_failure = nullptr)
      : surface_(surface),
        label_(label),
        recorder_(recorder),
        now_ns_(now_ns),
        on_failure_(std::move(on_failure)) {}

  void Handle(const http::Request& request, http::Reply* reply) override;
  // Counted as refused, or as denied where it is about who asks, with no time taken: the listener
  // answered by itself. Never as failed, whatever the status: 503 is a limit of the listener.
  void HandleRefused(const http::Request& request, int status, absl::string_view message,
                     http::Reply* reply) override;

 private:
  http::Handler& surface_;
  const QuerySurface label_;
  QueryRecorder& recorder_;
  const MonotonicNs now_ns_;
  const OnFailure on_failure_;
};

// Which operation is asked for: by the last segment of the path (Connect), else by the parameter
// Action or the header x-acs-action (the documented API).
QueryOperation OperationOf(const http::Request& request);

// By HTTP status; the documented API throttles with 400 and the header x-acs-retry-after. Refused
// with 501 is what the plugin does not do, with 504 what was asked of the session database and
// takes longer than anybody waits for it: nothing failed.
QueryResult ResultOf(const http::Reply& reply);

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_MEASURED_SURFACE_H_
