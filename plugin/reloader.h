// Reads again what an operator may change while the broker runs (the access file, certificates,
// the webhook's secret), on a thread of its own: SIGHUP reaches us on the broker's thread, which
// does no I/O.
//
// Threads: Add, Start, Stop: the broker's (init and cleanup). Request(): broker, never waits.
//          Stop() waits for a reload that is under way, and so for a disk that hangs in it: a SIGHUP has
//          the broker read its own files first, on its own thread, where that stops everything.
// Errors:  a reload that fails leaves the old in force; its reason goes to the log.
#ifndef SESSION_STATUS_PLUGIN_RELOADER_H_
#define SESSION_STATUS_PLUGIN_RELOADER_H_

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "plugin/broker/broker_log.h"
#include "plugin/os/service_thread.h"

namespace session_status {

class Reloader {
 public:
  explicit Reloader(broker::BrokerLog& log);
  ~Reloader() { Stop(); }
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // `what` stands in the log: "access file".
  void Add(std::string what, std::function<absl::Status()> reload);
  absl::Status Start(int nice);
  void Stop();

  // Requests that come while a reload runs are served by one more.
  void Request();

 private:
  void Run();
  void Reload(const std::string& what, const std::function<absl::Status()>& reload);

  broker::BrokerLog& log_;
  int wake_fd_;  // counts requests; -1: none, or stopped
  // (1) release store in Stop(), before the wake-up; pairs with (2) acquire load in Run().
  std::atomic<bool> stopping_{false};
  std::vector<std::pair<std::string, std::function<absl::Status()>>> parts_;
  os::ServiceThread thread_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_RELOADER_H_
