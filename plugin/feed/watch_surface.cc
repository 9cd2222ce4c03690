#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/api/json_codec.h"
#include "plugin/api/read_proto.h"
#include "plugin/api/service.h"
#include "plugin/feed/change_stream.h"
#include "plugin/feed/changes_surface.h"
#include "plugin/http/error_body.h"

namespace session_status::feed {
namespace {

constexpr size_t kEnvelopeHeadBytes = 5;

// The one message of the request: flags, four bytes of length, and nothing behind it.
absl::StatusOr<absl::string_view> OpenEnvelope(absl::string_view body) {
  if (body.size() < kEnvelopeHeadBytes) {
    return absl::InvalidArgumentError("the body is no envelope: it ends within the first 5 bytes");
  }
  if ((body[0] & 1) != 0) return absl::UnimplementedError("compressed messages are not supported");
  if (body[0] != 0) return absl::InvalidArgumentError("the envelope's flags must be 0");
  uint64_t length = 0;
  for (size_t i = 1; i < kEnvelopeHeadBytes; ++i) {
    length = length << 8 | static_cast<unsigned char>(body[i]);
  }
  body.remove_prefix(kEnvelopeHeadBytes);
  if (length != body.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the envelope announces ", length, " bytes, ", body.size(), " follow"));
  }
  return body;
}

absl::StatusOr<absl::Duration> TimeLimit(const http::Request& request) {
  const http::Header* timeout = request.FindHeader("connect-timeout-ms");
  if (timeout == nullptr) return absl::InfiniteDuration();
  uint64_t millis = 0;
  if (timeout->value.empty() || timeout->value.size() > 10 ||
      timeout->value.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(timeout->value, &millis)) {
    return absl::InvalidArgumentError("Connect-Timeout-Ms must be 1 to 10 decimal digits");
  }
  return absl::Milliseconds(millis);
}

absl::StatusOr<pb::WatchSessionsRequest> ReadRequest(const http::Request& request, bool json) {
  const http::Header* version = request.FindHeader("connect-protocol-version");
  if (version != nullptr && version->value != "1") {
    return absl::InvalidArgumentError("protocol version must be 1");
  }
  const http::Header* encoding = request.FindHeader("connect-content-encoding");
  if (encoding != nullptr && !encoding->value.empty() &&
      !absl::EqualsIgnoreCase(encoding->value, "identity")) {
    return absl::UnimplementedError("compression is not supported; supported: identity");
  }
  auto message = OpenEnvelope(request.body);
  if (!message.ok()) return message.status();
  pb::WatchSessionsRequest out;
  if (json) {
    if (absl::Status s = api::ReadJson(*message, &out); !s.ok()) return s;
  } else if (!api::ReadProto(*message, &out)) {
    return absl::InvalidArgumentError("the message is not a protobuf message of this method");
  }
  return out;
}

}  // namespace

absl::Status WatchSurface::Open(const http::Request& request, bool json, http::Reply* reply) {
  auto time_limit = TimeLimit(request);
  if (!time_limit.ok()) return time_limit.status();
  auto watch = ReadRequest(request, json);
  if (!watch.ok()) return watch.status();
  if (absl::Status s = api::CheckInstance(watch->instance_id(), instance_id_); !s.ok()) return s;
  auto options = MakeWatchOptions(*watch);
  if (!options.ok()) return options.status();
  auto stream = ChangeStream::Make(feed_, *std::move(options),
                                   std::make_unique<ConnectEncoder>(feed_, json), *time_limit);
  if (!stream.ok()) return stream.status();
  reply->headers.emplace_back("Cache-Control", "no-store");
  reply->headers.emplace_back("X-Accel-Buffering", "no");  // proxies must not collect it
  reply->stream = *std::move(stream);
  return absl::OkStatus();
}

void WatchSurface::Handle(const http::Request& request, http::Reply* reply) {
  if (request.method != "POST") {
    reply->headers.emplace_back("Allow", "POST");
    return http::SetNotServed(405, absl::StatusCode::kUnimplemented, "use POST", reply);
  }
  const http::Header* type = request.FindHeader("content-type");
  const absl::string_view media_type =
      type == nullptr ? absl::string_view()
                      : absl::StripAsciiWhitespace(type->value.substr(0, type->value.find(';')));
  const bool json = absl::EqualsIgnoreCase(media_type, "application/connect+json");
  if (!json && !absl::EqualsIgnoreCase(media_type, "application/connect+proto")) {
    reply->headers.emplace_back("Accept-Post",
                                "application/connect+json, application/connect+proto");
    return http::SetError(415, absl::StatusCode::kUnimplemented,
                          "this method is a stream: use application/connect+json or "
                          "application/connect+proto",
                          reply);
  }
  reply->content_type = json ? "application/connect+json" : "application/connect+proto";
  if (absl::Status s = Open(request, json, reply); !s.ok()) {
    ConnectEncoder(feed_, json).End(s, &reply->body);
  }
}

}  // namespace session_status::feed
