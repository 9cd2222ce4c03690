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

// What the mosquitto that the shell would start says of itself to `mosquitto -h`; that neither
// reads a configuration nor listens.
std::string InstalledBroker();

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_INSTALLED_BROKER_H_
