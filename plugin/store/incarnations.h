// The numbers of this life's connections: above every number that any life before gave out.
//
// They are reserved in blocks, ahead of use, in the database. They also never begin below a floor
// made of the wall clock, so that they rise even when the database is lost. What was reserved is
// skipped only as far as it can have been given out since the last commit: skipping more would take
// the numbers ahead of the clock, and the floor would not hold them any longer.
//
// Threads: NoteGiven: broker, wait-free. The rest: one at a time; what reads the last number given
//          may do so beside NoteGiven.
// Errors:  as SessionDatabase; DataLoss for numbers that no healthy database holds.
#ifndef SESSION_STATUS_PLUGIN_STORE_INCARNATIONS_H_
#define SESSION_STATUS_PLUGIN_STORE_INCARNATIONS_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/store/lives.h"
#include "plugin/store/session_database.h"

namespace session_status::store {

// Incarnations begin at this at least: 64 for every millisecond since 2020, twice what a broker can
// accept. 1 for a clock that says 2054 or later (one that died says 2106): such a floor would use
// up the numbers that a healthy database may hold, and what is reserved there counts alone.
inline constexpr uint64_t kIncarnationsPerMs = 64;
uint64_t IncarnationFloor(absl::Time now);

// Reserved at a time: seconds of the fastest broker's connects.
inline constexpr uint64_t kIncarnationBlock = uint64_t{1} << 18;

class Incarnations {
 public:
  explicit Incarnations(absl::Time now) : first_(IncarnationFloor(now)) {}

  // -- before this life's first connection
  // What the `lives` before have reserved in `database`, which is the file at `path`.
  absl::Status ReadPast(SessionDatabase& database, absl::string_view path, const Lives& lives,
                        int64_t started_ms);
  void NoteStored(uint64_t incarnation);  // of a session that is in the database
  void Begin();
  uint64_t first() const { return first_; }

  // -- afterwards
  void NoteGiven(uint64_t incarnation) { last_.store(incarnation, std::memory_order_relaxed); }

  bool NeedsBlock() const { return last() + kIncarnationBlock / 2 > reserved_; }
  // As parts of a transaction: reserves a block, keeps what is reserved, or, when no more numbers
  // are given out, reserves nothing beyond the last.
  absl::Status ReserveBlock(SessionDatabase& database);
  absl::Status Keep(SessionDatabase& database) { return Write(database, reserved_); }
  absl::Status ReserveNoMore(SessionDatabase& database) { return Write(database, last()); }
  void Committed() { reserved_ = written_; }
  uint64_t given_beyond_reserved() const;

 private:
  // relaxed: only ever compared with what is reserved, far ahead of it.
  uint64_t last() const { return last_.load(std::memory_order_relaxed); }
  absl::Status Write(SessionDatabase& database, uint64_t reserved);

  uint64_t first_;
  std::atomic<uint64_t> last_{0};
  uint64_t reserved_ = 0;  // the highest number that is in the database
  uint64_t written_ = 0;   // and that will be, once the transaction is committed
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_INCARNATIONS_H_
