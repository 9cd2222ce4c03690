#include "plugin/metrics/metric_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "plugin/metrics/metrics_surface.h"
#include "tests/metrics/example_readings.h"

namespace session_status::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::string ReadFile(const char* path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string DocLine(const MetricRow& row) {
  return absl::StrCat("| `", row.name, "` | ", KindName(row.kind), " | ",
                      row.labels.empty() ? "" : absl::StrCat("`", row.labels, "`"), " | ", row.help,
                      " | ", row.source, " |\n");
}

constexpr char kDocument[] = SOURCE_DIR "/docs/metrics.md";

// The table in the document is made from the one in the code: with SESSION_STATUS_UPDATE_DOCS=1 in
// the environment it is written first.
TEST(MetricTableTest, IsTheTableOfTheDocument) {
  std::string table =
      "\n| name | kind | labels | what it says | counted by |\n|---|---|---|---|---|\n";
  for (const MetricRow& row : MetricTable()) absl::StrAppend(&table, DocLine(row));
  absl::StrAppend(&table, "\n");
  const std::string begin = "<!-- metrics: generated -->\n";
  const std::string end = "<!-- /metrics -->";
  std::string text = ReadFile(kDocument);
  const size_t start = text.find(begin) + begin.size();
  ASSERT_NE(text.find(end), std::string::npos);
  if (std::getenv("SESSION_STATUS_UPDATE_DOCS") != nullptr) {
    text.replace(start, text.find(end) - start, table);
    std::ofstream(kDocument) << text;
  }
  EXPECT_EQ(text.substr(start, text.find(end) - start), table);
}

TEST(MetricTableTest, NamesAreUniqueAndSayTheirUnit) {
  std::set<absl::string_view> names;
  for (const MetricRow& row : MetricTable()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_TRUE(absl::StartsWith(row.name, "session_status_"));
    EXPECT_EQ(absl::EndsWith(row.name, "_total"), row.kind == prometheus::MetricType::Counter);
    EXPECT_TRUE(absl::EndsWith(row.help, "."));
  }
}

TEST(MetricTableTest, EverySampleCarriesExactlyTheLabelsOfItsRow) {
  const ExampleSources sources;
  const Readings readings = sources.Read();
  for (const MetricRow& row : MetricTable()) {
    SCOPED_TRACE(row.name);
    std::vector<prometheus::ClientMetric> samples;
    row.read(readings, &samples);
    ASSERT_FALSE(samples.empty()) << "the example readings must have every group";
    for (const auto& sample : samples) {
      EXPECT_EQ(absl::StrJoin(sample.label, ",",
                              [](std::string* out, const auto& label) { *out += label.name; }),
                row.labels);
    }
  }
}

TEST(MetricTableTest, AGroupThatIsNotThereHasNoMetrics) {
  Readings readings;
  readings.server = {"1", "mosquitto 2.1", absl::UnixEpoch()};
  for (const auto& family : CollectFamilies(readings)) {
    EXPECT_THAT(family.name, Not(HasSubstr("listener")));
    EXPECT_NE(family.name, "session_status_snapshot_age_seconds");
    EXPECT_NE(family.name, "session_status_query_duration_seconds");
  }
}

TEST(MetricTableTest, WhoIsAwayFromTheEngineOrWasStoppedIsNotLost) {
  Readings readings;
  readings.server = {"1", "mosquitto 2.1", absl::UnixEpoch()};
  registry::FleetStatus& fleet = readings.fleet.emplace();
  for (const auto& [self, alive] : {std::pair(true, false), {false, true}, {false, false}}) {
    registry::FleetNode& node = fleet.nodes.emplace_back();
    node.self = self;
    node.alive = alive;
  }
  fleet.nodes.emplace_back().left = true;
  std::map<std::string, double> nodes;
  for (const auto& family : CollectFamilies(readings)) {
    if (family.name != "session_status_fleet_nodes") continue;
    for (const auto& metric : family.metric) nodes[metric.label.at(0).value] = metric.gauge.value;
  }
  EXPECT_THAT(nodes, UnorderedElementsAre(std::pair("alive", 1), std::pair("lost", 1),
                                          std::pair("left", 1)));
}

TEST(MetricsSurfaceTest, ServesTheTextFormat) {
  const ExampleSources sources;
  MetricsSurface surface([&sources] { return sources.Read(); });
  http::Request request;
  request.method = "GET";
  http::Reply reply;
  surface.Handle(request, &reply);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line : {
           "# TYPE session_status_sessions gauge\n",
           "\nsession_status_sessions{state=\"online\"} 5\n",
           "\nsession_status_ends_total{reason=\"taken_over\"} 3\n",
           "\nsession_status_online_sessions{protocol=\"3.1.1\"} 3\n",
           "\nsession_status_events_total{kind=\"ended\"} 37\n",
           "\nsession_status_feed_lag_changes 6\n",
           "\nsession_status_api_throttled_calls_total{code=\"Throttling.User\"} 4\n",
           "\nsession_status_usage_pending_counts 2\n",
           "\nsession_status_snapshot_age_seconds 0.25\n",
           "\nsession_status_snapshot_behind_changes 2\n",
           "\nsession_status_build_info{version=\"1.2.3\",broker=\"mosquitto 2.1\"} 1\n",
           "\nsession_status_event_callback_duration_seconds_count 1\n",
       }) {
    EXPECT_THAT(reply.body, HasSubstr(line));
  }
}

TEST(MetricsSurfaceTest, RefusesToBeWritten) {
  MetricsSurface surface([] { return Readings(); });
  http::Request request;
  request.method = "PUT";
  http::Reply reply;
  surface.Handle(request, &reply);
  EXPECT_EQ(reply.status, 405);
}

}  // namespace
}  // namespace session_status::metrics
