// What the registry promises, as a plain map: the other half of the model tests.
#ifndef SESSION_STATUS_TESTS_REGISTRY_REGISTRY_MODEL_H_
#define SESSION_STATUS_TESTS_REGISTRY_REGISTRY_MODEL_H_

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "registry/session_registry.h"

namespace session_status::registry {

class RegistryModel {
 public:
  explicit RegistryModel(const RegistryOptions& options) : options_(options) {}

  ApplyResult Apply(const SessionEvent& event);
  size_t Maintain(absl::Time now, size_t budget);
  void PublishSnapshot(absl::Time now);

  SessionStatus Find(const std::string& id) const;
  SessionStatus FindInSnapshot(const std::string& id) const;
  const std::map<std::string, SessionDetails>& sessions() const { return sessions_; }
  const RegistryCounts& counts() const { return counts_; }
  std::map<std::string, std::array<uint64_t, kSessionStateCount>> CountsByGroup() const;
  SnapshotInfo snapshot() const { return info_; }
  uint64_t sequence() const { return sequence_; }

 private:
  RegistryOptions options_;
  std::map<std::string, SessionDetails> sessions_;
  std::map<std::string, absl::Time> gone_at_;  // when who is offline lost its session
  std::map<std::string, SessionDetails> cut_;
  std::deque<std::string> ended_;  // oldest end first
  RegistryCounts counts_;
  SnapshotInfo info_;
  uint64_t sequence_ = 0;
};

// A random event; owns what the event borrows.
struct RandomEvent {
  std::string id, address, username;
  SessionEvent event;
};

// Small sets of everything, so that events collide often.
class RandomEvents {
 public:
  RandomEvents(uint64_t seed, std::vector<std::string> ids)
      : state_(seed * 2 + 1), ids_(std::move(ids)) {}
  // `about` tells the incarnation that the model holds for an id.
  void Next(const RegistryModel& about, RandomEvent* out);
  uint64_t Below(uint64_t n);
  const std::vector<std::string>& ids() const { return ids_; }
  absl::Time now() const { return now_; }

 private:
  uint64_t state_;
  std::vector<std::string> ids_;
  uint64_t incarnation_ = 0;
  absl::Time now_ = absl::FromUnixMillis(1'700'000'000'000);
};

// Empty, short, the longest inline ones, the shortest and longest others, equal beginnings, groups,
// bytes that are no text.
std::vector<std::string> TrickyIds(size_t count);

// The first difference between two sets of details, or an empty string.
std::string Difference(const SessionDetails& real, const SessionDetails& model);

}  // namespace session_status::registry

#endif  // SESSION_STATUS_TESTS_REGISTRY_REGISTRY_MODEL_H_
