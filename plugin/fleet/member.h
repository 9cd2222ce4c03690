// All that holds while this node is in the fleet under one number, shape and hash key, wired up:
// our own sessions and those of the others, who writes the former and who reads the latter. When
// one of the three changes, the whole of it is replaced; what outlives that is a Round, or is given
// to the constructor beside it.
//
// Threads:   one (the fleet's).
// Ownership: what the constructor is given outlives the member. Its parts know each other: it does
//            not move.
#ifndef SESSION_STATUS_PLUGIN_FLEET_MEMBER_H_
#define SESSION_STATUS_PLUGIN_FLEET_MEMBER_H_

#include <cstdint>
#include <memory>

#include "plugin/fleet/board.h"
#include "plugin/fleet/burials.h"
#include "plugin/fleet/change_queue.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/kicks.h"
#include "plugin/fleet/local_sessions.h"
#include "plugin/fleet/node_directory.h"
#include "plugin/fleet/node_watch.h"
#include "plugin/fleet/others_reader.h"
#include "plugin/fleet/others_table.h"
#include "plugin/fleet/own_writer.h"
#include "plugin/fleet/read_pace.h"
#include "plugin/fleet/round.h"
#include "plugin/fleet/takeovers.h"
#include "registry/session_registry.h"

namespace session_status::fleet {

class Member {
 public:
  // `own`: our clients. `others`: what queries read about the others', empty at first;
  // `next_incarnation` numbers what is shown there, and rises from one member to the next.
  Member(Round& round, const Joined& what_we_are, const registry::SessionRegistry& own,
         registry::SessionRegistry& others, uint64_t* next_incarnation, ReadPace& pace,
         KickBacklog& kicks);
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  // Brings what is in the queue to those whom it concerns; and, if something was dropped there,
  // what is in the registry.
  void Drain(ChangeQueue& changes);

  // What queries need to find a client, and the part of the status that is about us and the nodes.
  // `in_contact`: with the engine, now.
  std::shared_ptr<const Directions> Describe(bool in_contact, registry::FleetStatus* status) const;

  const Joined as;
  LocalSessions local;
  NodeDirectory directory;
  OwnWriter writer;
  Takeovers takeovers;
  OthersTable table;
  OthersReader reader;
  Burials burials;
  NodeWatch nodes;

 private:
  void RebuildOwn();
  void CompareWithOthers(const ClientHash& hash, Epoch epoch);

  Round& round_;
  const registry::SessionRegistry& own_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_MEMBER_H_
