// Mosquitto 2.0: logins over WebSockets, which wait until it is clear that they were accepted, and
// the ends that wait with them.
//
// A refusal over TCP is told before anybody else is heard (logins_20.h). Over WebSockets it is told
// when libwebsockets has written the answer: in the same loop round or the next, after others have
// been heard. Over TLS only when the other side closes, or after five seconds. So such a login goes
// through this:
//
//   waiting     from OnLogin until two whole rounds are over. Its own end meanwhile: a refusal.
//   contesting  when its rounds are over and somebody is online under its identifier: it may be a
//               refusal over TLS, or a takeover, whose end comes as late there. What will tell: if
//               it was accepted, the earlier connection ends; if it was refused, it ends itself.
//   accepted    when its rounds are over, nobody is online and it still has its identifier (2.0.11
//               takes it from whoever is refused); or when the connection that it contests ends.
//               It is told as connected. Logins with its identifier that came before it are out:
//               they were refused, or it has taken over from them too.
//
// The end of a connection while logins with its identifier wait may be a takeover, or an end like
// any other. It is held back with the latest login that may be the reason. If that one is accepted,
// the end is not told. If it is refused, or is to contest somebody, another login may be the
// reason; if there is none, the end is told.
//
// Threads:   broker.
// Ownership: keeps pointers of tracked logins, and compares them; dereferences one only when its
//            rounds are over and the table says that it has not ended. The connections outlive it.
// Errors:    std::bad_alloc, where not said otherwise.
#ifndef SESSION_STATUS_PLUGIN_BROKER_WAITING_LOGINS_20_H_
#define SESSION_STATUS_PLUGIN_BROKER_WAITING_LOGINS_20_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "plugin/broker/connections.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/broker/sharded_map.h"
#include "registry/session_event.h"

namespace session_status::broker {

class WaitingLogins20 {
 public:
  explicit WaitingLogins20(Connections& connections) : connections_(connections) {}

  // `client`, which is tracked next, has logged in over WebSockets.
  void Add(const mosquitto* client, size_t id_hash);
  // A pending login, over whatever, is known to be accepted: tells of the connection.
  void Promote(const mosquitto* pending, absl::Time now);
  // A login that may have waited was refused.
  void Drop(size_t id_hash, uint64_t incarnation);
  // A connection ended, and is forgotten: tells of the login that contested it, or of the end, now
  // or later. `ended`: as it was.
  void OnEnd(const mosquitto* client, Connections::Entry ended, size_t id_hash,
             registry::EndReason reason, bool session_kept, absl::Time now);

  // A loop round is over. Tells nothing: what has waited long enough is for PromoteDue().
  void OnLoopRound() noexcept { ++rounds_; }
  void PromoteDue(absl::Time now) noexcept;

  bool has_rounds() const { return rounds_ > 0; }
  bool holds_ends() const { return ends_in_waiting_ > 0; }
  bool has_due() const { return !due_.empty(); }

 private:
  using Entry = Connections::Entry;
  using Phase = Connections::Phase;

  // An end that may be a takeover's.
  struct End {
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
  // A login that was neither refused nor told yet.
  struct Waiting {
    const mosquitto* client = nullptr;
    uint64_t incarnation = 0;
    bool contests = false;  // its rounds are over, but an earlier connection is online
    End end{};              // of the connection that it takes over, if it is accepted
  };
  // By a hash of the client identifier; under one, in the order of the logins.
  using Rows = std::multimap<size_t, Waiting>;
  struct Due {
    uint64_t in_round = 0;
    size_t id_hash = 0;
    uint64_t incarnation = 0;
  };

  // The last login that waits and may be the reason for that end; nullptr: none.
  Waiting* FindReason(const End& end);
  // Holds the end back if there is such a login; else tells of it.
  void TellOrHold(End end);
  // Whether it is still a login under that identifier.
  bool IsLoginOf(const Waiting& waiting, const std::string& client_id) const;
  End TakeEnd(Waiting& waiting);
  Rows::iterator Find(size_t id_hash, uint64_t incarnation);
  bool IsOnline(size_t id_hash, const std::string& client_id) const;
  // `ended` is no longer online: tells of the first login that contests it. False: there is none.
  bool PromoteContesting(const mosquitto* ended, const std::string& client_id, size_t id_hash,
                         absl::Time now);

  Connections& connections_;
  uint64_t rounds_ = 0;  // 2.0.11 with per_listener_settings tells of none
  Rows rows_;            // no more than connections
  size_t ends_in_waiting_ = 0;
  std::deque<Due> due_;  // when those of the last rounds have waited, in that order
  // Who was told as connected last, over whatever. By a hash of the client identifier; where two
  // have the same, one of them is not guarded against refused logins.
  ShardedMap<size_t, const mosquitto*> online_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_WAITING_LOGINS_20_H_
