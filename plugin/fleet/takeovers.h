// Clients of ours that connected elsewhere, at another node of the fleet. Takeover::kKick: their
// older connection here is closed. Takeover::kReport: it is counted and stays, and counts again
// when the newer one is over: announced anew, just above that one, and so below whatever is newer
// still.
//
// Threads:   one (the fleet's).
// Ownership: what the constructor is given outlives this object.
#ifndef SESSION_STATUS_PLUGIN_FLEET_TAKEOVERS_H_
#define SESSION_STATUS_PLUGIN_FLEET_TAKEOVERS_H_

#include <deque>
#include <unordered_set>

#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/kicks.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/local_sessions.h"
#include "plugin/fleet/node_directory.h"
#include "plugin/fleet/own_writer.h"
#include "plugin/fleet/round.h"

namespace session_status::fleet {

class Takeovers {
 public:
  Takeovers(Round& round, const Joined& as, LocalSessions& local, OwnWriter& writer,
            const NodeDirectory& directory, KickBacklog& kicks)
      : round_(round),
        as_(as),
        local_(local),
        writer_(writer),
        directory_(directory),
        kicks_(kicks) {}

  // That of our clients, if it is one, has a newer connection of that epoch elsewhere.
  void OnTakenOver(const ClientHash& hash, Epoch newer);
  // The same, if that event of another node says so.
  void OnEventOf(NodeNumber node, const Event& event);

  // Before questions about several clients.
  void Prefetch(const ClientHash& hash) const { local_.Prefetch(hash); }
  // It is connected here too, and longer.
  bool HasOlder(const ClientHash& hash, Epoch epoch) const;

  // Queues questions whether the newer connection of those that stay is over.
  void AddRechecks();

 private:
  void OnRecheck(const ClientHash& hash, Epoch row_epoch, const Reply& holder);

  Round& round_;
  const Joined& as_;
  LocalSessions& local_;
  OwnWriter& writer_;
  const NodeDirectory& directory_;
  KickBacklog& kicks_;
  std::unordered_set<ClientHash, ClientHash::Hasher> superseded_;  // Takeover::kReport
  std::deque<ClientHash> to_recheck_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_TAKEOVERS_H_
