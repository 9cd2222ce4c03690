#include "plugin/fleet/others_table.h"

#include <algorithm>
#include <utility>

namespace session_status::fleet {
namespace {

using registry::EndReason;
using registry::SessionEvent;

// Some hundred milliseconds of a busy fleet: longer than a change of ours waits in the queue.
constexpr size_t kRecentEndsMax = 16'384;

bool Contains(const std::vector<Generation>& list, Generation generation) {
  return std::find(list.begin(), list.end(), generation) != list.end();
}

}  // namespace

OthersTable::OthersTable(registry::SessionRegistry& registry, uint64_t* next_incarnation,
                         uint32_t shards, NodeNumber me, bool keep_rows, OnEvent on_event)
    : registry_(registry),
      next_incarnation_(next_incarnation),
      me_(me),
      keep_rows_(keep_rows),
      on_event_(std::move(on_event)),
      shards_(shards) {}

void OthersTable::Clear(absl::Time now) {
  for (Shard& shard : shards_) {
    for (auto& [hash, slot] : shard.rows) Hide(hash, slot, EndReason::kUnknown, now);
    shard = Shard();
  }
}

bool OthersTable::Counts(const Shard& shard, const Slot& slot) const {
  if (slot.node == kNobody || slot.node == me_ || lost_.contains(slot.node)) return false;
  const auto follow = shard.nodes.find(slot.node);
  return follow != shard.nodes.end() && Contains(follow->second.live, slot.generation);
}

void OthersTable::Show(const Shard& shard, const ClientHash& hash, Slot& slot, EndReason reason,
                       absl::Time now) {
  if (!Counts(shard, slot)) return Hide(hash, slot, reason, now);
  if (slot.shown) return;
  Announce(hash, slot);
}

// If memory runs out, the registry and the count are as before.
void OthersTable::Announce(const ClientHash& hash, Slot& slot) {
  uint64_t& online = online_by_node_[slot.node];
  SessionEvent event;
  event.kind = SessionEvent::Kind::kConnected;
  event.client_id = hash.view();
  event.incarnation = slot.incarnation = (*next_incarnation_)++;
  event.time = absl::FromUnixMicros(static_cast<int64_t>(slot.epoch));
  event.connection.listener_port = slot.node;  // the one field of ours that a number fits
  registry_.Apply(event);
  slot.shown = true;
  ++online;
}

void OthersTable::Hide(const ClientHash& hash, Slot& slot, EndReason reason, absl::Time now) {
  if (!slot.shown) return;
  SessionEvent event;
  event.kind = SessionEvent::Kind::kEnded;
  event.client_id = hash.view();
  event.incarnation = slot.incarnation;
  event.time = now;
  event.reason = reason;
  registry_.Apply(event);
  slot.shown = false;
  --online_by_node_[slot.node];
}

void OthersTable::Upsert(Shard& shard, const ClientHash& hash, const Row& row, absl::Time now) {
  if (!keep_rows_) return;
  Slot& slot = shard.rows[hash];
  Slot next = slot;
  next.epoch = row.epoch;
  next.node = row.node;
  next.generation = row.generation;
  if (slot.shown && (slot.node != row.node || slot.epoch != row.epoch)) {
    if (Counts(shard, next)) {
      // Online before and after: the registry hears one event, and no reader sees a gap.
      Announce(hash, next);
      --online_by_node_[slot.node];
      slot = next;
      return;
    }
    Hide(hash, slot, EndReason::kTakenOver, now);
    next.shown = false;
  }
  slot = next;
  Show(shard, hash, slot, EndReason::kTakenOver, now);
}

void OthersTable::ApplyEvents(Shard& shard, const Entry& entry, absl::Time now) {
  for (const Event& event : entry.events) {
    if (entry.node == me_) {
      // Our own change came back: in the engine's order it is newer than what we hold.
      if (const auto it = shard.rows.find(event.hash);
          it != shard.rows.end() && it->second.epoch <= event.epoch) {
        Hide(event.hash, it->second, EndReason::kTakenOver, now);
        shard.rows.erase(it);
      }
      continue;
    }
    on_event_(event, entry.node);
    if (event.kind == Event::Kind::kUp) {
      Upsert(shard, event.hash, {event.epoch, entry.node, entry.generation}, now);
      continue;
    }
    RememberEnd(event.hash, event.epoch);
    const auto it = shard.rows.find(event.hash);
    if (it == shard.rows.end() || it->second.epoch > event.epoch) continue;
    Hide(event.hash, it->second, event.reason, now);
    shard.rows.erase(it);
  }
}

void OthersTable::Replay(const Entry& entry) const {
  if (entry.node == me_) return;
  for (const Event& event : entry.events) on_event_(event, entry.node);
}

void OthersTable::RememberEnd(const ClientHash& hash, Epoch epoch) {
  recent_ends_[hash] = epoch;
  recent_order_.emplace_back(hash, epoch);
  if (recent_order_.size() <= kRecentEndsMax) return;
  const auto& [oldest, its_epoch] = recent_order_.front();
  if (const auto it = recent_ends_.find(oldest);
      it != recent_ends_.end() && it->second == its_epoch) {
    recent_ends_.erase(it);
  }
  recent_order_.pop_front();
}

Epoch OthersTable::RecentEnd(const ClientHash& hash) const {
  const auto it = recent_ends_.find(hash);
  return it == recent_ends_.end() ? 0 : it->second;
}

bool OthersTable::ApplyEntry(uint32_t shard_index, const Entry& entry, absl::Time now) {
  Shard& shard = shards_[shard_index];
  if (entry.kind == Entry::Kind::kBegin) {
    Follow& follow = shard.nodes[entry.node];
    follow.live = entry.older;
    follow.live.insert(follow.live.begin(), entry.generation);
    follow.number = 0;
    follow.absent = false;
    DropDead(shard, entry.node, EndReason::kBrokerRestart, now);
    return true;
  }
  const auto it = shard.nodes.find(entry.node);
  if (it == shard.nodes.end()) return false;
  Follow& follow = it->second;
  if (follow.live.empty() || follow.live.front() != entry.generation ||
      entry.number != follow.number + 1) {
    return false;
  }
  follow.number = entry.number;
  if (entry.kind == Entry::Kind::kEnd) {
    follow.live.resize(1);
    DropDead(shard, entry.node, EndReason::kUnknown, now);
  } else {
    ApplyEvents(shard, entry, now);
  }
  return true;
}

void OthersTable::BeginLoad(uint32_t shard_index, const std::map<NodeNumber, Owner>& owners,
                            absl::Time now) {
  Shard& shard = shards_[shard_index];
  ++shard.load;
  for (auto& [hash, slot] : shard.rows) slot.load = static_cast<uint8_t>(shard.load - 1);
  for (auto& [node, follow] : shard.nodes) follow.absent = true;
  for (const auto& [node, owner] : owners) {
    Follow& follow = shard.nodes[node];
    follow.live = owner.generations;
    follow.number = owner.number;
    follow.absent = false;
  }
  DropDead(shard, kNobody, EndReason::kBrokerRestart, now);
}

void OthersTable::LoadRow(uint32_t shard_index, const ClientHash& hash, const Row& row,
                          absl::Time now) {
  if (row.node == kNobody || row.node == me_) return;
  Shard& shard = shards_[shard_index];
  Upsert(shard, hash, row, now);
  if (const auto it = shard.rows.find(hash); it != shard.rows.end()) it->second.load = shard.load;
}

void OthersTable::EndLoad(uint32_t shard_index, absl::Time now) {
  Shard& shard = shards_[shard_index];
  for (auto it = shard.rows.begin(); it != shard.rows.end();) {
    Slot& slot = it->second;
    // A node in the middle of a re-send, or one that has not come back to an emptied engine, has
    // rows that are not there yet: the end of its re-send will tell.
    const auto follow = shard.nodes.find(slot.node);
    const bool settled =
        follow != shard.nodes.end() && !follow->second.absent && follow->second.live.size() == 1;
    if (slot.load == shard.load || !settled) {
      ++it;
      continue;
    }
    Hide(it->first, slot, EndReason::kUnknown, now);
    it = shard.rows.erase(it);
  }
}

void OthersTable::DropDead(Shard& shard, NodeNumber only, EndReason reason, absl::Time now) {
  for (auto it = shard.rows.begin(); it != shard.rows.end();) {
    Slot& slot = it->second;
    const auto follow = shard.nodes.find(slot.node);
    const bool concerned = follow != shard.nodes.end() && slot.node != me_ &&
                           (only == kNobody ? !follow->second.absent : only == slot.node);
    if (concerned && !Contains(follow->second.live, slot.generation)) {
      Hide(it->first, slot, reason, now);
      it = shard.rows.erase(it);
      continue;
    }
    // A row may have been read before its generation was known to be live.
    if (concerned) Show(shard, it->first, slot, reason, now);
    ++it;
  }
}

void OthersTable::SetLost(NodeNumber node, bool lost, absl::Time now) {
  if (lost ? !lost_.insert(node).second : lost_.erase(node) == 0) return;
  for (Shard& shard : shards_) {
    for (auto& [hash, slot] : shard.rows) {
      if (slot.node == node) Show(shard, hash, slot, EndReason::kNodeLost, now);
    }
  }
}

void OthersTable::Forget(NodeNumber node, absl::Time now) {
  for (Shard& shard : shards_) {
    shard.nodes[node].live.clear();
    DropDead(shard, node, EndReason::kNodeLost, now);
    shard.nodes.erase(node);
  }
  lost_.erase(node);
  online_by_node_.erase(node);
}

void OthersTable::Supersede(uint32_t shard_index, const ClientHash& hash, Epoch epoch,
                            absl::Time now) {
  Shard& shard = shards_[shard_index];
  const auto it = shard.rows.find(hash);
  if (it == shard.rows.end() || it->second.epoch >= epoch) return;
  Hide(hash, it->second, EndReason::kTakenOver, now);
  shard.rows.erase(it);
}

OthersTable::Holder OthersTable::Find(uint32_t shard_index, const ClientHash& hash) const {
  const Shard& shard = shards_[shard_index];
  const auto it = shard.rows.find(hash);
  if (it == shard.rows.end() || !Counts(shard, it->second)) return {};
  return {it->second.node, it->second.epoch};
}

size_t OthersTable::rows() const {
  size_t total = 0;
  for (const Shard& shard : shards_) total += shard.rows.size();
  return total;
}

}  // namespace session_status::fleet
