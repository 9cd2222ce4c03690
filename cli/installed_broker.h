// Which of the two lines of Mosquitto a configuration is for.
//
// Threads: one.
// Errors:  none; what cannot be found out is kUnknown.
#ifndef SESSION_STATUS_CLI_INSTALLED_BROKER_H_
#define SESSION_STATUS_CLI_INSTALLED_BROKER_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace session_status::cli {

enum class BrokerLine : uint8_t { kUnknown, k20, k21 };  // or older than 2.1, or newer

// "mosquitto 2.0", as the plugin says it, or "mosquitto version 2.1.2", as the broker does.
BrokerLine ParseBrokerLine(absl::string_view text);

// Of the mosquitto that the shell would start, which `mosquitto -h` says; that neither reads a
// configuration nor listens.
BrokerLine InstalledBroker();

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_INSTALLED_BROKER_H_
