// One topic per client: <prefix>/<client identifier>, the identifier as one level that cannot be
// mistaken for anything else.
//
// ASCII letters, digits and most punctuation stand for themselves. Everything else is %XX, upper
// case: the characters that mean something in topics (/ + # $), the % itself, blanks and control
// characters, and every byte beyond ASCII. Undo it with any URL decoder. So a topic is always
// well-formed, whatever bytes an identifier has, and no two identifiers share one.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_TOPICS_TOPIC_NAME_H_
#define SESSION_STATUS_PLUGIN_TOPICS_TOPIC_NAME_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace session_status::topics {

inline constexpr size_t kTopicBytesMax = 65'535;  // MQTT 5, 1.5.4
inline constexpr size_t kPrefixBytesMax = 255;

// InvalidArgument that continues the sentence "option NAME: …".
absl::Status CheckPrefix(absl::string_view prefix);

// False: it would be longer than a topic may be; `*topic` is then unspecified.
bool MakeTopic(absl::string_view prefix, absl::string_view client_id, std::string* topic);

// Where gaps are told. No client's topic: an encoded identifier has no '$'.
std::string GapTopic(absl::string_view prefix);

}  // namespace session_status::topics

#endif  // SESSION_STATUS_PLUGIN_TOPICS_TOPIC_NAME_H_
