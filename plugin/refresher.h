// Publishes a new snapshot of the registry every `interval`, from a thread of its own, and at once
// when the wall clock was set: ages are told by it. And has memory ready for the events to come: as
// often as their number asks for, however long the interval is.
//
// Threads: Start, Stop: the broker's (init and cleanup).
// Errors:  Start says when the system gives no thread.
#ifndef SESSION_STATUS_PLUGIN_REFRESHER_H_
#define SESSION_STATUS_PLUGIN_REFRESHER_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "plugin/metrics/duration_histogram.h"
#include "plugin/os/service_thread.h"
#include "plugin/os/stop_signal.h"
#include "registry/session_registry.h"

namespace session_status {

class Refresher {
 public:
  // `registry` and `publish_time`, which records how long each publication took, must outlive the
  // refresher.
  Refresher(registry::SessionRegistry& registry, absl::Duration interval,
            metrics::DurationHistogram& publish_time)
      : registry_(registry), interval_(interval), publish_time_(publish_time) {}
  ~Refresher() { Stop(); }

  // Called right before each publication with its time: what must be at least as new as the
  // snapshot. Before Start().
  void PublishFirst(std::function<void(absl::Time)> other) { first_ = std::move(other); }
  // Another one's PopulateAhead(), called with the registry's. Before Start().
  void PopulateToo(std::function<absl::Duration(absl::Duration)> other) { too_ = std::move(other); }

  // Publishes the first snapshot before it returns.
  absl::Status Start(int nice);
  void Stop();

 private:
  void Run();
  void Publish();
  bool ClockWasSet() const;
  void PopulateAhead();

  registry::SessionRegistry& registry_;
  const absl::Duration interval_;
  metrics::DurationHistogram& publish_time_;
  std::function<void(absl::Time)> first_;
  std::function<absl::Duration(absl::Duration)> too_;
  absl::Time taken_at_;          // of the snapshot, less the clock that is never set
  absl::Duration populated_at_;  // on that clock
  absl::Duration populate_in_;   // when to call PopulateAhead() again, from then on
  os::StopSignal stop_;
  os::ServiceThread thread_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_REFRESHER_H_
