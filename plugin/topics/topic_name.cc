#include "plugin/topics/topic_name.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace session_status::topics {
namespace {

bool StandsForItself(char c) {
  return c > 0x20 && c < 0x7F && absl::string_view("/+#$%").find(c) == absl::string_view::npos;
}

absl::Status Wrong(absl::string_view prefix, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", prefix.substr(0, 80), "\" ", what,
                   "; write it as $SYS/broker/session or clients/state, or none"));
}

}  // namespace

absl::Status CheckPrefix(absl::string_view prefix) {
  if (prefix.empty() || prefix.size() > kPrefixBytesMax) {
    return Wrong(prefix, absl::StrCat("is not 1 to ", kPrefixBytesMax, " bytes long"));
  }
  for (const char c : prefix) {
    if (c <= 0x20 || c >= 0x7F || c == '+' || c == '#') {
      return Wrong(prefix, "has a wildcard, a blank or a character beyond ASCII");
    }
  }
  if (prefix.front() == '/' || prefix.back() == '/' || absl::StrContains(prefix, "//")) {
    return Wrong(prefix, "has an empty level");
  }
  if (prefix.front() == '$' && !absl::StartsWith(prefix, "$SYS/")) {
    return Wrong(prefix, "begins with $ and is not below $SYS");
  }
  return absl::OkStatus();
}

bool MakeTopic(absl::string_view prefix, absl::string_view client_id, std::string* topic) {
  constexpr char kHex[] = "0123456789ABCDEF";
  topic->assign(prefix.data(), prefix.size());
  *topic += '/';
  for (const char c : client_id) {
    if (StandsForItself(c)) {
      *topic += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      *topic += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
    if (topic->size() > kTopicBytesMax) return false;
  }
  return true;
}

std::string GapTopic(absl::string_view prefix) { return absl::StrCat(prefix, "/$gap"); }

}  // namespace session_status::topics
