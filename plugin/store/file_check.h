// Reads every page of a session database once, for damage that nothing else finds: on a thread of
// its own, over a connection that only reads. Who writes meanwhile does not wait for it, but SQLite
// keeps what he writes in the write-ahead log until it is done.
//
// Threads:   Start(), BoundLog(), TakeFinding(), Join(): one at a time. Stop(), done(): any.
// Ownership: the destructor stops and joins, which waits for the disk's answer to one read.
// Errors:    TakeFinding() says what could not be read; a check that was stopped finds nothing.
#ifndef SESSION_STATUS_PLUGIN_STORE_FILE_CHECK_H_
#define SESSION_STATUS_PLUGIN_STORE_FILE_CHECK_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "plugin/store/database_file.h"
#include "plugin/store/sqlite.h"

namespace session_status::store {

class FileCheck {
 public:
  // A larger file is not checked: that would take minutes.
  static constexpr uint64_t kBytesMax = uint64_t{1} << 30;

  // `log_bytes_max`: of the write-ahead log, see BoundLog().
  FileCheck(std::string path, uint64_t log_bytes_max)
      : path_(std::move(path)), log_bytes_max_(log_bytes_max) {}
  ~FileCheck();

  // Once, of this very file, which the writer has open: opens it here, and reads it on the thread.
  // After Stop() nothing is begun.
  void Start(const OpenedFile& file, int nice);

  // Called now and then by who writes: gives the check up when the log has grown too long for it.
  void BoundLog();

  void Stop() ABSL_LOCKS_EXCLUDED(mu_);
  // After it. The connection is closed then: nobody of ours has a file open that is moved or was
  // replaced.
  void Join() { thread_.Join(); }

  // It has come to its end, however that was.
  bool done() const { return done_.load(std::memory_order_acquire); }  // (4)

  // DataLoss: the file is damaged, and is still in its place. Any other error: it could not be
  // read. OK: it is not done, has found nothing, or has told of it.
  absl::Status TakeFinding();

 private:
  absl::Status Open(const OpenedFile& file);
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Check() ABSL_LOCKS_EXCLUDED(mu_);
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }  // (2)

  const std::string path_;
  const uint64_t log_bytes_max_;
  // The thread's until (3).
  std::optional<OpenedFile> file_;
  std::optional<Database> database_;
  absl::Status finding_;

  os::Mutex mu_;  // for moments
  const Database* running_ ABSL_GUARDED_BY(mu_) = nullptr;
  // (1) release store in Stop(), pairs with (2) acquire loads.
  std::atomic<bool> stopped_{false};
  // (3) release store at the thread's end, pairs with (4): who sees it finds what was found.
  std::atomic<bool> done_{false};
  os::ServiceThread thread_;  // last: joined before what it uses goes
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_FILE_CHECK_H_
