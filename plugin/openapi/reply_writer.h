// Replies of the documented API, in JSON and in XML.
//
// Members are spelled exactly as documented: SDKs crash or mistake errors for successes otherwise
// (docs/api.md). The successes' JSON is written directly, and a test holds it to RapidJSON's letter
// by letter; errors by RapidJSON, XML by pugixml.
//
// Threads: pure functions; any. Each appends to `*out`.
// Errors:  std::bad_alloc; never a part of a reply that looks like the whole.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_REPLY_WRITER_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_REPLY_WRITER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/openapi/api_error.h"
#include "plugin/openapi/operation.h"

namespace session_status::openapi {

enum class Format : uint8_t { kJson, kXml };

inline constexpr absl::string_view kJsonContentType = "application/json;charset=utf-8";
inline constexpr absl::string_view kXmlContentType = "text/xml;charset=utf-8";

constexpr absl::string_view ContentType(Format format) {
  return format == Format::kXml ? kXmlContentType : kJsonContentType;
}

// How the list of a batch reply is nested in JSON. The classic C++ SDK alone wants the second.
enum class ListShape : uint8_t {
  kFlat,    // "OnlineStatusList":[…]
  kNested,  // "OnlineStatusList":{"OnlineStatusListItem":[…]}
};

void WriteBatchReply(Format format, ListShape shape, absl::string_view request_id,
                     absl::Span<const absl::string_view> client_ids, absl::Span<const bool> online,
                     std::string* out);

void WriteQueryReply(Format format, absl::string_view request_id, bool online, std::string* out);

// `recommend` is a URL or empty: then the member is absent.
void WriteError(Format format, absl::string_view request_id, absl::string_view host_id,
                const ApiError& error, absl::string_view recommend, std::string* out);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_REPLY_WRITER_H_
