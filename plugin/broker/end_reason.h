// Mosquitto's reason codes of 2.1's disconnect and offline events → our stable enum.
#ifndef SESSION_STATUS_PLUGIN_BROKER_END_REASON_H_
#define SESSION_STATUS_PLUGIN_BROKER_END_REASON_H_

#include <cstdint>

#include "registry/session_event.h"

namespace session_status::broker {

// The reason of a connection's end. A code that is not in the table is kUnknown: we do not guess.
registry::EndReason EndReasonFromBroker(int broker_reason) noexcept;

// The broker's code as it is stored and sent. Negative codes mean "the broker does not say" (2.0
// always sends -1) and become kNoBrokerCode.
using registry::kNoBrokerCode;
uint16_t BrokerCode(int broker_reason) noexcept;

// The code of a takeover, which the tracker treats apart.
inline constexpr int kReasonTakenOver = 142;

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_END_REASON_H_
