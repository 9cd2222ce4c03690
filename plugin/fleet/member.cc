#include "plugin/fleet/member.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace session_status::fleet {

Member::Member(Round& round, const Joined& what_we_are, const registry::SessionRegistry& own,
               registry::SessionRegistry& others, uint64_t* next_incarnation, ReadPace& pace,
               KickBacklog& kicks)
    : as(what_we_are),
      local(as.shape, ClientHasher(as.hash_key)),
      directory(round.options.lease),
      writer(round, as, local,
             [this](const ClientHash& hash, Epoch newer) { takeovers.OnTakenOver(hash, newer); }),
      takeovers(round, as, local, writer, directory, kicks),
      table(others, next_incarnation, as.shape.shards, as.number,
            round.options.mode == Mode::kReplica,
            [this](const Event& event, NodeNumber node) { takeovers.OnEventOf(node, event); }),
      reader(round, as, pace, table, directory, writer, takeovers),
      burials(round, as),
      nodes(round, as, directory, table, reader, burials),
      round_(round),
      own_(own) {}

void Member::Drain(ChangeQueue& changes) {
  const bool lost = changes.TakeLost();
  // All that is there. It makes room; and if an end was dropped whose beginning is in
  // the queue still, that must come before the registry is read, or it would be taken
  // for a new connection afterwards.
  changes.Drain(kQueuedChangesMax, [this](LocalChange&& change) {
    const std::optional<Event> event = local.Apply(std::move(change), round_.clock);
    if (!event.has_value()) return;
    writer.Add(*event);
    if (event->kind == Event::Kind::kUp) CompareWithOthers(event->hash, event->epoch);
  });
  if (lost) RebuildOwn();
}

void Member::RebuildOwn() {
  for (const Event& event :
       local.Rebuild(own_, round_.clock, round_.wall, round_.now, round_.begun)) {
    writer.Add(event);
  }
  // All, not only those that are new to us: should memory run out in here, this is done again, and
  // by then they are all known.
  local.ForEach([this](const ClientHash& hash, const LocalSession& session) {
    CompareWithOthers(hash, session.epoch);
  });
}

// A connection of ours that this thread hears of late: what the others did since was read when
// there was nothing here to compare it with.
void Member::CompareWithOthers(const ClientHash& hash, Epoch epoch) {
  const uint32_t shard = as.shape.ShardOf(hash);
  table.Supersede(shard, hash, epoch, Board::DateOfEnd(round_.now));
  const Epoch newer = std::max(table.Find(shard, hash).epoch, table.RecentEnd(hash));
  if (newer > epoch) takeovers.OnTakenOver(hash, newer);
}

std::shared_ptr<const Directions> Member::Describe(bool in_contact,
                                                   registry::FleetStatus* status) const {
  auto directions = std::make_shared<Directions>();
  directions->hasher = ClientHasher(as.hash_key);
  directions->shape = as.shape;
  directions->me = as.number;
  status->own_sessions = local.size();
  status->queued += writer.queued();
  status->shards_loading = reader.loading();
  for (const auto& [number, node] : directory.nodes()) {
    registry::FleetNode shown;
    shown.name = node.name;
    shown.number = number;
    shown.self = number == as.number;
    shown.left = !shown.self && table.HasLeft(number);
    shown.alive = shown.self ? in_contact : !node.lost && !shown.left;
    shown.last_alive = shown.self        ? round_.wall
                       : node.seen_alive ? round_.wall - (round_.now - node.last_alive)
                                         : absl::InfinitePast();
    const auto online = table.online_by_node().find(number);
    shown.online = shown.self                               ? status->own_sessions
                   : online == table.online_by_node().end() ? 0
                                                            : online->second;
    if (!shown.self) status->other_sessions += shown.online;
    status->nodes.push_back(std::move(shown));
    directions->nodes[number] = {node.name, node.lost};
  }
  return directions;
}

}  // namespace session_status::fleet
