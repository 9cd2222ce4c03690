// Sessions as table cells, chosen by the names of the members in JSON.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_CLI_SESSION_TEXT_H_
#define SESSION_STATUS_CLI_SESSION_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"

namespace session_status::cli {

// JSON names of the members of a session that have one value: what --fields may name.
std::vector<std::string> SessionFieldNames();

// One cell: times local, enumerators in words, flags as yes and no; empty when absent or default.
std::string SessionCell(const google::protobuf::Message& session, const std::string& field);

// " (7)", or with a label " (broker code 7)"; nothing where the broker gave no code (Mosquitto
// 2.0).
std::string BrokerCodeNote(uint32_t code, absl::string_view label = "");

// When a change happened: one moment or, of an end that nobody saw, between which two. Of what was
// found at a start it may be not known (0).
std::string MomentText(int64_t not_before_ms, int64_t time_ms);

// "connectedAtMs": "CONNECTED AT".
std::string SessionHeading(const std::string& field);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_SESSION_TEXT_H_
