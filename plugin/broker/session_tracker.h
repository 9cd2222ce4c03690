// Knows which broker connection is which incarnation of which client, and turns what the broker
// says about connections into SessionEvents. All differences between broker lines and all oddities
// of their event order end here.
//
// The one rule: a connection is its pointer (`struct mosquitto*`) from the moment it is accepted
// until its end is told, and carries the client identifier and the incarnation it was given then.
// What a later callback says about identifiers is not believed: in an end event the identifier can
// be missing (2.0), belong to somebody else (a refused login) or have been changed by another
// plugin. An end of a pointer we do not know is counted, and changes nothing unless the broker's
// own table holds that pointer under that identifier (2.1), as it never does of a refused login.
//
// Mosquitto 2.1 (connect event): exact.
//   * Takeover is told as end(old), connect(new) inside one call of the broker; the end is held
//     back until the connect has been delivered, so that no reader sees the client offline. Should
//     no connect follow, the end is delivered at the next loop round.
//   * A connect is not believed when the broker's own table does not hold that pointer under that
//     identifier, or when the same pointer ended in this loop round: another plugin has kicked the
//     client in its own connect callback, before ours.
//   * Before it tells of a connect the broker ends whatever it holds under the identifier, a kept
//     session too. No such end: the session that was kept has expired, which nobody tells.
//   * A connection may fail after the broker has entered it in the old one's place, before anybody
//     tells of its connect: the CONNACK cannot be written, or its keepalive is refused. Its end is
//     all that is told. The session is its session from then on, or gone.
// Mosquitto 2.0 (logins observed): an unknown pointer that logs in is pending; its own end, before
//   anybody else is heard and the loop round is over, is a refusal; all else makes it a
//   connection. The end of a connection while a login with the same identifier is pending is a
//   takeover. In the round of a reload the broker asks about everybody it holds: who has no
//   connection is left alone, which is whoever's end was told and nobody's connect since. That end
//   may be told any number of times: at each reload that the session does not pass, and when it is
//   kicked. Over WebSockets the end that is a refusal comes only when libwebsockets has written
//   the answer, after others have been heard: such a login waits until two more rounds are over.
//   The end of a connection with its identifier is held back until then: it is a takeover, or an
//   end like any other. Over TLS that end may come seconds later still. So where somebody is
//   online under the identifier, such a login goes on waiting until that one ends, which is what a
//   takeover does to it; it is told then.
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

#include <bitset>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "plugin/broker/event_sink.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/broker/sharded_map.h"
#include "registry/counter.h"
#include "registry/session_event.h"
#include "registry/session_registry.h"

namespace session_status::broker {

// Instances of the plugin that may feed one tracker. One per listener is the most that makes sense;
// a bit per instance is kept with each connection.
inline constexpr int kInstancesMax = 64;

// Ends of unknown pointers remembered within one loop round. A round handles at most a few hundred
// sockets; what does not fit is only not guarded against (see TrackerCounters::guard_overflows).
inline constexpr size_t kUnknownEndsMax = 256;

// Ends by takeover that wait for their connect. One is the rule; more need a plugin that kicks
// other clients inside the takeover. The oldest is delivered when there is no room.
inline constexpr size_t kHeldEndsMax = 8;

struct TrackerCounters {
  Counter unknown_ends;      // ends of pointers we do not know: refused logins, repeated ends
  Counter duplicate_events;  // told by a second instance
  Counter ghosts_averted;    // connects not believed
  Counter unseen_ends;       // connections whose end was never told, found by pointer reuse
  Counter guard_overflows;
  Counter out_of_memory;
  Counter tracked;  // gauge: pointers in the table, kept sessions included
};

class SessionTracker {
 public:
  // Incarnations are numbered from `first_incarnation` (> 0; the store gives one above all it ever
  // gave). `sink` must outlive the tracker.
  SessionTracker(EventSink& sink, uint64_t first_incarnation);
  SessionTracker(const SessionTracker&) = delete;
  SessionTracker& operator=(const SessionTracker&) = delete;

  // 2.1: where to find a session that is taken for kept when its client returns and the broker has
  // none any more: its end is told then. Outlives the tracker; the sink feeds it.
  void set_registry(const registry::SessionRegistry& registry) { registry_ = &registry; }

  // Before the first event, as the constructor's.
  void StartAt(uint64_t first_incarnation) { next_incarnation_ = first_incarnation; }

  // 2.1: `client` is a session that the broker held before its start, without a connection.
  // `incarnation`: of its last connection, 0: not known, a new number is taken. Returns the
  // incarnation; 0: the pointer is known already, or memory ran out.
  uint64_t AdoptHeld(const mosquitto* client, absl::string_view client_id,
                     uint64_t incarnation) noexcept;

  // -- broker callbacks; `instance` < kInstancesMax says which instance of the plugin tells -------
  // 2.1
  void OnConnect(int instance, const mosquitto* client, absl::Time now) noexcept;
  // The connection ended; `session_kept`: told by the offline event, the broker holds the session.
  void OnEnd(const mosquitto* client, int reason, bool session_kept, absl::Time now) noexcept;
  // 2.0
  void OnLogin(int instance, const mosquitto* client, absl::Time now) noexcept;
  void OnEndWithoutReason(const mosquitto* client, absl::Time now) noexcept;
  // 2.0: until the round is over the broker asks about everybody it holds, connected or not.
  void OnReload() noexcept { asks_all_ = has_rounds(); }
  // Both: a round of the broker's main loop is over. `clock` is read only when there is work.
  template <typename Clock>
  void OnLoopRound(Clock&& clock) noexcept {
    last_login_ = nullptr;
    found_session_.reset();
    ++rounds_;
    asks_all_ = false;
    unknown_ends_.clear();
    if (!ended_mqtt5_.empty()) FindLingering();
    if (!settled() || !due_.empty()) SettleRound(clock());
  }

  // True when nothing is held back that would change what was told before: logins may be waiting.
  bool settled() const {
    return held_ends_.empty() && pending_ == nullptr && ends_in_waiting_ == 0;
  }
  // Whether a round was told of since the start.
  bool has_rounds() const { return rounds_ > 0; }
  uint64_t next_incarnation() const { return next_incarnation_; }
  const TrackerCounters& counters() const { return counters_; }

  // -- for the self-audit (self_audit.h). Broker; never inside another callback -------------------
  struct Tracked {
    absl::string_view client_id;  // until the next callback
    uint64_t incarnation = 0;
    bool online = false;   // told as connected
    bool pending = false;  // 2.0: logged in, not told yet; neither: a kept session
  };
  std::optional<Tracked> Find(const mosquitto* client) const;
  void ForEach(const std::function<void(const mosquitto*, const Tracked&)>& visit) const;
  size_t size() const { return table_.size(); }
  // Whether `client`, which is in the broker's table but not tracked, can only be a connection
  // whose beginning we were not told: 2.1 also lists what has ended already (kept sessions that
  // were never ours, delayed wills), bridges, and clients of listeners without the
  // plugin. A listener is its port: never true on Unix sockets, and listeners on one port
  // (of several addresses) are one.
  bool MissedConnect(const mosquitto* client) const;
  // Tracks such a connection and tells of it, as a repair.
  void Adopt(const mosquitto* client, absl::Time now) noexcept;
  // Tells once more of a tracked connection that the sink did not take; as a repair.
  void TellAgain(const mosquitto* client, absl::Time now) noexcept;
  // 2.0: the same as of a new connection, where the sink believes a later one to be over.
  void TellAnew(const mosquitto* client, absl::Time now) noexcept;
  // Tells of an end that nobody told, as a repair; of an expired session as such.
  void TellEnded(const std::string& client_id, uint64_t incarnation, absl::Time now) noexcept;
  void TellExpired(const std::string& client_id, uint64_t incarnation, absl::Time now) noexcept;
  // Stops tracking whoever `gone` is true for. Tells nobody.
  void Drop(const std::function<bool(const mosquitto*, const Tracked&)>& gone);
  // Keeps only those of the pointers behind MissedConnect() that `present` is true for.
  void PruneLingering(const std::function<bool(const mosquitto*)>& present);

 private:
  enum class Phase : uint8_t {
    kPending,      // 2.0: logged in, not yet known to be accepted
    kOnline,       // told as connected
    kSessionKept,  // the connection ended, the broker keeps the session under this pointer
  };
  struct Entry {
    std::string client_id;
    uint64_t incarnation = 0;
    uint64_t instances = 0;  // bit per instance that told of the connect
    Phase phase = Phase::kOnline;
  };
  struct HeldEnd {
    std::string client_id;
    uint64_t incarnation = 0;
    int reason = 0;
    absl::Time time;
  };
  // 2.0: an end that may be a takeover's.
  struct EndIn20 {
    std::string client_id;
    uint64_t incarnation = 0;  // 0: there is none
    registry::EndReason reason = registry::EndReason::kUnknown;
    bool session_kept = false;
    absl::Time time;
    uint64_t before = 0;  // logins from this incarnation on came after it
    // Until then a later login may have taken over from the one that was the reason. Not longer, or
    // whoever is refused again and again could hold it back for ever.
    uint64_t passed_on_until_round = 0;
  };
  // 2.0: a login over WebSockets that was neither refused nor told yet.
  struct Waiting {
    const mosquitto* client = nullptr;
    uint64_t incarnation = 0;
    bool contests = false;  // its rounds are over, but an earlier connection is online
    EndIn20 end{};          // of the connection that it takes over, if it is accepted
  };
  // By a hash of the client identifier; under one, in the order of the logins.
  using WaitingLogins = std::multimap<size_t, Waiting>;
  struct Due {
    uint64_t in_round = 0;
    size_t id_hash = 0;
    uint64_t incarnation = 0;
  };

  // A connect of this pointer later in this round is not to be believed.
  void RememberUnknownEnd(const mosquitto* client);
  // True when another plugin ended this connection before we heard of its beginning.
  bool IsGhost(const mosquitto* client, const char* client_id) const noexcept;
  // 2.1: whether the broker holds `client`, connection or session, under that identifier.
  bool IsInTable(const mosquitto* client, const char* id) const noexcept;
  // The same of one that is connected or was until now: none that the broker restored.
  bool IsEntered(const mosquitto* client, const char* id) const noexcept;
  // 2.1: whether `client`, which ended, is a connection that was refused, or failed, at the place
  // of a kept session that has expired.
  bool IsAnotherAtItsPlace(const Entry& kept, const mosquitto* client, const char* id,
                           bool session_kept) const noexcept;
  // 2.1: `client` ended, whose connect nobody told, though the broker had entered it.
  void OnFailedConnect(const mosquitto* client, const char* id, int reason, bool session_kept,
                       absl::Time now);
  // An MQTT 5 connection ended, of which the broker may still hold a delayed will.
  void RememberEndedMqtt5(const mosquitto* client, const char* id);
  // Our table says `client` is somebody whose end we were not told. Ends that one.
  void ForgetPrevious(const mosquitto* client, const Entry& previous, const char* new_client_id,
                      absl::Time now);
  void Forget(const mosquitto* client);
  // `client_id` returns, and the broker has no session of it.
  void TellExpiredBeforeReturn(const char* client_id, absl::Time now) noexcept;
  // Enters `client` into the table.
  Entry& Track(int instance, const mosquitto* client, const char* client_id, Phase phase);
  // 2.1: which of the MQTT 5 connections that ended in this round the broker still holds: it keeps
  // those with a delayed will in its table until that is sent.
  void FindLingering() noexcept;
  static Tracked AsTracked(const Entry& entry);
  // 2.0: `client`, which is not tracked, is asked about because the broker reloads.
  bool IsHeldWithoutConnection(const mosquitto* client) const;
  // 2.0: `client` ended. Its session may stay, and be asked about.
  void RememberEnd20(const mosquitto* client);
  void Promote(const mosquitto* pending, absl::Time now);
  // The last login that waits and may be the reason for that end; nullptr: none.
  Waiting* FindReason(const EndIn20& end);
  // Holds the end back if there is such a login; else tells of it.
  void TellOrHold(EndIn20 end);
  // Whether it is still a login under that identifier.
  bool IsLoginOf(const Waiting& waiting, const std::string& client_id) const;
  EndIn20 TakeEnd(Waiting& waiting);
  WaitingLogins::iterator FindWaiting(size_t id_hash, uint64_t incarnation);
  // A login that waited was refused.
  void DropWaiting(size_t id_hash, uint64_t incarnation);
  void PromoteWaiting(absl::Time now) noexcept;
  bool IsOnline(size_t id_hash, const std::string& client_id) const;
  // `ended` is no longer online: tells of the first login that contests it. False: there is none.
  bool PromoteContesting(const mosquitto* ended, const std::string& client_id, size_t id_hash,
                         absl::Time now);
  void Hold(Entry& entry, int reason, absl::Time now);
  std::optional<HeldEnd> TakeHeld(absl::string_view client_id);
  void TellHeld(const HeldEnd& held, bool session_kept);
  void DropHeld(const std::string& client_id);
  void SettleRound(absl::Time now) noexcept;

  struct Told {
    bool repaired = false;
    bool found_no_session = false;
    bool session_not_told = false;
  };
  void EmitConnected(const mosquitto* client, const Entry& entry, absl::Time now, Told told);
  void EmitEnded(const std::string& client_id, uint64_t incarnation, registry::EndReason reason,
                 uint16_t code, bool session_kept, absl::Time now, bool repaired = false);
  void EmitSessionGone(const Entry& entry, registry::EndReason reason, uint16_t code,
                       absl::Time now);

  EventSink& sink_;
  const registry::SessionRegistry* registry_ = nullptr;
  uint64_t next_incarnation_;
  ShardedMap<const mosquitto*, Entry> table_;
  std::vector<HeldEnd> held_ends_;  // 2.1; at most kHeldEndsMax
  // 2.1. A hash of the identifier under which the broker found a session for the connect that it
  // tells of next, in the same call.
  std::optional<size_t> found_session_;
  // 2.0. The last one that logged in, if it is not yet known to be accepted: a refusal comes before
  // anybody else is heard.
  const mosquitto* pending_ = nullptr;
  std::vector<const mosquitto*> unknown_ends_;  // 2.1; since the last loop round
  // 2.1. In the broker's table, without a connection that we follow.
  std::unordered_set<const mosquitto*> lingering_;
  // Since the last loop round. No more than the broker has entered connections since and not freed
  // yet: it frees nothing within a round.
  std::vector<std::pair<const mosquitto*, std::string>> ended_mqtt5_;
  std::bitset<65536> listener_ports_;      // 2.1; that told of a connect
  const mosquitto* last_login_ = nullptr;  // 2.0: a known pointer logged in again (reload)
  uint64_t rounds_ = 0;                    // 2.0.11 with per_listener_settings tells of none
  bool asks_all_ = false;
  WaitingLogins waiting_;  // 2.0; no more than connections
  size_t ends_in_waiting_ = 0;
  std::deque<Due> due_;  // 2.0: when those of the last rounds have waited, in that order
  // 2.0: who was told as connected last. By a hash of the client identifier; where two have the
  // same, one of them is not guarded against refused logins.
  ShardedMap<size_t, const mosquitto*> online_;
  // 2.0: what ended last under these pointers, and whose session the broker may hold there. No more
  // than places where it ever had a client. A connection that is seen is not here.
  struct Nothing {};
  ShardedMap<const mosquitto*, Nothing> maybe_held_;
  TrackerCounters counters_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_SESSION_TRACKER_H_
