#include "plugin/fleet/others_table.h"

#include <algorithm>
#include <utility>

namespace session_status::fleet {
namespace {

using registry::EndReason;
using registry::SessionEvent;

// A second of a busy fleet: longer than a change of ours waits in the queue, or than it takes us to
// notice that one was dropped there.
constexpr size_t kRecentEndsMax = 65'536;

bool Contains(const std::vector<Generation>& list, Generation generation) {
  return std::find(list.begin(), list.end(), generation) != list.end();
}

// Of a node that has none of its older sessions any more.
EndReason WhyBegunAnew(const std::vector<Generation>& live) {
  return live.front() == kFarewell ? EndReason::kServerShutdown : EndReason::kBrokerRestart;
}

}  // namespace

bool OthersTable::Follow::IsLive(Generation generation) const {
  return Contains(live, generation) || Contains(former, generation);
}

const OthersTable::Follow* OthersTable::Shard::Find(NodeNumber node) const {
  const auto it = std::find_if(nodes.begin(), nodes.end(),
                               [node](const Follow& follow) { return follow.node == node; });
  return it == nodes.end() ? nullptr : &*it;
}

OthersTable::Follow* OthersTable::Shard::Find(NodeNumber node) {
  return const_cast<Follow*>(static_cast<const Shard*>(this)->Find(node));
}

OthersTable::Follow& OthersTable::Shard::FindOrAdd(NodeNumber node) {
  if (Follow* const known = Find(node)) return *known;
  nodes.emplace_back().node = node;
  return nodes.back();
}

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

void OthersTable::Replace(Shard& shard, Slot& slot, const Slot& next) noexcept {
  if (slot.node != next.node) {
    if (Follow* const before = shard.Find(slot.node)) --before->rows;
    ++shard.Find(next.node)->rows;
  }
  slot = next;
}

OthersTable::Rows::iterator OthersTable::Erase(Shard& shard, Rows::iterator row) {
  if (Follow* const follow = shard.Find(row->second.node)) --follow->rows;
  return shard.rows.erase(row);
}

bool OthersTable::Counts(const Shard& shard, const Slot& slot) const {
  if (slot.node == kNobody || slot.node == me_ || lost_.contains(slot.node)) return false;
  const Follow* const follow = shard.Find(slot.node);
  return follow != nullptr && follow->IsLive(slot.generation);
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

OthersTable::Slot& OthersTable::Upsert(Shard& shard, const ClientHash& hash, const Row& row,
                                       absl::Time now) {
  shard.FindOrAdd(row.node);
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
      Replace(shard, slot, next);
      return slot;
    }
    Hide(hash, slot, EndReason::kTakenOver, now);
    next.shown = false;
  }
  Replace(shard, slot, next);
  Show(shard, hash, slot, EndReason::kTakenOver, now);
  return slot;
}

void OthersTable::ApplyEvents(Shard& shard, const Entry& entry, absl::Time now) {
  for (const Event& event : entry.events) {
    PrefetchIn(shard.rows, event.hash);
    if (entry.node != me_) registry_.Prefetch(event.hash.view());
  }
  for (const Event& event : entry.events) {
    if (entry.node == me_) {
      // Our own change came back: in the engine's order it is newer than what we hold.
      if (const auto it = shard.rows.find(event.hash);
          it != shard.rows.end() && it->second.epoch <= event.epoch) {
        Hide(event.hash, it->second, EndReason::kTakenOver, now);
        Erase(shard, it);
      }
      continue;
    }
    on_event_(event, entry.node);
    if (event.kind == Event::Kind::kUp) {
      const Row row = {event.epoch, entry.node, entry.generation};
      if (keep_rows_) Upsert(shard, event.hash, row, now);
      continue;
    }
    RememberEnd(event.hash, event.epoch);
    const auto it = shard.rows.find(event.hash);
    if (it == shard.rows.end() || it->second.epoch > event.epoch) continue;
    Hide(event.hash, it->second, event.reason, now);
    Erase(shard, it);
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
    Begin(shard, entry, now);
    return true;
  }
  Follow* const follow = shard.Find(entry.node);
  if (follow == nullptr || follow->live.empty() || follow->live.front() != entry.generation ||
      entry.number != follow->number + 1) {
    return false;
  }
  follow->number = entry.number;
  if (entry.kind == Entry::Kind::kEnd) {
    const bool begun_anew = !follow->former.empty();
    follow->live.resize(1);
    follow->former.clear();
    DropDead(shard, entry.node, begun_anew ? EndReason::kBrokerRestart : EndReason::kUnknown, now);
  } else {
    ApplyEvents(shard, entry, now);
  }
  return true;
}

void OthersTable::Begin(Shard& shard, const Entry& entry, absl::Time now) {
  Follow& follow = shard.FindOrAdd(entry.node);
  std::vector<Generation> before = std::move(follow.live);
  follow.live = entry.older;
  follow.live.insert(follow.live.begin(), entry.generation);
  follow.number = 0;
  follow.absent = false;
  const bool was_lost = std::exchange(follow.lost, lost_.contains(entry.node));
  // One that sends its sessions again may have held them under a generation that we know nothing
  // of, because the engine lost it before we could read it.
  if (!entry.older.empty()) return ShowLive(shard, now);
  // A new process has none of its older sessions.
  if (entry.generation == kFarewell || was_lost) {
    follow.former.clear();
    return DropDead(shard, entry.node, WhyBegunAnew(follow.live), now);
  }
  follow.former.insert(follow.former.end(), before.begin(), before.end());
}

void OthersTable::BeginLoad(uint32_t shard_index, const std::map<NodeNumber, Owner>& owners,
                            absl::Time now) {
  Shard& shard = shards_[shard_index];
  ++shard.load;
  for (auto& [hash, slot] : shard.rows) slot.load = static_cast<uint8_t>(shard.load - 1);
  for (Follow& follow : shard.nodes) follow.absent = true;
  for (const auto& [node, owner] : owners) {
    Follow& follow = shard.FindOrAdd(node);
    follow.live = owner.generations;
    follow.former.clear();  // what would end it may have been in the gap
    follow.number = owner.number;
    follow.absent = false;
  }
  // A row whose generation is dead may be there under another: it stays as it is until the load has
  // found it, or has ended.
  ShowLive(shard, now);
}

void OthersTable::ShowLive(Shard& shard, absl::Time now) {
  for (auto& [hash, slot] : shard.rows) {
    if (Counts(shard, slot)) Show(shard, hash, slot, EndReason::kUnknown, now);
  }
}

void OthersTable::LoadRows(uint32_t shard_index, absl::Span<const LoadedRow> rows, absl::Time now) {
  if (!keep_rows_) return;
  Shard& shard = shards_[shard_index];
  // They lie anywhere in memory: fetched together, they are waited for once.
  for (const LoadedRow& loaded : rows) {
    PrefetchIn(shard.rows, loaded.hash);
    registry_.Prefetch(loaded.hash.view());
  }
  for (const LoadedRow& loaded : rows) {
    if (loaded.row.node == kNobody || loaded.row.node == me_) continue;
    // Dead; or of a generation that began after the load, and the stream tells of it.
    const Follow* const follow = shard.Find(loaded.row.node);
    if (follow == nullptr || !Contains(follow->live, loaded.row.generation)) continue;
    Upsert(shard, loaded.hash, loaded.row, now).load = shard.load;
  }
}

void OthersTable::ExpectRows(uint32_t shard_index, size_t rows) {
  Rows& table = shards_[shard_index].rows;
  if (rows > table.size()) table.reserve(rows);
}

void OthersTable::EndLoad(uint32_t shard_index, const std::map<NodeNumber, Owner>& owners,
                          absl::Time now) {
  Shard& shard = shards_[shard_index];
  const auto is_as_before = [&owners](const Follow& follow) {
    const auto owner = owners.find(follow.node);
    return owner != owners.end() && owner->second.generations == follow.live;
  };
  for (auto it = shard.rows.begin(); it != shard.rows.end();) {
    const Slot& slot = it->second;
    if (slot.load == shard.load) {
      ++it;
      continue;
    }
    // A node in the middle of a re-send, one that began it meanwhile, or one that has not come back
    // to an emptied engine, has rows that are not there yet: the end of its re-send will tell.
    const Follow* const follow = shard.Find(slot.node);
    const bool settled = follow != nullptr && follow->IsSettled() && is_as_before(*follow);
    if (!settled) {
      ++it;
      continue;
    }
    const bool begun_anew = !Contains(follow->live, slot.generation);
    Hide(it->first, it->second, begun_anew ? WhyBegunAnew(follow->live) : EndReason::kUnknown, now);
    it = Erase(shard, it);
  }
}

void OthersTable::DropDead(Shard& shard, NodeNumber node, EndReason reason, absl::Time now) {
  const Follow* const follow = shard.Find(node);
  if (follow == nullptr || follow->rows == 0) return;  // one that has just come, most often
  for (auto it = shard.rows.begin(); it != shard.rows.end();) {
    Slot& slot = it->second;
    if (slot.node != node) {
      ++it;
    } else if (follow->IsLive(slot.generation)) {
      Show(shard, it->first, slot, reason, now);
      ++it;
    } else {
      Hide(it->first, slot, reason, now);
      it = Erase(shard, it);
    }
  }
}

void OthersTable::SetLost(NodeNumber node, bool lost, absl::Time now) {
  if (lost ? !lost_.insert(node).second : lost_.erase(node) == 0) return;
  for (Shard& shard : shards_) {
    Follow* const follow = shard.Find(node);
    if (follow == nullptr) continue;
    follow->lost |= lost;
    if (follow->rows == 0) continue;
    for (auto& [hash, slot] : shard.rows) {
      if (slot.node == node) Show(shard, hash, slot, EndReason::kNodeLost, now);
    }
  }
}

void OthersTable::Forget(NodeNumber node, absl::Time now) {
  for (Shard& shard : shards_) {
    Follow& follow = shard.FindOrAdd(node);
    follow.live.clear();
    follow.former.clear();
    DropDead(shard, node, EndReason::kNodeLost, now);
    std::erase_if(shard.nodes, [node](const Follow& each) { return each.node == node; });
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
  Erase(shard, it);
}

OthersTable::Holder OthersTable::Find(uint32_t shard_index, const ClientHash& hash) const {
  const Shard& shard = shards_[shard_index];
  const auto it = shard.rows.find(hash);
  if (it == shard.rows.end() || !Counts(shard, it->second)) return {};
  return {it->second.node, it->second.epoch};
}

void OthersTable::TellFollowed(uint32_t shard, std::vector<Followed::Node>* nodes) const {
  for (const Follow& follow : shards_[shard].nodes) {
    const bool there = !follow.absent && !follow.live.empty();
    nodes->push_back(
        {follow.node, there ? follow.live.front() : 0, follow.number, follow.IsSettled()});
  }
}

bool OthersTable::AllBack(uint32_t shard) const {
  const std::vector<Follow>& nodes = shards_[shard].nodes;
  return std::all_of(nodes.begin(), nodes.end(), [this](const Follow& follow) {
    return follow.node == me_ || lost_.contains(follow.node) || follow.IsSettled();
  });
}

bool OthersTable::HasLeft(NodeNumber node) const {
  return std::all_of(shards_.begin(), shards_.end(), [node](const Shard& shard) {
    const Follow* const follow = shard.Find(node);
    return follow != nullptr && !follow->live.empty() && follow->live.front() == kFarewell;
  });
}

size_t OthersTable::rows() const {
  size_t total = 0;
  for (const Shard& shard : shards_) total += shard.rows.size();
  return total;
}

}  // namespace session_status::fleet
