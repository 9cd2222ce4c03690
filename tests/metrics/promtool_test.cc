// Prometheus itself checks what we scrape, the alert rules and the dashboard's expressions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "plugin/metrics/metric_table.h"
#include "plugin/metrics/metrics_surface.h"
#include "tests/metrics/example_readings.h"
#include "tests/testing/temp_dir.h"

namespace session_status::metrics {
namespace {

constexpr char kRules[] = SOURCE_DIR "/docs/alert-rules.yml";
constexpr char kRuleTests[] = SOURCE_DIR "/tests/metrics/alert_rules_test.yml";
constexpr char kMetricsManual[] = SOURCE_DIR "/docs/metrics.md";
constexpr char kDashboard[] = SOURCE_DIR "/docs/grafana-dashboard.json";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string WriteTempFile(absl::string_view name, const std::string& text) {
  const std::string path = absl::StrCat(::testing::TempDir(), name);
  std::ofstream(path) << text;
  return path;
}

int Promtool(const std::string& arguments) {
  return std::system(absl::StrCat(PROMTOOL " ", arguments, " >&2").c_str());
}

// Every expression of the dashboard, with Grafana's variables replaced by values.
std::vector<std::string> DashboardExpressions() {
  rapidjson::Document dashboard;
  const std::string text = ReadFile(kDashboard);
  dashboard.Parse(text.c_str());
  EXPECT_FALSE(dashboard.HasParseError());
  std::vector<std::string> expressions;
  for (const auto& panel : dashboard["panels"].GetArray()) {
    for (const auto& target : panel["targets"].GetArray()) {
      expressions.push_back(absl::StrReplaceAll(target["expr"].GetString(),
                                                {{"$__rate_interval", "5m"}, {"$instance", ".*"}}));
    }
  }
  return expressions;
}

// The scrape as series for promtool: every sample rises a little each minute, so that rates and
// quantiles have something to work on.
std::string ScrapeAsSeries() {
  const ExampleSources sources;
  std::string yaml;
  const auto series = [&yaml](const std::string& name, const auto& labels, double value,
                              const std::string& le) {
    std::string selector = absl::StrCat(name, "{instance=\"b\",job=\"session_status\"");
    for (const auto& label : labels)
      absl::StrAppend(&selector, ",", label.name, "=\"", label.value, "\"");
    if (!le.empty()) absl::StrAppend(&selector, ",le=\"", le, "\"");
    absl::StrAppend(&yaml, "      - {series: '", selector, "}', values: '", value, "+", value + 1,
                    "x20'}\n");
  };
  for (const auto& family : CollectFamilies(sources.Read())) {
    for (const auto& sample : family.metric) {
      if (family.type != prometheus::MetricType::Histogram) {
        series(family.name, sample.label, sample.gauge.value, "");
        continue;
      }
      for (const auto& bucket : sample.histogram.bucket) {
        const std::string le =
            std::isinf(bucket.upper_bound) ? "+Inf" : absl::StrCat(bucket.upper_bound);
        series(family.name + "_bucket", sample.label, static_cast<double>(bucket.cumulative_count),
               le);
      }
      series(family.name + "_count", sample.label,
             static_cast<double>(sample.histogram.sample_count), "");
      series(family.name + "_sum", sample.label, sample.histogram.sample_sum, "");
    }
  }
  return yaml;
}

// A metric that a text mentions is in the table; a histogram's three series count as it.
void ExpectOnlyKnownMetrics(const std::string& text) {
  std::set<std::string> known;
  for (const MetricRow& row : MetricTable()) {
    const std::string name(row.name);
    known.insert(name);
    if (row.kind == prometheus::MetricType::Histogram) {
      for (const char* suffix : {"_bucket", "_count", "_sum"}) known.insert(name + suffix);
    }
  }
  const std::regex pattern("session_status_[a-z_]+");
  int found = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), pattern), end; it != end; ++it, ++found) {
    EXPECT_TRUE(known.count(it->str()) == 1) << it->str() << " is no metric";
  }
  EXPECT_GT(found, 0);
}

TEST(PromtoolTest, AcceptsWhatIsScraped) {
  const ExampleSources sources;
  MetricsSurface surface([&sources] { return sources.Read(); });
  http::Request request;
  request.method = "GET";
  http::Reply reply;
  surface.Handle(request, &reply);
  const std::string path = WriteTempFile("session_status_scrape.txt", reply.body);
  EXPECT_EQ(Promtool(absl::StrCat("check metrics < ", path)), 0);
}

TEST(PromtoolTest, AcceptsTheAlertRules) {
  EXPECT_EQ(Promtool(absl::StrCat("check rules ", kRules)), 0);
  ExpectOnlyKnownMetrics(std::regex_replace(ReadFile(kRules), std::regex("job=\"[^\"]*\""), ""));
}

TEST(PromtoolTest, AlertsFireWhenTheyShouldAndOnlyThen) {
  EXPECT_EQ(Promtool(absl::StrCat("test rules ", kRuleTests)), 0);
}

// The samples of the manual, with files in the place of those that they name.
TEST(PromtoolTest, AcceptsTheScrapesOfTheManual) {
  const session_status::testing::TempDir folder;
  for (const char* name : {"broker-ca.pem", "prometheus.pem", "prometheus.key"}) {
    folder.Write(name, "");
  }
  folder.Write("alert-rules.yml", ReadFile(kRules));
  const std::string manual = ReadFile(kMetricsManual);
  int samples = 0;
  int with_certificate = 0;
  for (size_t at = 0; (at = manual.find("```yaml\n", at)) != std::string::npos; ++samples) {
    at = manual.find('\n', at) + 1;
    const std::string sample = absl::StrReplaceAll(manual.substr(at, manual.find("```", at) - at),
                                                   {{"/etc/prometheus/", folder.File("")}});
    if (absl::StrContains(sample, "cert_file: ")) ++with_certificate;
    EXPECT_EQ(Promtool("check config " + folder.Write("prometheus.yml", sample)), 0) << sample;
  }
  EXPECT_EQ(samples, 2);
  EXPECT_EQ(with_certificate, 1);
}

TEST(PromtoolTest, EveryAlertIsTested) {
  const std::string tests = ReadFile(kRuleTests);
  const std::string rules = ReadFile(kRules);
  const std::regex pattern("alert: ([A-Za-z]+)");
  for (std::sregex_iterator it(rules.begin(), rules.end(), pattern), end; it != end; ++it) {
    EXPECT_THAT(tests, ::testing::HasSubstr("alertname: " + it->str(1)));
  }
}

TEST(PromtoolTest, AcceptsTheExpressionsOfTheDashboard) {
  std::string rules = "groups:\n- name: dashboard\n  rules:\n";
  std::string all;
  int number = 0;
  for (const std::string& expression : DashboardExpressions()) {
    absl::StrAppend(&rules, "  - record: dashboard:", number++, "\n    expr: '", expression, "'\n");
    absl::StrAppend(&all, expression, "\n");
  }
  ASSERT_GT(number, 10);
  EXPECT_EQ(Promtool("check rules " + WriteTempFile("session_status_dashboard.yml", rules)), 0);
  ExpectOnlyKnownMetrics(all);
}

// A wrong label or a matching that finds no partner gives an empty panel, which no parser notices.
TEST(PromtoolTest, EveryPanelOfTheDashboardShowsSomething) {
  std::string yaml =
      absl::StrCat("evaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n",
                   ScrapeAsSeries(), "    promql_expr_test:\n");
  for (const std::string& expression : DashboardExpressions()) {
    absl::StrAppend(&yaml, "      - {expr: 'count(", expression,
                    ") > bool 0', eval_time: 15m, exp_samples: [{labels: '{}', value: 1}]}\n");
  }
  EXPECT_EQ(Promtool("test rules " + WriteTempFile("session_status_panels.yml", yaml)), 0);
}

}  // namespace
}  // namespace session_status::metrics
