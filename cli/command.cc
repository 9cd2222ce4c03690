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

// Of the characters beyond ASCII those that steer a terminal: C1 controls (U+0080 to U+009F; U+009B
// begins an escape sequence as ESC [ does) and the marks that turn the direction of what follows
// (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). Returns how many bytes such a one takes.
size_t SteeringBytes(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto within = [](unsigned char c, unsigned char from, unsigned char to) {
    return c >= from && c <= to;
  };
  if (text.size() >= 2 && byte(0) == 0xC2 && within(byte(1), 0x80, 0x9F)) return 2;
  if (text.size() < 3 || byte(0) != 0xE2) return 0;
  const bool turns = byte(1) == 0x80 ? within(byte(2), 0x8E, 0x8F) || within(byte(2), 0xAA, 0xAE)
                                     : byte(1) == 0x81 && within(byte(2), 0xA6, 0xA9);
  return turns ? 3 : 0;
}

}  // namespace

void Context::Fail(const absl::Status& error) {
  std::cerr << "mosquitto_session: " << error.message() << "\n";
  exit_code = IsUnanswered(error) ? kExitUnreachable : kExitRefused;
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
    for (size_t i = 0; i < row.size(); ++i) {
      widths_[i] = std::max(widths_[i], std::min(Columns(row[i]), kPaddedColumnsMax));
    }
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i]);
      const size_t padding = widths_[i] - std::min(Columns(row[i]), widths_[i]);
      if (i + 1 < row.size()) line.append(padding + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    std::cout << line << "\n";
  }
}

std::string Printable(absl::string_view text) {
  const std::string escaped = absl::Utf8SafeCHexEscape(text);
  std::string printable;
  for (size_t i = 0; i < escaped.size();) {
    const absl::string_view rest = absl::string_view(escaped).substr(i);
    if (rest.size() >= 2 && rest[0] == '\\') {
      const bool quote = rest[1] == '\'' || rest[1] == '"';
      absl::StrAppend(&printable, rest.substr(quote ? 1 : 0, quote ? 1 : 2));
      i += 2;
      continue;
    }
    const size_t steering = SteeringBytes(rest);
    const absl::string_view next = rest.substr(0, std::max<size_t>(steering, 1));
    absl::StrAppend(&printable, steering > 0 ? absl::CHexEscape(next) : std::string(next));
    i += next.size();
  }
  return printable;
}

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
