#include "plugin/stored_history.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/feed/change.h"
#include "plugin/feed/change_json.h"
#include "plugin/history/connection_history.h"

namespace session_status {
namespace {

using feed::ChangeKind;
using registry::SessionState;
using store::ChangeRecord;

ChangeKind KindOf(const store::HistoryEntry& entry) {
  switch (entry.record.kind) {
    case ChangeRecord::Kind::kBegun:
      return ChangeKind::kOnline;
    case ChangeRecord::Kind::kEnded:
      break;
    default:
      return ChangeKind::kRepaired;
  }
  if (entry.record.state == SessionState::kOfflineSessionKept) return ChangeKind::kSessionKept;
  return entry.before == SessionState::kOfflineSessionKept ? ChangeKind::kSessionGone
                                                           : ChangeKind::kOffline;
}

feed::Change ChangeOf(const store::HistoryEntry& entry, const std::string& client_id) {
  feed::Change change;
  change.kind = KindOf(entry);
  change.client_id = client_id;
  change.before = entry.before;
  change.after = entry.record.state;
  change.reason = entry.record.reason;
  change.broker_code = entry.record.broker_code;
  change.incarnation = entry.record.incarnation;
  change.time_ms = entry.record.at_ms;
  change.address = entry.address;
  change.listener_port = entry.record.listener_port;
  return change;
}

void Fill(const store::HistoryAnswer& answer, const std::string& client_id,
          api::pb::GetHistoryResponse* reply) {
  reply->set_client_id(client_id);
  uint64_t flaps = 0;
  for (const store::HistoryEntry& entry : answer.entries) {
    const feed::Change change = ChangeOf(entry, client_id);
    // Why a connection ended that nobody saw ending is not known to be a flap's reason.
    if (history::IsFlap(change) && entry.not_before_ms == 0) ++flaps;
    api::pb::SessionChange* out = reply->add_entries();
    feed::FillChange(change, out);
    out->set_not_before_ms(entry.not_before_ms);
  }
  reply->set_flaps(flaps);
  if (answer.kept_since_ms != 0) reply->set_dropped_before_ms(answer.kept_since_ms);
}

// For who asked: a database that an operator must look at is no mistake of theirs.
absl::Status Told(const absl::Status& error) {
  if (absl::IsDeadlineExceeded(error)) {
    return absl::DeadlineExceededError(absl::StrCat("the session database did not answer within ",
                                                    absl::FormatDuration(StoredHistory::kWaitMax),
                                                    "; a smaller limit or a later from may do"));
  }
  return absl::UnavailableError(
      absl::StrCat("the session database cannot be read: ",
                   error.message().empty() ? "out of memory" : error.message()));
}

}  // namespace

StoredHistory::StoredHistory(const store::SessionStore& store, std::string path)
    : store_(store), path_(std::move(path)) {}

StoredHistory::~StoredHistory() {
  BeginClose();
  thread_.Join();
}

void StoredHistory::BeginClose() {
  close_begun_ = Clock::now();
  {
    os::MutexLock lock(&mu_);
    stop_ = true;
  }
  bell_.Ring();
}

bool StoredHistory::Close() {
  return thread_.JoinBefore(close_begun_ + absl::ToChronoMilliseconds(os::kDiskWaitMax));
}

absl::Status StoredHistory::Start(int nice) {
  if (!bell_.ok()) return absl::ResourceExhaustedError("no file descriptor for stored history");
  return thread_.Start("status-history", nice, [this] { Run(); });
}

std::unique_ptr<StoredHistory::Job> StoredHistory::Next() {
  for (;;) {
    {
      os::MutexLock lock(&mu_);
      if (stop_) return nullptr;
      if (!jobs_.empty()) {
        std::unique_ptr<Job> job = std::move(jobs_.front());
        jobs_.pop_front();
        return job;
      }
    }
    bell_.Wait();
  }
}

void StoredHistory::Run() {
  while (std::unique_ptr<Job> job = Next()) {
    job->query.time_limit = absl::FromChrono(job->end - Clock::now());
    const bool late = job->query.time_limit <= absl::ZeroDuration();  // nobody waits any longer
    Answer answer = absl::ResourceExhaustedError("");                 // a message would need memory
    try {
      answer = late ? absl::DeadlineExceededError(path_) : store::ReadHistory(path_, job->query);
    } catch (const std::bad_alloc&) {
    }
    job->answer.set_value(std::move(answer));
  }
}

absl::StatusOr<std::future<StoredHistory::Answer>> StoredHistory::Ask(
    const store::HistoryQuery& query, Clock::time_point end) {
  auto job = std::make_unique<Job>();
  job->query = query;
  job->end = end;
  std::future<Answer> answer = job->answer.get_future();
  {
    os::MutexLock lock(&mu_);
    if (jobs_.size() >= kWaitersMax) {
      return absl::UnavailableError(absl::StrCat(
          kWaitersMax, " others wait for the session database already; ask again later"));
    }
    jobs_.push_back(std::move(job));
  }
  bell_.Ring();
  return answer;
}

absl::Status StoredHistory::GetStoredHistory(const api::pb::GetHistoryRequest& request,
                                             api::pb::GetHistoryResponse* reply) {
  if (request.limit() > kLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit is ", request.limit(), "; with stored at most ", kLimitMax));
  }
  store::HistoryQuery query;
  query.client_id = request.client_id();
  query.limit = request.limit() == 0 ? kLimitDefault : request.limit();
  if (request.has_from_ms()) query.from_ms = request.from_ms();
  if (request.has_until_ms()) query.until_ms = request.until_ms();
  // Before the answer is read: it holds all until then.
  reply->set_complete_until_ms(store_.stats().complete_until_ms);
  const Clock::time_point end = Clock::now() + absl::ToChronoMilliseconds(kWaitMax);
  absl::StatusOr<std::future<Answer>> answer = Ask(query, end);
  if (!answer.ok()) return answer.status();
  if (answer->wait_until(end) != std::future_status::ready) {
    return Told(absl::DeadlineExceededError(""));
  }
  const Answer read = answer->get();
  if (!read.ok()) return Told(read.status());
  Fill(*read, request.client_id(), reply);
  return absl::OkStatus();
}

}  // namespace session_status
