#include "plugin/api/connect_surface.h"

#include <google/protobuf/arena.h>

#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugin/api/batch_json.h"
#include "plugin/api/batch_wire.h"
#include "plugin/api/json_codec.h"
#include "plugin/api/read_proto.h"
#include "plugin/http/error_body.h"
#include "plugin/http/query_string.h"

namespace session_status::api {
namespace {

enum class Codec : uint8_t { kProto, kJson };

// A request, whether it came by POST or by GET, reduced to its message.
struct Envelope {
  Codec codec = Codec::kProto;
  absl::string_view message;
  std::string owned;  // keeps a decoded GET message
};

absl::string_view ContentType(Codec codec) {
  return codec == Codec::kProto ? "application/proto" : "application/json";
}

template <typename Request, typename Reply,
          absl::Status (Service::*kMethod)(const Request&, absl::Time, Reply*) const>
absl::Status Invoke(const Service& service, const Envelope& envelope, absl::Time now,
                    std::string* out) {
  // On the stack: the messages of a batch of ten fit, so the hot path does not allocate.
  alignas(8) char block[8192];
  google::protobuf::ArenaOptions options;
  options.initial_block = block;
  options.initial_block_size = sizeof block;
  google::protobuf::Arena arena(options);
  auto* request = google::protobuf::Arena::CreateMessage<Request>(&arena);
  auto* reply = google::protobuf::Arena::CreateMessage<Reply>(&arena);
  if (envelope.codec == Codec::kJson) {
    if (absl::Status s = ReadJson(envelope.message, request); !s.ok()) return s;
  } else if (!ReadProto(envelope.message, request)) {
    return absl::InvalidArgumentError("the body is not a protobuf message of this method");
  }
  if (absl::Status s = (service.*kMethod)(*request, now, reply); !s.ok()) return s;
  if (envelope.codec == Codec::kJson) {
    WriteJson(*reply, out);
  } else {
    reply->AppendToString(out);
  }
  return absl::OkStatus();
}

absl::Status InvokeBatch(const Service& service, const Envelope& envelope, absl::Time now,
                         std::string* out) {
  const auto answer = envelope.codec == Codec::kProto ? AnswerPlainBatch : AnswerPlainJsonBatch;
  if (answer(service, envelope.message, now, out)) return absl::OkStatus();
  return Invoke<pb::BatchQuerySessionByClientIdsRequest, pb::BatchQuerySessionByClientIdsResponse,
                &Service::BatchQuerySessionByClientIds>(service, envelope, now, out);
}

struct Method {
  absl::string_view name;
  absl::Status (*invoke)(const Service&, const Envelope&, absl::Time, std::string*);
};

constexpr Method kMethods[] = {
    {"BatchQuerySessionByClientIds", InvokeBatch},
    {"QuerySessionByClientId",
     Invoke<pb::QuerySessionByClientIdRequest, pb::QuerySessionByClientIdResponse,
            &Service::QuerySessionByClientId>},
    {"GetServerStatus",
     Invoke<pb::GetServerStatusRequest, pb::GetServerStatusResponse, &Service::GetServerStatus>},
    {"GetCounts", Invoke<pb::GetCountsRequest, pb::GetCountsResponse, &Service::GetCounts>},
    {"GetFleet", Invoke<pb::GetFleetRequest, pb::GetFleetResponse, &Service::GetFleet>},
    {"ListSessions",
     Invoke<pb::ListSessionsRequest, pb::ListSessionsResponse, &Service::ListSessions>},
    {"GetHistory", Invoke<pb::GetHistoryRequest, pb::GetHistoryResponse, &Service::GetHistory>},
    {"ListFlappers",
     Invoke<pb::ListFlappersRequest, pb::ListFlappersResponse, &Service::ListFlappers>},
    {"GetAudit", Invoke<pb::GetAuditRequest, pb::GetAuditResponse, &Service::GetAudit>},
};

const Method* FindMethod(absl::string_view path) {
  const absl::string_view name = absl::StripPrefix(path, ConnectSurface::kPathPrefix);
  for (const Method& method : kMethods) {
    if (name == method.name) return &method;
  }
  return nullptr;
}

// A refusal: which HTTP status, which Connect code, and a header that tells what would be right.
struct Refusal {
  int status = 0;  // 0: none
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;
  struct Hint {
    http::HeaderName name = "Allow";
    absl::string_view value;  // empty: there is none
  } hint = {};
};

Refusal UnsupportedMediaType(absl::string_view what) {
  return {415,
          absl::StatusCode::kUnimplemented,
          absl::StrCat(what, "; use application/proto or application/json"),
          {"Accept-Post", "application/json, application/proto"}};
}

Refusal UnsupportedCompression(absl::string_view name) {
  return {501,
          absl::StatusCode::kUnimplemented,
          absl::StrCat("compression \"", absl::CHexEscape(name.substr(0, 40)),
                       "\" is not supported; supported: identity"),
          {"Accept-Encoding", "identity"}};
}

Refusal BadRequest(absl::string_view message) {
  return {400, absl::StatusCode::kInvalidArgument, std::string(message), {}};
}

Refusal CheckTimeout(const http::Request& request) {
  const http::Header* timeout = request.FindHeader("connect-timeout-ms");
  if (timeout == nullptr) return {};
  // The reference's grammar: one to ten decimal digits. No call takes as long as a millisecond of
  // waiting, so the value itself needs no clock.
  const bool digits = !timeout->value.empty() && timeout->value.size() <= 10 &&
                      timeout->value.find_first_not_of("0123456789") == absl::string_view::npos;
  return digits ? Refusal() : BadRequest("Connect-Timeout-Ms must be 1 to 10 decimal digits");
}

Refusal CheckVersion(absl::string_view version, absl::string_view expected) {
  if (version == expected) return {};
  return BadRequest(absl::StrCat("protocol version must be ", expected));
}

Refusal OpenPost(const http::Request& request, Envelope* envelope) {
  const http::Header* type = request.FindHeader("content-type");
  if (type == nullptr) return UnsupportedMediaType("Content-Type is missing");
  const absl::string_view media_type =
      absl::StripAsciiWhitespace(type->value.substr(0, type->value.find(';')));
  if (absl::EqualsIgnoreCase(media_type, "application/proto")) {
    envelope->codec = Codec::kProto;
  } else if (absl::EqualsIgnoreCase(media_type, "application/json")) {
    envelope->codec = Codec::kJson;
  } else {
    return UnsupportedMediaType("this Content-Type is not supported");
  }
  if (const http::Header* v = request.FindHeader("connect-protocol-version")) {
    if (Refusal r = CheckVersion(v->value, "1"); r.status != 0) return r;
  }
  const http::Header* encoding = request.FindHeader("content-encoding");
  if (encoding != nullptr && !encoding->value.empty() &&
      !absl::EqualsIgnoreCase(encoding->value, "identity")) {
    return UnsupportedCompression(encoding->value);
  }
  envelope->message = request.body;
  return CheckTimeout(request);
}

Refusal OpenGet(const http::Request& request, Envelope* envelope) {
  auto parameters = http::ParseQueryString(request.query);
  if (!parameters.ok()) return BadRequest(parameters.status().message());
  bool base64 = false;
  bool encoding_known = false;
  for (auto& [name, value] : *parameters) {
    if (name == "message") {
      envelope->owned = std::move(value);
    } else if (name == "encoding") {
      encoding_known = value == "proto" || value == "json";
      envelope->codec = value == "json" ? Codec::kJson : Codec::kProto;
    } else if (name == "base64") {
      base64 = value == "1";
    } else if (name == "compression" && !value.empty() && value != "identity") {
      return UnsupportedCompression(value);
    } else if (name == "connect") {
      if (Refusal r = CheckVersion(value, "v1"); r.status != 0) return r;
    }
  }
  if (!encoding_known) return UnsupportedMediaType("encoding must be proto or json");
  if (base64) {
    std::string decoded;
    if (!absl::WebSafeBase64Unescape(envelope->owned, &decoded)) {
      return BadRequest("message is not URL-safe base64");
    }
    envelope->owned = std::move(decoded);
  }
  envelope->message = envelope->owned;
  return CheckTimeout(request);
}

Refusal Open(const http::Request& request, Envelope* envelope) {
  if (request.method == "POST") return OpenPost(request, envelope);
  if (request.method == "GET") return OpenGet(request, envelope);
  return {405, absl::StatusCode::kUnimplemented, "use POST or GET", {"Allow", "GET, POST"}};
}

}  // namespace

void ConnectSurface::Handle(const http::Request& request, http::Reply* reply) {
  const Method* method = FindMethod(request.path);
  if (method == nullptr) {
    return http::SetNotServed(404, absl::StatusCode::kUnimplemented,
                              "the service has no such method", reply);
  }
  Envelope envelope;
  if (Refusal refusal = Open(request, &envelope); refusal.status != 0) {
    if (!refusal.hint.value.empty()) {
      reply->headers.emplace_back(refusal.hint.name, refusal.hint.value);
    }
    http::SetError(refusal.status, refusal.code, refusal.message, reply);
    reply->not_served = refusal.status == 405;
    return;
  }
  const absl::Status status = method->invoke(service_, envelope, request.now, &reply->body);
  if (!status.ok()) return http::SetError(status, reply);
  reply->content_type = ContentType(envelope.codec);
}

}  // namespace session_status::api
