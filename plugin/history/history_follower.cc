#include "plugin/history/history_follower.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "absl/strings/str_cat.h"
#include "plugin/feed/change_json.h"

namespace session_status::history {
namespace {

using feed::Change;
using feed::ChangeKind;
using feed::ChangeRing;
using registry::SessionState;

constexpr uint32_t kFlappersDefault = 20;
constexpr uint32_t kFlappersMax = 1000;

// Repaired while running. What is found at start is new to the registry, and not online.
bool IsAuditRepair(const Change& change) {
  return change.kind == ChangeKind::kRepaired &&
         (change.before != SessionState::kUnknown || change.after == SessionState::kOnline);
}

}  // namespace

HistoryFollower::HistoryFollower(feed::ChangeFeed& feed, const FollowerOptions& options)
    : feed_(feed),
      remembers_(options.history.bytes_max > 0),
      lists_flappers_(options.flappers_max > 0),
      history_(options.history),
      flaps_(options.flappers_max) {
  feed_.poller().Add(this);
}

HistoryFollower::~HistoryFollower() { feed_.poller().Remove(this); }

void HistoryFollower::Poll(absl::Duration) {
  os::MutexLock lock(&mu_);
  CatchUp();
}

void HistoryFollower::CatchUp() {
  Change change;
  for (;;) {
    switch (feed_.ring().Next(&cursor_, &change)) {
      case ChangeRing::Read::kChange:
        try {
          Take(change);
        } catch (const std::bad_alloc&) {  // it has been read, and will not be again
          ++gaps_;
          gap_open_ = true;
          throw;
        }
        break;
      case ChangeRing::Read::kUpToDate:
        return;
      case ChangeRing::Read::kOverrun:
        ++gaps_;
        gap_open_ = true;
        feed_.ring().SeekNewest(&cursor_);
        return;
    }
  }
}

void HistoryFollower::Take(const Change& change) {
  if (gap_open_) history_.AddGap(change.time_ms);
  gap_open_ = false;
  history_.Add(change);
  if (IsFlap(change)) {
    // A takeover is the end of the connection before it. An end is told without an address.
    const auto reason = change.taken_over() ? registry::EndReason::kTakenOver : change.reason;
    const ConnectionHistory::Answer last = history_.Find(change.client_id, 1);
    flaps_.Add(change.client_id, change.time_ms, reason,
               last.entries.empty() ? change.address : last.entries[0].address);
  }
  if (!IsAuditRepair(change)) return;
  if (repairs_.size() == kRepairsMax) repairs_.pop_back();
  pb::AuditRepair& repair = repairs_.emplace_front();
  repair.set_time_ms(change.time_ms);
  repair.set_client_id(change.client_id.data(), change.client_id.size());
  repair.set_before(static_cast<pb::SessionState>(change.before));
  repair.set_after(static_cast<pb::SessionState>(change.after));
  repair.set_incarnation(change.incarnation);
}

absl::Status HistoryFollower::GetHistory(const pb::GetHistoryRequest& request, absl::Time now,
                                         pb::GetHistoryResponse* reply) {
  const size_t limit = request.limit() == 0 ? std::numeric_limits<size_t>::max() : request.limit();
  ConnectionHistory::Answer answer;
  {
    os::MutexLock lock(&mu_);
    CatchUp();
    if (gap_open_) history_.AddGap(absl::ToUnixMillis(now));
    answer = history_.Find(request.client_id(), limit);
  }
  reply->set_client_id(request.client_id());
  for (const Change& change : answer.entries) feed::FillChange(change, reply->add_entries());
  reply->set_flaps(answer.flaps);
  if (answer.dropped_before_ms != 0) reply->set_dropped_before_ms(answer.dropped_before_ms);
  reply->set_disabled(!remembers_);
  return absl::OkStatus();
}

absl::Status HistoryFollower::ListFlappers(const pb::ListFlappersRequest& request, absl::Time now,
                                           pb::ListFlappersResponse* reply) {
  if (request.limit() > kFlappersMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit is ", request.limit(), "; at most ", kFlappersMax));
  }
  const size_t limit = request.limit() == 0 ? kFlappersDefault : request.limit();
  std::vector<FlapCounter::Row> rows;
  {
    os::MutexLock lock(&mu_);
    CatchUp();
    rows = flaps_.Top(limit, absl::ToUnixMillis(now));
    reply->set_flaps_total(flaps_.total());
  }
  for (const FlapCounter::Row& row : rows) {
    pb::Flapper* out = reply->add_flappers();
    out->set_client_id(row.client_id);
    out->set_score(static_cast<uint64_t>(std::ceil(row.score)));
    out->set_score_error(static_cast<uint64_t>(std::ceil(row.score_error)));
    out->set_flaps(row.flaps);
    out->set_first_flap_ms(row.first_ms);
    out->set_last_flap_ms(row.last_ms);
    out->set_last_reason(static_cast<pb::EndReason>(row.last_reason));
    out->set_address(row.address);
  }
  reply->set_half_life_ms(absl::ToInt64Milliseconds(kFlapHalfLife));
  reply->set_disabled(!lists_flappers_);
  return absl::OkStatus();
}

void HistoryFollower::FillRepairs(pb::GetAuditResponse* reply) {
  os::MutexLock lock(&mu_);
  CatchUp();
  for (const pb::AuditRepair& repair : repairs_) *reply->add_repairs() = repair;
}

FollowerFigures HistoryFollower::Read() {
  os::MutexLock lock(&mu_);
  CatchUp();
  return {.clients = history_.clients(),
          .bytes = history_.bytes(),
          .clients_forgotten = history_.clients_forgotten(),
          .flaps = flaps_.total(),
          .gaps = gaps_};
}

}  // namespace session_status::history
