#include "plugin/control/commands.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "plugin/api/json_codec.h"
#include "plugin/http/error_body.h"
#include "plugin/http/json_allocator.h"
#include "plugin/http/json_writer.h"
#include "plugin/http/lone_surrogate.h"

namespace session_status::control {
namespace {

namespace pb = ::mosquitto_session_status::v1;
using Value = http::JsonValue;

constexpr char kNoCommand[] = "Unknown command";  // as Mosquitto's own plugins write it

// What a message is not checked for elsewhere.
template <typename Request>
absl::Status Prepare(Request*) {
  return absl::OkStatus();
}

absl::Status Prepare(pb::ListSessionsRequest* request) {
  if (request->page_size() > kListPageMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("pageSize: at most ", kListPageMax, " over MQTT"));
  }
  if (request->page_size() == 0 && request->cursor().empty()) {
    request->set_page_size(kListPageDefault);
  }
  return absl::OkStatus();
}

template <typename Request, typename Reply,
          absl::Status (api::Service::*kMethod)(const Request&, absl::Time, Reply*) const>
absl::Status Invoke(const api::Service& service, absl::string_view json, absl::Time now,
                    std::string* data) {
  Request request;
  if (absl::Status s = api::ReadJson(json, &request); !s.ok()) return s;
  if (absl::Status s = Prepare(&request); !s.ok()) return s;
  Reply reply;
  if (absl::Status s = (service.*kMethod)(request, now, &reply); !s.ok()) return s;
  api::WriteJson(reply, data);
  return absl::OkStatus();
}

struct Command {
  absl::string_view name;
  absl::Status (*invoke)(const api::Service&, absl::string_view, absl::Time, std::string*);
};

constexpr Command kCommands[] = {
    {"batchQuery",
     Invoke<pb::BatchQuerySessionByClientIdsRequest, pb::BatchQuerySessionByClientIdsResponse,
            &api::Service::BatchQuerySessionByClientIds>},
    {"query", Invoke<pb::QuerySessionByClientIdRequest, pb::QuerySessionByClientIdResponse,
                     &api::Service::QuerySessionByClientId>},
    {"counts", Invoke<pb::GetCountsRequest, pb::GetCountsResponse, &api::Service::GetCounts>},
    {"list",
     Invoke<pb::ListSessionsRequest, pb::ListSessionsResponse, &api::Service::ListSessions>},
};

absl::string_view View(const Value& v) { return {v.GetString(), v.GetStringLength()}; }

// The request inside a command: what is not the command's own.
std::string RequestOf(const Value& command) {
  std::string text;
  http::StringOutput output(&text);
  http::RapidJsonWriter writer(output);
  writer.StartObject();
  for (const auto& member : command.GetObject()) {
    const absl::string_view name = View(member.name);
    if (name == "command" || name == "correlationData") continue;
    member.name.Accept(writer);
    member.value.Accept(writer);
  }
  writer.EndObject();
  return text;
}

// One command, as far as it could be read.
struct Reading {
  absl::string_view name = kNoCommand;
  absl::string_view correlation;
  bool has_correlation = false;
  const Command* command = nullptr;
  absl::Status status;
};

Reading Read(const Value& value) {
  Reading out;
  if (!value.IsObject()) {
    out.status = absl::InvalidArgumentError("a command must be an object");
    return out;
  }
  const auto correlation = value.FindMember("correlationData");
  if (correlation != value.MemberEnd()) {
    if (!correlation->value.IsString()) {
      out.status = absl::InvalidArgumentError("correlationData must be a string");
      return out;
    }
    out.correlation = View(correlation->value);
    out.has_correlation = true;
  }
  const auto name = value.FindMember("command");
  if (name == value.MemberEnd() || !name->value.IsString()) {
    out.status = absl::InvalidArgumentError("command is missing");
    return out;
  }
  for (const Command& command : kCommands) {
    if (command.name == View(name->value)) out.command = &command;
  }
  if (out.command == nullptr) {
    out.status = absl::UnimplementedError(
        absl::StrCat("there is no such command; there are ",
                     absl::StrJoin(kCommands, ", ", [](std::string* text, const Command& command) {
                       absl::StrAppend(text, command.name);
                     })));
    return out;
  }
  out.name = out.command->name;
  return out;
}

void WriteResponse(const Reading& command, const absl::Status& status, absl::string_view data,
                   http::JsonWriter* out) {
  out->StartObject();
  out->Key("command");
  out->String(command.name);
  if (status.ok()) {
    out->Key("data");
    out->RawObject(data);
  } else {
    out->Key("error");
    out->String({status.message().data(), status.message().size()});
    out->Key("code");
    out->String(http::ConnectCodeName(status.code()));
  }
  if (command.has_correlation) {
    out->Key("correlationData");
    out->String(command.correlation);
  }
  out->EndObject();
}

void Respond(const api::Service& service, const Value& value, absl::Time now,
             const std::string& answer, http::JsonWriter* out) {
  const Reading command = Read(value);
  absl::Status status = command.status;
  std::string data;
  if (status.ok()) status = command.command->invoke(service, RequestOf(value), now, &data);
  if (answer.size() + data.size() > kAnswerBytesMax) {
    status = absl::ResourceExhaustedError(absl::StrCat(
        "the answer would be longer than ", kAnswerBytesMax, " bytes; ask for less at a time"));
  }
  WriteResponse(command, status, data, out);
}

// Ends a parse that goes deeper than any request of ours: what is read from the document later is
// written again by recursion.
struct DepthLimit : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthLimit> {
  static constexpr int kDepthMax = 8;
  bool StartObject() { return ++depth <= kDepthMax; }
  bool StartArray() { return ++depth <= kDepthMax; }
  bool EndObject(rapidjson::SizeType) { return --depth, true; }
  bool EndArray(rapidjson::SizeType) { return --depth, true; }
  int depth = 0;
};

constexpr unsigned kParseFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

bool TooDeep(absl::string_view json) {
  rapidjson::MemoryStream stream(json.data(), json.size());
  http::JsonReader reader;
  DepthLimit limit;
  reader.Parse<kParseFlags>(stream, limit);
  return reader.GetParseErrorCode() == rapidjson::kParseErrorTermination;
}

absl::Status NotJson(size_t at, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the payload is not JSON at byte ", at, ": ", why));
}

absl::Status Check(const http::JsonDocument& document, absl::string_view payload) {
  if (document.HasParseError()) {
    return NotJson(document.GetErrorOffset(),
                   rapidjson::GetParseError_En(document.GetParseError()));
  }
  if (const size_t at = http::FindLoneSurrogate(payload); at != absl::string_view::npos) {
    return NotJson(at, http::kLoneSurrogate);
  }
  if (!document.IsObject() || !document.HasMember("commands") || !document["commands"].IsArray()) {
    return absl::InvalidArgumentError("the payload has no array \"commands\"");
  }
  if (document["commands"].Size() > kCommandsMax) {
    return absl::ResourceExhaustedError(absl::StrCat("commands has ", document["commands"].Size(),
                                                     " elements; at most ", kCommandsMax));
  }
  return absl::OkStatus();
}

}  // namespace

std::string Refusal(const absl::Status& why) {
  std::string out;
  http::JsonWriter writer(&out);
  writer.StartObject();
  writer.Key("responses");
  writer.StartArray();
  WriteResponse(Reading(), why, {}, &writer);
  writer.EndArray();
  writer.EndObject();
  return out;
}

std::string AnswerCommands(const api::Service& service, absl::string_view payload, absl::Time now) {
  if (TooDeep(payload)) {
    return Refusal(absl::InvalidArgumentError("the payload is nested too deeply"));
  }
  http::JsonDocument document;
  document.Parse<kParseFlags>(payload.data(), payload.size());
  if (absl::Status s = Check(document, payload); !s.ok()) return Refusal(s);
  std::string out;
  http::JsonWriter writer(&out);
  writer.StartObject();
  writer.Key("responses");
  writer.StartArray();
  for (const Value& command : document["commands"].GetArray()) {
    Respond(service, command, now, out, &writer);
  }
  writer.EndArray();
  writer.EndObject();
  return out;
}

}  // namespace session_status::control
