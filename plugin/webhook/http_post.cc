#include "plugin/webhook/http_post.h"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::webhook {
namespace {

static_assert(CURL_ERROR_SIZE <= 256);

// The answer's body is nobody's business.
size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

// A program that somebody else in the broker starts must not have our connections.
int CloseOnExec(void*, curl_socket_t fd, curlsocktype) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return CURL_SOCKOPT_OK;
}

using Headers = std::unique_ptr<curl_slist, decltype(Libcurl::slist_free_all)>;

// nullptr: out of memory. Without one of its lines, the signature say, nothing may be sent.
Headers MakeHeaders(const Libcurl& curl, const std::vector<std::string>& lines) {
  // Waiting a second for "100 Continue" helps nobody here.
  Headers list(curl.slist_append(nullptr, "Expect:"), curl.slist_free_all);
  for (const std::string& line : lines) {
    if (list == nullptr) break;
    curl_slist* longer = curl.slist_append(list.get(), line.c_str());
    if (longer == nullptr) list.reset();
    // Else it begins with what `list` holds already.
  }
  return list;
}

std::string Part(const Libcurl& curl, CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl.url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string out = text;
  curl.free(text);
  return out;
}

}  // namespace

absl::Status HttpPost::CheckUrl(const Libcurl& curl, const std::string& text) {
  const std::unique_ptr<CURLU, decltype(Libcurl::url_cleanup)> url(curl.url(), curl.url_cleanup);
  if (url == nullptr) return absl::ResourceExhaustedError("out of memory");
  if (curl.url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL; write it as https://host/path");
  }
  const std::string scheme = Part(curl, url.get(), CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") {
    return absl::InvalidArgumentError("neither https nor http");
  }
  if (!Part(curl, url.get(), CURLUPART_USER).empty() ||
      !Part(curl, url.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError(
        "holds a user name or password; the receiver knows us by webhook_secret_file");
  }
  return absl::OkStatus();
}

HttpPost::HttpPost(const Libcurl& curl, Target target, const os::StopSignal& stop)
    : curl_(curl),
      target_(std::move(target)),
      stop_(stop),
      multi_(curl_.multi_init()),
      easy_(curl_.easy_init()) {}

HttpPost::~HttpPost() {
  curl_.easy_cleanup(easy_);
  curl_.multi_cleanup(multi_);
}

bool HttpPost::Configure(absl::string_view body, void* headers) {
  bool done = true;
  const auto set = [this, &done](CURLoption option, auto value) {
    done = curl_.easy_setopt(easy_, option, value) == CURLE_OK && done;
  };
  curl_.easy_reset(easy_);
  set(CURLOPT_URL, target_.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_SOCKOPTFUNCTION, CloseOnExec);
  set(CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(target_.timeout)));
  if (!target_.ca_file.empty()) TrustOnly(target_.ca_file, &done);
  set(CURLOPT_HTTPHEADER, headers);
  set(CURLOPT_POSTFIELDS, body.data());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(CURLOPT_WRITEFUNCTION, Discard);
  error_[0] = '\0';
  set(CURLOPT_ERRORBUFFER, error_);
  return done;
}

// Some builds of libcurl do more than they are told: they trust the system's folder of CAs, too,
// and keep what they have read of the file for a day. Both is switched off. Neither call needs
// memory, and a libcurl that does not know the option does not do what it switches off.
void HttpPost::TrustOnly(const std::string& ca_file, bool* done) {
  *done = curl_.easy_setopt(easy_, CURLOPT_CAINFO, ca_file.c_str()) == CURLE_OK && *done;
  static_cast<void>(curl_.easy_setopt(easy_, CURLOPT_CAPATH, nullptr));
  static_cast<void>(curl_.easy_setopt(easy_, CURLOPT_CA_CACHE_TIMEOUT, 0L));
}

bool HttpPost::IsOver() {
  using std::chrono::steady_clock;
  if (!end_.has_value() && stop_.WaitFor(absl::ZeroDuration())) {
    end_ = steady_clock::now() + absl::ToChronoMilliseconds(target_.after_stop);
  }
  return end_.has_value() && steady_clock::now() >= *end_;
}

// False: stopped.
bool HttpPost::Perform(int* code) {
  // Short enough for `after_stop`, when the stop does not end the wait any more.
  constexpr int kWaitMs = 1000, kWaitAfterStopMs = 20;
  for (int running = 1; running > 0;) {
    if (curl_.multi_perform(multi_, &running) != CURLM_OK) return true;
    if (running == 0) break;
    if (IsOver()) return false;
    curl_waitfd stop = {stop_.fd(), CURL_WAIT_POLLIN, 0};
    const bool stopping = end_.has_value();
    curl_.multi_poll(multi_, &stop, stopping ? 0 : 1, stopping ? kWaitAfterStopMs : kWaitMs,
                     nullptr);
  }
  int left = 0;
  while (const CURLMsg* message = curl_.multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) *code = message->data.result;
  }
  return true;
}

HttpPost::Outcome HttpPost::Post(const std::vector<std::string>& lines, absl::string_view body) {
  Outcome outcome;
  outcome.stopped = IsOver();
  if (outcome.stopped) return outcome;
  if (multi_ == nullptr || easy_ == nullptr) {
    outcome.error = "out of memory";
    return outcome;
  }
  const Headers headers = MakeHeaders(curl_, lines);
  if (headers == nullptr || !Configure(body, headers.get())) {
    outcome.error = "out of memory";
    return outcome;
  }
  curl_.multi_add_handle(multi_, easy_);
  int code = CURLE_FAILED_INIT;
  outcome.stopped = !Perform(&code);
  if (!outcome.stopped && code == CURLE_OK) {
    long status = 0;
    curl_.easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
    curl_off_t seconds = 0;
    curl_.easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &seconds);
    outcome.retry_after = absl::Seconds(seconds);
  } else if (!outcome.stopped) {
    outcome.error = curl_.easy_strerror(static_cast<CURLcode>(code));
  }
  curl_.multi_remove_handle(multi_, easy_);
  return outcome;
}

}  // namespace session_status::webhook
