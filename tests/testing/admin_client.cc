#include "tests/testing/admin_client.h"

#include <curl/curl.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

constexpr char kService[] = "http://localhost/mosquitto_session_status.v1.SessionStatusService/";
constexpr long kTimeoutS = 30;

using Value = rapidjson::Value;

// proto3 JSON: 64-bit numbers are strings; absent means zero.
int64_t Number(const Value& object, const char* name) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd()) return 0;
  if (member->value.IsInt64()) return member->value.GetInt64();
  int64_t number = 0;
  if (member->value.IsString() && !absl::SimpleAtoi(member->value.GetString(), &number)) return 0;
  return number;
}

bool Flag(const Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member != object.MemberEnd() && member->value.IsBool() && member->value.GetBool();
}

std::string Text(const Value& object, const char* name, absl::string_view prefix = "") {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsString()) return "";
  const absl::string_view text(member->value.GetString(), member->value.GetStringLength());
  return std::string(absl::StripPrefix(text, prefix));
}

// An enum; absent is its zero value.
std::string Enum(const Value& object, const char* name, absl::string_view prefix,
                 absl::string_view zero) {
  std::string text = Text(object, name, prefix);
  return text.empty() ? std::string(zero) : text;
}

std::string Quoted(absl::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}

size_t AppendTo(char* data, size_t size, size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

}  // namespace

AdminClient::AdminClient(std::string unix_socket_path)
    : path_(std::move(unix_socket_path)), curl_(curl_easy_init()) {}

AdminClient::~AdminClient() { curl_easy_cleanup(curl_); }

HttpAnswer AdminClient::Perform(const std::string& url, const std::string* body) {
  CURL* curl = curl_;
  HttpAnswer answer;
  curl_easy_reset(curl);
  curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path_.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kTimeoutS);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, AppendTo);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_slist* headers = nullptr;
  if (body != nullptr) {
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Connect-Protocol-Version: 1");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
  }
  if (curl_easy_perform(curl) == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
  }
  curl_slist_free_all(headers);
  return answer;
}

HttpAnswer AdminClient::Call(absl::string_view method, const std::string& json) {
  return Perform(absl::StrCat(kService, method), &json);
}

HttpAnswer AdminClient::Get(absl::string_view path) {
  return Perform(absl::StrCat("http://localhost", path), nullptr);
}

SessionAnswer AdminClient::Query(absl::string_view client_id) {
  const HttpAnswer http =
      Call("QuerySessionByClientId", absl::StrCat("{\"clientId\":", Quoted(client_id), "}"));
  SessionAnswer answer;
  answer.raw = http.body;
  rapidjson::Document json;
  if (http.status != 200 || json.Parse(http.body.c_str()).HasParseError() || !json.IsObject()) {
    return answer;
  }
  answer.ok = true;
  answer.online = Flag(json, "online");
  answer.state = Enum(json, "state", "SESSION_STATE_", "UNKNOWN");
  answer.end_reason = Enum(json, "endReason", "END_REASON_", "NONE");
  answer.incarnation = static_cast<uint64_t>(Number(json, "incarnation"));
  answer.connected_at_ms = Number(json, "connectedAtMs");
  answer.last_seen_at_ms = Number(json, "lastSeenAtMs");
  answer.disconnected_at_ms = Number(json, "disconnectedAtMs");
  answer.session_created_at_ms = Number(json, "sessionCreatedAtMs");
  answer.broker_code = static_cast<int>(Number(json, "brokerCode"));
  answer.address = Text(json, "address");
  answer.listener_port = static_cast<int>(Number(json, "listenerPort"));
  answer.protocol_version = Text(json, "protocolVersion");
  answer.transport = Enum(json, "transport", "TRANSPORT_", "UNKNOWN");
  answer.keepalive_s = static_cast<int>(Number(json, "keepaliveS"));
  answer.username = Text(json, "username");
  answer.clean_start = Flag(json, "cleanStart");
  answer.connects = static_cast<int>(Number(json, "connects"));
  answer.has_detection_bound = json.HasMember("detectionBoundS");
  answer.detection_bound_s = static_cast<int>(Number(json, "detectionBoundS"));
  answer.silent_death_undetected = Flag(json, "silentDeathUndetected");
  answer.ended_not_before_ms = Number(json, "endedNotBeforeMs");
  answer.ended_not_after_ms = Number(json, "endedNotAfterMs");
  answer.restored = Flag(json, "restored");
  return answer;
}

BatchAnswer AdminClient::Batch(absl::Span<const std::string> client_ids) {
  std::string request = "{\"clientIds\":[";
  for (size_t i = 0; i < client_ids.size(); ++i) {
    absl::StrAppend(&request, i == 0 ? "" : ",", Quoted(client_ids[i]));
  }
  request += "]}";
  const HttpAnswer http = Call("BatchQuerySessionByClientIds", request);
  BatchAnswer answer;
  rapidjson::Document json;
  if (http.status != 200 || json.Parse(http.body.c_str()).HasParseError() || !json.IsObject()) {
    return answer;
  }
  answer.ok = true;
  if (json.HasMember("snapshot")) {
    answer.sequence = static_cast<uint64_t>(Number(json["snapshot"], "sequence"));
    answer.taken_at_ms = Number(json["snapshot"], "takenAtMs");
    answer.age_ms = Number(json["snapshot"], "ageMs");
  }
  if (!json.HasMember("sessions")) return answer;
  for (const Value& session : json["sessions"].GetArray()) {
    answer.states.push_back(
        session.HasMember("error") ? "error" : Enum(session, "state", "SESSION_STATE_", "UNKNOWN"));
    answer.online.push_back(Flag(session, "online"));
  }
  return answer;
}

StatusAnswer AdminClient::Status() {
  const HttpAnswer http = Call("GetServerStatus", "{}");
  StatusAnswer answer;
  answer.raw = http.body;
  rapidjson::Document json;
  if (http.status != 200 || json.Parse(http.body.c_str()).HasParseError() || !json.IsObject()) {
    return answer;
  }
  answer.ok = true;
  answer.broker = Text(json, "broker");
  if (json.HasMember("sessions")) {
    answer.online = static_cast<uint64_t>(Number(json["sessions"], "online"));
    answer.offline_session_kept =
        static_cast<uint64_t>(Number(json["sessions"], "offlineSessionKept"));
    answer.offline = static_cast<uint64_t>(Number(json["sessions"], "offline"));
  }
  answer.connects = static_cast<uint64_t>(Number(json, "connects"));
  answer.takeovers = static_cast<uint64_t>(Number(json, "takeovers"));
  answer.stale_events = static_cast<uint64_t>(Number(json, "staleEvents"));
  answer.sequence = static_cast<uint64_t>(Number(json, "sequence"));
  answer.has_store = json.HasMember("sessionStore");
  if (answer.has_store) {
    answer.store_failing = Flag(json["sessionStore"], "failing");
    answer.store_complete_until_ms = Number(json["sessionStore"], "completeUntilMs");
    answer.store_restored = static_cast<uint64_t>(Number(json["sessionStore"], "restored"));
  }
  return answer;
}

SessionAnswer AdminClient::WaitForState(absl::string_view client_id, absl::string_view state) {
  SessionAnswer answer;
  WaitUntil([&] {
    answer = Query(client_id);
    return answer.state == state;
  });
  return answer;
}

}  // namespace session_status::testing
