// A protobuf message of a client.
#ifndef SESSION_STATUS_PLUGIN_API_READ_PROTO_H_
#define SESSION_STATUS_PLUGIN_API_READ_PROTO_H_

#include <google/protobuf/message_lite.h>
#if __has_include(<google/protobuf/stubs/logging.h>)  // up to 3.21
#include <google/protobuf/stubs/logging.h>
#define SESSION_STATUS_PROTOBUF_SILENCER
#endif

#include <cstdint>

#include "absl/strings/string_view.h"

namespace session_status::api {

// False: it is none of that type, or a text in it is not UTF-8. Of that the library would write a
// line to the broker's stderr, as often as somebody sends it.
inline bool ReadProto(absl::string_view bytes, google::protobuf::MessageLite* message) {
#ifdef SESSION_STATUS_PROTOBUF_SILENCER
  const google::protobuf::LogSilencer silent;
#endif
  return bytes.size() <= INT32_MAX &&
         message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace session_status::api

#endif  // SESSION_STATUS_PLUGIN_API_READ_PROTO_H_
