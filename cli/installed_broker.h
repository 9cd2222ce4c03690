// Which of the two lines of Mosquitto a configuration is for.
//
// Threads: one.
// Errors:  none; what cannot be found out is kUnknown.
#ifndef SESSION_STATUS_CLI_INSTALLED_BROKER_H_
#define SESSION_STATUS_CLI_INSTALLED_BROKER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace session_status::cli {

enum class BrokerLine : uint8_t { kUnknown, k20, k21 };  // or older than 2.1, or newer

// "mosquitto 2.0", as the plugin says it, or "mosquitto version 2.1.2", as the broker does.
BrokerLine ParseBrokerLine(absl::string_view text);

// Which 2.0 it is: 11 of "mosquitto version 2.0.11". -1: the text does not say, or it is another
// line.
int ParseReleaseOf20(absl::string_view text);

// What a service starts.
struct StartedProgram {
  std::string path;    // "/usr/sbin/mosquitto"; empty: there is no such service, or no systemd
  std::string config;  // as it is given; empty: none
};

// Of what `systemctl show -p ExecStart` prints.
StartedProgram ParseExecStart(absl::string_view shown);

// The broker that the next start with a configuration is likely to be of.
struct InstalledBroker {
  std::string path;  // empty: none is found
  // What it answers to -h, with which it neither reads a configuration nor listens; empty: it was
  // not asked, for a program of another name may do anything then.
  std::string help;
  bool by_service = false;  // mosquitto.service starts it with this configuration; else it is the
                            // one that the shell would start, and whether it reads it is not known
};
InstalledBroker BrokerFor(const std::string& config);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_INSTALLED_BROKER_H_
