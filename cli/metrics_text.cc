#include "cli/metrics_text.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

constexpr absl::string_view kQueries = "session_status_query_duration_seconds";

// name="value", with \\, \" and \n escaped. False: no label at the front.
bool ReadLabel(absl::string_view* text, Sample* out) {
  const size_t equals = text->find("=\"");
  if (equals == absl::string_view::npos) return false;
  const std::string name(text->substr(0, equals));
  text->remove_prefix(equals + 2);
  std::string value;
  while (!text->empty() && text->front() != '"') {
    if (text->front() == '\\' && text->size() > 1) {
      text->remove_prefix(1);
      value.push_back(text->front() == 'n' ? '\n' : text->front());
    } else {
      value.push_back(text->front());
    }
    text->remove_prefix(1);
  }
  out->labels[name] = std::move(value);
  return absl::ConsumePrefix(text, "\"");
}

bool ReadSample(absl::string_view line, Sample* out) {
  const size_t name_end = line.find_first_of("{ ");
  if (name_end == absl::string_view::npos) return false;
  out->name = std::string(line.substr(0, name_end));
  line.remove_prefix(name_end);
  if (absl::ConsumePrefix(&line, "{")) {
    while (!absl::ConsumePrefix(&line, "}")) {
      if (!ReadLabel(&line, out)) return false;
      absl::ConsumePrefix(&line, ",");
    }
  }
  line = absl::StripLeadingAsciiWhitespace(line);
  line = line.substr(0, line.find(' '));  // a timestamp may follow
  return absl::SimpleAtod(line == "+Inf" ? "inf" : line, &out->value);
}

}  // namespace

absl::string_view Sample::Label(const std::string& label) const {
  const auto found = labels.find(label);
  return found == labels.end() ? absl::string_view() : absl::string_view(found->second);
}

std::vector<Sample> ParseMetrics(absl::string_view text) {
  std::vector<Sample> samples;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    Sample sample;
    if (!line.empty() && line[0] != '#' && ReadSample(line, &sample)) {
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

double SumOf(const std::vector<Sample>& samples, absl::string_view name) {
  double sum = 0;
  for (const Sample& sample : samples) {
    if (sample.name == name) sum += sample.value;
  }
  return sum;
}

std::vector<QueryLatency> QueryLatencies(const std::vector<Sample>& samples) {
  std::map<std::pair<std::string, std::string>, QueryLatency> found;
  for (const Sample& sample : samples) {
    if (!absl::StartsWith(sample.name, kQueries)) continue;
    const std::string surface(sample.Label("surface"));
    const std::string operation(sample.Label("operation"));
    QueryLatency& latency = found[{surface, operation}];
    latency.surface = surface;
    latency.operation = operation;
    if (absl::EndsWith(sample.name, "_count")) latency.count += sample.value;
    if (absl::EndsWith(sample.name, "_sum")) latency.seconds += sample.value;
    double bound = 0;
    const absl::string_view le = sample.Label("le");
    if (le.empty() || !absl::SimpleAtod(le == "+Inf" ? "inf" : le, &bound)) continue;
    const auto bucket = std::find_if(latency.buckets.begin(), latency.buckets.end(),
                                     [bound](const auto& b) { return b.first == bound; });
    if (bucket == latency.buckets.end()) {
      latency.buckets.emplace_back(bound, sample.value);
    } else {
      bucket->second += sample.value;  // another result
    }
  }
  std::vector<QueryLatency> all;
  for (auto& [key, latency] : found) {
    std::sort(latency.buckets.begin(), latency.buckets.end());
    all.push_back(std::move(latency));
  }
  return all;
}

double QueryLatency::Quantile(double part) const {
  for (const auto& [bound, queries] : buckets) {
    if (queries >= part * count && count > 0) return bound;
  }
  return count > 0 ? std::numeric_limits<double>::infinity() : 0;
}

QueryLatency QueryLatency::Since(const QueryLatency& earlier) const {
  QueryLatency since = *this;
  // A counter that went back is another life of the broker.
  if (earlier.count > count || earlier.buckets.size() != buckets.size()) return since;
  since.count -= earlier.count;
  since.seconds -= earlier.seconds;
  for (size_t i = 0; i < buckets.size(); ++i) since.buckets[i].second -= earlier.buckets[i].second;
  return since;
}

}  // namespace session_status::cli
