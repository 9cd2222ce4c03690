#include "plugin/web/api_description.h"

#include "absl/strings/str_cat.h"
#include "plugin/http/error_body.h"
#include "plugin/http/json_writer.h"

namespace session_status::web {
namespace {

using http::JsonWriter;

enum class Surface : uint8_t { kOpenApi, kAdmin };

struct Parameter {
  absl::string_view name;
  size_t ApiFacts::*items_max;  // of a list; nullptr: it is none
  bool required;
  absl::string_view help;  // how many a list takes is added
};

// At most this many rows per operation; unused ones have no name.
constexpr size_t kParametersMax = 3;

struct Member {
  absl::string_view name;
  absl::string_view type;  // a schema type, or the name of a schema below
  absl::string_view help;
};
constexpr size_t kMembersMax = 6;

struct Operation {
  Surface surface;
  absl::string_view name;
  absl::string_view summary;
  absl::string_view help;
  Parameter parameters[kParametersMax];
  Member reply[kMembersMax];
};

constexpr Parameter kInstanceIdRequired = {"InstanceId", nullptr, true,
                                           "The instance that the clients are connected to."};
constexpr Parameter kInstanceIdOptional = {"instanceId", nullptr, false,
                                           "Empty, or the identifier of this server's instance."};

constexpr Operation kOperations[] = {
    {Surface::kOpenApi,
     "BatchQuerySessionByClientIds",
     "Are these clients online?",
     "Client identifiers, answered together from one snapshot. Fast, and as old as the snapshot "
     "is.",
     {kInstanceIdRequired,
      {"ClientIdList", &ApiFacts::batch_ids_max, true,
       "Client identifiers, sent as ClientIdList.1, ClientIdList.2 and so on."}},
     {{"RequestId", "string", "Unique for each call."},
      {"OnlineStatusList", "OnlineStatusList", "One element per identifier, in request order."}}},
    {Surface::kOpenApi,
     "QuerySessionByClientId",
     "Is this client online, exactly?",
     "One client identifier, answered from the live registry.",
     {kInstanceIdRequired, {"ClientId", nullptr, true, "The client identifier."}},
     {{"RequestId", "string", "Unique for each call."},
      {"OnlineStatus", "boolean", "True while a connection of this client is up."}}},
    {Surface::kAdmin,
     "BatchQuerySessionByClientIds",
     "States of many clients",
     "Client identifiers, all answered from one snapshot; the answer says which.",
     {kInstanceIdOptional,
      {"clientIds", &ApiFacts::service_batch_ids_max, true,
       "Client identifiers of 1 to 65,535 bytes."}},
     {{"snapshot", "object", "The cut that was asked: sequence, takenAtMs, ageMs."},
      {"sessions", "array", "One element per identifier: clientId, online, state, endReason."}}},
    {Surface::kAdmin,
     "QuerySessionByClientId",
     "Everything about one client",
     "One client identifier, answered exactly: since when, from where, and why it ended.",
     {kInstanceIdOptional, {"clientId", nullptr, true, "The client identifier."}},
     {{"online", "boolean", "True while a connection of this client is up."},
      {"state", "string", "SESSION_STATE_UNKNOWN, _ONLINE, _OFFLINE_SESSION_KEPT or _OFFLINE."},
      {"connectedAtMs", "string", "When the last connection began, milliseconds since 1970."},
      {"lastSeenAtMs", "string", "While online: now. Otherwise when the connection ended."},
      {"endReason", "string", "Why the last connection ended."},
      {"address", "string", "Where the last connection came from."}}},
    {Surface::kAdmin,
     "GetServerStatus",
     "The plugin itself",
     "Versions, counts, age of the snapshot, uptime.",
     {},
     {{"version", "string", "Of the plugin."},
      {"broker", "string", "The broker line it runs in."},
      {"sessions", "object", "Clients by state."},
      {"snapshot", "object", "The current cut: sequence, takenAtMs, ageMs."},
      {"uptimeMs", "string", "Milliseconds since the plugin started."}}},
};

struct Remedy {
  absl::string_view code;
  absl::string_view text;
};

constexpr Remedy kRemedies[] = {
    {"CheckAccountInfoFailed",
     "The security token belongs to no account here. Ask for a new one (mosquitto_session sts)."},
    {"InstancePermissionCheckFailed",
     "Compare InstanceId with the plugin's option instance_id, and see that a policy of this "
     "access key's user allows the instance."},
    {"ParameterCheckFailed",
     "Send InstanceId and client identifiers, none of them empty: one at least, and at most as "
     "many "
     "as the option api_batch_ids_max allows."},
    {"PermissionCheckFailed",
     "A policy denies this operation on the instance. `mosquitto_session access check` says which "
     "statement decided."},
    {"InvalidParameter.%s", "The named parameter is empty, too long, repeated or not UTF-8."},
    {"InternalError", "Try again; if it stays, the broker's log has a line with this RequestId."},
    {"SystemOverFlow", "The server is overloaded. Wait a moment and ask in batches."},
    {"ApiNotSupport", "This server answers the two session queries of the product, no more."},
    {"InvalidApi.NotFound", "Action is misspelt; names are case-sensitive."},
    {"InvalidVersion", "Use one of the versions that the form offers."},
    {"Missing%s", "Add the named parameter; an SDK does so by itself."},
    {"Invalid%s", "The named parameter has a value that this server does not take."},
    {"InvalidParameter.Format", "Use Format JSON or XML."},
    {"UnsupportedHTTPMethod", "Use GET or POST."},
    {"InvalidAccessKeyId.NotFound",
     "No such access key in the access file, or it was removed since."},
    {"InvalidAccessKeyId.Inactive", "The access key is switched off in the access file."},
    {"InvalidTimeStamp.Format", "Timestamps look like 2026-01-02T03:04:05Z, in UTC."},
    {"InvalidTimeStamp.Expired",
     "The clocks of caller and server differ by more than 15 minutes; the Date header of the "
     "reply is the server's time."},
    {"SignatureNonceUsed", "Every request needs a new nonce; sending one twice is a replay."},
    {"InvalidSignatureMethod", "Sign with HMAC-SHA1 (version 1.0) or ACS3-HMAC-SHA256."},
    {"SignatureDoesNotMatch",
     "Compare the server's string to sign in the message with yours: equal strings mean a wrong "
     "secret, different ones show where the request was changed on its way."},
    {"IncompleteSignature",
     "The Authorization header is malformed, or a header that must be signed is not in "
     "SignedHeaders."},
    {"MissingSecurityToken", "A temporary access key (STS.…) needs its security token."},
    {"InvalidSecurityToken.Expired", "Ask for a new temporary credential."},
    {"InvalidSecurityToken.Malformed", "The security token was cut or changed when it was copied."},
    {"InvalidSecurityToken.MismatchWithAccessKey",
     "The security token belongs to another temporary access key."},
    {"NoPermission", "A policy of the user has to allow this operation on the instance."},
    {"Throttling.User",
     "Over this user's rate for the operation: wait as long as x-acs-retry-after says."},
    {"Throttling.Api", "Over the rate of the operation for all users; wait and try again."},
    {"Throttling",
     "Too many calls, or failed authentications, from this address; wait and try again."},
    {"ServiceUnavailable", "The broker is starting or stopping; try again."},
    {"InvalidProtocol.NeedSsl", "Use https."},
    {"InvalidRequest", "The HTTP request itself is malformed; look at what a proxy made of it."},
    {"RequestTimeout", "The request took too long to arrive."},
    {"RequestEntityTooLarge", "Send fewer identifiers at a time."},
    {"RequestURITooLong", "Send the parameters in a form body (POST), or fewer of them."},
    {"RequestHeaderFieldsTooLarge", "Send fewer or shorter headers."},
};

// What the admin service answers to the operations above.
struct AdminError {
  absl::StatusCode code;
  int http_status;  // 0: that of the code
  absl::string_view message;
  absl::string_view remedy;
};

constexpr AdminError kAdminErrors[] = {
    {absl::StatusCode::kInvalidArgument, 0,
     "The request is malformed, or a member is out of its range.",
     "The message names the member; the form says what it takes."},
    {absl::StatusCode::kNotFound, 0, "instanceId names no instance of this server.",
     "Leave instanceId empty, or use the value of the plugin's option instance_id."},
    {absl::StatusCode::kPermissionDenied, 0, "The caller may not do this.",
     "Ask from the broker's own machine, or with a client certificate."},
    {absl::StatusCode::kUnimplemented, 404, "There is no such method.",
     "The plugin in this broker may be older than the caller."},
    {absl::StatusCode::kUnimplemented, 405, "Not by this HTTP method.", "Use POST or GET."},
    {absl::StatusCode::kUnimplemented, 415, "Not in this Content-Type.",
     "Send application/json or application/proto."},
    {absl::StatusCode::kUnimplemented, 0, "Not with this compression, or transfer coding.",
     "Send it uncompressed."},
    {absl::StatusCode::kDeadlineExceeded, 408, "The request took too long to arrive.",
     "Send it at once; look at what a proxy made of it."},
    {absl::StatusCode::kResourceExhausted, 413, "The body is too large.",
     "Ask for fewer identifiers at a time."},
    {absl::StatusCode::kResourceExhausted, 414, "The request line is too long.",
     "Send the message in the body (POST)."},
    {absl::StatusCode::kResourceExhausted, 431, "The header is too large.",
     "Send fewer or shorter headers."},
    {absl::StatusCode::kUnavailable, 0, "The service cannot take requests now.",
     "The broker is starting or stopping, or has too many connections; try again."},
    {absl::StatusCode::kInternal, 0, "The server failed.", "The broker's log says more."},
};

void Text(JsonWriter& w, absl::string_view key, absl::string_view value) {
  w.Key(key);
  w.String(value);
}

void WriteType(JsonWriter& w, absl::string_view type) {
  if (type == "OnlineStatusList") {
    return Text(w, "$ref", "#/components/schemas/OnlineStatusList");
  }
  Text(w, "type", type);
  if (type == "array") {
    w.Key("items");
    w.StartObject();
    Text(w, "type", "object");
    w.EndObject();
  }
}

std::string HelpOf(const Parameter& parameter, const ApiFacts& facts) {
  if (parameter.items_max == nullptr) return std::string(parameter.help);
  return absl::StrCat(parameter.help, " At most ", facts.*parameter.items_max, ".");
}

void WriteParameterSchema(JsonWriter& w, const Parameter& parameter, const ApiFacts& facts) {
  w.StartObject();
  if (parameter.items_max != nullptr) {
    Text(w, "type", "array");
    w.Key("items");
    w.StartObject();
    Text(w, "type", "string");
    w.EndObject();
    w.Key("minItems");
    w.Uint(1);
    w.Key("maxItems");
    w.Uint(static_cast<uint32_t>(facts.*parameter.items_max));
  } else {
    Text(w, "type", "string");
  }
  Text(w, "description", HelpOf(parameter, facts));
  w.EndObject();
}

void WriteQueryParameters(JsonWriter& w, const Operation& operation, const ApiFacts& facts) {
  w.Key("parameters");
  w.StartArray();
  for (const Parameter& parameter : operation.parameters) {
    if (parameter.name.empty()) continue;
    w.StartObject();
    Text(w, "name", parameter.name);
    Text(w, "in", "query");
    Text(w, "description", HelpOf(parameter, facts));
    w.Key("required");
    w.Bool(parameter.required);
    w.Key("schema");
    WriteParameterSchema(w, parameter, facts);
    w.EndObject();
  }
  w.EndArray();
}

void WriteRequestBody(JsonWriter& w, const Operation& operation, const ApiFacts& facts) {
  w.Key("requestBody");
  w.StartObject();
  w.Key("required");
  w.Bool(true);
  w.Key("content");
  w.StartObject();
  w.Key("application/json");
  w.StartObject();
  w.Key("schema");
  w.StartObject();
  Text(w, "type", "object");
  w.Key("properties");
  w.StartObject();
  for (const Parameter& parameter : operation.parameters) {
    if (parameter.name.empty()) continue;
    w.Key(parameter.name);
    WriteParameterSchema(w, parameter, facts);
  }
  w.EndObject();
  w.Key("required");
  w.StartArray();
  for (const Parameter& parameter : operation.parameters) {
    if (parameter.required) w.String(parameter.name);
  }
  w.EndArray();
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.EndObject();
}

void WriteReplies(JsonWriter& w, const Operation& operation) {
  w.Key("responses");
  w.StartObject();
  w.Key("200");
  w.StartObject();
  Text(w, "description", operation.summary);
  w.Key("content");
  w.StartObject();
  w.Key("application/json");
  w.StartObject();
  w.Key("schema");
  w.StartObject();
  Text(w, "type", "object");
  w.Key("properties");
  w.StartObject();
  for (const Member& member : operation.reply) {
    if (member.name.empty()) continue;
    w.Key(member.name);
    w.StartObject();
    WriteType(w, member.type);
    Text(w, "description", member.help);
    w.EndObject();
  }
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.Key("default");
  w.StartObject();
  Text(w, "description", "An error; x-errors lists them.");
  w.EndObject();
  w.EndObject();
}

void WriteOperation(JsonWriter& w, const Operation& operation, const ApiFacts& facts) {
  const bool admin = operation.surface == Surface::kAdmin;
  w.Key(admin ? absl::StrCat(facts.service_path, operation.name)
              : absl::StrCat("/#Action=", operation.name));
  w.StartObject();
  w.Key("post");
  w.StartObject();
  Text(w, "operationId", absl::StrCat(admin ? "admin." : "openapi.", operation.name));
  Text(w, "x-surface", admin ? "admin" : "openapi");
  Text(w, "summary", operation.summary);
  Text(w, "description", operation.help);
  if (admin) {
    WriteRequestBody(w, operation, facts);
  } else {
    WriteQueryParameters(w, operation, facts);
  }
  WriteReplies(w, operation);
  w.EndObject();
  w.EndObject();
}

void WriteError(JsonWriter& w, const ErrorFact& error, absl::string_view remedy) {
  w.StartObject();
  Text(w, "code", error.code);
  w.Key("status");
  w.Uint(static_cast<uint32_t>(error.http_status));
  Text(w, "message", error.message);
  Text(w, "remedy", remedy);
  w.EndObject();
}

void WriteErrors(JsonWriter& w, absl::Span<const ErrorFact> documented) {
  w.Key("x-errors");
  w.StartObject();
  w.Key("openapi");
  w.StartArray();
  for (const ErrorFact& error : documented) WriteError(w, error, RemedyFor(error.code));
  w.EndArray();
  w.Key("admin");
  w.StartArray();
  for (const AdminError& error : kAdminErrors) {
    const int own = http::ConnectHttpStatus(error.code);
    WriteError(w,
               {http::ConnectCodeName(error.code), error.http_status == 0 ? own : error.http_status,
                error.message},
               error.remedy);
  }
  w.EndArray();
  w.EndObject();
}

void WriteComponents(JsonWriter& w) {
  w.Key("components");
  w.StartObject();
  w.Key("schemas");
  w.StartObject();
  w.Key("OnlineStatusList");
  w.StartObject();
  Text(w, "type", "array");
  w.Key("items");
  w.StartObject();
  Text(w, "type", "object");
  w.Key("properties");
  w.StartObject();
  for (const Member& member : {Member{"ClientId", "string", "The identifier that was asked for."},
                               Member{"OnlineStatus", "boolean", "True: online."}}) {
    w.Key(member.name);
    w.StartObject();
    WriteType(w, member.type);
    Text(w, "description", member.help);
    w.EndObject();
  }
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.EndObject();
  w.EndObject();
}

}  // namespace

absl::string_view RemedyFor(absl::string_view code) {
  for (const Remedy& remedy : kRemedies) {
    if (remedy.code == code) return remedy.text;
  }
  return "";
}

std::string DescribeApi(const ApiFacts& facts) {
  std::string out;
  JsonWriter w(&out);
  w.StartObject();
  Text(w, "openapi", "3.0.3");
  w.Key("info");
  w.StartObject();
  Text(w, "title", "Mosquitto session status");
  Text(w, "version", facts.version);
  Text(w, "description", "Is this MQTT client online, since when, from where?");
  w.EndObject();
  Text(w, "x-instance-id", facts.instance_id);
  w.Key("x-api-versions");
  w.StartArray();
  for (const absl::string_view version : facts.api_versions) w.String(version);
  w.EndArray();
  w.Key("paths");
  w.StartObject();
  for (const Operation& operation : kOperations) WriteOperation(w, operation, facts);
  w.EndObject();
  WriteComponents(w);
  WriteErrors(w, facts.errors);
  w.EndObject();
  return out;
}

}  // namespace session_status::web
