// A replayable sequence of events, and what every client's status is after each of them: the judge
// of what readers saw while a writer was at work.
#ifndef SESSION_STATUS_TESTS_REGISTRY_EVENT_LOG_H_
#define SESSION_STATUS_TESTS_REGISTRY_EVENT_LOG_H_

#include <string>
#include <vector>

#include "registry/session_registry.h"
#include "tests/registry/registry_model.h"

namespace session_status::registry {

class EventLog {
 public:
  // Every event of the log is applied (none is stale), so the k-th one has the sequence k.
  EventLog(uint64_t seed, std::vector<std::string> ids, size_t events);

  size_t size() const { return events_.size(); }
  const SessionEvent& event(size_t i) const { return events_[i].event; }
  const std::vector<std::string>& ids() const { return ids_; }

  // What was true of the id from a sequence on.
  struct Moment {
    uint64_t from_sequence;
    SessionDetails details;
  };
  const std::vector<Moment>& history(size_t id) const { return histories_[id]; }
  // The index in history(id) of what is true at `sequence`.
  size_t MomentAt(size_t id, uint64_t sequence) const;

 private:
  std::vector<std::string> ids_;
  std::vector<RandomEvent> events_;
  std::vector<std::vector<Moment>> histories_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_TESTS_REGISTRY_EVENT_LOG_H_
