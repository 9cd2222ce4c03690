// Mosquitto 2.0, which tells no connects: logins are observed, and it is worked out which of them
// became connections. docs/broker-support.md tells what this cannot see.
//
//   OnLogin()       somebody logs in (basic auth event); nobody says whether it is let in
//   OnEnd()         a connection is over, or a login was refused, or a kept session ends once more
//                   (disconnect event, which has no reason)
//   OnReload()      the broker reloads: in this round it asks about everybody that it holds
//   OnLoopRound()   a round of the broker's main loop is over
//
// What is made of them:
//   * An unknown pointer that logs in is pending. If the next thing that is heard is its own end,
//     and the loop round is not over, it was refused; anything else makes it a connection.
//   * The end of a connection while a login with its identifier is pending is a takeover: the new
//     connection is told instead, so that no reader sees the client offline.
//   * Over WebSockets refusals are told later: see waiting_logins_20.h.
//   * In the round of a reload the broker asks about every client that it holds, connected or not,
//     as if it logged in. A pointer whose connection is followed stays as it is; if its own end is
//     heard next, before the round is over, it was no longer let in. A pointer whose last event was
//     an end is ignored: it is a kept session, not a login. Its end may be told again, at each
//     reload that the session does not pass and when it is kicked.
//
// Threads:   broker.
// Ownership: as Connections, which outlive it. maybe_held_ has pointers that have ended: they are
//            compared only.
// Errors:    out of memory: that event is dropped and counted (Connections::Contained). Nothing
//            throws.
#ifndef SESSION_STATUS_PLUGIN_BROKER_LOGINS_20_H_
#define SESSION_STATUS_PLUGIN_BROKER_LOGINS_20_H_

#include "absl/time/time.h"
#include "plugin/broker/connections.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/broker/sharded_map.h"
#include "plugin/broker/waiting_logins_20.h"

namespace session_status::broker {

class Logins20 {
 public:
  explicit Logins20(Connections& connections) : connections_(connections), waiting_(connections) {}

  void OnLogin(int instance, const mosquitto* client, absl::Time now) noexcept;
  void OnEnd(const mosquitto* client, absl::Time now) noexcept;
  void OnReload() noexcept { asks_all_ = has_rounds(); }

  // The round's guards are over. Tells nothing: who has waited long enough is for Settle(), which
  // is to be called if has_work().
  void OnLoopRound() noexcept {
    last_login_ = nullptr;
    asks_all_ = false;
    waiting_.OnLoopRound();
  }
  bool has_work() const { return !settled() || waiting_.has_due(); }
  void Settle(absl::Time now) noexcept;

  // As SessionTracker's.
  bool settled() const { return pending_ == nullptr && !waiting_.holds_ends(); }
  bool has_rounds() const { return waiting_.has_rounds(); }

 private:
  using Entry = Connections::Entry;
  using Phase = Connections::Phase;

  // `client`, which is not tracked, is asked about because the broker reloads.
  bool IsHeldWithoutConnection(const mosquitto* client) const;
  // `client` ended. Its session may stay, and be asked about.
  void RememberEnd(const mosquitto* client);

  Connections& connections_;
  WaitingLogins20 waiting_;
  // The last one that logged in, if it is not yet known to be accepted and does not wait: a refusal
  // comes before anybody else is heard.
  const mosquitto* pending_ = nullptr;
  const mosquitto* last_login_ = nullptr;  // a known pointer logged in again (reload)
  bool asks_all_ = false;                  // the broker reloads; until the round is over
  // Pointers whose last connection ended and whose session the broker may still hold. An entry goes
  // when a connection is seen at that pointer, or an end without a session; at most one entry per
  // address at which the broker ever had a client.
  struct Nothing {};
  ShardedMap<const mosquitto*, Nothing> maybe_held_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_LOGINS_20_H_
