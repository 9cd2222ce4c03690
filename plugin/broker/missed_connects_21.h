// Mosquitto 2.1, for the self-audit: whether a client that is in the broker's table, but is not
// tracked, can only be a connection whose connect we were not told.
//
// The table also lists who is no such connection, and nothing in it tells them apart: sessions kept
// that were never ours, connections that are over but have a delayed will to be sent, bridges, and
// clients of listeners without the plugin. So three things are remembered from the events:
//   * ports of listeners with the plugin: those on which some connect was told;
//   * lingering pointers: what ended and is still in the table, without a connection;
//   * MQTT 5 connections that ended in this loop round: when it is over, those that the broker
//     still holds are lingering. It holds them until their delayed will is sent, and tells nobody.
//
// A listener is its port: never found on Unix sockets, whose port is 0, and listeners on one port
// (of several addresses) are one.
//
// Threads:   broker.
// Ownership: compares pointers; never dereferences one outside of its event, or of the broker's
//            table. The connections outlive it.
// Errors:    std::bad_alloc, where not said otherwise. What is forgotten for want of memory may be
//            taken for a missed connect.
#ifndef SESSION_STATUS_PLUGIN_BROKER_MISSED_CONNECTS_21_H_
#define SESSION_STATUS_PLUGIN_BROKER_MISSED_CONNECTS_21_H_

#include <bitset>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "plugin/broker/client_description.h"
#include "plugin/broker/connections.h"
#include "plugin/broker/mosquitto_api.h"

namespace session_status::broker {

class MissedConnects21 {
 public:
  explicit MissedConnects21(Connections& connections) : connections_(connections) {}

  // A connect was told, and believed.
  void OnConnect(const mosquitto* client) {
    if (!lingering_.empty()) lingering_.erase(client);
    listener_ports_.set(ListenerPort(client));
  }
  // Of a pointer that is not tracked.
  void OnUnknownEnd(const mosquitto* client, bool session_kept) {
    if (session_kept) {
      lingering_.insert(client);
    } else if (!lingering_.empty()) {
      lingering_.erase(client);
    }
  }
  // Of a connection; `id`: what the broker calls it now. The broker may still hold its will.
  void OnEnd(const mosquitto* client, const char* id);
  void OnLoopRound() noexcept {
    if (!ended_mqtt5_.empty()) FindLingering();
  }

  // `client`: in the broker's table, not tracked.
  bool IsMissed(const mosquitto* client) const;
  // Forgets lingering pointers but for those that `present` is true for.
  void Prune(const std::function<bool(const mosquitto*)>& present);

 private:
  void FindLingering() noexcept;

  Connections& connections_;
  std::bitset<65536> listener_ports_;
  std::unordered_set<const mosquitto*> lingering_;
  // Since the last loop round. No more than the broker has entered connections since and not freed
  // yet: it frees nothing within a round.
  std::vector<std::pair<const mosquitto*, std::string>> ended_mqtt5_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_MISSED_CONNECTS_21_H_
