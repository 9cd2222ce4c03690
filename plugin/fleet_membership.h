// This broker's place in a fleet: the fleet object (plugin/fleet) and what ties it to the plugin —
// kicks, publication with every snapshot, lines in the broker's log. Exists only when fleet_url is
// set; without it nothing of the fleet is built, and no thread of it runs.
//
// Threads:   construction, Start, destruction: the broker's (init and cleanup). Publish: the
//            refresher's. others(): any.
// Ownership: registry and log outlive this object; whoever asks others() does not.
// Errors:    Start names the option that cannot be used. An engine that is away is no error: the
//            broker starts, serves its own clients, and joins when it can.
#ifndef SESSION_STATUS_PLUGIN_FLEET_MEMBERSHIP_H_
#define SESSION_STATUS_PLUGIN_FLEET_MEMBERSHIP_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/fleet/fleet.h"
#include "plugin/fleet/fleet_options.h"
#include "registry/change_observer.h"
#include "registry/others_view.h"

namespace session_status {

class FleetMembership {
 public:
  // nullptr: no fleet is configured.
  static std::unique_ptr<FleetMembership> IfConfigured(const fleet::FleetOptions& options,
                                                       const registry::SessionRegistry& own,
                                                       const registry::RegistryOptions& remembered,
                                                       broker::BrokerLog& log);

  // Joins in the background.
  absl::Status Start();

  // Publishes the others' cut, and logs what became of fleet and nodes since the last time.
  void Publish(absl::Time now);
  absl::Duration PopulateAhead(absl::Duration since_last) {
    return fleet_.PopulateAhead(since_last);
  }
  // The second half of it, for a status that is given.
  void LogChanges(const registry::FleetStatus& status, absl::Time now);

  const registry::OthersView& others() const { return fleet_; }
  uint64_t sessions_max() const { return fleet_.others().sessions_max(); }  // there is room for
  registry::ChangeObserver* observer() { return &fleet_; }
  // Broker: whether this client's connection is being closed, right now, because it has another one
  // on another broker. To the broker it looks as if an administrator closed it.
  bool IsMovingAway(absl::string_view client_id) const {
    return moving_ != nullptr && *moving_ == client_id;
  }
  // Knowledge of the others that is older than this is stale.
  absl::Duration others_age_max() const { return options_.snapshot_refresh + options_.lease; }

 private:
  FleetMembership(const fleet::FleetOptions& options, const registry::SessionRegistry& own,
                  const registry::RegistryOptions& remembered, broker::BrokerLog& log);
  template <typename Say>
  void LogNodes(const std::vector<registry::FleetNode>& nodes, const Say& say);

  const fleet::FleetOptions options_;
  broker::BrokerLog& log_;
  const std::string* moving_ = nullptr;
  fleet::Fleet fleet_;

  // Publish() only.
  std::string state_;                       // as it was told last
  absl::Time told_ = absl::InfinitePast();  // when that was
  bool ready_ = false;
  std::string warning_;
  enum class Away : uint8_t { kNo, kLost, kLeft };
  std::map<std::string, Away> away_;  // as they were told last; none: kNo
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_FLEET_MEMBERSHIP_H_
