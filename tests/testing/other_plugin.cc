// Some other plugin beside ours, as misbehaved as a scenario needs it. Options:
//
//   login accept|refuse|defer   its answer to every login (default: it does not ask)
//   kick_in_connect ID          2.1: kicks this client inside its own connect callback
//
//   say_reload true             logs "other plugin: reloaded" when it is told to reload
//
// A message to the topic other-plugin/kick kicks the client its payload names, at the next tick.
#include <string>

#include "plugin/broker/mosquitto_api.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace {

using session_status::broker::ConnectEventData;

struct State {
  int login_answer = -1;
  std::string kick_in_connect;
  std::string kick_at_tick;
};

int OnLogin(int, void*, void* state) { return static_cast<State*>(state)->login_answer; }

int OnConnect(int, void* data, void* state) {
  const char* id = mosquitto_client_id(static_cast<ConnectEventData*>(data)->client);
  if (static_cast<State*>(state)->kick_in_connect == id) {
    mosquitto_kick_client_by_clientid(id, false);
  }
  return 0;
}

int OnMessage(int, void* data, void* state) {
  const auto* message = static_cast<mosquitto_evt_message*>(data);
  if (std::string(message->topic) == "other-plugin/kick") {
    static_cast<State*>(state)->kick_at_tick.assign(static_cast<const char*>(message->payload),
                                                    message->payloadlen);
  }
  return 0;
}

int OnReload(int, void*, void*) {
  mosquitto_log_printf(MOSQ_LOG_NOTICE, "other plugin: reloaded");
  return MOSQ_ERR_SUCCESS;
}

int OnTick(int, void*, void* state_ptr) {
  auto* state = static_cast<State*>(state_ptr);
  if (!state->kick_at_tick.empty()) {
    mosquitto_kick_client_by_clientid(state->kick_at_tick.c_str(), false);
    state->kick_at_tick.clear();
  }
  return 0;
}

}  // namespace

EXPORTED int mosquitto_plugin_version(int, const int*) { return 5; }

EXPORTED int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void** user_data,
                                   mosquitto_opt* options, int option_count) {
  auto* state = new State;
  *user_data = state;
  for (int i = 0; i < option_count; ++i) {
    const std::string key = options[i].key;
    const std::string value = options[i].value;
    if (key == "kick_in_connect") state->kick_in_connect = value;
    if (key == "say_reload") {
      mosquitto_callback_register(identifier, MOSQ_EVT_RELOAD, OnReload, nullptr, state);
    }
    if (key == "login") {
      state->login_answer = value == "accept"   ? 0
                            : value == "refuse" ? MOSQ_ERR_AUTH
                                                : MOSQ_ERR_PLUGIN_DEFER;
    }
  }
  using namespace session_status::broker;
  if (state->login_answer >= 0) {
    mosquitto_callback_register(identifier, kEventBasicAuth, OnLogin, nullptr, state);
  }
  if (!state->kick_in_connect.empty()) {
    mosquitto_callback_register(identifier, kEventConnect, OnConnect, nullptr, state);
  }
  mosquitto_callback_register(identifier, MOSQ_EVT_MESSAGE, OnMessage, nullptr, state);
  return mosquitto_callback_register(identifier, kEventTick, OnTick, nullptr, state);
}

EXPORTED int mosquitto_plugin_cleanup(void* user_data, mosquitto_opt*, int) {
  delete static_cast<State*>(user_data);
  return 0;
}
