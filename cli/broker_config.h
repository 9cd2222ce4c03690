// What of a mosquitto.conf concerns the plugin. Reads what the broker would read: the file and the
// *.conf files of its include_dir.
//
// Threads: any.
// Errors:  of the file itself: PermissionDenied, NotFound, InvalidArgument of a folder,
//          with its name and the system's words. What cannot be included is a refused line,
//          and the rest is read.
#ifndef SESSION_STATUS_CLI_BROKER_CONFIG_H_
#define SESSION_STATUS_CLI_BROKER_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace session_status::cli {

inline constexpr char kPluginFileName[] = "mosquitto_session_status.so";

struct OptionLine {
  std::string name;  // without plugin_opt_
  std::string value;
  std::string where;  // "/etc/mosquitto/mosquitto.conf:13"
};

// One line that loads the plugin, with the options that it is given.
struct PluginLine {
  std::string where;  // "/etc/mosquitto/mosquitto.conf:12"
  std::string path;   // of the .so
  std::vector<OptionLine> options;
  std::string keyword;  // "plugin", "global_plugin"

  // The value of an option; empty: not given.
  absl::string_view Option(absl::string_view name) const;
};

// A line that the broker would not take, and would not start with.
struct RefusedLine {
  std::string where;  // "/etc/mosquitto/mosquitto.conf:14"
  std::string why;
  std::string advice;
  bool harmless_on_20 = false;  // only newer ones refuse it
  bool hidden = false;          // it is we who may not read what it includes
};

// Where the broker listens for MQTT itself. Those on a Unix socket are left out.
struct BrokerListener {
  std::string address;  // as it is written; empty: all of the machine's
  uint16_t port = 0;
  std::string where;
};

struct BrokerConfig {
  std::vector<PluginLine> plugin_lines;
  std::vector<RefusedLine> refused_lines;
  std::vector<BrokerListener> listeners;
  std::string user = "mosquitto";     // whom the broker becomes when root starts it
  bool authenticates = false;         // password_file, or another plugin
  std::vector<OptionLine> orphans;    // plugin_opt_ lines of no plugin
  std::string per_listener_settings;  // where it is true; empty: nowhere
};

absl::StatusOr<BrokerConfig> ReadBrokerConfig(const std::string& path);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_BROKER_CONFIG_H_
