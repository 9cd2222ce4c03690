#include "tests/testing/mqtt_client.h"

#include <mqtt_protocol.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

#if defined(__SANITIZE_THREAD__)
// The packaged client library is not instrumented: the sanitizer misses some of its locking.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions() {
  return "mutex:libmosquitto.so\n";
}
#endif

namespace session_status::testing {
namespace {

// Once per process, before the first client.
void InitLibrary() {
  static const int initialised = mosquitto_lib_init();
  static_cast<void>(initialised);
}

const char* OrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

struct Properties {
  mosquitto_property* list = nullptr;
  ~Properties() { mosquitto_property_free_all(&list); }
};

}  // namespace

MqttClient::MqttClient(ClientOptions options) : options_(std::move(options)) {
  InitLibrary();
  // An empty identifier needs clean start until it is connected; the version says the rest.
  handle_ = mosquitto_new(OrNull(options_.id), options_.id.empty() || options_.clean, this);
  mosquitto_int_option(handle_, MOSQ_OPT_PROTOCOL_VERSION, options_.version);
  if (!options_.username.empty()) {
    mosquitto_username_pw_set(handle_, options_.username.c_str(), OrNull(options_.password));
  }
  if (!options_.will_topic.empty()) {
    Properties properties;
    if (options_.will_delay_s > 0) {
      mosquitto_property_add_int32(&properties.list, MQTT_PROP_WILL_DELAY_INTERVAL,
                                   options_.will_delay_s);
    }
    mosquitto_will_set_v5(handle_, options_.will_topic.c_str(), 4, "gone", 1, false,
                          std::exchange(properties.list, nullptr));
  }
  ConfigureTls();
  mosquitto_connect_v5_callback_set(
      handle_, [](mosquitto*, void* self_ptr, int code, int, const mosquitto_property* properties) {
        auto* self = static_cast<MqttClient*>(self_ptr);
        self->connack_ = code;
        char* assigned = nullptr;
        mosquitto_property_read_string(properties, MQTT_PROP_ASSIGNED_CLIENT_IDENTIFIER, &assigned,
                                       false);
        if (assigned != nullptr) self->assigned_id_ = assigned;
        free(assigned);
      });
  mosquitto_disconnect_v5_callback_set(
      handle_, [](mosquitto*, void* self_ptr, int, const mosquitto_property*) {
        static_cast<MqttClient*>(self_ptr)->closed_ = true;
      });
  mosquitto_subscribe_callback_set(
      handle_, [](mosquitto*, void* self_ptr, int mid, int, const int* granted) {
        auto* self = static_cast<MqttClient*>(self_ptr);
        self->last_acknowledged_ = mid;
        self->last_granted_ = granted[0];
      });
  mosquitto_publish_callback_set(handle_, [](mosquitto*, void* self_ptr, int mid) {
    static_cast<MqttClient*>(self_ptr)->last_acknowledged_ = mid;
  });
  mosquitto_message_callback_set(
      handle_, [](mosquitto*, void* self_ptr, const mosquitto_message* message) {
        static_cast<MqttClient*>(self_ptr)->received_.emplace_back(
            static_cast<const char*>(message->payload), static_cast<size_t>(message->payloadlen));
      });
}

MqttClient::~MqttClient() {
  Drop();
  mosquitto_destroy(handle_);
}

void MqttClient::ConfigureTls() {
  if (!options_.ca_file.empty()) {
    mosquitto_tls_set(handle_, options_.ca_file.c_str(), nullptr, OrNull(options_.cert_file),
                      OrNull(options_.key_file), nullptr);
  }
  if (!options_.psk_identity.empty()) {
    mosquitto_tls_psk_set(handle_, options_.psk_hex.c_str(), options_.psk_identity.c_str(),
                          nullptr);
  }
}

template <typename Done>
bool MqttClient::LoopUntil(Done&& done, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  while (!done()) {
    if (closed_ || absl::Now() > deadline) return done();
    if (mosquitto_loop(handle_, 10, 1) != MOSQ_ERR_SUCCESS) closed_ = true;
  }
  return true;
}

int MqttClient::Connect() {
  connack_.reset();
  closed_ = false;
  connected_ = false;
  Properties properties;
  if (options_.session_expiry_s) {
    mosquitto_property_add_int32(&properties.list, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                 *options_.session_expiry_s);
  }
  const bool is_unix = !options_.unix_path.empty();
  // libmosquitto refuses keepalives from 1 to 4.
  const int keepalive = options_.keepalive_s == 0 ? 0 : std::max<int>(options_.keepalive_s, 5);
  const int rc = mosquitto_connect_bind_v5(
      handle_, is_unix ? options_.unix_path.c_str() : "127.0.0.1", is_unix ? 0 : options_.port,
      keepalive, nullptr, options_.version == 5 ? properties.list : nullptr);
  if (rc != MOSQ_ERR_SUCCESS) return -1;
  LoopUntil([this] { return connack_.has_value(); });
  if (!connack_) return -1;
  if (*connack_ != 0) {
    Drop();
    return *connack_;
  }
  connected_ = true;
  return RoundTrip() ? 0 : -1;
}

bool MqttClient::Subscribe(const std::string& topic) {
  int mid = 0;
  last_granted_ = 128;
  if (mosquitto_subscribe(handle_, &mid, topic.c_str(), 1) != MOSQ_ERR_SUCCESS) return false;
  return LoopUntil([&] { return last_acknowledged_ == mid; }) && last_granted_ < 128;
}

bool MqttClient::RoundTrip() {
  int mid = 0;
  if (mosquitto_unsubscribe(handle_, &mid, "session-status/round-trip") != MOSQ_ERR_SUCCESS) {
    return false;
  }
  mosquitto_unsubscribe_callback_set(handle_, [](mosquitto*, void* self_ptr, int acknowledged) {
    static_cast<MqttClient*>(self_ptr)->last_acknowledged_ = acknowledged;
  });
  return LoopUntil([&] { return last_acknowledged_ == mid; });
}

bool MqttClient::Publish(const std::string& topic, absl::string_view payload, int qos) {
  int mid = 0;
  if (mosquitto_publish(handle_, &mid, topic.c_str(), static_cast<int>(payload.size()),
                        payload.data(), qos, false) != MOSQ_ERR_SUCCESS) {
    return false;
  }
  return LoopUntil([&] { return last_acknowledged_ == mid; });
}

void MqttClient::Disconnect(std::optional<uint32_t> session_expiry_s) {
  Properties properties;
  if (session_expiry_s) {
    mosquitto_property_add_int32(&properties.list, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                 *session_expiry_s);
  }
  mosquitto_disconnect_v5(handle_, 0, properties.list);
  LoopUntil([this] { return closed_; });
  connected_ = false;
}

void MqttClient::Drop(bool reset) {
  const int fd = mosquitto_socket(handle_);
  if (fd >= 0) {
    if (reset) {
      const linger at_once{1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      // The library would say DISCONNECT first; a duplicate over its descriptor closes ours.
      const int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      dup2(dead, fd);
      close(dead);
    } else {
      shutdown(fd, SHUT_RDWR);
    }
  }
  connected_ = false;
  closed_ = true;
}

bool MqttClient::WaitClosed(absl::Duration patience) {
  const bool closed = LoopUntil([this] { return closed_; }, patience);
  if (closed) connected_ = false;
  return closed;
}

void MqttClient::Serve(absl::Duration patience) {
  if (mosquitto_loop(handle_, static_cast<int>(absl::ToInt64Milliseconds(patience)), 1) !=
      MOSQ_ERR_SUCCESS) {
    closed_ = true;
    connected_ = false;
  }
}

std::unique_ptr<ClientProcess> ClientProcess::Start(const ClientOptions& options) {
  int ready[2];
  if (pipe(ready) != 0) return nullptr;
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    MqttClient client(options);
    const char answer = client.Connect() == 0 ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1 || answer == 'n') _exit(1);
    while (client.connected()) client.Serve(absl::Milliseconds(100));
    _exit(0);
  }
  close(ready[1]);
  char answer = 'n';
  const bool told = read(ready[0], &answer, 1) == 1;
  close(ready[0]);
  std::unique_ptr<ClientProcess> process(new ClientProcess(pid));
  if (!told || answer != 'y') return nullptr;
  return process;
}

ClientProcess::~ClientProcess() { Kill(); }

void ClientProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace session_status::testing
