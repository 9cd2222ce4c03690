// One POST at a time, by libcurl. A stop request ends it: at once, or when the time is over
// that all posts together have left then. Redirects are not followed, proxies of the
// environment not used, certificates always checked: against `ca_file` alone, as it is when the
// connection is made, if there is one.
//
// Threads: one at a time; Post() blocks.
// Errors:  CheckUrl says what is wrong with a URL. A Post that gets no answer has status 0 and says
//          why, without the URL: it may hold a secret.
#ifndef SESSION_STATUS_PLUGIN_WEBHOOK_HTTP_POST_H_
#define SESSION_STATUS_PLUGIN_WEBHOOK_HTTP_POST_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/os/stop_signal.h"
#include "plugin/webhook/libcurl.h"

namespace session_status::webhook {

class HttpPost {
 public:
  struct Target {
    std::string url;
    std::string ca_file;  // empty: the system's
    absl::Duration timeout = absl::Seconds(10);
    absl::Duration after_stop =
        absl::ZeroDuration();  // from the moment at which a post notices the stop
  };
  struct Outcome {
    int status = 0;  // of HTTP; 0: no answer
    std::string error;
    absl::Duration retry_after;  // what the receiver asked for
    bool stopped = false;        // there was no time left for it
  };

  static absl::Status CheckUrl(const Libcurl& curl, const std::string& url);

  // `stop` outlives this object.
  HttpPost(const Libcurl& curl, Target target, const os::StopSignal& stop);
  ~HttpPost();
  HttpPost(const HttpPost&) = delete;
  HttpPost& operator=(const HttpPost&) = delete;

  Outcome Post(const std::vector<std::string>& headers, absl::string_view body);

 private:
  // False: out of memory; the request must not be sent as it is then.
  bool Configure(absl::string_view body, void* headers);
  void TrustOnly(const std::string& ca_file, bool* done);
  bool Perform(int* code);
  // A stop was requested, and the time after it is over.
  bool IsOver();

  const Libcurl curl_;
  const Target target_;
  const os::StopSignal& stop_;
  CURLM* const multi_;  // keeps the connection open between calls
  CURL* const easy_;
  char error_[256] = {};
  std::optional<std::chrono::steady_clock::time_point> end_;  // once a stop was noticed
};

}  // namespace session_status::webhook

#endif  // SESSION_STATUS_PLUGIN_WEBHOOK_HTTP_POST_H_
