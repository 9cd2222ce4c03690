// Knows which broker connection is which incarnation of which client, and turns what the broker
// says about connections into SessionEvents. All differences between broker lines and all oddities
// of their event order end here.
//
// The one rule: a connection is its pointer (`struct mosquitto*`) from the moment it is accepted
// until its end is told. It bears the client identifier and the incarnation that it was given then.
// What a later callback says about identifiers is not believed: in an end event the identifier can
// be missing (2.0), belong to somebody else (a refused login) or have been changed by another
// plugin. An end of a pointer that we do not know is counted and changes nothing, with one
// exception: on 2.1, if the broker's own table holds that pointer under that identifier, it was a
// connection that failed before anybody told of it.
//
// This class is what callbacks, audit and wiring know; the work is done by its parts, each of which
// is explained in its header:
//
//   connections.h              both lines: the table of pointers, incarnations, telling events
//   connects_21.h              Mosquitto 2.1, which tells connects: exact
//     held_ends_21.h             ends by takeover that wait for their connect
//     missed_connects_21.h       for the audit: who may be a connection that nobody told of
//   logins_20.h                Mosquitto 2.0, which does not: logins are observed
//     waiting_logins_20.h        those over WebSockets, whose refusals come late
//   client_description.h       what the broker says about a client, in the registry's terms
//
// In one process events of one line only come; the other line's part stays empty.
//
// Several instances of the plugin may feed one tracker: an event told by a second instance is
// recognised and changes nothing.
//
// Threads:   broker; counters: any.
// Ownership: keeps copies of identifiers; never dereferences a pointer outside of its own event
//            (2.0: nor after its end).
// Errors:    out of memory: that connection is not tracked, the client keeps its previous state;
//            counted. Nothing throws.
#ifndef SESSION_STATUS_PLUGIN_BROKER_SESSION_TRACKER_H_
#define SESSION_STATUS_PLUGIN_BROKER_SESSION_TRACKER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/connections.h"
#include "plugin/broker/connects_21.h"
#include "plugin/broker/event_sink.h"
#include "plugin/broker/logins_20.h"
#include "plugin/broker/mosquitto_api.h"
#include "registry/session_registry.h"

namespace session_status::broker {

class SessionTracker {
 public:
  // Incarnations are numbered from `first_incarnation` (> 0; the store gives one above all it ever
  // gave). `sink` must outlive the tracker.
  SessionTracker(EventSink& sink, uint64_t first_incarnation);
  SessionTracker(const SessionTracker&) = delete;
  SessionTracker& operator=(const SessionTracker&) = delete;

  // 2.1: where to find a session that is taken for kept when its client returns and the broker has
  // none any more: its end is told then. Outlives the tracker; the sink feeds it.
  void set_registry(const registry::SessionRegistry& registry) { connects_.set_registry(registry); }

  // Before the first event, as the constructor's.
  void StartAt(uint64_t first_incarnation) { connections_.StartAt(first_incarnation); }

  // 2.1: `client` is a session that the broker held before its start, without a connection.
  // `incarnation`: of its last connection, 0: not known, a new number is taken. Returns the
  // incarnation; 0: the pointer is known already, or memory ran out.
  uint64_t AdoptHeld(const mosquitto* client, absl::string_view client_id,
                     uint64_t incarnation) noexcept {
    return connections_.AdoptHeld(client, client_id, incarnation);
  }

  // -- broker callbacks; `instance` < kInstancesMax says which instance of the plugin tells -------
  // 2.1
  void OnConnect(int instance, const mosquitto* client, absl::Time now) noexcept {
    connects_.OnConnect(instance, client, now);
  }
  // The connection ended; `session_kept`: told by the offline event, the broker holds the session.
  void OnEnd(const mosquitto* client, int reason, bool session_kept, absl::Time now) noexcept {
    connects_.OnEnd(client, reason, session_kept, now);
  }
  // 2.0
  void OnLogin(int instance, const mosquitto* client, absl::Time now) noexcept {
    logins_.OnLogin(instance, client, now);
  }
  void OnEndWithoutReason(const mosquitto* client, absl::Time now) noexcept {
    logins_.OnEnd(client, now);
  }
  // 2.0: until the round is over the broker asks about everybody it holds, connected or not.
  void OnReload() noexcept { logins_.OnReload(); }
  // Both: a round of the broker's main loop is over. `clock` is read only when there is work.
  template <typename Clock>
  void OnLoopRound(Clock&& clock) noexcept {
    connects_.OnLoopRound();
    logins_.OnLoopRound();
    if (connects_.settled() && !logins_.has_work()) return;
    const absl::Time now = clock();
    connects_.Settle();
    logins_.Settle(now);
  }

  // True when nothing is held back that would change what was told before: logins may be waiting.
  bool settled() const { return connects_.settled() && logins_.settled(); }
  // Whether a round was told of since the start.
  bool has_rounds() const { return logins_.has_rounds(); }
  uint64_t next_incarnation() const { return connections_.next_incarnation(); }
  const TrackerCounters& counters() const { return connections_.counters(); }

  // -- for the self-audit (self_audit.h). Broker; never inside another callback -------------------
  struct Tracked {
    absl::string_view client_id;  // until the next callback
    uint64_t incarnation = 0;
    bool online = false;   // told as connected
    bool pending = false;  // 2.0: logged in, not told yet; neither: a kept session
  };
  std::optional<Tracked> Find(const mosquitto* client) const;
  void ForEach(const std::function<void(const mosquitto*, const Tracked&)>& visit) const;
  size_t size() const { return connections_.size(); }
  // Whether `client`, which is in the broker's table but not tracked, can only be a connection
  // whose beginning we were not told: 2.1 also lists what has ended already (kept sessions that
  // were never ours, delayed wills), bridges, and clients of listeners without the
  // plugin. A listener is its port: never true on Unix sockets, and listeners on one port
  // (of several addresses) are one.
  bool MissedConnect(const mosquitto* client) const { return connects_.MissedConnect(client); }
  // Tracks such a connection and tells of it, as a repair.
  void Adopt(const mosquitto* client, absl::Time now) noexcept;
  // Tells once more of a tracked connection that the sink did not take; as a repair.
  void TellAgain(const mosquitto* client, absl::Time now) noexcept;
  // 2.0: the same as of a new connection, where the sink believes a later one to be over.
  void TellAnew(const mosquitto* client, absl::Time now) noexcept;
  // Tells of an end that nobody told, as a repair; of an expired session as such.
  void TellEnded(const std::string& client_id, uint64_t incarnation, absl::Time now) noexcept;
  void TellExpired(const std::string& client_id, uint64_t incarnation, absl::Time now) noexcept;
  // Stops tracking whoever `gone` is true for. Tells nobody. Only when settled().
  void Drop(const std::function<bool(const mosquitto*, const Tracked&)>& gone);
  // Keeps only those of the pointers behind MissedConnect() that `present` is true for.
  void PruneLingering(const std::function<bool(const mosquitto*)>& present) {
    connects_.PruneLingering(present);
  }

 private:
  Connections connections_;
  Connects21 connects_;
  Logins20 logins_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_SESSION_TRACKER_H_
