#include "cli/listener_diagnosis.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

// One of the addresses of an option: "127.0.0.1:8080", "[::1]:8080", "*:8080".
struct HostAndPort {
  absl::string_view host;
  uint32_t port = 0;
};

// false: the check of the options has more to say.
bool Split(absl::string_view text, HostAndPort* out) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(text.substr(colon + 1), &out->port)) {
    return false;
  }
  out->host = text.substr(0, colon);
  if (absl::ConsumePrefix(&out->host, "[")) absl::ConsumeSuffix(&out->host, "]");
  return true;
}

bool IsOfV6(absl::string_view host) { return absl::StrContains(host, ':'); }
bool IsLoopback(absl::string_view host) { return host == "127.0.0.1" || host == "::1"; }

// Whether the one takes the other's place. `plugins`, `brokers`: hosts as they are written.
bool Overlap(absl::string_view plugins, absl::string_view brokers) {
  if (plugins == "*" || brokers.empty() || brokers == "*") return true;
  if (plugins == "localhost") plugins = "127.0.0.1";
  if (brokers == "localhost" && IsLoopback(plugins)) return true;
  const auto is_all = [](absl::string_view host) { return host == "0.0.0.0" || host == "::"; };
  if (is_all(plugins) || is_all(brokers)) return IsOfV6(plugins) == IsOfV6(brokers);
  return plugins == brokers;
}

void Compare(const OptionLine& option, const std::vector<BrokerListener>& listeners,
             Findings* findings) {
  for (absl::string_view address :
       absl::StrSplit(option.value, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
    HostAndPort ours;
    if (!Split(address, &ours)) continue;
    for (const BrokerListener& listener : listeners) {
      if (listener.port != ours.port || !Overlap(ours.host, listener.address)) continue;
      Add(findings, Verdict::kProblem, option.name,
          absl::StrCat(option.where, ": ", address, " is taken by the broker's listener at ",
                       listener.where),
          "give one of them another port; the broker would not start");
    }
  }
}

}  // namespace

void CheckAddresses(const BrokerConfig& config, Findings* findings) {
  if (config.plugin_lines.empty()) return;
  for (const OptionLine& option : config.plugin_lines.front().options) {  // all give the same
    if (option.name != "admin_listen" && option.name != "admin_listen_tls") continue;
    Compare(option, config.listeners, findings);
  }
}

}  // namespace session_status::cli
