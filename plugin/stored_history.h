// Answers GetHistory from the session database, so over restarts of the broker.
//
// A thread of its own reads; who asks waits for it, kWaitMax at most. A disk that hangs so
// costs the listeners that long kWaitersMax + 1 times, and then nothing: further questions
// are refused at once. Nothing here is asked by the broker's thread, and no lock is taken
// that the store needs to write.
//
// Threads:     construction, Start, BeginClose, Close, destruction: broker (init and cleanup); the
//              destructor waits for the disk for as long as it takes, unless Close() has.
//              GetStoredHistory: any but the broker's; blocking.
// Consistency: one moment of the database; complete_until_ms says which, a flush interval ago.
// Ownership:   the store outlives this object; nobody waits for an answer when it is destroyed.
// Errors:      InvalidArgument for a limit too high. DeadlineExceeded when the database does not
//              answer in time, Unavailable when too many wait or it cannot be read.
#ifndef SESSION_STATUS_PLUGIN_STORED_HISTORY_H_
#define SESSION_STATUS_PLUGIN_STORED_HISTORY_H_

#include <chrono>
#include <deque>
#include <future>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "plugin/api/service.h"
#include "plugin/os/bell.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "plugin/store/session_history.h"
#include "plugin/store/session_store.h"

namespace session_status {

class StoredHistory : public api::StoredHistorySource {
 public:
  static constexpr uint32_t kLimitDefault = 100;
  static constexpr uint32_t kLimitMax = 1000;  // about 0.3 MB of JSON
  static constexpr absl::Duration kWaitMax = absl::Milliseconds(250);
  static constexpr size_t kWaitersMax = 4;

  // `path`: of the store's database.
  StoredHistory(const store::SessionStore& store, std::string path);
  ~StoredHistory() override;

  absl::Status Start(int nice);
  // Nobody asks any longer. Does not wait.
  void BeginClose() ABSL_LOCKS_EXCLUDED(mu_);
  // After it. False: the disk has not answered within os::kDiskWaitMax of BeginClose().
  // The thread is still in a call of the system then, and this object must not be
  // destroyed before that returns.
  [[nodiscard]] bool Close();

  absl::Status GetStoredHistory(const api::pb::GetHistoryRequest& request,
                                api::pb::GetHistoryResponse* reply) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Clock = std::chrono::steady_clock;
  using Answer = absl::StatusOr<store::HistoryAnswer>;
  struct Job {
    store::HistoryQuery query;
    Clock::time_point end;  // nobody waits any longer
    std::promise<Answer> answer;
  };

  absl::StatusOr<std::future<Answer>> Ask(const store::HistoryQuery& query, Clock::time_point end)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Run();
  // nullptr: stop.
  std::unique_ptr<Job> Next() ABSL_LOCKS_EXCLUDED(mu_);

  const store::SessionStore& store_;
  const std::string path_;
  os::Mutex mu_;  // for the time of a push or pop
  std::deque<std::unique_ptr<Job>> jobs_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  Clock::time_point close_begun_;
  os::Bell bell_;  // a job, or stop
  os::ServiceThread thread_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_STORED_HISTORY_H_
