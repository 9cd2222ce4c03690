// Mosquitto 2.1, which tells connects, ends and kept sessions: what is told from it is exact.
//
//   OnConnect()     a connection was accepted (connect event)
//   OnEnd()         a connection is over, and its session too (disconnect event) or not (offline
//                   event); or a kept session is over, or gone on with: the same events tell that
//   OnLoopRound()   a round of the broker's main loop is over: contexts that ended in it are freed
//                   next, and their addresses used again
//
// What is odd about these events, and what is done about it:
//   * A takeover is told as end(old, 142), connect(new). The end waits for the connect
//     (held_ends_21.h), so that no reader sees the client offline.
//   * Another plugin may kick a client in its own connect callback, before ours: we are told the
//     end before the connect. So a connect is not believed when the broker's own table does not
//     hold that pointer under that identifier, or when the pointer ended in this loop round and was
//     not known.
//   * Before it tells a connect, the broker ends (142) whatever it holds under the identifier, a
//     kept session too. No such end: there was no session to go on with. If one was kept by what we
//     know, it has expired, which the broker tells nobody: its end is told before the connect.
//   * A session that has expired is freed without a word. The pointer may come back as somebody
//     else's while our table still has the session under it: that one is told as expired then.
//   * A connection may fail after the broker has entered it in the old one's place and before its
//     connect is told: the CONNACK cannot be written, or its keepalive is refused. Its end is all
//     that is told. The session is that connection's from then on, or gone. It is told from a
//     refused login, whose end may bear the same identifier, by the broker's table, which never
//     holds who is refused.
//   * A stopping broker ends the sessions that it restored and that nobody went on with, with a
//     negative reason: they stay.
//   * Each instance of the plugin is told of everything: what the second one tells changes nothing.
//
// Threads:   broker.
// Ownership: as Connections, which outlive it.
// Errors:    out of memory: that event is dropped and counted (Connections::Contained). Nothing
//            throws.
#ifndef SESSION_STATUS_PLUGIN_BROKER_CONNECTS_21_H_
#define SESSION_STATUS_PLUGIN_BROKER_CONNECTS_21_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "plugin/broker/connections.h"
#include "plugin/broker/held_ends_21.h"
#include "plugin/broker/missed_connects_21.h"
#include "plugin/broker/mosquitto_api.h"
#include "registry/session_registry.h"

namespace session_status::broker {

// Ends of unknown pointers remembered within one loop round. A round handles at most a few hundred
// sockets; what does not fit is only not guarded against (see TrackerCounters::guard_overflows).
inline constexpr size_t kUnknownEndsMax = 256;

class Connects21 {
 public:
  explicit Connects21(Connections& connections);

  // As SessionTracker's, all of them.
  void set_registry(const registry::SessionRegistry& registry) { registry_ = &registry; }
  void OnConnect(int instance, const mosquitto* client, absl::Time now) noexcept;
  void OnEnd(const mosquitto* client, int reason, bool session_kept, absl::Time now) noexcept;
  bool settled() const { return held_ends_.empty(); }
  bool MissedConnect(const mosquitto* client) const { return missed_.IsMissed(client); }
  void PruneLingering(const std::function<bool(const mosquitto*)>& present) {
    missed_.Prune(present);
  }

  // The round's guards are over. Tells nothing: what is held back is for Settle().
  void OnLoopRound() noexcept {
    found_session_.reset();
    unknown_ends_.clear();
    missed_.OnLoopRound();
  }
  void Settle() noexcept { held_ends_.TellAll(); }

 private:
  using Entry = Connections::Entry;
  using Phase = Connections::Phase;

  // A connect of this pointer later in this round is not to be believed.
  void RememberUnknownEnd(const mosquitto* client);
  // True when another plugin ended this connection before we heard of its beginning.
  bool IsGhost(const mosquitto* client, const char* client_id) const noexcept;
  // Whether the broker holds `client`, connection or session, under that identifier.
  bool IsInTable(const mosquitto* client, const char* id) const noexcept;
  // The same of one that is connected or was until now: none that the broker restored.
  bool IsEntered(const mosquitto* client, const char* id) const noexcept;
  // Whether `client`, which ended, is a connection that was refused, or failed, at the place of a
  // kept session that has expired.
  bool IsAnotherAtItsPlace(const Entry& kept, const mosquitto* client, const char* id,
                           bool session_kept) const noexcept;
  // `client` ended, whose connect nobody told, though the broker had entered it.
  void OnFailedConnect(const mosquitto* client, const char* id, int reason, bool session_kept,
                       absl::Time now);
  // Our table says `client` is somebody whose end we were not told. Ends that one.
  void ForgetPrevious(const mosquitto* client, const Entry& previous, const char* new_client_id,
                      absl::Time now);
  // `client_id` returns, and the broker has no session of it.
  void TellExpiredBeforeReturn(const char* client_id, absl::Time now) noexcept;

  Connections& connections_;
  const registry::SessionRegistry* registry_ = nullptr;
  HeldEnds21 held_ends_;
  // A hash of the identifier under which the broker found a session (it ended it by 142) for the
  // connect that it tells next, in the same call. That connect takes it, or the end of a connection
  // that failed instead.
  std::optional<size_t> found_session_;
  std::vector<const mosquitto*> unknown_ends_;  // since the last loop round
  MissedConnects21 missed_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_CONNECTS_21_H_
