#include "plugin/broker/end_reason.h"

#include <algorithm>
#include <iterator>

namespace session_status::broker {
namespace {

using registry::EndReason;

struct Row {
  int code;  // MOSQ_ERR_* of 2.1; from 128 on also the reason codes of MQTT 5
  EndReason reason;
};

// Sorted by code. The names are the broker's, without MOSQ_ERR_.
constexpr Row kRows[] = {
    {0, EndReason::kClientDisconnect},   // SUCCESS: a DISCONNECT packet came
    {2, EndReason::kProtocolError},      // PROTOCOL
    {4, EndReason::kNetworkError},       // NO_CONN
    {7, EndReason::kNetworkError},       // CONN_LOST
    {8, EndReason::kNetworkError},       // TLS
    {9, EndReason::kProtocolError},      // PAYLOAD_SIZE
    {10, EndReason::kProtocolError},     // NOT_SUPPORTED: QoS, retain or method not allowed
    {11, EndReason::kNotAuthorized},     // AUTH: no longer passes after a reload
    {12, EndReason::kNotAuthorized},     // ACL_DENIED
    {14, EndReason::kNetworkError},      // ERRNO
    {18, EndReason::kProtocolError},     // MALFORMED_UTF8
    {19, EndReason::kKeepaliveTimeout},  // KEEPALIVE
    {21, EndReason::kProtocolError},     // MALFORMED_PACKET
    {22, EndReason::kProtocolError},     // DUPLICATE_PROPERTY
    {24, EndReason::kProtocolError},     // QOS_NOT_SUPPORTED
    {25, EndReason::kProtocolError},     // OVERSIZE_PACKET
    {30, EndReason::kKicked},            // ADMINISTRATIVE_ACTION, as 2.0 numbers it
    {134, EndReason::kNotAuthorized},    // BAD_USERNAME_OR_PASSWORD
    {138, EndReason::kKicked},           // BANNED
    {139, EndReason::kServerShutdown},   // SERVER_SHUTTING_DOWN
    {142, EndReason::kTakenOver},        // SESSION_TAKEN_OVER
    {143, EndReason::kProtocolError},    // TOPIC_FILTER_INVALID
    {144, EndReason::kProtocolError},    // TOPIC_NAME_INVALID
    {145, EndReason::kProtocolError},    // PACKET_ID_IN_USE
    {146, EndReason::kProtocolError},    // PACKET_ID_NOT_FOUND
    {147, EndReason::kProtocolError},    // RECEIVE_MAXIMUM_EXCEEDED
    {148, EndReason::kProtocolError},    // TOPIC_ALIAS_INVALID
    {152, EndReason::kKicked},           // ADMINISTRATIVE_ACTION
    {153, EndReason::kProtocolError},    // PAYLOAD_FORMAT_INVALID
    {154, EndReason::kProtocolError},    // RETAIN_NOT_SUPPORTED
    {158, EndReason::kProtocolError},    // SHARED_SUBS_NOT_SUPPORTED
    {161, EndReason::kProtocolError},    // SUBSCRIPTION_IDS_NOT_SUPPORTED
    {162, EndReason::kProtocolError},    // WILDCARD_SUBS_NOT_SUPPORTED
};

constexpr bool IsSorted() {
  for (size_t i = 1; i < std::size(kRows); ++i) {
    if (kRows[i - 1].code >= kRows[i].code) return false;
  }
  return true;
}
static_assert(IsSorted(), "looked up by binary search");

}  // namespace

EndReason EndReasonFromBroker(int broker_reason) noexcept {
  const Row* row = std::lower_bound(std::begin(kRows), std::end(kRows), broker_reason,
                                    [](const Row& r, int code) { return r.code < code; });
  return row != std::end(kRows) && row->code == broker_reason ? row->reason : EndReason::kUnknown;
}

uint16_t BrokerCode(int broker_reason) noexcept {
  return broker_reason < 0 || broker_reason >= kNoBrokerCode ? kNoBrokerCode
                                                             : static_cast<uint16_t>(broker_reason);
}

}  // namespace session_status::broker
