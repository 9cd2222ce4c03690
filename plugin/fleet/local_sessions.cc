#include "plugin/fleet/local_sessions.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace session_status::fleet {

std::optional<Event> LocalSessions::Apply(LocalChange&& change, EpochClock& clock) {
  Event event;
  event.hash = hasher_.Hash(change.client_id);
  auto& sessions = shards_[shape_.ShardOf(event.hash)];
  const auto it = sessions.find(event.hash);
  if (change.online) {
    // A rebuild may have seen this connection, or a later one, already.
    if (it != sessions.end() && it->second.incarnation >= change.incarnation) return std::nullopt;
    event.epoch = clock.Next(change.at);
    sessions[event.hash] = {event.epoch, change.incarnation, std::move(change.client_id), false};
    return event;
  }
  if (it == sessions.end() || it->second.incarnation != change.incarnation) return std::nullopt;
  event.kind = Event::Kind::kDown;
  event.epoch = it->second.epoch;
  event.reason = it->second.taken_over ? registry::EndReason::kTakenOver : change.reason;
  sessions.erase(it);
  std::deque<Event>& ends = ends_[shape_.ShardOf(event.hash)];
  ends.push_back(event);
  if (ends.size() > kEndsRememberedMax) ends.pop_front();
  return event;
}

void LocalSessions::Rebuild(const registry::SessionRegistry& registry, const EpochClock& clock,
                            absl::Time wall, absl::Duration monotonic) {
  std::vector<Sessions> fresh(shards_.size());
  // Our epochs rise with each connection of a client; the registry's milliseconds do not.
  std::unordered_map<ClientHash, Epoch, ClientHash::Hasher> ended;
  for (const std::deque<Event>& ends : ends_) {
    for (const Event& end : ends) {
      Epoch& last = ended[end.hash];
      last = std::max(last, end.epoch);
    }
  }
  registry.ForEach([&](absl::string_view client_id, const registry::SessionDetails& details) {
    if (!details.status.online()) return true;
    const ClientHash hash = hasher_.Hash(client_id);
    const uint32_t shard = shape_.ShardOf(hash);
    const auto known = shards_[shard].find(hash);
    LocalSession& session = fresh[shard][hash];
    if (known != shards_[shard].end() && known->second.incarnation == details.incarnation) {
      session.epoch = known->second.epoch;
      session.taken_over = known->second.taken_over;
    } else {
      session.epoch = clock.At(monotonic - (wall - details.connected_at));
      if (const auto end = ended.find(hash); end != ended.end()) {
        session.epoch = std::max(session.epoch, end->second + 1);
      }
    }
    session.incarnation = details.incarnation;
    session.client_id = std::string(client_id);
    return true;
  });
  shards_ = std::move(fresh);
}

LocalSession* LocalSessions::Find(const ClientHash& hash) {
  auto& sessions = shards_[shape_.ShardOf(hash)];
  const auto it = sessions.find(hash);
  return it == sessions.end() ? nullptr : &it->second;
}

std::vector<Event> LocalSessions::Resend(uint32_t shard) const {
  std::vector<Event> events;
  events.reserve(shards_[shard].size() + ends_[shard].size());
  for (const auto& [hash, session] : shards_[shard]) {
    events.push_back({Event::Kind::kUp, hash, session.epoch, registry::EndReason::kNone});
  }
  events.insert(events.end(), ends_[shard].begin(), ends_[shard].end());
  return events;
}

size_t LocalSessions::size() const {
  size_t total = 0;
  for (const auto& sessions : shards_) total += sessions.size();
  return total;
}

}  // namespace session_status::fleet
