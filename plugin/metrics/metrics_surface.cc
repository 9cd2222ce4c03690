#include "plugin/metrics/metrics_surface.h"

#include "plugin/http/get_only.h"
#include "plugin/metrics/metric_table.h"
#include "prometheus/text_serializer.h"

namespace session_status::metrics {

std::vector<prometheus::MetricFamily> MetricsSurface::Collect() const {
  return CollectFamilies(read_());
}

void MetricsSurface::Handle(const http::Request& request, http::Reply* reply) {
  if (!http::AllowGetOnly(request, reply)) return;
  reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply->headers.emplace_back("Cache-Control", "no-store");
  reply->body = prometheus::TextSerializer().prometheus::Serializer::Serialize(Collect());
}

}  // namespace session_status::metrics
