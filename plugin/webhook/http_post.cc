#include "plugin/webhook/http_post.h"

#include <curl/curl.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::webhook {
namespace {

static_assert(CURL_ERROR_SIZE <= 256);

// The answer's body is nobody's business.
size_t Discard(char*, size_t size, size_t count, void*) { return size * count; }

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, FreeList>;

Headers MakeHeaders(const std::vector<std::string>& lines) {
  curl_slist* list = nullptr;
  for (const std::string& line : lines) {
    if (curl_slist* longer = curl_slist_append(list, line.c_str())) list = longer;
  }
  // Waiting a second for "100 Continue" helps nobody here.
  if (curl_slist* longer = curl_slist_append(list, "Expect:")) list = longer;
  return Headers(list);
}

std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

}  // namespace

absl::Status HttpPost::Init() {
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
             ? absl::OkStatus()
             : absl::ResourceExhaustedError("libcurl cannot be initialised");
}

absl::Status HttpPost::CheckUrl(const std::string& text) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  if (url == nullptr) return absl::ResourceExhaustedError("out of memory");
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return absl::InvalidArgumentError("not a URL; write it as https://host/path");
  }
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME);
  if (scheme != "https" && scheme != "http") {
    return absl::InvalidArgumentError("neither https nor http");
  }
  if (!Part(url.get(), CURLUPART_USER).empty() || !Part(url.get(), CURLUPART_PASSWORD).empty()) {
    return absl::InvalidArgumentError(
        "holds a user name or password; the receiver knows us by webhook_secret_file");
  }
  return absl::OkStatus();
}

HttpPost::HttpPost(Target target, const os::StopSignal& stop)
    : target_(std::move(target)),
      stop_(stop),
      multi_(curl_multi_init()),
      easy_(curl_easy_init()) {}

HttpPost::~HttpPost() {
  curl_easy_cleanup(easy_);
  curl_multi_cleanup(multi_);
}

void HttpPost::Configure(absl::string_view body, void* headers) {
  CURL* easy = easy_;
  curl_easy_reset(easy);
  curl_easy_setopt(easy, CURLOPT_URL, target_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a stop does not wait for a name server
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(target_.timeout)));
  if (!target_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, target_.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, Discard);
  error_[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_);
}

// False: stopped.
bool HttpPost::Perform(int* code) {
  curl_waitfd stop = {stop_.fd(), CURL_WAIT_POLLIN, 0};
  for (int running = 1; running > 0;) {
    if (curl_multi_perform(multi_, &running) != CURLM_OK) return true;
    if (running > 0) curl_multi_poll(multi_, &stop, 1, 1000, nullptr);
    if (running > 0 && stop.revents != 0) return false;
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) *code = message->data.result;
  }
  return true;
}

HttpPost::Outcome HttpPost::Post(const std::vector<std::string>& lines, absl::string_view body) {
  Outcome outcome;
  if (multi_ == nullptr || easy_ == nullptr) {
    outcome.error = "out of memory";
    return outcome;
  }
  const Headers headers = MakeHeaders(lines);
  Configure(body, headers.get());
  curl_multi_add_handle(multi_, easy_);
  int code = CURLE_FAILED_INIT;
  outcome.stopped = !Perform(&code);
  if (!outcome.stopped && code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
    outcome.status = static_cast<int>(status);
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy_, CURLINFO_RETRY_AFTER, &seconds);
    outcome.retry_after = absl::Seconds(seconds);
  } else if (!outcome.stopped) {
    outcome.error = curl_easy_strerror(static_cast<CURLcode>(code));
  }
  curl_multi_remove_handle(multi_, easy_);
  return outcome;
}

}  // namespace session_status::webhook
