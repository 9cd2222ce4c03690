// Messages that the broker sends for us.
//
// Threads: broker. The broker sends them at the beginning of its next loop round.
// Errors:  Publish() says false when memory ran out or the message is none; nothing is then sent.
#ifndef SESSION_STATUS_PLUGIN_BROKER_PUBLICATION_H_
#define SESSION_STATUS_PLUGIN_BROKER_PUBLICATION_H_

#include <string>

#include "absl/strings/string_view.h"

namespace session_status::broker {

struct Publication {
  // Set: to this client alone, whether it has subscribed or not. Empty: to all who have subscribed.
  std::string client_id;
  std::string topic;  // 1 to 65,535 bytes, no wildcards, no NUL
  absl::string_view payload;
  absl::string_view correlation;  // MQTT 5; empty: none
  int qos = 0;
  bool retain = false;
};

bool Publish(const Publication& publication) noexcept;

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_PUBLICATION_H_
