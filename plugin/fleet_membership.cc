#include "plugin/fleet_membership.h"

#include <algorithm>
#include <map>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/broker/kick_client.h"

namespace session_status {

using broker::LogLevel;

namespace {

// Of several engines that cannot be reached each gives its reason in turn, one a second.
constexpr absl::Duration kReasonsApart = absl::Minutes(1);

// "not joined: 10.0.0.5:6379: Connection refused" without why.
absl::string_view KindOf(absl::string_view state) { return state.substr(0, state.find(':')); }

}  // namespace

std::unique_ptr<FleetMembership> FleetMembership::IfConfigured(
    const fleet::FleetOptions& options, const registry::SessionRegistry& own,
    const registry::RegistryOptions& remembered, broker::BrokerLog& log) {
  if (options.engines.empty()) return nullptr;
  return std::unique_ptr<FleetMembership>(new FleetMembership(options, own, remembered, log));
}

FleetMembership::FleetMembership(const fleet::FleetOptions& options,
                                 const registry::SessionRegistry& own,
                                 const registry::RegistryOptions& remembered,
                                 broker::BrokerLog& log)
    : options_(options),
      log_(log),
      fleet_(options, own, remembered, [this](const std::string& client_id) {
        moving_ = &client_id;
        broker::KickMovedClient(client_id);
        moving_ = nullptr;
      }) {}

absl::Status FleetMembership::Start() {
  if (!options_.credentials_file.empty()) {
    fleet::Credentials credentials;
    if (absl::Status s = fleet::ReadCredentials(options_.credentials_file, &credentials); !s.ok()) {
      return absl::Status(s.code(),
                          absl::StrCat("option plugin_opt_fleet_credentials_file: ", s.message()));
    }
  }
  return fleet_.Start();
}

void FleetMembership::Publish(absl::Time now) {
  fleet_.PublishSnapshot(now);
  try {
    LogChanges(fleet_.Status(), now);
  } catch (const std::bad_alloc&) {  // a line less; the cut is out
  }
}

template <typename Say>
void FleetMembership::LogNodes(const std::vector<registry::FleetNode>& nodes, const Say& say) {
  std::map<absl::string_view, Away> known;  // this node included
  for (const registry::FleetNode& node : nodes) {
    const Away away = node.self || node.alive ? Away::kNo : node.left ? Away::kLeft : Away::kLost;
    const auto [it, is_new] = known.emplace(node.name, away);
    if (!is_new) it->second = std::min(it->second, away);  // one name, an old number and a new one
  }
  if (known.empty()) return;  // not joined: nothing is known of anybody
  for (const auto& [name, away] : known) {
    if (away == Away::kNo) continue;
    if (std::exchange(away_[std::string(name)], away) == away) continue;
    if (away == Away::kLost) {
      say(LogLevel::kWarning, "node ", name, " is lost; its clients count as offline");
    } else {
      say(LogLevel::kNotice, "node ", name, " was stopped in order");
    }
  }
  for (auto it = away_.begin(); it != away_.end();) {
    const auto node = known.find(it->first);
    if (node != known.end() && node->second != Away::kNo) {
      ++it;
      continue;
    }
    const bool lost = it->second == Away::kLost;
    if (node == known.end()) {
      say(LogLevel::kNotice, "node ", it->first,
          lost ? ", which was lost," : ", which was stopped,", " is listed no longer");
    } else {
      say(LogLevel::kNotice, "node ", it->first, lost ? " is no longer lost" : " is back");
    }
    it = away_.erase(it);
  }
}

void FleetMembership::LogChanges(const registry::FleetStatus& status, absl::Time now) {
  const auto say = [&](LogLevel level, const auto&... what) {
    log_.Write(level, absl::StrCat("fleet ", status.fleet, ": ", what...));
  };
  const bool same_kind = KindOf(status.state) == KindOf(state_);
  if (status.state != state_ && (!same_kind || absl::AbsDuration(now - told_) >= kReasonsApart)) {
    state_ = status.state;
    told_ = now;
    const bool joined = state_ == "joined";  // else it says at which engine it is not
    say(joined ? LogLevel::kNotice : LogLevel::kWarning, "node ", status.node, " ", state_,
        joined ? " at " : "", joined ? status.engine : "");
  }
  if (status.ready && !ready_) {
    say(LogLevel::kNotice, "knows ", status.other_sessions, " clients of other nodes");
  }
  ready_ = status.ready;
  if (status.warning != warning_) {
    warning_ = status.warning;
    if (!warning_.empty()) say(LogLevel::kWarning, warning_);
  }
  LogNodes(status.nodes, say);
}

}  // namespace session_status
