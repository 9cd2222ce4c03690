// Mosquitto 2.1: ends by takeover that wait for the connect of whoever took over.
//
// The broker tells a takeover as end(old, 142), connect(new), inside one call. The end is held back
// until the connect has come, which makes it superfluous: no reader sees the client offline in
// between. Should no connect follow, the end is told after all: at once when the new connection is
// known to have failed, else when the loop round is over.
//
//   Hold()      OnEnd with 142
//   Drop()      OnConnect of the same client
//   Take()      OnEnd of a connection that failed in the old one's place: the caller tells it
//   TellAll()   the loop round is over
//
// Threads:   broker.
// Ownership: keeps copies of identifiers; the connections outlive it.
// Errors:    std::bad_alloc, where not said otherwise.
#ifndef SESSION_STATUS_PLUGIN_BROKER_HELD_ENDS_21_H_
#define SESSION_STATUS_PLUGIN_BROKER_HELD_ENDS_21_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/connections.h"

namespace session_status::broker {

// Ends by takeover that wait for their connect. One is the rule; more need a plugin that kicks
// other clients inside the takeover. The oldest is delivered when there is no room.
inline constexpr size_t kHeldEndsMax = 8;

class HeldEnds21 {
 public:
  struct HeldEnd {
    std::string client_id;
    uint64_t incarnation = 0;
    int reason = 0;
    absl::Time time;
  };

  explicit HeldEnds21(Connections& connections);

  bool empty() const { return ends_.empty(); }

  // Takes the identifier out of `entry`, which the caller forgets next.
  void Hold(Connections::Entry& entry, int reason, absl::Time now);
  std::optional<HeldEnd> Take(absl::string_view client_id);
  void Tell(const HeldEnd& held, bool session_kept);
  // Of a client that is connected once more.
  void Drop(const std::string& client_id);
  void TellAll() noexcept;

 private:
  Connections& connections_;
  std::vector<HeldEnd> ends_;  // at most kHeldEndsMax
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_HELD_ENDS_21_H_
