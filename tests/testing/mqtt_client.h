// MQTT clients for tests, by libmosquitto: TCP, TLS (certificates or PSK) and Unix sockets, MQTT
// 3.1, 3.1.1 and 5. For WebSockets and malformed packets see raw_mqtt.h.
//
//   MqttClient client({.id = "lamp", .port = broker->port()});
//   ASSERT_EQ(client.Connect(), 0);   // returns after a round trip: the plugin has been told
//   client.Disconnect();
//
// Threads: one. The client's network loop runs only inside its methods: between them it is as
//          silent as a frozen client.
#ifndef SESSION_STATUS_TESTS_TESTING_MQTT_CLIENT_H_
#define SESSION_STATUS_TESTS_TESTING_MQTT_CLIENT_H_

#include <mosquitto.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/testing/wait.h"

namespace session_status::testing {

struct ClientOptions {
  std::string id{};  // empty: the broker assigns one
  uint16_t port = 0;
  int version = 4;  // 3: MQTT 3.1, 4: 3.1.1, 5
  bool clean = true;
  uint16_t keepalive_s = 60;
  std::string username{};  // empty: none
  std::string password{};
  std::string unix_path{};                     // instead of a port
  std::optional<uint32_t> session_expiry_s{};  // MQTT 5
  std::string will_topic{};
  uint32_t will_delay_s = 0;  // MQTT 5
  std::string ca_file{};      // set: TLS
  std::string cert_file{};
  std::string key_file{};
  std::string psk_identity{};  // set: TLS with a pre-shared key
  std::string psk_hex{};
};

class MqttClient {
 public:
  explicit MqttClient(ClientOptions options);
  // Closes the socket without a DISCONNECT, if it is still open.
  ~MqttClient();
  MqttClient(const MqttClient&) = delete;
  MqttClient& operator=(const MqttClient&) = delete;

  // 0: accepted, and a round trip was made since. The CONNACK's code if refused. -1: no answer.
  int Connect();
  // Makes a round trip (SUBSCRIBE, SUBACK). False: the connection is gone.
  bool RoundTrip();
  // Sends DISCONNECT (MQTT 5: with a new expiry interval, if given) and closes.
  void Disconnect(std::optional<uint32_t> session_expiry_s = std::nullopt);
  // Closes the socket without a word; `reset` makes it a TCP reset instead of a FIN.
  void Drop(bool reset = false);
  // Serves the connection until the other side closes it. False: still open after `patience`.
  bool WaitClosed(absl::Duration patience = kPatience);
  // Serves the connection for one round of at most `patience` (keeps it alive).
  void Serve(absl::Duration patience = absl::Milliseconds(10));

  bool connected() const { return connected_; }
  const std::string& assigned_id() const { return assigned_id_; }
  const std::vector<std::string>& received() const { return received_; }  // payloads
  // Subscribes and waits for the broker's word on it. True: granted.
  bool Subscribe(const std::string& topic);
  bool Publish(const std::string& topic, absl::string_view payload, int qos = 1);

 private:
  template <typename Done>
  bool LoopUntil(Done&& done, absl::Duration patience = kPatience);
  void ConfigureTls();

  ClientOptions options_;
  mosquitto* handle_ = nullptr;
  bool connected_ = false;
  bool closed_ = false;
  std::optional<int> connack_;
  int last_acknowledged_ = 0;
  int last_granted_ = 0;
  std::string assigned_id_;
  std::vector<std::string> received_;
};

// A connected client in a process of its own, to be killed.
class ClientProcess {
 public:
  // Returns when the client is connected and has made a round trip; nullptr: it was refused.
  static std::unique_ptr<ClientProcess> Start(const ClientOptions& options);
  ~ClientProcess();
  pid_t pid() const { return pid_; }
  void Kill();  // SIGKILL: the kernel closes its socket

 private:
  explicit ClientProcess(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_MQTT_CLIENT_H_
