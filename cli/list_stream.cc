#include "cli/list_stream.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "cli/words.h"
#include "plugin/text/percent_coding.h"
#include "rapidjson/document.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr absl::string_view kJsonError = "{\"error\":";
constexpr absl::string_view kCsvError = "#error ";

// Commas as they are: they part the words of a list, and it stays readable.
std::string Escaped(absl::string_view value) {
  return absl::StrJoin(
      absl::StrSplit(value, ','), ",",
      [](std::string* out, absl::string_view part) { text::AppendPercentEncoded(part, out); });
}

template <typename Values>
std::string Words(const google::protobuf::EnumDescriptor* type, const Values& values) {
  const EnumWords words(type);
  return absl::StrJoin(values, ",", [&words](std::string* out, int value) {
    absl::StrAppend(out, words.WordOf(value));
  });
}

}  // namespace

std::string ListPath(const pb::ListSessionsRequest& r, bool csv) {
  std::vector<std::pair<absl::string_view, std::string>> parameters = {
      {"format", csv ? "csv" : "jsonl"},
      {"fields", absl::StrJoin(r.fields(), ",")},
      {"state", Words(pb::SessionState_descriptor(), r.states())},
      {"reason", Words(pb::EndReason_descriptor(), r.end_reasons())},
      {"prefix", r.client_id_prefix()},
      {"group", r.group()},
      {"address", r.address()},
      {"protocol", r.protocol_version()},
      {"listener", r.listener_port() == 0 ? "" : absl::StrCat(r.listener_port())},
  };
  const auto time = [&parameters](absl::string_view name, bool set, int64_t ms) {
    if (set) parameters.emplace_back(name, absl::StrCat(ms));
  };
  time("connected_from", r.has_connected_from_ms(), r.connected_from_ms());
  time("connected_until", r.has_connected_until_ms(), r.connected_until_ms());
  time("disconnected_from", r.has_disconnected_from_ms(), r.disconnected_from_ms());
  time("disconnected_until", r.has_disconnected_until_ms(), r.disconnected_until_ms());
  std::string path = "/v1/sessions";
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    if (value.empty()) continue;
    absl::StrAppend(&path, absl::string_view(&separator, 1), name, "=", Escaped(value));
    separator = '&';
  }
  return path;
}

bool ListStream::IsError(absl::string_view line) const {
  return absl::StartsWith(line, csv_ ? kCsvError : kJsonError);
}

absl::string_view ListStream::Take(absl::string_view bytes) {
  buffer_.erase(0, returned_);
  scanned_ -= returned_;
  buffer_.append(bytes.data(), bytes.size());
  size_t line_begin = 0;
  for (; scanned_ < buffer_.size() && !enough() && error_.empty(); ++scanned_) {
    const char c = buffer_[scanned_];
    if (csv_ && c == '"') quoted_ = !quoted_;
    if (c != '\n' || quoted_) continue;
    const absl::string_view line =
        absl::string_view(buffer_).substr(line_begin, scanned_ - line_begin);
    if (IsError(line)) {
      error_ = std::string(line);
      break;
    }
    line_begin = scanned_ + 1;
    if (csv_ && !heading_seen_) {
      heading_seen_ = true;
    } else {
      ++sessions_;
    }
  }
  returned_ = line_begin;
  return absl::string_view(buffer_).substr(0, returned_);
}

absl::Status ListStream::Finish() const {
  if (error_.empty()) {
    return enough() || returned_ == buffer_.size()
               ? absl::OkStatus()
               : absl::DataLossError("the listing ended in the middle of a line");
  }
  if (csv_) {
    return absl::AbortedError(
        absl::StripTrailingAsciiWhitespace(absl::StripPrefix(error_, kCsvError)));
  }
  rapidjson::Document document;
  document.Parse(error_.data(), error_.size());
  const bool typed = !document.HasParseError() && document["error"].IsObject() &&
                     document["error"].HasMember("message") &&
                     document["error"]["message"].IsString();
  return absl::AbortedError(typed ? document["error"]["message"].GetString() : error_.c_str());
}

}  // namespace session_status::cli
