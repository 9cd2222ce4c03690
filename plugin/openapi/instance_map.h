// Which instance a client belongs to. A query sees only the clients of the instance it names.
//
//   1. by user name, when that is switched on and the user name has one of the documented forms
//      "Signature|AccessKeyId|InstanceId", "Token|…|…", "DeviceCredential|…|…": the third part
//   2. by listener, when its port is listed (Mosquitto 2.0 tells no ports: the plugin does not
//      start)
//   3. else the default instance
//
// The user name is what the broker let in: its own authentication has to see to it that nobody
// connects under a stranger's instance.
//
// Threads: a value, const after it is built; any.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_INSTANCE_MAP_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_INSTANCE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace session_status::openapi {

// As long as the access file's may be.
inline constexpr size_t kInstanceIdBytesMax = 128;

class InstanceMap {
 public:
  struct Options {
    std::string default_instance = "mosquitto";
    bool by_username = false;
    std::vector<std::pair<uint16_t, std::string>> by_listener_port;
  };
  explicit InstanceMap(Options options) : options_(std::move(options)) {}

  // All clients are in one instance: nobody needs to look at user names or ports.
  bool single() const { return !options_.by_username && options_.by_listener_port.empty(); }

  absl::string_view default_instance() const { return options_.default_instance; }

  // Whether callers can name instances that no option lists.
  bool open_ended() const { return options_.by_username; }

  // Whether clients can belong to `instance_id` here. By user name any instance can be; who owns
  // it is then the access file's word alone.
  bool Serves(absl::string_view instance_id) const;

  // The instance of a client. The view lives as long as the map and `username`.
  absl::string_view InstanceOf(absl::string_view username, uint16_t listener_port) const;

 private:
  const Options options_;
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_INSTANCE_MAP_H_
