#include "cli/admin_client.h"

#include <curl/curl.h>

#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "rapidjson/document.h"

namespace session_status::cli {
namespace {

constexpr absl::string_view kService = "/mosquitto_session_status.v1.SessionStatusService/";
// A batch of 10,000 of the longest identifiers: 10,000 times 64 KiB, with room for the rest.
constexpr size_t kReplyBytesMax = size_t{1} << 30;

size_t Append(char* data, size_t size, size_t count, void* out) {
  auto* reply = static_cast<std::string*>(out);
  if (reply->size() + size * count > kReplyBytesMax) return 0;  // makes curl give up
  reply->append(data, size * count);
  return size * count;
}

absl::StatusCode CodeFromName(absl::string_view name) {
  if (name == "invalid_argument") return absl::StatusCode::kInvalidArgument;
  if (name == "not_found") return absl::StatusCode::kNotFound;
  if (name == "permission_denied") return absl::StatusCode::kPermissionDenied;
  if (name == "unauthenticated") return absl::StatusCode::kUnauthenticated;
  if (name == "resource_exhausted") return absl::StatusCode::kResourceExhausted;
  if (name == "unimplemented") return absl::StatusCode::kUnimplemented;
  if (name == "unavailable") return absl::StatusCode::kUnavailable;
  return absl::StatusCode::kUnknown;
}

// {"code":"…","message":"…"}, or whatever else came with that HTTP status.
absl::Status ErrorFromBody(long http_status, const std::string& body) {
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  const bool typed = !document.HasParseError() && document.IsObject() &&
                     document.HasMember("code") && document["code"].IsString() &&
                     document.HasMember("message") && document["message"].IsString();
  if (!typed) {
    return absl::UnknownError(
        absl::StrCat("HTTP status ", http_status, "; is this the session status plugin?"));
  }
  return absl::Status(CodeFromName(document["code"].GetString()), document["message"].GetString());
}

}  // namespace

struct AdminClient::Curl {
  CURL* handle = curl_easy_init();
  curl_slist* headers = nullptr;
  ~Curl() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
  }
};

AdminClient::AdminClient(std::string target, absl::Duration timeout)
    : target_(std::move(target)), timeout_(timeout), curl_(std::make_unique<Curl>()) {
  curl_->headers = curl_slist_append(curl_->headers, "Content-Type: application/proto");
  curl_->headers = curl_slist_append(curl_->headers, "Connect-Protocol-Version: 1");
}

AdminClient::~AdminClient() = default;

absl::Status AdminClient::Call(absl::string_view method,
                               const google::protobuf::MessageLite& request,
                               google::protobuf::MessageLite* reply) {
  CURL* handle = curl_->handle;
  if (handle == nullptr) return absl::ResourceExhaustedError("cannot initialise curl");
  const std::string body = request.SerializeAsString();
  const bool is_path = absl::StartsWith(target_, "/");
  const std::string url = absl::StrCat(is_path ? "http://localhost" : target_, kService, method);
  std::string answer;
  char error[CURL_ERROR_SIZE] = "";
  if (is_path) curl_easy_setopt(handle, CURLOPT_UNIX_SOCKET_PATH, target_.c_str());
  curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
  curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(handle, CURLOPT_PROXY, "");  // never through a proxy of the environment
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, curl_->headers);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(timeout_ / absl::Milliseconds(1)));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, error);
  const CURLcode code = curl_easy_perform(handle);
  if (code != CURLE_OK) {
    long os_error = 0;
    curl_easy_getinfo(handle, CURLINFO_OS_ERRNO, &os_error);
    // For a Unix socket curl speaks of "localhost port 80"; the system's own words help more.
    const std::string why = is_path && os_error != 0 ? strerror(static_cast<int>(os_error))
                            : error[0] != '\0'      ? error
                                                    : curl_easy_strerror(code);
    return absl::UnavailableError(absl::StrCat("cannot reach the plugin at ", target_, ": ", why));
  }
  long http_status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &http_status);
  if (http_status != 200) return ErrorFromBody(http_status, answer);
  if (!reply->ParseFromString(answer)) {
    return absl::DataLossError("the reply is not a message of the session status service");
  }
  return absl::OkStatus();
}

}  // namespace session_status::cli
