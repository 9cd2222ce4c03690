// Usage: how many transactions each hour, by account, user, instance and operation, in SQLite.
//
// TryCount() adds to counts in memory; a thread of its own writes them to the database twice a
// second, each time in one transaction. So a crash of the process or the machine loses at most the
// last second of counts, an orderly stop none, and a count once written is exact for ever.
// When the database cannot be written, from the start or later, the counts wait in memory and
// nothing is lost while the process lives; when there is no more room for them TryCount() says no.
// Nor is anything counted twice: a write that failed may have reached the file all the same, so it
// is tried again as it was, under a number that the same transaction leaves in the database.
// A damaged database is moved aside (MoveAside()) and begun anew; in one that was replaced, or
// taken away, counting goes on in what is there then.
//
// Threads:   TryCount(), stats(): any; one short lock. Open(), BeginClose(), Close(), destructor:
//            one thread. Flush(): any, blocking.
// Ownership: at the end the thread writes what is left; what it cannot write is lost, and `log` has
//            how much at most. `log` lives until Close(), or else the destructor, has returned.
// Errors:    Open fails only for what an operator must change: no such folder, no permission, a
//            folder in the file's place, another program's file. Everything else goes to `log`,
//            once per failure and once per recovery. TryCount() and Flush() may throw
//            std::bad_alloc; what was counted stays counted.
#ifndef SESSION_STATUS_PLUGIN_STORE_USAGE_STORE_H_
#define SESSION_STATUS_PLUGIN_STORE_USAGE_STORE_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/limits/meter.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "plugin/os/stop_signal.h"
#include "plugin/store/database_file.h"
#include "plugin/store/sqlite.h"

namespace session_status::store {

struct UsageOptions {
  std::string path;
  absl::Duration flush_interval = absl::Milliseconds(500);  // half of what a crash may lose
  // Different (hour, account, user, instance, operation) waiting to be written: hours of a disk
  // that is full, for thousands of users; about 200 bytes each. As many again may be in a write.
  size_t pending_max = 65'536;
  absl::Duration close_waits = os::kDiskWaitMax;
  int nice_level = 10;
  std::function<void(absl::string_view)> log;  // for an operator; may be empty
};

struct UsageStats {
  uint64_t counted = 0;         // since start
  uint64_t refused = 0;         // TryCount() said no
  uint64_t flush_failures = 0;  // attempts to open or write it that failed
  size_t pending = 0;           // different counts not yet written
};

class UsageStore : public limits::Meter {
 public:
  static absl::StatusOr<std::unique_ptr<UsageStore>> Open(UsageOptions options);
  // Waits for the disk for as long as it takes, unless Close() has.
  ~UsageStore() override;

  // The last call has been counted. Has the rest written and the file closed; does not wait.
  void BeginClose();
  // After it. False: the disk has not answered within close_waits of BeginClose(). The thread is
  // still in a call of the system then, and this object must not be destroyed before that returns.
  [[nodiscard]] bool Close() noexcept ABSL_LOCKS_EXCLUDED(mu_, log_mu_);

  bool TryCount(const limits::Transaction& transaction, absl::Time now) override;

  // Writes now what is pending, into the file that is there now. On failure it stays pending.
  absl::Status Flush();

  UsageStats stats() const;

 private:
  struct Key {
    int64_t hour;  // seconds of its beginning
    std::string account, user, instance, operation;
  };
  // The same without owning the texts: what a call looks up.
  using KeyView = std::tuple<int64_t, absl::string_view, absl::string_view, absl::string_view,
                             absl::string_view>;
  struct KeyHash {
    using is_transparent = void;
    size_t operator()(const KeyView& view) const;
    size_t operator()(const Key& key) const { return (*this)(View(key)); }
  };
  struct KeyEqual {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const { return a == b; }
    bool operator()(const Key& a, const Key& b) const { return View(a) == View(b); }
    bool operator()(const Key& a, const KeyView& b) const { return View(a) == b; }
    bool operator()(const KeyView& a, const Key& b) const { return a == View(b); }
  };
  using Counts = std::unordered_map<Key, uint64_t, KeyHash, KeyEqual>;

  static KeyView View(const Key& key) {
    return {key.hour, key.account, key.user, key.instance, key.operation};
  }

  explicit UsageStore(UsageOptions options);
  void Run();
  // Opens the file at the path unless it is open.
  absl::Status UseFileInPlace() ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  absl::Status OpenDatabase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  absl::Status WritePending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  void BeginAnew(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  void FlushAndReport() noexcept;
  void End() noexcept;
  // As batch_, in one transaction; when it fails this may be open yet.
  absl::Status Write(const Counts& counts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  absl::StatusOr<bool> IsIn(int64_t batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  absl::Status Add(const Counts& counts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(database_mu_);
  void Report(const absl::Status& status) ABSL_LOCKS_EXCLUDED(database_mu_);
  uint64_t NotWritten() const ABSL_LOCKS_EXCLUDED(mu_);  // calls
  void SayNotWritten(absl::string_view why) const noexcept ABSL_LOCKS_EXCLUDED(mu_, log_mu_);
  void Log(absl::string_view line) const ABSL_LOCKS_EXCLUDED(log_mu_);

  const UsageOptions options_;
  const int64_t writer_;  // random: no other has it

  os::Mutex database_mu_;                                           // taken before mu_
  std::optional<Database> database_ ABSL_GUARDED_BY(database_mu_);  // nullopt: to be opened
  std::optional<OpenedFile> file_ ABSL_GUARDED_BY(database_mu_);    // of database_
  bool failing_ ABSL_GUARDED_BY(database_mu_) = false;
  int64_t batch_ ABSL_GUARDED_BY(database_mu_) = 1;  // the next, or the one in doubt

  mutable os::Mutex mu_;
  Counts pending_ ABSL_GUARDED_BY(mu_);
  // Of a write that failed, and may be in: the next one is of these and no others.
  Counts in_doubt_ ABSL_GUARDED_BY(mu_);
  UsageStats stats_ ABSL_GUARDED_BY(mu_);
  uint64_t written_ ABSL_GUARDED_BY(mu_) = 0;  // of stats_.counted

  // A thread that the disk holds must not call who takes the lines any more. Taken last.
  mutable os::Mutex log_mu_;
  bool silent_ ABSL_GUARDED_BY(log_mu_) = false;

  std::chrono::steady_clock::time_point close_begun_;
  os::StopSignal stop_;
  os::ServiceThread thread_;  // last: joined before what it uses goes
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_USAGE_STORE_H_
