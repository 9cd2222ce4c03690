// Who is in the fleet and who lives, from the nodes key and the leases.
//
// A node is lost when it has said nothing for one lease time. The engine holds the lease for the
// first two thirds of it; for the last third we miss it, longer than the time between two renewals:
// in an engine that was emptied everybody is about to renew. From the first look that missed it,
// however long ago the look before that was: a round that waits for engines that hang has no looks.
// After an outage a missing lease counts only after a whole lease time of unbroken contact. A node
// that this one has never seen alive counts as lost at once.
//
// Threads: one (the fleet's).
#ifndef SESSION_STATUS_PLUGIN_FLEET_NODE_DIRECTORY_H_
#define SESSION_STATUS_PLUGIN_FLEET_NODE_DIRECTORY_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/layout.h"

namespace session_status::fleet {

// The first number to try for a node of this name; the following ones if another has it. By name,
// so that a node finds its number again in an engine that lost everything.
NodeNumber PreferredNumber(absl::string_view name);
NodeNumber NextNumber(NodeNumber number);

inline absl::Duration LeaseHeld(absl::Duration lease) { return lease * 2 / 3; }
inline absl::Duration LeaseMissed(absl::Duration lease) { return lease - LeaseHeld(lease); }
inline absl::Duration LeaseRenewal(absl::Duration lease) { return lease / 4; }

// A node that lives is listed again within two seconds, whatever was lost.
inline constexpr absl::Duration kGoneAfter = absl::Minutes(1);

class NodeDirectory {
 public:
  struct Node {
    std::string name;
    bool seen_alive = false;  // ever, by us
    bool alive = false;       // at the last look
    bool lost = false;
    bool listed = true;  // in the nodes key at the last look
    absl::Duration last_listed;
    absl::Duration last_alive;    // monotonic; before it was seen alive: when it was first met
    absl::Duration missed_since;  // the first look that did, while not `alive`
  };

  explicit NodeDirectory(absl::Duration lease) : lease_(lease) {}

  // Contact with the engine begins (again).
  void OnContact(absl::Duration now) { contact_since_ = now; }
  // A whole listing: MarkUnlisted() first, then OnListed for each.
  void MarkUnlisted();
  void OnListed(NodeNumber number, absl::string_view name, absl::Duration now);
  // Its rows are in a shard, though nobody lists it.
  void OnFound(NodeNumber number, absl::Duration now);
  // Lost, and missing from the listing for so long that nobody is about to put it back there, as
  // everybody does in an engine that was emptied.
  std::vector<NodeNumber> Gone(absl::Duration now) const;
  // Returns true when `lost` changed.
  bool OnLease(NodeNumber number, bool held, absl::Duration now);

  const std::map<NodeNumber, Node>& nodes() const { return nodes_; }
  const Node* Find(NodeNumber number) const;
  void Remove(NodeNumber number) { nodes_.erase(number); }

 private:
  Node& Meet(NodeNumber number, absl::Duration now);

  absl::Duration lease_;
  absl::Duration contact_since_;
  std::map<NodeNumber, Node> nodes_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_NODE_DIRECTORY_H_
