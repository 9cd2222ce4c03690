// Which engine is which, where `fleet_url` is a list: brokers whose lists differ would miss each
// other's clients, and nobody would notice.
//
// Each engine bears a mark, a random id, made by the first broker that connects to it. The brokers
// that are in the fleet vouch for the ids: at home for all of the list, and on every engine for
// home's own; in keys that expire soon after the last of them has gone. So
//   - a broker is refused that has, in some place of its list, an engine of another id than the one
//     that is vouched for;
//   - an engine that lost its data, or was replaced under its address, gets its mark again from
//     whoever had seen it; who had not waits for that. What nobody vouches for is anybody's;
//   - whoever was refused stays so while an engine is away, and claims nothing until those who were
//     not have had the time to vouch again, in an engine that has just come back empty.
// What an engine refuses to tell or to write is no evidence; nor is what another version of the
// plugin does not write.
//
// Threads:   one (the fleet's). Check() blocks for a few answers; AddQuestions() queues.
// Ownership: the round outlives this object.
// Errors:    FailedPrecondition: this broker's list is not the fleet's, as far as can be told now.
#ifndef SESSION_STATUS_PLUGIN_FLEET_ENGINE_MARKS_H_
#define SESSION_STATUS_PLUGIN_FLEET_ENGINE_MARKS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/round.h"

namespace session_status::fleet {

// For so long a broker's word counts. It is given every second.
inline constexpr absl::Duration kVouchedFor = absl::Seconds(3);
// Longer than it takes whoever knows an engine to find it again.
inline constexpr absl::Duration kNoClaimAfterRefusal = absl::Seconds(5);

class EngineMarks {
 public:
  explicit EngineMarks(Round& round);

  // Looks at the engines that are open, if one was opened since the last time, or has answered
  // otherwise than then. REQUIRES: home is open.
  absl::Status Check();
  // Vouches for what is known, and asks whether it is still so.
  void AddQuestions();

 private:
  struct Engine {
    std::string known;     // its id when nobody contradicted it; empty: never
    uint64_t opening = 0;  // of its connection, when that was; 0: to be looked at again
    uint64_t met = 0;      // of its connection, when it was asked last
    // What Check() is told.
    bool answers = false;
    std::string id;
    bool asked_about = false;  // what is vouched for; and that was answered
    std::vector<std::string> vouched_for;
  };

  Engines::Engine& At(size_t i) { return round_.engines.Listed(i); }
  bool IsOpen(size_t i) { return At(i).connection.open(); }
  bool HasNews();
  bool AllOpen();
  void Execute();
  void AddMarkQuestion(size_t i);
  // To those that are open and keep the word about engine i: home, and for home all.
  void AddWhereVouched(size_t i, std::initializer_list<absl::string_view> command,
                       const Engines::Handler& handler);
  // `on_taken`: if somebody vouches for another.
  void AddVouching(size_t i, const std::string& id, std::function<void()> on_taken);
  // Asks all that are open.
  void Look();
  absl::Status Judge();
  // What is wrong with engine i; empty: nothing.
  std::string WhatIsWrong(size_t i) const;
  absl::Status Refuse(size_t i, absl::string_view what);
  // Makes or puts back the marks that are missing. False: none is.
  bool AddMarks();

  Round& round_;
  std::vector<Engine> engines_;  // of the list; empty: there is none
  absl::Status refusal_;         // the last one, until all is well
  absl::Duration claims_from_;   // while there is one
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_ENGINE_MARKS_H_
