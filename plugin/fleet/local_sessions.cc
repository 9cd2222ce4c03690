#include "plugin/fleet/local_sessions.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

namespace session_status::fleet {

void LocalSessions::TakeSessionsOf(LocalSessions& older) {
  // Entries move as they are, into tables that have about their size before and do not mind being
  // fuller for the moment: nothing allocates after this.
  for (Sessions& sessions : shards_) {
    sessions.reserve(older.size() / shape_.shards);
    sessions.max_load_factor(1000);
  }
  for (Sessions& from : older.shards_) {
    while (!from.empty()) {
      Sessions::node_type entry = from.extract(from.begin());
      entry.key() = hasher_.Hash(entry.mapped().client_id);
      // Whether a newer connection exists is found out among the new rows; no rebuild of this table
      // has found it.
      entry.mapped().taken_over = false;
      entry.mapped().rebuild = 0;
      shards_[shape_.ShardOf(entry.key())].insert(std::move(entry));
    }
  }
  for (Sessions& sessions : shards_) sessions.max_load_factor(1);
}

std::optional<Event> LocalSessions::Apply(LocalChange&& change, EpochClock& clock) {
  Event event;
  event.hash = hasher_.Hash(change.client_id);
  auto& sessions = shards_[shape_.ShardOf(event.hash)];
  const auto it = sessions.find(event.hash);
  if (change.online) {
    // A rebuild may have seen this connection, or a later one, already.
    if (it != sessions.end() && it->second.incarnation >= change.incarnation) return std::nullopt;
    event.epoch = clock.Next(change.at);
    // The one before may have been announced again, above another node's.
    if (it != sessions.end()) event.epoch = std::max(event.epoch, it->second.epoch + 1);
    sessions[event.hash] = {event.epoch, change.incarnation, std::move(change.client_id), false, 0};
    return event;
  }
  if (it == sessions.end() || it->second.incarnation != change.incarnation) return std::nullopt;
  event = EndOf(event.hash, it->second, change.reason);
  sessions.erase(it);
  return event;
}

Event LocalSessions::EndOf(const ClientHash& hash, const LocalSession& session,
                           registry::EndReason reason) {
  const Event end = {Event::Kind::kDown, hash, session.epoch,
                     session.taken_over ? registry::EndReason::kTakenOver : reason};
  RememberEnd(end);
  return end;
}

void LocalSessions::RememberEnd(const Event& end) {
  std::deque<Event>& ends = ends_[shape_.ShardOf(end.hash)];
  ends.push_back(end);
  if (ends.size() > kEndsRememberedMax) ends.pop_front();
}

LocalSessions::Epochs LocalSessions::EndedEpochs() const {
  Epochs ended;
  for (const std::deque<Event>& ends : ends_) {
    for (const Event& end : ends) {
      Epoch& last = ended[end.hash];
      last = std::max(last, end.epoch);
    }
  }
  return ended;
}

std::vector<Event> LocalSessions::Rebuild(const registry::SessionRegistry& registry,
                                          const EpochClock& clock, absl::Time wall,
                                          absl::Duration monotonic, absl::Duration begun) {
  std::vector<Event> news;
  const Epochs ended = EndedEpochs();
  if (++rebuild_ == 0) ++rebuild_;  // which is what no rebuild has found yet
  registry.ForEach([&](absl::string_view client_id, const registry::SessionDetails& details) {
    if (!details.status.online()) return true;
    const ClientHash hash = hasher_.Hash(client_id);
    LocalSession& session = shards_[shape_.ShardOf(hash)][hash];
    session.rebuild = rebuild_;
    if (session.incarnation == details.incarnation) return true;
    // Not in the future, should the wall clock have been set back since, and not from before us,
    // should it have been set forward.
    const absl::Duration age =
        std::clamp(wall - details.connected_at, absl::ZeroDuration(), monotonic - begun);
    Epoch epoch = clock.At(monotonic - age);
    // Our epochs rise with each connection of a client; the registry's milliseconds do not.
    if (session.incarnation != 0) {
      epoch = std::max(epoch, session.epoch + 1);
      news.push_back(EndOf(hash, session, registry::EndReason::kTakenOver));
    }
    if (const auto end = ended.find(hash); end != ended.end()) {
      epoch = std::max(epoch, end->second + 1);
    }
    session = {epoch, details.incarnation, std::string(client_id), false, rebuild_};
    news.push_back({Event::Kind::kUp, hash, epoch, registry::EndReason::kNone});
    return true;
  });
  for (Sessions& sessions : shards_) {
    for (auto it = sessions.begin(); it != sessions.end();) {
      if (it->second.rebuild == rebuild_) {
        ++it;
        continue;
      }
      news.push_back(EndOf(it->first, it->second, registry::EndReason::kUnknown));
      it = sessions.erase(it);
    }
  }
  return news;
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
