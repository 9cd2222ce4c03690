#include "cli/command.h"

#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "cli/file_user.h"
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

// Of the characters beyond ASCII those that steer a terminal or that nobody sees, so that one
// identifier would pass for another: C1 controls (U+009B begins an escape sequence as ESC [ does),
// marks that turn the direction of what follows, and what has no width or no ink. In order.
struct CodePoints {
  char32_t first;
  char32_t last;
};
constexpr CodePoints kUnseen[] = {
    {0x80, 0x9F},       {0xAD, 0xAD},       {0x34F, 0x34F},     {0x600, 0x605},
    {0x61C, 0x61C},     {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x115F, 0x1160},
    {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F},   {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},
    {0xFFA0, 0xFFA0},   {0xFFF0, 0xFFFB},   {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

// How many bytes the character takes with which `text` begins, if it is one of them; otherwise 0.
size_t UnseenBytes(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (size == 0 || text.size() < size) return 0;
  char32_t c = lead & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) c = c << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  const bool unseen = std::any_of(std::begin(kUnseen), std::end(kUnseen),
                                  [c](const CodePoints& r) { return c >= r.first && c <= r.last; });
  return unseen ? size : 0;
}

// The group whose members can open the socket, or enter the folder that hides it; empty: none is
// known.
std::string GroupOf(const std::string& socket) {
  struct stat file {};
  mode_t right = S_IWGRP;
  if (stat(socket.c_str(), &file) != 0) {
    const std::string folder = socket.substr(0, socket.rfind('/') + 1);
    right = S_IXGRP;
    if (stat(folder.c_str(), &file) != 0) return "";
  }
  // Root's own group is nothing to join.
  return (file.st_mode & right) != 0 && file.st_gid != 0 ? GroupName(file.st_gid) : "";
}

// What to do about an admin socket that does not answer; begins with "; ", or is empty.
std::string Remedy(const std::string& target, Silence silence) {
  if (!absl::StartsWith(target, "/")) return "";
  if (silence == Silence::kNobody) return "; sudo mosquitto_session doctor says why";
  if (silence != Silence::kForbidden) return "";
  const std::string group = GroupOf(target);
  return group.empty() ? "; ask with sudo"
                       : absl::StrCat("; join its group (sudo usermod -aG ", group,
                                      " $USER, then log in again), or ask with sudo");
}

}  // namespace

void Context::Fail(const absl::Status& error) {
  std::cerr << "mosquitto_session: " << error.message() << Remedy(target, SilenceOf(error)) << "\n";
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
    const size_t unseen = UnseenBytes(rest);
    const absl::string_view next = rest.substr(0, std::max<size_t>(unseen, 1));
    absl::StrAppend(&printable, unseen > 0 ? absl::CHexEscape(next) : std::string(next));
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
