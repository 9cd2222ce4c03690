#include "cli/admin_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/envelopes.h"
#include "rapidjson/document.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr absl::string_view kService = "/mosquitto_session_status.v1.SessionStatusService/";
// A batch of 10,000 of the longest identifiers: 10,000 times 64 KiB, with room for the rest.
constexpr size_t kReplyBytesMax = size_t{1} << 30;
constexpr size_t kErrorBytesMax = 65'536;
// How often a transfer looks whether it has been silent for too long.
constexpr absl::Duration kPollInterval = absl::Seconds(1);
// A feed is dead when so many heartbeats have not come; one may be late.
constexpr int kHeartbeatsMissed = 4;

// The mark of an error that was the answer.
constexpr absl::string_view kAnswered = "mosquitto_session/answered";

// The mark of an error that was no answer; its value is what it tells, a digit.
constexpr absl::string_view kSilence = "mosquitto_session/silence";

absl::Status Answered(absl::Status error) {
  error.SetPayload(kAnswered, absl::Cord());
  return error;
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

// A text member of an object; empty: there is none.
absl::string_view Member(const rapidjson::Value& value, const char* name) {
  if (!value.IsObject() || !value.HasMember(name) || !value[name].IsString()) return "";
  return absl::string_view(value[name].GetString(), value[name].GetStringLength());
}

// {"code":"…","message":"…"}; false: something else.
bool ReadError(const rapidjson::Value& value, absl::Status* out) {
  const absl::string_view code = Member(value, "code");
  if (code.empty()) return false;
  *out = Answered(absl::Status(CodeFromName(code), Member(value, "message")));
  return true;
}

// {"Code":"…","Message":"…"} of the documented API, which whoever is not trusted talks to.
bool ReadDocumentedError(const rapidjson::Value& value, long http_status, absl::Status* out) {
  const absl::string_view message = Member(value, "Message");
  if (message.empty()) return false;
  const bool refused = http_status == 401 || http_status == 403;
  *out = absl::Status(refused ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnknown,
                      absl::StrCat("the plugin refuses: ", message, " (", Member(value, "Code"),
                                   ", HTTP status ", http_status, ")"));
  return true;
}

absl::Status ErrorFromBody(long http_status, const std::string& body) {
  rapidjson::Document document;
  document.Parse(body.data(), body.size());
  absl::Status error;
  if (!document.HasParseError() &&
      (ReadError(document, &error) || ReadDocumentedError(document, http_status, &error))) {
    return error;
  }
  // A proxy's, while the broker behind it restarts.
  const bool for_now = http_status == 502 || http_status == 503 || http_status == 504;
  return Answered(absl::Status(
      for_now ? absl::StatusCode::kUnavailable : absl::StatusCode::kUnknown,
      absl::StrCat("HTTP status ", http_status, "; is this the session status plugin?")));
}

absl::Status Silent(Silence silence, absl::string_view text) {
  absl::Status error = absl::UnavailableError(text);
  error.SetPayload(kSilence,
                   absl::Cord(std::string(1, static_cast<char>('0' + static_cast<int>(silence)))));
  return error;
}

// `os_error`: of connecting. `connected`: whether that had come about.
Silence SilenceIn(int curl_code, long os_error, bool connected) {
  if (connected) return curl_code == CURLE_OPERATION_TIMEDOUT ? Silence::kMute : Silence::kUnknown;
  if (os_error == ENOENT || os_error == ECONNREFUSED) return Silence::kNobody;
  if (os_error == EACCES) return Silence::kForbidden;
  // Nobody takes up those who wait.
  return os_error == EAGAIN ? Silence::kMute : Silence::kUnknown;
}

bool IsOurTlsFault(int curl_code) {
  return curl_code == CURLE_SSL_CERTPROBLEM || curl_code == CURLE_SSL_CACERT_BADFILE;
}

// The last envelope of a stream: {} or {"error":{…}}.
absl::Status StatusFromEnd(absl::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  absl::Status error;
  if (!document.HasParseError() && document.IsObject() && document.HasMember("error") &&
      ReadError(document["error"], &error)) {
    return error;
  }
  return Answered(absl::UnavailableError("the plugin ended the stream"));
}

}  // namespace

bool IsUnanswered(const absl::Status& error) {
  return absl::IsUnavailable(error) && !error.GetPayload(kAnswered).has_value();
}

Silence SilenceOf(const absl::Status& error) {
  const absl::optional<absl::Cord> mark = error.GetPayload(kSilence);
  return mark.has_value() && mark->size() == 1 ? static_cast<Silence>((*mark)[0] - '0')
                                               : Silence::kUnknown;
}

struct AdminClient::Curl {
  CURL* easy = curl_easy_init();
  CURLM* multi = curl_multi_init();
  curl_slist* unary = nullptr;
  curl_slist* stream = nullptr;
  ~Curl() {
    curl_slist_free_all(unary);
    curl_slist_free_all(stream);
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
};

// One request, and what becomes of its answer.
struct AdminClient::Exchange {
  std::string path;                   // with the query
  const std::string* body = nullptr;  // none: GET
  curl_slist* headers = nullptr;
  Sink sink;  // of a body with status 200
  int stop_fd = -1;
  bool is_feed = false;  // may be silent for silence_max, else for the timeout
  absl::Duration silence_max = absl::InfiniteDuration();
  bool bounded = false;  // the whole exchange must fit into the timeout

  CURL* easy = nullptr;
  long http_status = 0;                         // 0: no answer
  std::chrono::steady_clock::time_point heard;  // when it began, or some of the body came last
  bool enough = false;                          // the sink said so
  std::string error_body;                       // of another status

  static size_t OnBytes(char* data, size_t size, size_t count, void* self) {
    auto* exchange = static_cast<Exchange*>(self);
    long status = 0;
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    const absl::string_view bytes(data, size * count);
    if (status != 200) {
      const size_t room = kErrorBytesMax - exchange->error_body.size();
      exchange->error_body.append(bytes.substr(0, room).data(), std::min(room, bytes.size()));
    } else if (!exchange->sink(bytes)) {
      exchange->enough = true;
      return 0;  // makes curl give up
    }
    // Now: it was not silent while the sink took its time.
    exchange->heard = std::chrono::steady_clock::now();
    return bytes.size();
  }
};

AdminClient::AdminClient(std::string target, absl::Duration timeout, TlsFiles tls)
    : target_(std::move(target)),
      timeout_(timeout),
      tls_(std::move(tls)),
      curl_(std::make_unique<Curl>()) {
  curl_->unary = curl_slist_append(curl_->unary, "Content-Type: application/proto");
  curl_->unary = curl_slist_append(curl_->unary, "Connect-Protocol-Version: 1");
  curl_->stream = curl_slist_append(curl_->stream, "Content-Type: application/connect+proto");
  curl_->stream = curl_slist_append(curl_->stream, "Connect-Protocol-Version: 1");
}

AdminClient::~AdminClient() = default;

absl::Status AdminClient::Unreachable(int curl_code, const char* error) const {
  long os_error = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_OS_ERRNO, &os_error);
  // Of a Unix socket with as many who wait to be accepted as fit: the system says EAGAIN, which
  // curl takes for "later" and forgets.
  if (absl::StartsWith(target_, "/") && curl_code == CURLE_COULDNT_CONNECT && os_error == 0) {
    os_error = EAGAIN;
  }
  // For a Unix socket curl speaks of "localhost port 80"; the system's own words help more.
  const std::string why = absl::StartsWith(target_, "/") && os_error != 0
                              ? strerror(static_cast<int>(os_error))
                          : error[0] != '\0' ? error
                                             : curl_easy_strerror(static_cast<CURLcode>(curl_code));
  const std::string text = absl::StrCat("cannot reach the plugin at ", target_, ": ", why);
  if (IsOurTlsFault(curl_code)) return absl::FailedPreconditionError(text);
  curl_off_t connected_us = 0;
  curl_easy_getinfo(curl_->easy, CURLINFO_CONNECT_TIME_T, &connected_us);
  return Silent(SilenceIn(curl_code, os_error, connected_us > 0), text);
}

absl::Duration AdminClient::SilenceMax(uint32_t heartbeat_ms) const {
  if (heartbeat_ms == 0) return absl::InfiniteDuration();  // it does not say when we should worry
  return std::max(timeout_, kHeartbeatsMissed * absl::Milliseconds(heartbeat_ms));
}

void AdminClient::SetTls() const {
  const std::pair<CURLoption, const std::string*> files[] = {
      {CURLOPT_CAINFO, &tls_.ca_file},
      {CURLOPT_SSLCERT, &tls_.certificate_file},
      {CURLOPT_SSLKEY, &tls_.key_file}};
  for (const auto& [option, file] : files) {
    if (!file->empty()) curl_easy_setopt(curl_->easy, option, file->c_str());
  }
  // Only these count then, not those of a folder of the system as well.
  if (!tls_.ca_file.empty()) curl_easy_setopt(curl_->easy, CURLOPT_CAPATH, nullptr);
}

// The multi interface, because only that waits for a descriptor of ours as well.
absl::Status AdminClient::Transfer(Exchange* exchange, int* curl_code) {
  curl_waitfd stop{exchange->stop_fd, CURL_WAIT_POLLIN, 0};
  const unsigned extra = exchange->stop_fd >= 0 ? 1 : 0;
  exchange->heard = std::chrono::steady_clock::now();
  for (int running = 1;;) {
    if (curl_multi_perform(curl_->multi, &running) != CURLM_OK) {
      return absl::InternalError("curl failed");
    }
    if (running == 0) break;
    absl::Duration wait = kPollInterval;
    if (exchange->is_feed) {
      const absl::Duration left =
          exchange->silence_max -
          absl::FromChrono(std::chrono::steady_clock::now() - exchange->heard);
      if (left <= absl::ZeroDuration()) {  // in curl's words for a call
        return absl::UnavailableError(absl::StrCat("cannot reach the plugin at ", target_,
                                                   ": Operation timed out after ",
                                                   absl::ToInt64Milliseconds(exchange->silence_max),
                                                   " milliseconds with nothing of the feed"));
      }
      wait = std::min(wait, left);
    }
    stop.revents = 0;
    const int wait_ms = static_cast<int>(absl::ToInt64Milliseconds(wait)) + 1;
    curl_multi_poll(curl_->multi, &stop, extra, wait_ms, nullptr);
    if (stop.revents != 0) return absl::CancelledError("interrupted");
  }
  int left = 0;
  const CURLMsg* message = curl_multi_info_read(curl_->multi, &left);
  *curl_code = message != nullptr ? message->data.result : CURLE_FAILED_INIT;
  return absl::OkStatus();
}

absl::Status AdminClient::Perform(Exchange* exchange) {
  CURL* easy = curl_->easy;
  if (easy == nullptr || curl_->multi == nullptr) {
    return absl::ResourceExhaustedError("cannot initialise curl");
  }
  const bool is_path = absl::StartsWith(target_, "/");
  const std::string url = absl::StrCat(is_path ? "http://localhost" : target_, exchange->path);
  const long millis = static_cast<long>(timeout_ / absl::Milliseconds(1));
  char error[CURL_ERROR_SIZE] = "";
  exchange->easy = easy;
  curl_easy_reset(easy);
  if (is_path) curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, target_.c_str());
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // never through a proxy of the environment
  SetTls();
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  if (exchange->body != nullptr) {
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body->data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(exchange->body->size()));
  }
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, millis);
  if (exchange->bounded) {
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, millis);
  } else if (!exchange->is_feed) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, std::max(1L, millis / 1000));
  }
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Exchange::OnBytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
  curl_multi_add_handle(curl_->multi, easy);
  int code = CURLE_OK;
  absl::Status transferred = Transfer(exchange, &code);
  long& status = exchange->http_status;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(curl_->multi, easy);
  if (!transferred.ok()) return transferred;
  if (exchange->enough) return absl::OkStatus();
  if (code != CURLE_OK) return Unreachable(code, error);
  return status == 200 ? absl::OkStatus() : ErrorFromBody(status, exchange->error_body);
}

absl::Status AdminClient::Call(absl::string_view method,
                               const google::protobuf::MessageLite& request,
                               google::protobuf::MessageLite* reply, int stop_fd) {
  const std::string body = request.SerializeAsString();
  std::string answer;
  Exchange exchange;
  exchange.stop_fd = stop_fd;
  exchange.path = absl::StrCat(kService, method);
  exchange.body = &body;
  exchange.headers = curl_->unary;
  exchange.bounded = true;
  bool too_long = false;
  exchange.sink = [&](absl::string_view bytes) {
    too_long = answer.size() + bytes.size() > kReplyBytesMax;
    if (!too_long) answer.append(bytes.data(), bytes.size());
    return !too_long;
  };
  if (absl::Status s = Perform(&exchange); !s.ok()) return s;
  if (too_long || !reply->ParseFromString(answer)) {
    return absl::DataLossError("the reply is not a message of the session status service");
  }
  return absl::OkStatus();
}

absl::Status AdminClient::Get(absl::string_view path_and_query, int stop_fd, const Sink& sink) {
  Exchange exchange;
  exchange.path = std::string(path_and_query);
  exchange.stop_fd = stop_fd;
  exchange.sink = sink;
  return Perform(&exchange);
}

absl::StatusOr<AdminClient::Answer> AdminClient::Fetch(absl::string_view path) {
  Answer answer;
  Exchange exchange;
  exchange.path = std::string(path);
  exchange.bounded = true;
  exchange.sink = [&answer](absl::string_view bytes) {
    answer.body.append(bytes.data(), bytes.size());
    return answer.body.size() <= kReplyBytesMax;
  };
  const absl::Status status = Perform(&exchange);
  answer.http_status = exchange.http_status;
  if (status.ok()) return answer;
  if (answer.http_status == 0 || exchange.error_body.empty()) return status;
  answer.body = std::move(exchange.error_body);
  return answer;
}

absl::Status AdminClient::Watch(const pb::WatchSessionsRequest& request, int stop_fd,
                                const OnEvent& on_event) {
  const std::string message = request.SerializeAsString();
  std::string body(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8)
    body.push_back(static_cast<char>(message.size() >> shift));
  body += message;

  Exchange exchange;
  exchange.path = absl::StrCat(kService, "WatchSessions");
  exchange.body = &body;
  exchange.headers = curl_->stream;
  exchange.stop_fd = stop_fd;
  exchange.is_feed = true;
  exchange.silence_max = timeout_;  // until it has started

  EnvelopeReader envelopes;
  absl::Status ended = absl::UnavailableError("the connection to the plugin broke");
  bool satisfied = false;
  const auto on_message = [&](bool last, absl::string_view bytes) {
    if (last) {
      ended = StatusFromEnd(bytes);
      return false;
    }
    pb::WatchSessionsResponse event;
    if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      ended =
          absl::DataLossError("the stream holds what is no message of the session status service");
      return false;
    }
    if (event.has_started()) exchange.silence_max = SilenceMax(event.started().heartbeat_ms());
    satisfied = !on_event(event);
    return !satisfied;
  };
  bool more = true;
  exchange.sink = [&](absl::string_view bytes) {
    const absl::Status status = envelopes.Feed(bytes, [&](bool last, absl::string_view text) {
      more = on_message(last, text);
      return more;
    });
    if (!status.ok()) ended = status;
    return status.ok() && more;
  };
  if (absl::Status s = Perform(&exchange); !s.ok()) return s;
  return satisfied ? absl::OkStatus() : ended;
}

}  // namespace session_status::cli
