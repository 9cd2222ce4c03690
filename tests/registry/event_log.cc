#include "tests/registry/event_log.h"

#include <algorithm>
#include <map>

namespace session_status::registry {

EventLog::EventLog(uint64_t seed, std::vector<std::string> ids, size_t events)
    : ids_(ids), histories_(ids.size(), {Moment{0, SessionDetails()}}) {
  std::map<std::string, size_t> number;
  for (size_t i = 0; i < ids_.size(); ++i) number[ids_[i]] = i;
  RandomEvents random(seed, std::move(ids));
  RegistryModel model{RegistryOptions()};
  events_.reserve(events);
  while (events_.size() < events) {
    RandomEvent next;
    random.Next(model, &next);
    // An older incarnation is refused while the client is remembered and taken once it is
    // forgotten; the log leaves such events out, so that it means the same in both cases.
    if (model.Apply(next.event).outcome != ApplyResult::Outcome::kApplied) continue;
    events_.push_back(std::move(next));
    RandomEvent& kept = events_.back();
    kept.event.client_id = kept.id;
    kept.event.connection.address = kept.address;
    kept.event.connection.username = kept.username;
    histories_[number[kept.id]].push_back({model.sequence(), model.sessions().at(kept.id)});
  }
}

size_t EventLog::MomentAt(size_t id, uint64_t sequence) const {
  const auto& h = histories_[id];
  const auto after =
      std::upper_bound(h.begin(), h.end(), sequence,
                       [](uint64_t s, const Moment& m) { return s < m.from_sequence; });
  return static_cast<size_t>(after - h.begin()) - 1;
}

}  // namespace session_status::registry
