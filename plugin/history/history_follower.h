// Follows the change feed and remembers: each client's last connections, who flaps, what was
// repaired. Costs the broker's thread nothing beyond the feed itself.
//
// Threads:     all public methods: any; blocking for each other and for the poller, never for the
//              broker's thread.
// Consistency: an answer contains every change that was in the feed when the question came.
// Ownership:   the feed (and its poller) outlives this object.
// Errors:      when changes come faster than they are taken in for longer than the feed's buffer
//              lasts, some are missed, and so is one that there is no memory for; answers then say
//              from when on nothing is missing. Methods throw std::bad_alloc.
#ifndef SESSION_STATUS_PLUGIN_HISTORY_HISTORY_FOLLOWER_H_
#define SESSION_STATUS_PLUGIN_HISTORY_HISTORY_FOLLOWER_H_

#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "plugin/api/service.h"
#include "plugin/feed/change_feed.h"
#include "plugin/history/connection_history.h"
#include "plugin/history/flap_counter.h"
#include "plugin/os/mutex.h"
#include "plugin/os/poller.h"

namespace session_status::history {

namespace pb = ::mosquitto_session_status::v1;

struct FollowerOptions {
  HistoryOptions history;
  size_t flappers_max = 256;  // rows of the list of flappers; 0: none
};

// For metrics.
struct FollowerFigures {
  uint64_t clients = 0;
  uint64_t bytes = 0;
  uint64_t clients_forgotten = 0;
  uint64_t flaps = 0;
  uint64_t gaps = 0;
};

class HistoryFollower : public api::HistorySource, private os::Poller::Member {
 public:
  static constexpr size_t kRepairsMax = 32;

  HistoryFollower(feed::ChangeFeed& feed, const FollowerOptions& options);
  ~HistoryFollower() override;

  absl::Status GetHistory(const pb::GetHistoryRequest& request, absl::Time now,
                          pb::GetHistoryResponse* reply) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ListFlappers(const pb::ListFlappersRequest& request, absl::Time now,
                            pb::ListFlappersResponse* reply) override ABSL_LOCKS_EXCLUDED(mu_);
  // Appends the last repairs of the self-audit, newest first.
  void FillRepairs(pb::GetAuditResponse* reply) ABSL_LOCKS_EXCLUDED(mu_);

  FollowerFigures Read() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Poll(absl::Duration now) override ABSL_LOCKS_EXCLUDED(mu_);
  void CatchUp() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Take(const feed::Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  feed::ChangeFeed& feed_;
  const bool remembers_;
  const bool lists_flappers_;
  os::Mutex mu_;
  feed::ChangeRing::Cursor cursor_ ABSL_GUARDED_BY(mu_);
  ConnectionHistory history_ ABSL_GUARDED_BY(mu_);
  FlapCounter flaps_ ABSL_GUARDED_BY(mu_);
  std::deque<pb::AuditRepair> repairs_ ABSL_GUARDED_BY(mu_);  // newest first
  uint64_t gaps_ ABSL_GUARDED_BY(mu_) = 0;
  bool gap_open_ ABSL_GUARDED_BY(mu_) = false;  // changes were missed, none was taken since
};

}  // namespace session_status::history

#endif  // SESSION_STATUS_PLUGIN_HISTORY_HISTORY_FOLLOWER_H_
