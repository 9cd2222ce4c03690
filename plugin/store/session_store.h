// What is known of clients, kept over restarts of the broker in an SQLite database.
//
//   init:   Open(), Restore(): what the last life left; then Start().
//   life:   the broker's thread leaves a record of every change in a ring of fixed size; a thread
//           of our own writes them in batches. It reads what to write about a client from the
//           registry, so a batch holds each client once, as it is now.
//   end:    BeginClose() has that thread write the rest and that the end was in order, and when;
//           the check of the file (FileCheck), which goes on beside it, is given up. Close() waits
//           for a few seconds at most; what is not written then is as after a crash.
//
// After a life that did not end in order, whoever was online is restored as offline with reason
// broker restart; the end lies between the moment up to which the database was complete and the
// next start.
//
// When the ring is full, changes are dropped and counted; when the database cannot be written,
// changes wait in the ring. In both cases the log says so once, and once again when all is well:
// after drops everything is written anew by a walk over the registry, but for the history: what
// that lacks is lost, and the database says between which times. While changes wait for a disk that
// takes none, the lock's file says so: what they are is lost if the process dies, and the next life
// knows of it. A damaged database is moved aside (MoveAside()) and begun anew in the same way;
// another program's file stays where it is. A copy of this life's own file that is put in its place
// goes on as this life, and lacks what happened since.
//
// Threads:     Open, Restore, Start, BeginClose, Close, destructor: broker (init and cleanup).
//              OnChange, OnTick, OnForgotten: broker, wait-free, no I/O, no allocation. Flush():
//              any, blocking. stats(): any.
// Consistency: a crash of the process loses at most the changes of the last flush_interval; a power
//              failure some more. What is lost makes answers older, never wrong about "online".
// Ownership:   the registry given to Start, and `log`, live until Close has returned.
// Errors:      Open fails only for what an operator must change: no such folder, no permission,
//              another process has it, it is another program's file. Everything else degrades to
//              memory only, loudly.
#ifndef SESSION_STATUS_PLUGIN_STORE_SESSION_STORE_H_
#define SESSION_STATUS_PLUGIN_STORE_SESSION_STORE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "plugin/os/stop_signal.h"
#include "plugin/store/event_ring.h"
#include "plugin/store/file_check.h"
#include "plugin/store/file_lock.h"
#include "plugin/store/full_save.h"
#include "plugin/store/history_gap.h"
#include "plugin/store/incarnations.h"
#include "plugin/store/lives.h"
#include "plugin/store/session_database.h"
#include "registry/change_observer.h"
#include "registry/counter.h"
#include "registry/lasting_time.h"
#include "registry/session_registry.h"

namespace session_status::store {

struct SessionStoreOptions {
  std::string path;  // empty: no store
  absl::Duration flush_interval = absl::Milliseconds(500);
  // History of connections in the database; a ttl of zero: none is written.
  absl::Duration history_ttl = absl::Hours(168);
  int64_t history_max = 1'000'000;  // rows of ordinary size: SessionDatabase::NumbersOf()
  // The registry's limits: ended sessions beyond ended_max, longest gone first, are not restored.
  absl::Duration ended_ttl = absl::Hours(24);
  uint64_t ended_max = 1'000'000;
  // Changes waiting to be written: 16 MiB are about 150,000, more than ten seconds of ten thousand
  // changes a second.
  size_t queue_bytes = size_t{16} << 20;
  // Of the write-ahead log, while every page is read: FileCheck::BoundLog().
  uint64_t checked_log_bytes = uint64_t{128} << 20;
  // For another program that has the file locked.
  absl::Duration start_waits = absl::Seconds(10);
  // From BeginClose() on: no batch is begun after the first of these, and after the
  // second nothing is waited for.
  absl::Duration close_writes = absl::Seconds(3);
  absl::Duration close_waits = os::kDiskWaitMax;
  int nice_level = 10;
  std::function<void(absl::string_view)> log{};  // for an operator; any thread; may be empty
  // Clocks, called on any thread; empty: the system's. `monotonic`: from any fixed moment,
  // never set. `wall`: the time of day as the system has it, which steps back when it is set
  // back (those of events never do).
  std::function<absl::Duration()> monotonic{};
  std::function<absl::Time()> wall{};
};

struct SessionStoreStats {
  bool failing = false;      // the last attempt to write failed
  uint64_t queue_bytes = 0;  // waiting now, those of an attempt that failed included
  uint64_t dropped = 0;      // changes, because the queue was full
  uint64_t failures = 0;     // attempts to write that failed
  uint64_t commits = 0;
  uint64_t full_saves = 0;               // finished
  bool checked = false;                  // the reading of every page has ended
  uint64_t restored = 0;                 // sessions, at the start
  uint64_t unreserved_incarnations = 0;  // given out beyond what is reserved in the database
  int64_t complete_until_ms = 0;  // what happened until then is in the database; first: the start
};

class SessionStore : public registry::ChangeObserver {
 public:
  using IsHeld = std::function<bool(absl::string_view client_id)>;

  static absl::StatusOr<std::unique_ptr<SessionStore>> Open(SessionStoreOptions options,
                                                            absl::Time now);
  ~SessionStore() override;

  // Tells every session of the lives before, longest gone first, as a kRestored event. Its state is
  // kOffline: whether the broker still holds the session the caller must know; those that `is_held`
  // is true for are told whatever ended_max is. Once, before Start().
  void Restore(
      const std::function<void(const registry::SessionEvent&)>& apply,
      const IsHeld& is_held = [](absl::string_view) { return false; });

  // After Restore(): above every number that any life before gave out.
  uint64_t first_incarnation() const { return incarnations_.first(); }

  // What the wall clock had reached for sure when this life began: that of the start may be ahead.
  absl::Time reached() const { return absl::FromUnixMillis(reached_ms_); }

  absl::Status Start(const registry::SessionRegistry& registry);

  void OnChange(const registry::SessionEvent& event, const registry::ApplyResult& result) override;
  void OnTick(absl::Time now) override;
  void OnForgotten(absl::string_view client_id, absl::Time now);

  // Writes now what is pending; on failure it stays pending.
  absl::Status Flush();

  // The last change has been told. Has the rest written, and that this life ended at `now`; another
  // process may have the file then. What takes longer than close_writes is left as after a crash.
  // Does not wait. Once, and not before Start().
  void BeginClose(absl::Time now) ABSL_LOCKS_EXCLUDED(outside_mu_);

  // After it. False: the disk has not answered within close_waits of BeginClose(). The thread is
  // still in a call of the system then, and this object must not be destroyed before that returns.
  [[nodiscard]] bool Close() ABSL_LOCKS_EXCLUDED(outside_mu_);

  SessionStoreStats stats() const;

 private:
  // Changes taken from the ring and not yet written.
  struct Batch {
    std::unordered_set<std::string> clients;
    std::vector<HistoryRow> history;
    int64_t complete_until_ms = 0;  // 0: does not reach up to a known moment
    uint64_t bytes = 0;             // about what it took in the ring
    bool empty() const { return clients.empty() && history.empty(); }
    void Clear();
  };

  SessionStore(SessionStoreOptions options, absl::Time now);
  void Run();
  void End() ABSL_LOCKS_EXCLUDED(mu_);
  // True: there is more to do at once.
  bool RunOnce() ABSL_LOCKS_EXCLUDED(mu_);
  // Damage that only reading every page finds, looked for once in a life.
  void CheckFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndCheck() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoticeDamage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Cancelled: Close() waits no longer.
  absl::Status Find(const std::string& client_id, registry::SessionDetails* details) const
      ABSL_LOCKS_EXCLUDED(outside_mu_);
  absl::Status VisitSome(uint64_t* position, std::vector<FullSave::Seen>* seen) const
      ABSL_LOCKS_EXCLUDED(outside_mu_);
  bool keeps_history() const { return options_.history_ttl > absl::ZeroDuration(); }
  void Push(const ChangeRecord& record, absl::string_view client_id, absl::string_view address);

  // All of these: under mu_.
  // One transaction; a second attempt when damage was found and moved aside.
  absl::Status Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Attempt() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Rounds until nothing is left or one fails.
  absl::Status RoundsUntilDone() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasMore() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status TakeLock() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status OpenDatabase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::unique_ptr<SessionDatabase>> OpenOnceUnlocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status OpenForReading() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadPast() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status NumberThisLife() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GoOnInAnotherFile() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status BeginLife() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status PutLife(int64_t ended_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void BeginAnew(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeChanges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoticeDrops() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoticeHistoryGap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status ReadHistoryGap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteHistoryGap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // `new_numbers`: of the rows that have come since the last time.
  absl::Status PruneHistory(int64_t new_numbers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The time by which what is old is forgotten.
  int64_t LastingMs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Succeeded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Failed(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WriteEnd(int64_t now_ms) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) ABSL_LOCKS_EXCLUDED(outside_mu_);
  void Log(absl::string_view line) const ABSL_LOCKS_EXCLUDED(outside_mu_);

  const SessionStoreOptions options_;
  std::optional<FileLock> lock_;
  const int64_t started_ms_;
  int64_t reached_ms_;  // at the start: the last life was alive then

  // -- between the broker's thread and ours -------------------------------------------------------
  EventRing ring_;
  Counter dropped_;
  // (1) release store in OnTick, after the changes until then were pushed (or dropped and counted);
  // pairs with (2) acquire loads, as in TakeChanges: who sees the moment finds those changes.
  std::atomic<int64_t> alive_ms_;
  // After the latest dropped change of a connection. relaxed: who takes a record that was
  // pushed after the drop finds it.
  std::atomic<int64_t> lost_before_ms_{0};
  Incarnations incarnations_;  // but for NoteGiven() and first(): under mu_

  // (3) release store in BeginClose(), before the stop; pairs with (4) acquire load in Run().
  std::atomic<int64_t> end_ms_{0};  // 0: no orderly end

  // What a thread that the disk holds must not touch any more: taken after mu_, for moments without
  // I/O.
  mutable os::Mutex outside_mu_;
  const registry::SessionRegistry* registry_ ABSL_GUARDED_BY(outside_mu_) = nullptr;
  bool silent_ ABSL_GUARDED_BY(outside_mu_) = false;
  // When BeginClose() was called; before it: time_point().
  std::chrono::steady_clock::time_point close_begun_ ABSL_GUARDED_BY(outside_mu_);

  os::Mutex mu_;                                                    // held while writing
  std::unique_ptr<SessionDatabase> database_ ABSL_GUARDED_BY(mu_);  // null: to be opened
  Lives lives_ ABSL_GUARDED_BY(mu_);                                // those before this one
  int64_t life_ ABSL_GUARDED_BY(mu_) = 1;
  bool numbered_ ABSL_GUARDED_BY(mu_) = false;  // life_ and full_save_ follow the file's
  // Another file is in the place of the one that they follow.
  bool replaced_ ABSL_GUARDED_BY(mu_) = false;
  // By Restore(), or there was none. Until then a row that is not ours is one that nobody has seen.
  bool past_read_ ABSL_GUARDED_BY(mu_) = false;
  int64_t complete_until_ms_ ABSL_GUARDED_BY(mu_);
  registry::LastingTime lasting_time_ ABSL_GUARDED_BY(mu_);
  absl::Status damage_ ABSL_GUARDED_BY(mu_);  // found while reading, dealt with by Start()
  Batch batch_ ABSL_GUARDED_BY(mu_);
  bool failing_ ABSL_GUARDED_BY(mu_) = false;
  FullSave full_save_ ABSL_GUARDED_BY(mu_);
  uint64_t drops_noticed_ ABSL_GUARDED_BY(mu_) = 0;
  HistoryGap gap_ ABSL_GUARDED_BY(mu_);
  // After the latest change of a connection that is in no history, because none is kept.
  int64_t skipped_before_ms_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t unwritten_until_ms_ ABSL_GUARDED_BY(mu_) = 0;  // of lives before, and not yet in the gap
  bool unwritten_noted_ ABSL_GUARDED_BY(mu_) = false;    // by the lock's file
  bool check_begun_ ABSL_GUARDED_BY(mu_) = false;
  bool kept_private_ ABSL_GUARDED_BY(mu_) = false;  // the log has what there is to say of it
  bool said_immovable_ ABSL_GUARDED_BY(mu_) = false;
  bool announce_full_save_ ABSL_GUARDED_BY(mu_) = false;  // the log said that something is amiss
  bool ring_emptied_ ABSL_GUARDED_BY(mu_) = true;
  absl::Duration idle_ ABSL_GUARDED_BY(mu_);  // since the last commit

  mutable os::Mutex stats_mu_;  // taken after mu_, for the time of a copy
  SessionStoreStats stats_ ABSL_GUARDED_BY(stats_mu_);

  FileCheck check_;  // but for Stop() and done(): under mu_
  os::StopSignal stop_;
  os::ServiceThread thread_;  // last: joined before what it uses goes
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_SESSION_STORE_H_
