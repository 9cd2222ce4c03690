// The commands of `$CONTROL/session-status/v1`, in Mosquitto's own convention:
//
//   {"commands":[{"command":"query","clientId":"lamp","correlationData":"7"}]}
//   {"responses":[{"command":"query","data":{…},"correlationData":"7"}]}
//
//   batchQuery  BatchQuerySessionByClientIds
//   query       QuerySessionByClientId
//   counts      GetCounts
//   list        ListSessions, pages of kListPageMax at most
//
// A command carries the members of the admin service's request, and `data` is that service's answer
// to the byte. What cannot be done has `error` (words) and `code` (a Connect code) in place of
// `data`.
//
// Threads: any but the broker's: a large batch or a page takes milliseconds.
// Errors:  all of them are in the answer.
#ifndef SESSION_STATUS_PLUGIN_CONTROL_COMMANDS_H_
#define SESSION_STATUS_PLUGIN_CONTROL_COMMANDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/api/service.h"

namespace session_status::control {

inline constexpr size_t kCommandsMax = 100;
inline constexpr uint32_t kListPageDefault = 100;
inline constexpr uint32_t kListPageMax = 1'000;
// One answer, all responses together: ten thousand identifiers of 64 characters fit.
inline constexpr size_t kAnswerBytesMax = size_t{2} << 20;

std::string AnswerCommands(const api::Service& service, absl::string_view payload, absl::Time now);

// An answer that refuses a request as a whole.
std::string Refusal(const absl::Status& why);

}  // namespace session_status::control

#endif  // SESSION_STATUS_PLUGIN_CONTROL_COMMANDS_H_
