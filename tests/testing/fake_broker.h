// A stand-in for the broker's functions, at link time: clients are structs that the test fills,
// events are calls that the test makes, through the callbacks the code under test registered.
//
//   FakeBroker broker(FakeBroker::k21);
//   mosquitto* lamp = broker.NewClient("lamp");
//   broker.Connect(lamp);
//   broker.End(lamp, 7);
//
// Threads: one. One FakeBroker at a time.
#ifndef SESSION_STATUS_TESTS_TESTING_FAKE_BROKER_H_
#define SESSION_STATUS_TESTS_TESTING_FAKE_BROKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "plugin/broker/mosquitto_api.h"

// What is behind the opaque pointer here.
struct mosquitto {
  std::string id;
  bool has_id = true;
  std::string address = "127.0.0.1";
  bool has_address = true;
  std::string username;
  int port = 1883;
  int keepalive = 60;
  int protocol = mp_mqtt;
  int version = 4;
  bool clean = true;
};

// An instance of the plugin, as the broker sees it.
struct mosquitto_plugin_id_t {
  struct Callback {
    int event;
    MOSQ_FUNC_generic_callback function;
    void* userdata;
  };
  std::vector<Callback> callbacks;
};

// A list of properties: the two that matter here.
struct mqtt5__property {
  std::string response_topic;
  std::string correlation;
};

namespace session_status::testing {

class FakeBroker {
 public:
  enum Line { k20, k21 };
  explicit FakeBroker(Line line);
  ~FakeBroker();

  Line line() const { return line_; }
  // Events of this number are refused with `code` (test of failing registration).
  std::map<int, int> refuse;
  std::vector<std::string> log;
  // What the broker was asked to publish, in order.
  struct Published {
    std::string client_id;  // empty: to all
    std::string topic;
    std::string payload;
    std::string correlation;
    int qos = 0;
    bool retain = false;
  };
  std::vector<Published> published;
  bool out_of_memory = false;  // publishing fails

  // A plugin instance. All get every event.
  mosquitto_plugin_id_t* NewInstance();
  size_t registered() const;  // callbacks over all instances

  // A client context, in the broker's table under its id (2.1: mosquitto_client finds it).
  mosquitto* NewClient(const std::string& id);
  // The context is freed and the next NewClient gets the same address.
  void Free(mosquitto* client);
  // Frees a context and reuses its address at once, for another client.
  mosquitto* Reuse(mosquitto* client, const std::string& id);
  void SetInTable(const std::string& id, mosquitto* client);  // nullptr: removes the id

  // Events. Each calls the callbacks of all instances, in order; returns their last answer.
  int Connect(mosquitto* client);
  int Disconnect(mosquitto* client, int reason);
  int Offline(mosquitto* client, int reason);
  int Login(mosquitto* client);
  int Reload();
  // A message of `client` to the control topic, with the properties of MQTT 5 that are not empty.
  int Control(mosquitto* client, const std::string& payload, const std::string& response_topic = {},
              const std::string& correlation = {});
  // A round of the main loop.
  void LoopRound();

  // For the stand-ins.
  mosquitto* Find(const std::string& id) const;
  const std::map<std::string, mosquitto*>& table() const { return table_; }
  static FakeBroker* current();

 private:
  int Raise(int event, void* data);

  Line line_;
  std::vector<std::unique_ptr<mosquitto_plugin_id_t>> instances_;
  std::vector<std::unique_ptr<mosquitto>> clients_;
  std::vector<mosquitto*> free_;
  std::map<std::string, mosquitto*> table_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_FAKE_BROKER_H_
