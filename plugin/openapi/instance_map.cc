#include "plugin/openapi/instance_map.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"

namespace session_status::openapi {
namespace {

// How a client of the product authenticates: the first part of its user name.
constexpr absl::string_view kModes[] = {"Signature", "Token", "DeviceCredential"};

// The third part of "<mode>|AccessKeyId|InstanceId", or empty when it is not of that form.
absl::string_view InstanceInUsername(absl::string_view username) {
  const size_t first = username.find('|');
  if (first == absl::string_view::npos) return {};
  const absl::string_view mode = username.substr(0, first);
  if (std::find(std::begin(kModes), std::end(kModes), mode) == std::end(kModes)) return {};
  const absl::string_view rest = username.substr(first + 1);
  const size_t bar = rest.find('|');
  if (bar == absl::string_view::npos || bar == 0) return {};
  const absl::string_view instance = rest.substr(bar + 1);
  return absl::StrContains(instance, '|') ? absl::string_view() : instance;
}

}  // namespace

bool InstanceMap::Serves(absl::string_view instance_id) const {
  return options_.by_username || instance_id == options_.default_instance ||
         std::any_of(options_.by_listener_port.begin(), options_.by_listener_port.end(),
                     [instance_id](const auto& row) { return row.second == instance_id; });
}

absl::string_view InstanceMap::InstanceOf(absl::string_view username,
                                          uint16_t listener_port) const {
  if (options_.by_username) {
    const absl::string_view named = InstanceInUsername(username);
    if (!named.empty()) return named;
  }
  for (const auto& [port, instance] : options_.by_listener_port) {
    if (port == listener_port) return instance;
  }
  return options_.default_instance;
}

}  // namespace session_status::openapi
