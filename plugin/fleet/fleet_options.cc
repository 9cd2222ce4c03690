#include "plugin/fleet/fleet_options.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "plugin/os/secret_file.h"

namespace session_status::fleet {
namespace {

absl::Status Bad(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is none of redis://HOST[:PORT][/DATABASE], unix:///PATH[?DATABASE], "
                   "sentinel://HOST[:PORT][,HOST[:PORT]...]/NAME[/DATABASE], "
                   "cluster://HOST[:PORT][,HOST[:PORT]...]; DATABASE is a number from 0 to "
                   "2147483647, PORT one from 1 to 65535"));
}

// How many databases an engine has is its own option: it refuses those beyond.
bool ParseDatabase(absl::string_view text, int* out) {
  return text.empty() || (absl::SimpleAtoi(text, out) && *out >= 0);
}

// "host", "host:port", "[::1]:port"
bool ParseHost(absl::string_view text, uint16_t default_port, EngineAddress::HostPort* out) {
  out->port = default_port;
  absl::string_view port;
  if (absl::ConsumePrefix(&text, "[")) {
    const size_t close = text.find(']');
    if (close == absl::string_view::npos) return false;
    port = text.substr(close + 1);
    text = text.substr(0, close);
    if (!port.empty() && !absl::ConsumePrefix(&port, ":")) return false;
  } else if (const size_t colon = text.find(':'); colon != absl::string_view::npos) {
    port = text.substr(colon + 1);
    text = text.substr(0, colon);
    if (port.empty()) return false;
  }
  out->host = std::string(text);
  int number = default_port;
  if (!port.empty() && (!absl::SimpleAtoi(port, &number) || number < 1 || number > 65535)) {
    return false;
  }
  out->port = static_cast<uint16_t>(number);
  return !text.empty();
}

bool ParseUnix(absl::string_view text, EngineAddress* out) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('?', 1));
  out->unix_path = std::string(parts[0]);
  return !text.empty() && text[0] == '/' &&
         ParseDatabase(parts.size() > 1 ? parts[1] : "", &out->database);
}

bool ParseRedis(absl::string_view text, EngineAddress* out) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits('/', 1));
  out->hosts.resize(1);
  return ParseHost(parts[0], 6379, &out->hosts[0]) &&
         ParseDatabase(parts.size() > 1 ? parts[1] : "", &out->database);
}

bool ParseSentinel(absl::string_view text, EngineAddress* out) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  if (parts.size() < 2 || parts.size() > 3 || parts[1].empty()) return false;
  out->primary_name = std::string(parts[1]);
  for (absl::string_view host : absl::StrSplit(parts[0], ',')) {
    if (!ParseHost(host, 26379, &out->hosts.emplace_back())) return false;
  }
  return ParseDatabase(parts.size() > 2 ? parts[2] : "", &out->database);
}

// A cluster has one database.
bool ParseCluster(absl::string_view text, EngineAddress* out) {
  out->cluster = true;
  for (absl::string_view host : absl::StrSplit(text, ',')) {
    if (!ParseHost(host, 6379, &out->hosts.emplace_back())) return false;
  }
  return !absl::StrContains(text, '/');
}

}  // namespace

absl::Status ParseEngineUrl(absl::string_view text, EngineAddress* out) {
  EngineAddress address;
  address.text = std::string(text);
  absl::string_view rest = text;
  if (absl::StrContains(text, "@")) {  // not repeated: the message goes to a log
    return absl::InvalidArgumentError(
        "a password does not belong into the URL; use plugin_opt_fleet_credentials_file");
  }
  bool good = false;
  if (absl::ConsumePrefix(&rest, "redis://")) {
    good = ParseRedis(rest, &address);
  } else if (absl::ConsumePrefix(&rest, "unix://")) {
    good = ParseUnix(rest, &address);
  } else if (absl::ConsumePrefix(&rest, "sentinel://")) {
    good = ParseSentinel(rest, &address);
  } else if (absl::ConsumePrefix(&rest, "cluster://")) {
    good = ParseCluster(rest, &address);
  } else if (absl::ConsumePrefix(&rest, "rediss://")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" needs a hiredis with TLS; use a private network or a local TLS proxy"));
  }
  if (!good) return Bad(text);
  *out = std::move(address);
  return absl::OkStatus();
}

absl::Status CheckEngines(const std::vector<EngineAddress>& engines) {
  for (const EngineAddress& address : engines) {
    if (!address.cluster || engines.size() == 1) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", address.text,
        "\" must stand alone: a cluster deals out the load itself; list its nodes with commas"));
  }
  return absl::OkStatus();
}

absl::Status ReadCredentials(const std::string& path, Credentials* out) {
  // Room for a password of any length that makes sense, and for notes below it.
  constexpr size_t kFileBytesMax = 64 << 10;
  std::string text;
  const auto wiper = absl::MakeCleanup([&text] { os::WipeSecret(&text); });
  const os::SecretFileRule rule = {.bytes_max = kFileBytesMax, .open_to_group = true};
  if (absl::Status s = os::ReadSecretFile(path, rule, &text); !s.ok()) return s;
  const absl::string_view line = absl::string_view(text).substr(0, text.find('\n'));
  const std::vector<absl::string_view> words =
      absl::StrSplit(absl::StripAsciiWhitespace(line), ' ', absl::SkipEmpty());
  if (words.empty() || words.size() > 2) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": the first line must be PASSWORD or USER PASSWORD"));
  }
  out->user = std::string(words.size() == 2 ? words[0] : "");
  out->password = std::string(words.back());
  return absl::OkStatus();
}

}  // namespace session_status::fleet
