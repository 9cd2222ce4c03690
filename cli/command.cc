#include "cli/command.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

// The terminal columns of UTF-8 text, near enough for identifiers: one per code point.
size_t Columns(absl::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

void Context::Fail(const absl::Status& error) {
  std::cerr << "mosquitto_session: " << error.message() << "\n";
  exit_code = absl::IsUnavailable(error) ? kExitUnreachable : kExitRefused;
}

void PrintJson(const google::protobuf::Message& message) {
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json);
  if (!status.ok()) {
    std::cerr << "mosquitto_session: " << status.ToString() << "\n";
    return;
  }
  std::cout << json << "\n";
}

void PrintTable(const std::vector<std::vector<std::string>>& rows) { TablePrinter().Print(rows); }

void TablePrinter::Print(const std::vector<std::vector<std::string>>& rows) {
  for (const auto& row : rows) {
    widths_.resize(std::max(widths_.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], Columns(row[i]));
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i]);
      if (i + 1 < row.size()) line.append(widths_[i] - Columns(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::cout << line << "\n";
  }
}

std::string Printable(absl::string_view text) { return absl::Utf8SafeCHexEscape(text); }

std::string LocalTime(int64_t unix_ms) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S", absl::FromUnixMillis(unix_ms),
                          absl::LocalTimeZone());
}

std::string ShortDuration(int64_t millis) {
  const absl::Duration d = absl::Milliseconds(millis);
  if (d < absl::Seconds(10)) return absl::FormatDuration(d);
  if (d < absl::Hours(1)) return absl::FormatDuration(absl::Trunc(d, absl::Seconds(1)));
  return std::string(
      absl::StripSuffix(absl::FormatDuration(absl::Trunc(d, absl::Minutes(1))), "0s"));
}

std::string StateText(int state) {
  if (state == pb::SESSION_STATE_OFFLINE_SESSION_KEPT) return "offline, session kept";
  return absl::AsciiStrToLower(absl::StripPrefix(
      pb::SessionState_Name(static_cast<pb::SessionState>(state)), "SESSION_STATE_"));
}

std::string ReasonText(int reason) {
  return absl::StrReplaceAll(
      absl::AsciiStrToLower(
          absl::StripPrefix(pb::EndReason_Name(static_cast<pb::EndReason>(reason)), "END_REASON_")),
      {{"_", " "}});
}

}  // namespace session_status::cli
