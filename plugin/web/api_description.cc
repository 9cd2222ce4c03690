#include "plugin/web/api_description.h"

#include "absl/strings/str_cat.h"
#include "plugin/http/json_writer.h"

namespace session_status::web {
namespace {

using http::JsonWriter;

enum class Surface : uint8_t { kOpenApi, kAdmin };

struct Parameter {
  absl::string_view name;
  bool list;
  bool required;
  int items_max;  // of a list
  absl::string_view help;
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

constexpr Parameter kInstanceIdRequired = {"InstanceId", false, true, 0,
                                           "The instance that the clients are connected to."};
constexpr Parameter kInstanceIdOptional = {"instanceId", false, false, 0,
                                           "Empty, or the identifier of this server's instance."};

constexpr Operation kOperations[] = {
    {Surface::kOpenApi,
     "BatchQuerySessionByClientIds",
     "Are these clients online?",
     "Up to ten client identifiers, answered together from one snapshot. Fast, and as old as the "
     "snapshot is.",
     {kInstanceIdRequired,
      {"ClientIdList", true, true, 10, "The client identifiers, sent as ClientIdList.1 to .10."}},
     {{"RequestId", "string", "Unique for each call."},
      {"OnlineStatusList", "OnlineStatusList", "One element per identifier, in request order."}}},
    {Surface::kOpenApi,
     "QuerySessionByClientId",
     "Is this client online, exactly?",
     "One client identifier, answered from the live registry.",
     {kInstanceIdRequired, {"ClientId", false, true, 0, "The client identifier."}},
     {{"RequestId", "string", "Unique for each call."},
      {"OnlineStatus", "boolean", "True while a connection of this client is up."}}},
    {Surface::kAdmin,
     "BatchQuerySessionByClientIds",
     "States of many clients",
     "Up to 10,000 client identifiers, all answered from one snapshot; the answer says which.",
     {kInstanceIdOptional,
      {"clientIds", true, true, 10'000, "1 to 10,000 client identifiers of 1 to 65,535 bytes."}},
     {{"snapshot", "object", "The cut that was asked: sequence, takenAtMs, ageMs."},
      {"sessions", "array", "One element per identifier: clientId, online, state, endReason."}}},
    {Surface::kAdmin,
     "QuerySessionByClientId",
     "Everything about one client",
     "One client identifier, answered exactly: since when, from where, and why it ended.",
     {kInstanceIdOptional, {"clientId", false, true, 0, "The client identifier."}},
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
     "Send InstanceId and one to ten client identifiers, none of them empty."},
    {"PermissionCheckFailed",
     "A policy denies this operation on the instance. `mosquitto_session access check` says which "
     "statement decided."},
    {"InvalidParameter.%s", "The named parameter is empty, too long, repeated or not UTF-8."},
    {"InternalError", "Try again; if it stays, the broker's log has a line with this RequestId."},
    {"SystemOverFlow", "The server is overloaded. Wait a moment and ask in batches."},
    {"ApiNotSupport", "This server answers the two session queries of the product, no more."},
    {"InvalidApi.NotFound", "Action is misspelt; names are case-sensitive."},
    {"InvalidVersion", "Use Version 2020-04-20 or 2019-12-11."},
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
    // The admin service's codes.
    {"invalid_argument", "The message names the member; the form says what it takes."},
    {"not_found", "Leave instanceId empty, or use the value of the plugin's option instance_id."},
    {"unauthenticated", "Ask from the broker's own machine, or with a client certificate."},
    {"permission_denied", "Ask from the broker's own machine, or with a client certificate."},
    {"resource_exhausted", "Wait a moment, or ask for less at a time."},
    {"unimplemented", "The plugin in this broker may be older than the caller."},
    {"unavailable", "The broker is starting or stopping; try again."},
    {"internal", "The broker's log says more."},
};

// The Connect codes that the admin service answers.
constexpr ErrorFact kAdminErrors[] = {
    {"invalid_argument", 400, "The request is malformed, or a member is out of its range."},
    {"not_found", 404, "instance_id names no instance of this server."},
    {"unauthenticated", 401, "The caller is not known."},
    {"permission_denied", 403, "The caller may not do this."},
    {"resource_exhausted", 429, "A limit is reached."},
    {"unimplemented", 404, "There is no such method."},
    {"unavailable", 503, "The service cannot take requests now."},
    {"internal", 500, "The server failed."},
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

void WriteParameterSchema(JsonWriter& w, const Parameter& parameter) {
  w.StartObject();
  if (parameter.list) {
    Text(w, "type", "array");
    w.Key("items");
    w.StartObject();
    Text(w, "type", "string");
    w.EndObject();
    w.Key("minItems");
    w.Uint(1);
    w.Key("maxItems");
    w.Uint(static_cast<uint32_t>(parameter.items_max));
  } else {
    Text(w, "type", "string");
  }
  Text(w, "description", parameter.help);
  w.EndObject();
}

void WriteQueryParameters(JsonWriter& w, const Operation& operation) {
  w.Key("parameters");
  w.StartArray();
  for (const Parameter& parameter : operation.parameters) {
    if (parameter.name.empty()) continue;
    w.StartObject();
    Text(w, "name", parameter.name);
    Text(w, "in", "query");
    Text(w, "description", parameter.help);
    w.Key("required");
    w.Bool(parameter.required);
    w.Key("schema");
    WriteParameterSchema(w, parameter);
    w.EndObject();
  }
  w.EndArray();
}

void WriteRequestBody(JsonWriter& w, const Operation& operation) {
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
    WriteParameterSchema(w, parameter);
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

void WriteOperation(JsonWriter& w, const Operation& operation) {
  const bool admin = operation.surface == Surface::kAdmin;
  w.Key(admin ? absl::StrCat("/mosquitto_session_status.v1.SessionStatusService/", operation.name)
              : absl::StrCat("/#Action=", operation.name));
  w.StartObject();
  w.Key("post");
  w.StartObject();
  Text(w, "operationId", absl::StrCat(admin ? "admin." : "openapi.", operation.name));
  Text(w, "x-surface", admin ? "admin" : "openapi");
  Text(w, "summary", operation.summary);
  Text(w, "description", operation.help);
  if (admin) {
    WriteRequestBody(w, operation);
  } else {
    WriteQueryParameters(w, operation);
  }
  WriteReplies(w, operation);
  w.EndObject();
  w.EndObject();
}

void WriteErrors(JsonWriter& w, absl::string_view surface, absl::Span<const ErrorFact> errors) {
  w.Key(surface);
  w.StartArray();
  for (const ErrorFact& error : errors) {
    w.StartObject();
    Text(w, "code", error.code);
    w.Key("status");
    w.Uint(static_cast<uint32_t>(error.http_status));
    Text(w, "message", error.message);
    Text(w, "remedy", RemedyFor(error.code));
    w.EndObject();
  }
  w.EndArray();
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
  w.String("2020-04-20");
  w.String("2019-12-11");
  w.EndArray();
  w.Key("paths");
  w.StartObject();
  for (const Operation& operation : kOperations) WriteOperation(w, operation);
  w.EndObject();
  WriteComponents(w);
  w.Key("x-errors");
  w.StartObject();
  WriteErrors(w, "openapi", facts.errors);
  WriteErrors(w, "admin", kAdminErrors);
  w.EndObject();
  w.EndObject();
  return out;
}

}  // namespace session_status::web
