// GET /metrics: Prometheus' text format 0.0.4, collected at each scrape.
//
// Threads:   any listener thread. A scrape takes some locks of those whom it asks, each for the
//            time of a copy; none that the broker's thread takes.
// Ownership: what `read` reaches outlives the surface.
// Errors:    405 for other methods than GET and HEAD.
#ifndef SESSION_STATUS_PLUGIN_METRICS_METRICS_SURFACE_H_
#define SESSION_STATUS_PLUGIN_METRICS_METRICS_SURFACE_H_

#include <functional>
#include <vector>

#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"
#include "plugin/metrics/readings.h"
#include "prometheus/collectable.h"

namespace session_status::metrics {

class MetricsSurface : public http::ConnectErrorHandler, public prometheus::Collectable {
 public:
  static constexpr absl::string_view kPath = "/metrics";

  explicit MetricsSurface(std::function<Readings()> read) : read_(std::move(read)) {}

  void Handle(const http::Request& request, http::Reply* reply) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const std::function<Readings()> read_;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_METRICS_SURFACE_H_
