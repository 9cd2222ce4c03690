// The registry as it was after one change, readable at leisure while it goes on changing.
//
// A cut copies nothing. While one is open, the writer notes each session as it was just before it
// changes or is forgotten (the undo ring). A reader walks the live table in steps and, for sessions
// that changed since the cut, takes the note in place of what it found:
//
//   writer   note the session as it is, then change it
//   reader   read the live sessions of one range, then read all notes: a session that had changed
//            when it was read has its note by now
//
// Notes of ranges that were passed are dropped at once, so a cut holds at most what changed in the
// part that is still to come.
//
// Threads:     BeginChange, Forgetting, EndChange: broker, wait-free but for page faults. Open and
//              everything on a cut: any; blocking only against other users of the same cut and the
//              poller. Open waits for the event that is being applied, if there is one.
// Consistency: a cut with sequence s contains every change up to s, and none after.
// Ownership:   registry and poller outlive this; cuts are shared and die with their last owner,
//              all before this object.
// Errors:      Aborted from a cut that had to be given up (it was not read for too long, or too
//              much changed meanwhile): the listing must start over. DataLoss where that was for
//              want of memory. ResourceExhausted when cuts_max cuts are in use.
#ifndef SESSION_STATUS_PLUGIN_LISTING_FROZEN_CUTS_H_
#define SESSION_STATUS_PLUGIN_LISTING_FROZEN_CUTS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/feed/word_ring.h"
#include "plugin/os/mutex.h"
#include "plugin/os/poller.h"
#include "registry/counter.h"
#include "registry/session_registry.h"

namespace session_status::listing {

struct CutOptions {
  // Every open cut costs the writer nothing more, but memory for its notes.
  int cuts_max = 8;
  // Notes on their way from the writer; at 5,000 changes a second this holds for 5 seconds, and the
  // poller takes them out every 10 ms.
  size_t ring_bytes = size_t{4} << 20;
  // Notes kept by one cut: some 40,000 changes.
  size_t notes_bytes_max = size_t{8} << 20;
  // A listing that nobody goes on with gives up its cut.
  absl::Duration idle_max = absl::Seconds(60);
};

class FrozenCuts;

class FrozenCut : private os::Poller::Member {
 public:
  ~FrozenCut() override;
  FrozenCut(const FrozenCut&) = delete;
  FrozenCut& operator=(const FrozenCut&) = delete;

  uint64_t sequence() const { return sequence_; }
  absl::Time taken_at() const { return taken_at_; }

  // Visits the sessions of the cut whose position lies in [position, *next), some dozens, each once
  // and in no order; *next 0: that was the last range. What lies before `keep_from` will not be
  // read again.
  using VisitFn = std::function<void(uint64_t position, absl::string_view client_id,
                                     const registry::SessionDetails&)>;
  absl::Status Read(uint64_t position, uint64_t keep_from, const VisitFn& visit, uint64_t* next)
      ABSL_LOCKS_EXCLUDED(mu_);

  // False: closed or given up.
  bool open() ABSL_LOCKS_EXCLUDED(mu_) {
    os::MutexLock lock(&mu_);
    return open_;
  }
  // How long nobody has read it, as of the poller's last look.
  absl::Duration idle() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class FrozenCuts;
  struct Note {
    bool existed = false;
    registry::SessionDetails details;
  };
  struct Found {
    uint64_t position;
    std::string client_id;
    registry::SessionDetails details;
  };
  using Key = std::pair<uint64_t, std::string>;  // position, client identifier

  FrozenCut(FrozenCuts& cuts, uint64_t ring_position, uint64_t sequence, absl::Time taken_at);
  void Poll(absl::Duration now) override ABSL_LOCKS_EXCLUDED(mu_);
  void Drain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeNotes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveUpIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveUpWithoutMemory() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeNote(const std::vector<uint64_t>& words) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveUp(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  FrozenCuts& cuts_;
  const uint64_t sequence_;
  const absl::Time taken_at_;
  os::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool open_ ABSL_GUARDED_BY(mu_) = true;
  uint64_t ring_position_ ABSL_GUARDED_BY(mu_);
  uint64_t keep_from_ ABSL_GUARDED_BY(mu_) = 0;
  bool used_ ABSL_GUARDED_BY(mu_) = true;  // since the last Poll()
  absl::Duration idle_since_ ABSL_GUARDED_BY(mu_);
  absl::Duration looked_at_ ABSL_GUARDED_BY(mu_);  // by the last Poll()
  size_t notes_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  absl::btree_map<Key, Note> notes_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> words_ ABSL_GUARDED_BY(mu_);
  std::vector<Found> found_ ABSL_GUARDED_BY(mu_);
};

class FrozenCuts {
 public:
  FrozenCuts(const registry::SessionRegistry& registry, os::Poller& poller,
             const CutOptions& options)
      : registry_(registry), poller_(poller), options_(options) {}

  // -- writer: BeginChange(id), Apply, EndChange(); for Maintain with an empty id -----------------
  // Both, whatever happens between them.
  class Change {
   public:
    Change(FrozenCuts& cuts, absl::string_view client_id) : cuts_(cuts) {
      cuts_.BeginChange(client_id);
    }
    ~Change() { cuts_.EndChange(); }
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;

   private:
    FrozenCuts& cuts_;
  };
  void BeginChange(absl::string_view client_id) noexcept;
  void Forgetting(absl::string_view client_id, const registry::SessionDetails& details) noexcept;
  void EndChange() noexcept {
    in_flight_.store(++begun_and_ended_, std::memory_order_release);  // (c4)
  }

  // -- any ---------------------------------------------------------------------------------------
  absl::StatusOr<std::shared_ptr<FrozenCut>> Open(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  int open() const { return open_.load(std::memory_order_relaxed); }
  const CutOptions& options() const { return options_; }
  // Listings that ended before their last page: not read for idle_max, or too much changed.
  uint64_t given_up() const { return given_up_.value(); }

 private:
  friend class FrozenCut;
  void Note(absl::string_view client_id, const registry::SessionDetails* details);
  void Closed() { open_.fetch_sub(1, std::memory_order_relaxed); }

  const registry::SessionRegistry& registry_;
  os::Poller& poller_;
  const CutOptions options_;
  Counter given_up_;
  os::Mutex mu_;
  std::unique_ptr<feed::WordRing> ring_;  // made once, by the first Open(), before open_ rises
  // (c1) seq_cst store by the writer, then (c2) seq_cst load of open_; against (c3) seq_cst rise of
  // open_, then load of in_flight_ in Open(). Dekker: either the writer sees that a cut is open, or
  // Open() sees that an event is in flight and waits for its end (c4).
  alignas(64) std::atomic<uint64_t> in_flight_{0};  // odd during an event
  uint64_t begun_and_ended_ = 0;                    // the writer's copy
  alignas(64) std::atomic<int> open_{0};
};

}  // namespace session_status::listing

#endif  // SESSION_STATUS_PLUGIN_LISTING_FROZEN_CUTS_H_
