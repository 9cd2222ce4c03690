// Who is in the fleet and who lives, asked of its home: the list of the nodes and their leases. It
// keeps the directory, and tells the others' table and the burials who is lost or gone.
//
// Threads:   one (the fleet's). Add…() queue questions.
// Ownership: what the constructor is given outlives this object.
// Errors:    what is refused is noted in the round; a lease that cannot be asked for says nothing.
#ifndef SESSION_STATUS_PLUGIN_FLEET_NODE_WATCH_H_
#define SESSION_STATUS_PLUGIN_FLEET_NODE_WATCH_H_

#include <vector>

#include "plugin/fleet/burials.h"
#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/node_directory.h"
#include "plugin/fleet/others_reader.h"
#include "plugin/fleet/others_table.h"
#include "plugin/fleet/round.h"

namespace session_status::fleet {

class NodeWatch {
 public:
  NodeWatch(Round& round, const Joined& as, NodeDirectory& directory, OthersTable& table,
            OthersReader& reader, Burials& burials)
      : round_(round),
        as_(as),
        directory_(directory),
        table_(table),
        reader_(reader),
        burials_(burials) {}

  void AddListing();
  // That, and whether the fleet is still the one that we joined.
  void AddListingAndMeta();
  void AddLeases();
  // To our own lease's.
  void OnRenewal(const Reply& reply);

 private:
  void OnNodes(const Reply& reply);
  void OnLeases(const std::vector<NodeNumber>& asked, const Reply& reply);

  Round& round_;
  const Joined& as_;
  NodeDirectory& directory_;
  OthersTable& table_;
  OthersReader& reader_;
  Burials& burials_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_NODE_WATCH_H_
