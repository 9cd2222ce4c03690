#include "plugin/store/session_store.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <new>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/os/steady_clock.h"
#include "plugin/store/database_file.h"
#include "plugin/store/past_sessions.h"
#include "registry/value_limits.h"

namespace session_status::store {
namespace {

using registry::SessionDetails;
using registry::SessionEvent;
using registry::SessionState;
using std::chrono::steady_clock;

// In one transaction: some 100 ms of work, so that a stop is not kept waiting.
constexpr size_t kBatchRecordsMax = 20'000;

// While nothing changes, this often the database learns that the broker is still alive.
constexpr absl::Duration kHeartbeat = absl::Seconds(5);

int64_t Millis(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixMillis(time);
}

bool IsOperatorsToMend(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kInvalidArgument:
      return true;
    default:
      return false;
  }
}

int64_t Monotonic(const SessionStoreOptions& options) {
  if (options.monotonic) return absl::ToInt64Milliseconds(options.monotonic());
  return absl::ToInt64Milliseconds(os::SteadyNow());
}

bool IsDamage(const absl::Status& status) {
  return status.code() == absl::StatusCode::kDataLoss || SessionDatabase::IsOtherSchema(status);
}

ChangeRecord::Kind KindOf(SessionEvent::Kind kind) {
  switch (kind) {
    case SessionEvent::Kind::kConnected:
      return ChangeRecord::Kind::kBegun;
    case SessionEvent::Kind::kRestored:
      return ChangeRecord::Kind::kRestored;
    case SessionEvent::Kind::kEnded:
    case SessionEvent::Kind::kSessionGone:
      break;
  }
  return ChangeRecord::Kind::kEnded;
}

// What was found at a start, or forgotten, neither begins nor ends, and has no moment of its own.
bool IsOfAConnection(ChangeRecord::Kind kind) {
  return kind == ChangeRecord::Kind::kBegun || kind == ChangeRecord::Kind::kEnded;
}

}  // namespace

// -- before the first event -----------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<SessionStore>> SessionStore::Open(SessionStoreOptions options,
                                                                 absl::Time now) {
  std::unique_ptr<SessionStore> store(new SessionStore(std::move(options), now));
  if (!store->stop_.ok()) return absl::ResourceExhaustedError("no file descriptor left");
  os::MutexLock hold(&store->mu_);
  if (absl::Status s = store->TakeLock(); !s.ok()) {
    if (IsOperatorsToMend(s)) return s;
    store->Failed(s);
  }
  absl::Status status = store->OpenForReading();
  if (absl::IsInvalidArgument(status)) return status;
  if (status.ok()) status = store->ReadPast();
  if (status.ok()) return store;
  if (store->database_ != nullptr && IsDamage(status)) {
    store->damage_ = status;  // Restore() saves what can be read
  } else {
    store->Failed(status);
    if (absl::IsUnavailable(status)) {
      store->Log(absl::StrCat(store->options_.path,
                              ": what it knows of clients is restored by the next start only"));
    }
  }
  return store;
}

SessionStore::SessionStore(SessionStoreOptions options, absl::Time now)
    : options_(std::move(options)),
      started_ms_(absl::ToUnixMillis(now)),
      reached_ms_(started_ms_),
      ring_(options_.queue_bytes),
      alive_ms_(started_ms_),
      incarnations_(now),
      complete_until_ms_(started_ms_),
      lasting_time_(started_ms_, Monotonic(options_)),
      check_(options_.path, options_.checked_log_bytes) {
  // What this life has to tell begins now: until it can be written, it is behind since the start.
  stats_.complete_until_ms = started_ms_;
}

absl::Status SessionStore::TakeLock() {
  if (lock_.has_value()) return absl::OkStatus();
  // First: beside a device the lock's file has no place.
  if (absl::Status s = CheckIsFile(options_.path); !s.ok()) return s;
  absl::StatusOr<FileLock> lock = FileLock::Take(options_.path);
  if (!lock.ok()) return lock.status();
  if (absl::Status s = CheckPlace(options_.path); !s.ok()) return s;
  lock_.emplace(*std::move(lock));
  unwritten_until_ms_ = lock_->UnwrittenUntilMs();
  unwritten_noted_ = unwritten_until_ms_ != 0;
  return absl::OkStatus();
}

absl::Status SessionStore::OpenForReading() {
  if (IsOnReadOnlyFileSystem(options_.path)) {
    Failed(FileError(options_.path, EROFS));
    auto frozen = SessionDatabase::Open(options_.path, SessionDatabase::Access::kFrozen);
    if (frozen.ok()) database_ = *std::move(frozen);
    return frozen.status();
  }
  auto opened = OpenOnceUnlocked();
  if (!opened.ok() && IsDamage(opened.status())) {
    BeginAnew(opened.status());
    opened = SessionDatabase::Open(options_.path, SessionDatabase::Access::kShared);
  }
  if (absl::IsInvalidArgument(opened.status()) || absl::IsUnavailable(opened.status())) {
    return opened.status();
  }
  if (!opened.ok()) {
    // What the last life left can be read even when nothing can be written.
    Failed(opened.status());
    opened = SessionDatabase::Open(options_.path, SessionDatabase::Access::kExclusive);
  }
  if (!opened.ok()) return opened.status();
  database_ = *std::move(opened);
  return absl::OkStatus();
}

// Somebody who makes a backup, say, has it. Only a start can tell what was known.
absl::StatusOr<std::unique_ptr<SessionDatabase>> SessionStore::OpenOnceUnlocked() {
  const auto until = steady_clock::now() + absl::ToChronoMilliseconds(options_.start_waits);
  for (bool said = false;; said = true) {
    auto opened = SessionDatabase::Open(options_.path, SessionDatabase::Access::kShared);
    if (!absl::IsUnavailable(opened.status()) || steady_clock::now() >= until) return opened;
    if (!said) {
      Log(absl::StrCat(options_.path, ": another program has it locked; the start waits for it, ",
                       absl::FormatDuration(options_.start_waits), " at most"));
    }
    absl::SleepFor(absl::Milliseconds(20));  // what refuses at once must not be asked all the time
  }
}

absl::Status SessionStore::ReadPast() {
  if (absl::Status s = NumberThisLife(); !s.ok()) return s;
  reached_ms_ = lives_.ReachedMs(started_ms_);
  return incarnations_.ReadPast(*database_, options_.path, lives_, started_ms_);
}

absl::Status SessionStore::NumberThisLife() {
  absl::StatusOr<Lives> lives = database_->ReadLives();
  if (!lives.ok()) return lives.status();
  if (absl::Status s = full_save_.ReadNumbers(*database_, options_.path); !s.ok()) return s;
  lives_ = *std::move(lives);
  life_ = lives_.next_number();
  if (absl::Status s = ReadHistoryGap(); !s.ok()) return s;
  if (std::exchange(replaced_, false)) GoOnInAnotherFile();
  numbered_ = true;
  lasting_time_ = registry::LastingTime(lives_.ReachedMs(started_ms_), Monotonic(options_));
  return absl::OkStatus();
}

// What happened since it was written is missing in it. A copy of this life's own file goes on as
// this life; what it says of who has not been saved anew is as old as the copy.
void SessionStore::GoOnInAnotherFile() {
  if (lives_.empty()) return;  // nothing is in it
  const Life last = lives_.last();
  gap_.Add(last.alive_ms, alive_ms_.load(std::memory_order_acquire) + 1);  // (2)
  if (last.started_ms != started_ms_ || last.ended_ms != 0) return;
  --life_;
  lives_.RemoveLast();
  complete_until_ms_ = std::min(complete_until_ms_, last.alive_ms);
}

void SessionStore::Restore(const std::function<void(const SessionEvent&)>& apply,
                           const IsHeld& is_held) {
  os::MutexLock hold(&mu_);
  if (database_ == nullptr) return;
  past_read_ = true;
  uint64_t restored = 0;
  const auto take = [&](const StoredSession& session) {
    mu_.AssertHeld();
    incarnations_.NoteStored(session.details.incarnation);
    apply(RestoredEvent(session, lives_, started_ms_));
    ++restored;
  };
  const absl::StatusOr<int64_t> ended = database_->CountEnded();
  const int64_t excess = ended.ok() ? *ended - static_cast<int64_t>(options_.ended_max) : 0;
  if (excess > 0) full_save_.Need();
  const absl::Status status = ReadPastSessions(*database_, options_.path, excess, is_held, take);
  if (!status.ok() && damage_.ok()) damage_ = status;
  os::MutexLock lock(&stats_mu_);
  stats_.restored = restored;
}

absl::Status SessionStore::Start(const registry::SessionRegistry& registry) {
  os::MutexLock hold(&mu_);
  incarnations_.Begin();
  if (!damage_.ok()) {
    database_.reset();
    BeginAnew(damage_);
  }
  if (failing_) database_.reset();  // it was opened for reading only
  const absl::Status status = database_ != nullptr ? BeginLife() : OpenDatabase();
  if (status.ok()) {
    Succeeded();
  } else {
    Failed(status);
  }
  const auto set_registry = [this](const registry::SessionRegistry* value) {
    os::MutexLock lock(&outside_mu_);
    registry_ = value;
  };
  set_registry(&registry);
  // Without a thread there is nobody for Close() to wait for.
  absl::Cleanup not_started = [&] { set_registry(nullptr); };
  const absl::Status started =
      thread_.Start("session-store", options_.nice_level, [this] { Run(); });
  if (started.ok()) std::move(not_started).Cancel();
  return started;
}

absl::Status SessionStore::OpenDatabase() {
  if (absl::Status s = TakeLock(); !s.ok()) return s;
  auto opened = SessionDatabase::Open(options_.path, SessionDatabase::Access::kShared);
  if (!opened.ok()) return opened.status();
  database_ = *std::move(opened);
  if (database_->created()) {
    past_read_ = true;
    full_save_.Need();
  }
  // The start could not read it, or another file is in its place: its numbers are taken already.
  if (!numbered_) {
    if (absl::Status s = NumberThisLife(); !s.ok()) return s;
  }
  return BeginLife();
}

absl::Status SessionStore::BeginLife() {
  if (!std::exchange(kept_private_, true)) {
    if (const std::string line = KeepPrivate(options_.path); !line.empty()) Log(line);
  }
  absl::Status status = database_->Begin();
  // Lives whose sessions and history have been forgotten.
  const int64_t now_ms = LastingMs();
  const int64_t needed_ms =
      now_ms - absl::ToInt64Milliseconds(std::max(options_.ended_ttl, options_.history_ttl) +
                                         absl::Hours(24));
  status.Update(database_->DeleteLivesBefore(lives_.FirstNeeded(needed_ms, now_ms)));
  status.Update(PutLife(/*ended_ms=*/0));
  status.Update(incarnations_.ReserveBlock(*database_));
  if (status.ok()) status = WriteHistoryGap();
  if (status.ok()) status = database_->Commit();
  if (status.ok()) {
    incarnations_.Committed();
  } else {
    database_->Rollback();
  }
  return status;
}

absl::Status SessionStore::PutLife(int64_t ended_ms) {
  return database_->PutLife(life_, {started_ms_, complete_until_ms_, ended_ms});
}

// -- the broker's thread --------------------------------------------------------------------------

void SessionStore::Push(const ChangeRecord& record, absl::string_view client_id,
                        absl::string_view address) {
  if (ring_.TryPush(record, client_id, address)) return;
  if (IsOfAConnection(record.kind)) {
    // relaxed: see the member. Times may go back: 2.0 tells of some ends late.
    const int64_t before_ms = lost_before_ms_.load(std::memory_order_relaxed);
    lost_before_ms_.store(std::max(before_ms, record.at_ms + 1), std::memory_order_relaxed);
  }
  dropped_.Add();
}

void SessionStore::OnChange(const SessionEvent& event, const registry::ApplyResult& result) {
  const bool begins = event.kind == SessionEvent::Kind::kConnected;
  ChangeRecord record;
  record.kind = KindOf(event.kind);
  record.state = result.after;
  record.reason = event.reason;
  if (!begins) record.broker_code = event.broker_code;
  record.listener_port = event.connection.listener_port;
  record.incarnation = event.incarnation;
  record.at_ms = Millis(event.time);
  Push(record, event.client_id, begins ? event.connection.address : absl::string_view());
  if (event.kind != SessionEvent::Kind::kRestored) {
    alive_ms_.store(record.at_ms, std::memory_order_release);  // (1)
  }
  if (begins) incarnations_.NoteGiven(event.incarnation);
}

void SessionStore::OnTick(absl::Time now) {
  alive_ms_.store(absl::ToUnixMillis(now), std::memory_order_release);  // (1)
}

void SessionStore::OnForgotten(absl::string_view client_id, absl::Time now) {
  ChangeRecord record;
  record.kind = ChangeRecord::Kind::kForgotten;
  record.at_ms = absl::ToUnixMillis(now);
  Push(record, client_id, {});
}

// -- our thread -----------------------------------------------------------------------------------

void SessionStore::Run() {
  bool more = false;
  while (!stop_.WaitFor(more ? absl::ZeroDuration() : options_.flush_interval)) more = RunOnce();
  if (end_ms_.load(std::memory_order_acquire) != 0) End();  // (4)
}

bool SessionStore::RunOnce() {
  os::MutexLock hold(&mu_);
  const int64_t complete_before_ms = complete_until_ms_;
  try {
    return Round().ok() && HasMore();
  } catch (const std::bad_alloc&) {
    // As after an attempt that failed: what was taken from the ring waits in batch_ for the next
    // one.
    complete_until_ms_ = complete_before_ms;
    full_save_.RolledBack();
    database_.reset();  // and with it a transaction that was begun
    return false;
  }
}

absl::Status SessionStore::Flush() {
  os::MutexLock hold(&mu_);
  idle_ = kHeartbeat;  // write in any case
  return RoundsUntilDone();
}

absl::Status SessionStore::RoundsUntilDone() {
  absl::Status status;
  do {
    status = Round();
  } while (status.ok() && HasMore());
  return status;
}

bool SessionStore::HasMore() const {
  return !ring_emptied_ || full_save_.pending() || !batch_.empty();
}

absl::Status SessionStore::Round() {
  TakeChanges();
  NoticeDrops();
  NoticeDamage();
  if (!failing_ && check_begun_ && !HasMore() && !incarnations_.NeedsBlock() &&
      idle_ < kHeartbeat) {
    idle_ += options_.flush_interval;
    return absl::OkStatus();
  }
  if (database_ != nullptr && !database_->IsInPlace()) {
    const OpenedFile replaced = database_->file();
    EndCheck();
    Failed(absl::FailedPreconditionError(absl::StrCat(options_.path, ": the file was replaced")));
    replaced.RemoveLogLeftBehind();
    kept_private_ = false;
    numbered_ = false;
    replaced_ = true;
    batch_.complete_until_ms = 0;
    full_save_.Need();  // whatever the new one holds
  }
  absl::Status status = Attempt();
  if (IsDamage(status)) status = Attempt();
  return status;
}

absl::Status SessionStore::Attempt() {
  absl::Status status = database_ == nullptr ? OpenDatabase() : absl::OkStatus();
  if (status.ok()) status = Write();
  if (status.ok()) {
    Succeeded();
    CheckFile();
  } else {
    Failed(status);
  }
  return status;
}

// Not before the first write, which the broker must not wait for at its start.
void SessionStore::CheckFile() {
  if (!std::exchange(check_begun_, true)) check_.Start(database_->file(), options_.nice_level);
  check_.BoundLog();
}

// SQLite keeps the log beside a file that somebody still has open, and would apply it to the next
// one.
void SessionStore::EndCheck() {
  check_.Stop();
  check_.Join();
}

void SessionStore::Batch::Clear() {
  clients.clear();
  history.clear();
  complete_until_ms = 0;
  bytes = 0;
}

void SessionStore::TakeChanges() {
  if (!batch_.empty()) return;  // the last attempt failed: what is to come waits in the ring
  const int64_t alive_ms = alive_ms_.load(std::memory_order_acquire);  // (2)
  const size_t taken =
      ring_.Drain(kBatchRecordsMax,
                  [&](const ChangeRecord& record, absl::string_view id, absl::string_view address) {
                    mu_.AssertHeld();
                    batch_.bytes += sizeof record + id.size() + address.size();
                    batch_.clients.emplace(id);
                    if (!IsOfAConnection(record.kind)) return;
                    if (!keeps_history()) {
                      skipped_before_ms_ = std::max(skipped_before_ms_, record.at_ms + 1);
                      return;
                    }
                    batch_.history.push_back({record, std::string(id), std::string(address)});
                  });
  ring_emptied_ = taken < kBatchRecordsMax;
  const bool whole = ring_emptied_ && !full_save_.pending() && dropped_.value() == drops_noticed_;
  batch_.complete_until_ms = whole ? alive_ms : 0;
  os::MutexLock lock(&stats_mu_);
  stats_.queue_bytes = batch_.bytes;
}

void SessionStore::NoticeDrops() {
  NoticeHistoryGap();
  const uint64_t dropped = dropped_.value();
  if (dropped == drops_noticed_) return;
  if (!full_save_.pending()) {
    announce_full_save_ = true;
    Log(absl::StrCat("changes come faster than ", options_.path,
                     " takes them; all sessions will be saved again, but in the history of "
                     "connections what found no room is missing"));
  }
  drops_noticed_ = dropped;
  full_save_.Need();
}

void SessionStore::NoticeDamage() {
  const absl::Status found = check_.TakeFinding();
  if (IsDamage(found)) {
    Failed(found);
  } else if (!found.ok()) {
    Log(absl::StrCat("the session database could not be read for damage: ", found.message()));
  }
}

// After TakeChanges(): what it took must not be written without what was lost before it.
void SessionStore::NoticeHistoryGap() {
  // relaxed: see the member
  const int64_t until_ms =
      std::max(lost_before_ms_.load(std::memory_order_relaxed), skipped_before_ms_);
  // Without history nobody forgets any.
  const int64_t forgotten_ms =
      keeps_history() ? LastingMs() - absl::ToInt64Milliseconds(options_.history_ttl) : 0;
  gap_.Extend(until_ms, complete_until_ms_, forgotten_ms);
}

// That of the file, which may have one from before this life.
absl::Status SessionStore::ReadHistoryGap() {
  absl::StatusOr<int64_t> from_ms = database_->Number(kHistoryGapFromNumber);
  if (!from_ms.ok()) return from_ms.status();
  absl::StatusOr<int64_t> until_ms = database_->Number(kHistoryGapUntilNumber);
  if (!until_ms.ok()) return until_ms.status();
  if (*until_ms > 0 && *until_ms <= registry::kMillisMax)
    gap_.AddEarlier(*from_ms, *until_ms, started_ms_);
  // The last life died with changes that it could not write.
  const int64_t written_until_ms = lives_.empty() ? INT64_MAX : lives_.last().alive_ms;
  if (unwritten_until_ms_ > written_until_ms) {
    gap_.AddEarlier(written_until_ms, unwritten_until_ms_, started_ms_);
  }
  return absl::OkStatus();
}

absl::Status SessionStore::WriteHistoryGap() {
  if (gap_.empty()) return absl::OkStatus();
  absl::Status status = database_->SetNumber(kHistoryGapFromNumber, gap_.from_ms());
  status.Update(database_->SetNumber(kHistoryGapUntilNumber, gap_.until_ms()));
  return status;
}

absl::Status SessionStore::Write() {
  const int64_t complete_before_ms = complete_until_ms_;
  if (batch_.complete_until_ms != 0) complete_until_ms_ = batch_.complete_until_ms;
  absl::Status status = database_->Begin();
  if (status.ok()) {
    status = incarnations_.NeedsBlock() ? incarnations_.ReserveBlock(*database_)
                                        : incarnations_.Keep(*database_);
  }
  if (status.ok()) status = PutLife(/*ended_ms=*/0);
  if (status.ok()) status = WriteHistoryGap();
  if (status.ok()) status = WriteBatch();
  if (status.ok()) {
    status = full_save_.Step(
        *database_, life_, /*delete_others=*/past_read_,
        [this](uint64_t* position, auto* seen) { return VisitSome(position, seen); });
  }
  if (status.ok()) status = database_->Commit();
  if (status.ok()) {
    incarnations_.Committed();
    batch_.Clear();
    if (full_save_.Committed()) {
      if (std::exchange(announce_full_save_, false)) {
        Log(absl::StrCat(options_.path, ": all sessions are saved again"));
      }
      os::MutexLock lock(&stats_mu_);
      ++stats_.full_saves;
    }
    return status;
  }
  database_->Rollback();
  complete_until_ms_ = complete_before_ms;
  full_save_.RolledBack();
  return status;
}

absl::Status SessionStore::WriteBatch() {
  for (const std::string& client : batch_.clients) {
    SessionDetails details;
    absl::Status s = Find(client, &details);
    if (!s.ok()) return s;
    const bool known = details.status.state != SessionState::kUnknown;
    s = known ? database_->PutSession(client, details, life_, full_save_.generation())
              : database_->DeleteSession(client);
    if (!s.ok()) return s;
  }
  int64_t numbers = 0;
  for (const HistoryRow& row : batch_.history) {
    if (absl::Status s = database_->AddHistory(row, life_); !s.ok()) return s;
    numbers += SessionDatabase::NumbersOf(row);
  }
  return PruneHistory(numbers);
}

// By the clock itself: the times of events never step back, and a step back that is not seen makes
// the step forward before it one that lasts.
int64_t SessionStore::LastingMs() {
  const absl::Time wall = options_.wall ? options_.wall() : absl::Now();
  return lasting_time_.Advance(absl::ToUnixMillis(wall), Monotonic(options_));
}

absl::Status SessionStore::PruneHistory(int64_t new_numbers) {
  const int64_t now_ms = LastingMs();
  const int64_t before_ms =
      keeps_history() ? now_ms - absl::ToInt64Milliseconds(options_.history_ttl) : INT64_MAX;
  // Twice as many as the new ones push out, so that the table shrinks when it is too large.
  return database_->PruneHistory(before_ms, now_ms, options_.history_max, 2 * new_numbers + 1000);
}

void SessionStore::Succeeded() {
  idle_ = absl::ZeroDuration();
  unwritten_until_ms_ = 0;
  if (std::exchange(unwritten_noted_, false)) lock_->NoteUnwritten(0);
  if (std::exchange(failing_, false)) Log(absl::StrCat(options_.path, ": is written again"));
  os::MutexLock lock(&stats_mu_);
  stats_.failing = false;
  stats_.unreserved_incarnations = 0;
  ++stats_.commits;
  stats_.complete_until_ms = complete_until_ms_;
  stats_.queue_bytes = batch_.bytes;
}

void SessionStore::Failed(const absl::Status& status) {
  database_.reset();  // opened anew by the next attempt
  announce_full_save_ = true;
  if (!std::exchange(failing_, true)) {
    Log(absl::StrCat("sessions are kept in memory only, because their database cannot be used: ",
                     status.message()));
  }
  if (IsDamage(status)) BeginAnew(status);
  if (lock_.has_value() && !batch_.empty()) {
    unwritten_noted_ = true;
    lock_->NoteUnwritten(alive_ms_.load(std::memory_order_acquire) + 1);  // (2)
  }
  os::MutexLock lock(&stats_mu_);
  stats_.failing = true;
  ++stats_.failures;
  stats_.unreserved_incarnations = incarnations_.given_beyond_reserved();
}

void SessionStore::BeginAnew(const absl::Status& why) {
  EndCheck();
  const absl::StatusOr<std::string> moved = MoveAside(options_.path);
  announce_full_save_ = true;
  full_save_.Need();
  if (!moved.ok() && std::exchange(said_immovable_, true)) return;
  Log(absl::StrCat(
      "the session database is damaged or of another kind, ",
      moved.ok() ? absl::StrCat("moved to ", *moved, " and begun anew") : moved.status().message(),
      ": ", why.message()));
}

absl::Status SessionStore::Find(const std::string& client_id, SessionDetails* details) const {
  os::MutexLock lock(&outside_mu_);
  if (registry_ == nullptr) return absl::CancelledError("the store is closed");
  if (!registry_->FindDetails(client_id, details)) *details = SessionDetails();
  return absl::OkStatus();
}

absl::Status SessionStore::VisitSome(uint64_t* position, std::vector<FullSave::Seen>* seen) const {
  os::MutexLock lock(&outside_mu_);
  if (registry_ == nullptr) return absl::CancelledError("the store is closed");
  *position = registry_->VisitFrom(
      *position, [seen](uint64_t, absl::string_view id, const SessionDetails& details) {
        seen->push_back({std::string(id), details});
      });
  return absl::OkStatus();
}

void SessionStore::Log(absl::string_view line) const {
  os::MutexLock lock(&outside_mu_);
  if (options_.log && !silent_) options_.log(line);
}

// -- the end --------------------------------------------------------------------------------------

void SessionStore::BeginClose(absl::Time now) {
  os::MutexLock lock(&outside_mu_);
  if (registry_ == nullptr) return;  // the start has failed
  close_begun_ = steady_clock::now();
  const int64_t end_ms =
      std::max(absl::ToUnixMillis(now), alive_ms_.load(std::memory_order_acquire));  // (2)
  alive_ms_.store(end_ms, std::memory_order_release);                                // (1)
  end_ms_.store(end_ms, std::memory_order_release);                                  // (3)
  check_.Stop();  // it can wait for the next life
  stop_.RequestStop();
}

bool SessionStore::Close() {
  steady_clock::time_point until;
  {
    os::MutexLock lock(&outside_mu_);
    if (registry_ == nullptr) return true;
    until = close_begun_ + absl::ToChronoMilliseconds(options_.close_waits);
  }
  const bool ended = thread_.JoinBefore(until);
  os::MutexLock lock(&outside_mu_);
  registry_ = nullptr;
  silent_ = true;
  return ended;
}

// On failure it will look like a crash, with the interval that that leaves.
void SessionStore::End() {
  os::MutexLock hold(&mu_);
  try {
    WriteEnd(end_ms_.load(std::memory_order_acquire));  // (4)
  } catch (const std::bad_alloc&) {
  }
  check_.Join();      // so that this connection is the last, which
  database_.reset();  // writes the log into the file
  lock_.reset();
}

void SessionStore::WriteEnd(int64_t now_ms) {
  steady_clock::time_point until;
  {
    os::MutexLock lock(&outside_mu_);
    until = close_begun_ + absl::ToChronoMilliseconds(options_.close_writes);
  }
  idle_ = kHeartbeat;
  do {
    if (steady_clock::now() >= until) {
      Log(absl::StrCat(options_.path, ": not all is written within ",
                       absl::FormatDuration(options_.close_writes),
                       " of the stop; the next start takes it for a sudden end"));
      return;
    }
    if (!Round().ok()) return;
  } while (HasMore());
  complete_until_ms_ = now_ms;
  absl::Status status = database_->Begin();
  if (status.ok()) status = PutLife(now_ms);
  if (status.ok()) status = incarnations_.ReserveNoMore(*database_);
  if (status.ok()) status = database_->Commit();
  if (!status.ok()) Failed(status);
}

SessionStore::~SessionStore() {
  stop_.RequestStop();
  thread_.Join();
}

SessionStoreStats SessionStore::stats() const {
  SessionStoreStats stats;
  {
    os::MutexLock lock(&stats_mu_);
    stats = stats_;
  }
  stats.queue_bytes += ring_.size();
  stats.dropped = dropped_.value();
  stats.checked = check_.done();
  return stats;
}

}  // namespace session_status::store
