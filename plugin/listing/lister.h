// Lists sessions page by page (ListSessions): keeps the cuts of listings that are under way,
// and the cursors that name them.
//
// A cursor may be used twice: whoever lost a page asks for it again. The one before it is spent.
// Whoever wants no further page closes the cursor; a listing that was left without that gives way
// to a new one when there is no room, and otherwise ends when its cut is given up.
//
// Threads:   any. Calls for one listing wait for each other.
// Ownership: cuts outlive the lister.
// Errors:    InvalidArgument: bad filter, field or cursor. Aborted: the listing's cut had to be
//            given up, or made room; start over. FailedPrecondition: a spent cursor, or one of
//            another life of the broker. ResourceExhausted: too many listings at a time, all of
//            them being read. DataLoss: memory ran out.
#ifndef SESSION_STATUS_PLUGIN_LISTING_LISTER_H_
#define SESSION_STATUS_PLUGIN_LISTING_LISTER_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "plugin/api/service.h"
#include "plugin/listing/session_walk.h"
#include "plugin/os/mutex.h"

namespace session_status::listing {

inline constexpr uint32_t kPageSizeDefault = 1'000;
inline constexpr uint32_t kPageSizeMax = 10'000;  // 5 MB of JSON
// What was not read for this long gives way. A program asks for the next page at once; somebody at
// the page, who does not, has it list again by itself.
inline constexpr absl::Duration kGivesWayAfter = absl::Seconds(2);

class Lister : public api::SessionLister {
 public:
  Lister(FrozenCuts& cuts, int64_t epoch, absl::Duration keepalive_check_grain)
      : cuts_(cuts), epoch_(epoch), keepalive_check_grain_(keepalive_check_grain) {}

  absl::Status ListSessions(const pb::ListSessionsRequest& request, absl::Time now,
                            pb::ListSessionsResponse* reply) override;

  // A walk over a new cut; for streams, which need no cursor. Makes room by dropping a listing that
  // has ended, or else the one that nobody has read for longest.
  absl::StatusOr<std::unique_ptr<SessionWalk>> Open(const pb::ListSessionsRequest& request,
                                                    absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  int64_t epoch() const { return epoch_; }

 private:
  // Between any two pages. Page n starts at `start`; page n - 1 started at `previous_start`.
  struct Listing {
    os::Mutex mu;
    std::unique_ptr<SessionWalk> walk;  // its steps under mu
    uint32_t page_size ABSL_GUARDED_BY(mu) = kPageSizeDefault;
    uint64_t page ABSL_GUARDED_BY(mu) = 0;
    uint64_t start ABSL_GUARDED_BY(mu) = 0;
    uint64_t previous_start ABSL_GUARDED_BY(mu) = 0;
    bool finished ABSL_GUARDED_BY(mu) = false;
  };
  struct Cursor {
    uint64_t listing = 0;
    uint64_t page = 0;
  };
  absl::StatusOr<Cursor> ParseCursor(absl::string_view text) const;
  std::string FormatCursor(const Cursor& cursor) const;
  absl::Status StartListing(const pb::ListSessionsRequest& request, absl::Time now, Cursor* cursor)
      ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<Listing> Find(uint64_t number) ABSL_LOCKS_EXCLUDED(mu_);
  bool MakeRoom() ABSL_LOCKS_EXCLUDED(mu_);
  void DropGivenUp() ABSL_LOCKS_EXCLUDED(mu_);
  void Drop(uint64_t number) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status FillPage(Listing* listing, uint64_t page, pb::ListSessionsResponse* reply,
                        bool* last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(listing->mu);

  FrozenCuts& cuts_;
  const int64_t epoch_;
  const absl::Duration keepalive_check_grain_;
  os::Mutex mu_;
  uint64_t next_number_ ABSL_GUARDED_BY(mu_) = 1;
  absl::btree_map<uint64_t, std::shared_ptr<Listing>> listings_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::listing

#endif  // SESSION_STATUS_PLUGIN_LISTING_LISTER_H_
