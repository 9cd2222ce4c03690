#include "tests/testing/fake_broker.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace session_status::testing {
namespace {

FakeBroker* g_current = nullptr;

}  // namespace

FakeBroker::FakeBroker(Line line) : line_(line) {
  if (g_current != nullptr) abort();
  g_current = this;
}

FakeBroker::~FakeBroker() { g_current = nullptr; }

FakeBroker* FakeBroker::current() { return g_current; }

mosquitto_plugin_id_t* FakeBroker::NewInstance() {
  instances_.push_back(std::make_unique<mosquitto_plugin_id_t>());
  return instances_.back().get();
}

size_t FakeBroker::registered() const {
  size_t count = 0;
  for (const auto& instance : instances_) count += instance->callbacks.size();
  return count;
}

mosquitto* FakeBroker::NewClient(const std::string& id) {
  mosquitto* client = nullptr;
  if (free_.empty()) {
    clients_.push_back(std::make_unique<mosquitto>());
    client = clients_.back().get();
  } else {
    client = free_.back();
    free_.pop_back();
    *client = mosquitto();
  }
  client->id = id;
  table_[id] = client;
  return client;
}

void FakeBroker::Free(mosquitto* client) {
  if (Find(client->id) == client) table_.erase(client->id);
  free_.push_back(client);
}

mosquitto* FakeBroker::Reuse(mosquitto* client, const std::string& id) {
  Free(client);
  return NewClient(id);
}

void FakeBroker::SetInTable(const std::string& id, mosquitto* client) {
  if (client == nullptr) {
    table_.erase(id);
  } else {
    table_[id] = client;
  }
}

mosquitto* FakeBroker::Find(const std::string& id) const {
  const auto found = table_.find(id);
  return found == table_.end() ? nullptr : found->second;
}

int FakeBroker::Raise(int event, void* data) {
  int answer = 0;
  for (const auto& instance : instances_) {
    const auto callbacks = instance->callbacks;
    for (const auto& callback : callbacks) {
      if (callback.event == event) answer = callback.function(event, data, callback.userdata);
    }
  }
  return answer;
}

int FakeBroker::Connect(mosquitto* client) {
  broker::ConnectEventData data{};
  data.client = client;
  return Raise(broker::kEventConnect, &data);
}

int FakeBroker::Disconnect(mosquitto* client, int reason) {
  mosquitto_evt_disconnect data{};
  data.client = client;
  data.reason = reason;
  return Raise(broker::kEventDisconnect, &data);
}

int FakeBroker::Offline(mosquitto* client, int reason) {
  broker::OfflineEventData data{};
  data.client = client;
  data.reason = reason;
  return Raise(broker::kEventClientOffline, &data);
}

int FakeBroker::Login(mosquitto* client) {
  mosquitto_evt_basic_auth data{};
  data.client = client;
  return Raise(broker::kEventBasicAuth, &data);
}

int FakeBroker::Reload() {
  mosquitto_evt_reload data{};
  return Raise(broker::kEventReload, &data);
}

int FakeBroker::Control(mosquitto* client, const std::string& payload,
                        const std::string& response_topic, const std::string& correlation) {
  const mqtt5__property properties = {response_topic, correlation};
  mosquitto_evt_control data{};
  data.client = client;
  data.topic = broker::kControlTopic;
  data.payload = payload.data();
  data.payloadlen = static_cast<uint32_t>(payload.size());
  data.properties = &properties;
  data.qos = 1;
  return Raise(broker::kEventControl, &data);
}

void FakeBroker::LoopRound() {
  mosquitto_evt_tick data{};
  Raise(broker::kEventTick, &data);
}

}  // namespace session_status::testing

using session_status::testing::FakeBroker;

// -- the broker's functions -----------------------------------------------------------------------

extern "C" {

int mosquitto_callback_register(mosquitto_plugin_id_t* identifier, int event,
                                MOSQ_FUNC_generic_callback function, const void* /*event_data*/,
                                void* userdata) {
  FakeBroker* broker = FakeBroker::current();
  const auto refused = broker->refuse.find(event);
  if (refused != broker->refuse.end()) return refused->second;
  if (broker->line() == FakeBroker::k20 && event > 10) {
    return session_status::broker::kBrokerNotSupported;
  }
  identifier->callbacks.push_back({event, function, userdata});
  return 0;
}

int mosquitto_callback_unregister(mosquitto_plugin_id_t* identifier, int event,
                                  MOSQ_FUNC_generic_callback function, const void* /*event_data*/) {
  auto& callbacks = identifier->callbacks;
  const auto found = std::find_if(callbacks.begin(), callbacks.end(), [&](const auto& c) {
    return c.event == event && c.function == function;
  });
  if (found == callbacks.end()) return MOSQ_ERR_NOT_FOUND;
  callbacks.erase(found);
  return 0;
}

const char* mosquitto_client_id(const mosquitto* client) {
  return client->has_id ? client->id.c_str() : nullptr;
}
const char* mosquitto_client_address(const mosquitto* client) {
  return client->has_address ? client->address.c_str() : nullptr;
}
const char* mosquitto_client_username(const mosquitto* client) {
  return client->username.empty() ? nullptr : client->username.c_str();
}
int mosquitto_client_keepalive(const mosquitto* client) { return client->keepalive; }
int mosquitto_client_protocol(const mosquitto* client) { return client->protocol; }
int mosquitto_client_protocol_version(const mosquitto* client) { return client->version; }
bool mosquitto_client_clean_session(const mosquitto* client) { return client->clean; }
int mosquitto_client_port(const mosquitto* client) { return client->port; }
int mosquitto_kick_client_by_clientid(const char* clientid, bool /*with_will*/) {
  FakeBroker* broker = FakeBroker::current();
  mosquitto* client = broker->Find(clientid);
  if (client == nullptr) return MOSQ_ERR_NOT_FOUND;
  broker->Disconnect(client, MOSQ_ERR_ADMINISTRATIVE_ACTION);
  return 0;
}
mosquitto* mosquitto_client(const char* clientid) { return FakeBroker::current()->Find(clientid); }

int mosquitto_apply_on_all_clients(int (*functor)(const mosquitto*, void*), void* context) {
  int rc = 0;
  for (const auto& [id, client] : FakeBroker::current()->table()) {
    rc = functor(client, context);
    if (rc != 0) break;
  }
  return rc;
}

void* mosquitto_malloc(size_t size) { return malloc(size); }
void mosquitto_free(void* memory) { free(memory); }

const mosquitto_property* mosquitto_property_read_string(const mosquitto_property* list,
                                                         int identifier, char** value, bool) {
  if (identifier != session_status::broker::kPropertyResponseTopic ||
      list->response_topic.empty()) {
    return nullptr;
  }
  *value = strdup(list->response_topic.c_str());
  return list;
}

const mosquitto_property* mosquitto_property_read_binary(const mosquitto_property* list,
                                                         int identifier, void** value,
                                                         uint16_t* bytes, bool) {
  if (identifier != session_status::broker::kPropertyCorrelationData || list->correlation.empty()) {
    return nullptr;
  }
  *bytes = static_cast<uint16_t>(list->correlation.size());
  *value = malloc(*bytes);
  memcpy(*value, list->correlation.data(), *bytes);
  return list;
}

int mosquitto_property_add_binary(mosquitto_property** list, int /*identifier*/, const void* value,
                                  uint16_t bytes) {
  try {
    *list = new mqtt5__property{{}, std::string(static_cast<const char*>(value), bytes)};
    return 0;
  } catch (const std::bad_alloc&) {
    return MOSQ_ERR_NOMEM;
  }
}

void mosquitto_property_free_all(mosquitto_property** list) {
  delete *list;
  *list = nullptr;
}

int mosquitto_broker_publish(const char* client_id, const char* topic, int bytes, void* payload,
                             int qos, bool retain, mosquitto_property* properties) {
  FakeBroker* broker = FakeBroker::current();
  if (broker->out_of_memory) return MOSQ_ERR_NOMEM;
  try {
    FakeBroker::Published message;
    message.client_id = client_id == nullptr ? "" : client_id;
    message.topic = topic;
    message.payload.assign(static_cast<const char*>(payload), static_cast<size_t>(bytes));
    if (properties != nullptr) message.correlation = properties->correlation;
    message.qos = qos;
    message.retain = retain;
    broker->published.push_back(std::move(message));
  } catch (const std::bad_alloc&) {  // the stand-in is C to whoever calls it
    return MOSQ_ERR_NOMEM;
  }
  free(payload);
  delete properties;
  return 0;
}

void mosquitto_log_printf(int /*level*/, const char* format, ...) {
  char line[4096];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  FakeBroker::current()->log.emplace_back(line);
}

}  // extern "C"
