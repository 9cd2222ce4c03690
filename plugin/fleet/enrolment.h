// Joining the fleet at its engine: under which shape and number this node is in it, that nobody
// else is, and what time it is there.
//
// Threads: one (the fleet's). Join() blocks for some dozen answers of the engine, CheckEngines()
//          for a few; Add…() queue.
// Errors:  PermissionDenied: the fleet is another instance's. Everything else may pass.
#ifndef SESSION_STATUS_PLUGIN_FLEET_ENROLMENT_H_
#define SESSION_STATUS_PLUGIN_FLEET_ENROLMENT_H_

#include <functional>
#include <initializer_list>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/engine_marks.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/round.h"

namespace session_status::fleet {

// What this node is in the fleet; a value that is replaced as a whole.
struct Joined {
  NodeNumber number = kNobody;
  Shape shape;
  std::string hash_key;         // that the fleet shares
  bool others_to_come = false;  // the others have to come (back) to the engine's data, too
};

// `said`: in the meta key. A fleet that was joined by older versions only has not said of which
// instance it is.
inline bool IsAnotherInstance(const Reply& said, const FleetOptions& options) {
  return !said.is_nil() && said.text() != options.instance_id;
}

class Enrolment {
 public:
  // `give_up` is called when this node cannot stay what it was, before anything else is asked.
  Enrolment(Round& round, std::function<void()> give_up);

  // `so_far`: what this node is, and is again if it can be; nullptr: nothing. Valid until it is
  // given up.
  absl::StatusOr<Joined> Join(const Joined* so_far);

  // Whether those engines are the fleet's that were opened since the last time. REQUIRES: home is
  // open.
  absl::Status CheckEngines(const Joined* so_far);
  void AddEngineQuestions() { marks_.AddQuestions(); }

  // Extends our lease: OK, or TAKEN.
  void AddRenewal(NodeNumber number, Engines::Handler handler);
  // Gives it back.
  void AddRelease(NodeNumber number);

  void AddClockSample();
  // When the engine told the time last.
  absl::Duration told_time_at() const { return told_time_at_; }

 private:
  absl::Status Call(std::initializer_list<absl::string_view> command, Engines::Handler handler);
  void GiveUp();
  absl::Status AgreeOnShape(Joined* next);
  absl::Status RefusedBy(absl::string_view instance);
  absl::Status CheckEngines();
  absl::Status TakeNumber(Joined* next);
  absl::Status TakeLease(const Joined& next);
  absl::Status SyncClock();

  Round& round_;
  const std::function<void()> give_up_;
  const std::string boot_;  // tells this process from an earlier one of the same node
  // The fleet's hash key if nobody of it was there before us, at whichever attempt to join.
  const std::string own_key_;
  EngineMarks marks_;
  const Joined* so_far_ = nullptr;  // within Join() and CheckEngines()
  bool gave_up_ = false;            // ever: under another shape, hash key or number than before
  absl::Duration told_time_at_ = -absl::InfiniteDuration();
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_ENROLMENT_H_
