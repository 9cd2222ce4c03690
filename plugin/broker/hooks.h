// Ties one instance of the plugin to the broker's events: registers on construction, takes back
// exactly what it took on destruction.
//
// The broker line is found by registering: only 2.1 has the connect event. There, connect,
// disconnect, offline, tick and reload are taken (and, if asked for, requests on $CONTROL) and no
// login is ever touched. On 2.0 there is no
// sign of a connect that leaves logins alone, so the broker's start is refused unless
// `observe_logins` says that the operator has chosen the compatibility mode (docs/broker-support.md
// tells what it costs).
//
//   static: one Feed per process (tracker, clock, log: shared by all instances)
//   per mosquitto_plugin_init: auto hooks = Hooks::Register(identifier, feed, instance, options);
//
// Threads:   broker.
// Ownership: the Feed must outlive all Hooks.
#ifndef SESSION_STATUS_PLUGIN_BROKER_HOOKS_H_
#define SESSION_STATUS_PLUGIN_BROKER_HOOKS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/broker/event_sink.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/broker/session_tracker.h"
#include "plugin/broker/steady_wall_clock.h"

namespace session_status::broker {

class Hooks;

// What broker events feed. One per process, whatever the number of plugin instances.
struct Feed {
  EventSink& sink;
  SessionTracker& tracker;
  SteadyWallClock& clock;
  BrokerLog& log;
  absl::Time next_housekeeping = absl::InfinitePast();
  absl::Time first_login = absl::InfiniteFuture();  // 2.0
  bool told_of_missing_rounds = false;              // 2.0
  // Whose ticks are the rounds: 2.0 under per_listener_settings has one for each listener with the
  // plugin, 2.1 one for each instance.
  const Hooks* teller_of_rounds = nullptr;
  Counter exceptions{};  // that reached the C boundary; the event was dropped
};

struct HookOptions {
  // Mosquitto 2.0 only: observe BASIC_AUTH, answering "defer" always. Option `observe_logins`.
  bool observe_logins = false;
  // Take requests on kControlTopic.
  bool control = false;
};

class Hooks {
 public:
  // `instance` is below kInstancesMax and differs between instances alive at the same time.
  // Errors: kFailedPrecondition on 2.0 without observe_logins, kResourceExhausted for too many
  // instances, kInternal with the broker's code when it refuses an event. Nothing is then left
  // registered.
  static absl::StatusOr<std::unique_ptr<Hooks>> Register(mosquitto_plugin_id_t* identifier,
                                                         Feed& feed, int instance,
                                                         const HookOptions& options);
  ~Hooks();
  Hooks(const Hooks&) = delete;
  Hooks& operator=(const Hooks&) = delete;

  BrokerLine line() const { return line_; }

  // For the callbacks.
  Feed& feed() { return feed_; }
  int instance() const { return instance_; }

 private:
  Hooks(mosquitto_plugin_id_t* identifier, Feed& feed, int instance);
  absl::Status RegisterAll(const HookOptions& options);

  mosquitto_plugin_id_t* const identifier_;
  Feed& feed_;
  const int instance_;
  BrokerLine line_ = BrokerLine::kV20;
  uint32_t taken_ = 0;  // bit i: row i of the table in hooks.cc is registered by us
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_HOOKS_H_
