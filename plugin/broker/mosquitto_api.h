// The broker's plugin interface, as this project sees it: the only file that includes Mosquitto's
// headers. One binary serves both broker lines, whichever headers it was compiled with:
//
//   * events and error numbers are our own constants (2.0's headers do not know 2.1's events, and
//     some error numbers moved between the lines);
//   * functions that only 2.1 has, or only some builds of 2.0 let plugins see, are weak: test them
//     against nullptr before the call;
//   * the two event structs that 2.0 does not declare are declared here with 2.1's layout.
//
// Threads: every function of the broker: broker only.
#ifndef SESSION_STATUS_PLUGIN_BROKER_MOSQUITTO_API_H_
#define SESSION_STATUS_PLUGIN_BROKER_MOSQUITTO_API_H_

// mosquitto_plugin.h of 2.0 needs the other two before it; 2.1 has new names and warns at the old.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // 2.1: a function named as a struct
#include <mosquitto.h>
#if __has_include(<mosquitto/broker_plugin.h>)
#include <mosquitto/broker.h>
#include <mosquitto/broker_plugin.h>
#else
#include <mosquitto_broker.h>
// clang-format off: order matters
#include <mosquitto_plugin.h>
// clang-format on
#endif
#pragma GCC diagnostic pop

extern "C" {
// Mosquitto 2.1 only; nullptr in 2.0.
__attribute__((weak)) struct mosquitto* mosquitto_client(const char* clientid);
__attribute__((weak)) int mosquitto_client_port(const struct mosquitto* client);
__attribute__((weak)) int mosquitto_apply_on_all_clients(int (*functor)(const struct mosquitto*,
                                                                        void*),
                                                         void* context);
// Debian 12's 2.0.11 has them; upstream's list of what a 2.0 broker exports has not.
__attribute__((weak)) const mosquitto_property* mosquitto_property_read_string(
    const mosquitto_property* proplist, int identifier, char** value, bool skip_first);
__attribute__((weak)) const mosquitto_property* mosquitto_property_read_binary(
    const mosquitto_property* proplist, int identifier, void** value, uint16_t* len,
    bool skip_first);
}

namespace session_status::broker {

// Which broker this process is. No function tells; registering kEventConnect does.
enum class BrokerLine : unsigned char {
  kV20,  // no connect event: the documented compatibility mode
  kV21,  // connect, disconnect, offline with reasons: the full promises
};

// Event numbers.
inline constexpr int kEventReload = 1;
inline constexpr int kEventBasicAuth = 3;
inline constexpr int kEventControl = 6;
inline constexpr int kEventTick = 9;
inline constexpr int kEventDisconnect = 10;
inline constexpr int kEventConnect = 11;        // 2.1
inline constexpr int kEventClientOffline = 28;  // 2.1: the connection ended, the session stays

// Results that mean the same number on both lines.
inline constexpr int kBrokerSuccess = 0;
inline constexpr int kBrokerNotSupported = 10;   // registering an event this broker lacks
inline constexpr int kBrokerPluginDefer = 17;    // "I have no opinion about this login"
inline constexpr int kBrokerAlreadyExists = 31;  // registering: another instance has it

// Where requests over MQTT arrive; the broker passes them to nobody else.
inline constexpr char kControlTopic[] = "$CONTROL/session-status/v1";

// Properties of MQTT 5 (2.2.2.2).
inline constexpr int kPropertyResponseTopic = 8;
inline constexpr int kPropertyCorrelationData = 9;

// Data of kEventConnect.
struct ConnectEventData {
  void* future;
  struct mosquitto* client;
  void* future2[4];
};

// Asks for the next tick within `milliseconds`; 2.0 ignores it. Only the field's name moved.
//
// 2.1 waits as long as both fields together say, and then, by the time of day, for the moment that
// each of them leads to: had the clock been set back by an hour meanwhile, that would be an hour.
// So the seconds lead decades back, and the milliseconds make up for it.
inline void SetNextTick(mosquitto_evt_tick& event, long milliseconds) {
  constexpr long kBackSeconds = sizeof(long) >= 8 ? 1'000'000'000 : 0;  // the broker counts in long
  event.next_s = -kBackSeconds;
#if __has_include(<mosquitto/broker_plugin.h>)
  event.next_ms = milliseconds + kBackSeconds * 1000;
#else
  event.next_ns = milliseconds + kBackSeconds * 1000;
#endif
}

// Data of kEventClientOffline: shaped as that of kEventDisconnect.
using OfflineEventData = mosquitto_evt_disconnect;

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_MOSQUITTO_API_H_
