// Reads again what an operator may change while the broker runs (the access file, certificates,
// the webhook's secret), on a thread of its own: SIGHUP reaches us on the broker's thread, which
// does no I/O.
//
// Threads: Add, Start, Stop: the broker's (init and cleanup). Request(): broker, never waits.
//          Outcomes(): any, after the last Add().
//          Stop() waits for a reload that is under way, and so for a disk that hangs in
//          it: a SIGHUP has the broker read its own files first, on its own thread, where
//          that stops everything.
// Errors:  a reload that fails leaves the old in force; its reason goes to the log, that
//          it did to Outcomes().
#ifndef SESSION_STATUS_PLUGIN_RELOADER_H_
#define SESSION_STATUS_PLUGIN_RELOADER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/os/bell.h"
#include "plugin/os/service_thread.h"

namespace session_status {

class Reloader {
 public:
  explicit Reloader(broker::BrokerLog& log) : log_(log) {}
  ~Reloader() { Stop(); }
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // `what` stands in the log: "access file". It has been read just now, by the start.
  void Add(std::string what, std::function<absl::Status()> reload);
  absl::Status Start(int nice);
  void Stop();

  // Requests that come while a reload runs are served by one more.
  void Request() { bell_.Ring(); }

  // How the last reload of each went. Any thread, wait-free but for the memory of the answer.
  struct Outcome {
    absl::string_view name;  // "access_file"; lives as long as the reloader
    bool failed = false;     // what was read before is in force
    absl::Time at;           // the start, when there was no reload
  };
  std::vector<Outcome> Outcomes() const;

 private:
  struct Part {
    std::string what;
    std::string name;
    std::function<absl::Status()> reload;
    // Statistics: they order nothing, and a reader may see one of them before the other.
    std::atomic<bool> failed{false};
    std::atomic<int64_t> at_ms{0};
  };

  void Run();
  void Reload(Part* part);

  broker::BrokerLog& log_;
  os::Bell bell_;  // a request, or stop
  // (1) release store in Stop(), before the bell; pairs with (2) acquire load in Run().
  std::atomic<bool> stopping_{false};
  std::deque<Part> parts_;  // no more are added once the thread runs; parts stay where they are
  os::ServiceThread thread_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_RELOADER_H_
