#include "tests/plugin/api_client.h"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace session_status::testing {
namespace {

size_t Append(char* data, size_t, size_t size, void* out) {
  static_cast<std::string*>(out)->append(data, size);
  return size;
}

}  // namespace

ApiClient::ApiClient(uint16_t port, std::string ca_file, std::string certificate)
    : base_(absl::StrCat(ca_file.empty() ? "http" : "https", "://127.0.0.1:", port)),
      ca_file_(std::move(ca_file)),
      certificate_(std::move(certificate)),
      curl_(curl_easy_init()) {}

ApiClient::~ApiClient() { curl_easy_cleanup(curl_); }

ApiAnswer ApiClient::Send(const OwnedRequest& request) {
  ApiAnswer answer;
  CURL* const curl = curl_;
  const std::string url = base_ + request.target;
  curl_easy_reset(curl);  // keeps the connection
  curl_slist* headers = nullptr;
  // Nothing but what was signed: libcurl would add a content type to a POST.
  for (const char* none : {"Content-Type:", "Expect:"}) headers = curl_slist_append(headers, none);
  for (const auto& [name, value] : request.headers) {
    headers = curl_slist_append(headers, absl::StrCat(name, ": ", value).c_str());
  }
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  if (!ca_file_.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file_.c_str());
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);  // the CA alone is what is asked about
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  }
  if (!certificate_.empty()) {
    const std::string key = absl::StrCat(absl::StripSuffix(certificate_, ".pem"), ".key");
    curl_easy_setopt(curl, CURLOPT_SSLCERT, certificate_.c_str());
    curl_easy_setopt(curl, CURLOPT_SSLKEY, key.c_str());
  }
  if (request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (curl_easy_perform(curl) == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
  }
  curl_slist_free_all(headers);
  return answer;
}

}  // namespace session_status::testing
