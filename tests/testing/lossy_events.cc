// Linked into a second build of the plugin, for tests only: the same code, but some events never
// reach it. The plugin's calls of mosquitto_callback_register find this function before the
// broker's, which passes the broker a callback that forgets:
//
//   connects of clients whose identifier begins with "lose-connect"
//   ends of clients whose identifier begins with "lose-end"
#include <dlfcn.h>

#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "plugin/broker/mosquitto_api.h"

namespace {

using session_status::broker::ConnectEventData;
using session_status::broker::kEventClientOffline;
using session_status::broker::kEventConnect;
using session_status::broker::kEventDisconnect;

using Register = int (*)(mosquitto_plugin_id_t*, int, MOSQ_FUNC_generic_callback, const void*,
                         void*);
using Unregister = int (*)(mosquitto_plugin_id_t*, int, MOSQ_FUNC_generic_callback, const void*);

struct Callback {
  MOSQ_FUNC_generic_callback function;
  void* userdata;
};
// By instance and event. Broker's thread only.
std::map<std::pair<mosquitto_plugin_id_t*, int>, Callback>& Callbacks() {
  static std::map<std::pair<mosquitto_plugin_id_t*, int>, Callback> callbacks;
  return callbacks;
}

bool Lost(int event, const mosquitto* client) {
  const char* id = mosquitto_client_id(client);
  if (id == nullptr) return false;
  return absl::StartsWith(id, event == kEventConnect ? "lose-connect" : "lose-end");
}

int Forgetful(int event, void* data, void* callback_ptr) {
  const auto& callback = *static_cast<const Callback*>(callback_ptr);
  const mosquitto* client = event == kEventConnect
                                ? static_cast<ConnectEventData*>(data)->client
                                : static_cast<mosquitto_evt_disconnect*>(data)->client;
  if (Lost(event, client)) return 0;
  return callback.function(event, data, callback.userdata);
}

bool CanBeLost(int event) {
  return event == kEventConnect || event == kEventDisconnect || event == kEventClientOffline;
}

}  // namespace

extern "C" {

int mosquitto_callback_register(mosquitto_plugin_id_t* identifier, int event,
                                MOSQ_FUNC_generic_callback function, const void* event_data,
                                void* userdata) {
  const auto broker =
      reinterpret_cast<Register>(dlsym(RTLD_DEFAULT, "mosquitto_callback_register"));
  if (!CanBeLost(event)) return broker(identifier, event, function, event_data, userdata);
  Callback& callback = Callbacks()[{identifier, event}];
  callback = {function, userdata};
  return broker(identifier, event, Forgetful, event_data, &callback);
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t* identifier, int event,
                                  MOSQ_FUNC_generic_callback function, const void* event_data) {
  const auto broker =
      reinterpret_cast<Unregister>(dlsym(RTLD_DEFAULT, "mosquitto_callback_unregister"));
  if (!CanBeLost(event)) return broker(identifier, event, function, event_data);
  Callbacks().erase({identifier, event});
  return broker(identifier, event, Forgetful, event_data);
}

}  // extern "C"
