#include "plugin/fleet/fleet_loop.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/member.h"
#include "plugin/fleet/node_directory.h"

namespace session_status::fleet {
namespace {

constexpr absl::Duration kRejoinPause = absl::Milliseconds(200);
constexpr absl::Duration kPublishInterval = absl::Milliseconds(100);
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
constexpr absl::Duration kNodesInterval = absl::Seconds(1);
constexpr absl::Duration kMemoryInterval = absl::Minutes(1);
// How long connects are held back while the engine has not told the time. An engine that is
// reachable, even one whose connection must be made again after a pause, has told it by then.
constexpr absl::Duration kConnectsWaitMax = absl::Seconds(2);

}  // namespace

FleetLoop::FleetLoop(const FleetOptions& options, const Clocks& clocks,
                     const registry::SessionRegistry& own, registry::SessionRegistry& others,
                     ChangeQueue& changes, KickRing& kicks, Board& board,
                     const os::StopSignal& stop)
    : round_(options, clocks, board, stop),
      own_(own),
      others_(others),
      changes_(changes),
      kicks_(kicks),
      evictions_(round_.engines),
      enrolment_(round_, [this] { StartOver(); }) {
  Publish();
}

FleetLoop::~FleetLoop() = default;

absl::Duration FleetLoop::Step() {
  const absl::Duration before = std::exchange(round_.now, round_.clocks.monotonic());
  round_.wall = round_.clocks.wall();
  round_.board.NoteClocks(round_.wall, round_.now);
  round_.more = false;
  // Suspended, all of us maybe, or not run: a lease that has gone meanwhile says
  // nothing yet. Waiting for engines that hang is neither: the one that holds the
  // leases may be there all the while.
  const absl::Duration not_run = round_.now - before - round_.engines.TakeWaited();
  if (member_ != nullptr && not_run > LeaseMissed(round_.options.lease)) {
    member_->directory.OnContact(round_.now);
  }
  bool connected = EnsureConnected();
  // Before it has joined, nobody knows what they mean. What does not fit into the queue meanwhile
  // is read from the registry.
  if (member_ != nullptr && KnowsTheTime(connected)) member_->Drain(changes_);
  connected = connected && round_.engines.IsOpen(kHome);
  if (connected && member_ != nullptr) {
    AddHousekeeping();
    if (round_.Due(&round_.next_look, kLookInterval)) {
      member_->reader.AddLooks();
      member_->writer.AddWriteQuestions();
    }
    member_->takeovers.AddRechecks();
    member_->writer.AddBatches();
    member_->reader.AddReads();
    member_->reader.AddLoads();
    const bool complete = ExecuteAll();
    member_->reader.TellFollowed();
    if (complete && !round_.more && member_->reader.loading() == 0) {
      if (!std::exchange(round_.status.ready, true)) round_.next_publish = round_.now;
      round_.freshness.OnAllRead(round_.now);
    }
    const bool writes = round_.now >= round_.writes_blocked_until && !member_->writer.idle();
    round_.more = (round_.more || writes) && complete;
  }
  round_.status.kicks += kicks_.Push();  // with or without an engine
  if (std::exchange(round_.rejoin, false) && round_.engines.IsOpen(kHome)) {
    round_.engines.Of(kHome)->connection.Close();
  }
  if (round_.Due(&round_.next_publish, kPublishInterval)) Publish();
  if (round_.more) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), kRoundInterval - (round_.clocks.monotonic() - round_.now));
}

void FleetLoop::Recover() noexcept {
  round_.engines.Close();  // handlers of half a round are gone with their connections
  changes_.Lose();
  if (member_ == nullptr) return;
  member_->writer.SendAllAgain();
  member_->reader.LoadAgain();
}

bool FleetLoop::EnsureConnected() {
  const auto fail = [this](const absl::Status& error, bool home) {
    round_.NoteError(error);
    if (home) round_.status.state = absl::StrCat("not joined: ", error.message());
  };
  round_.engines.Connect(round_.now, fail);
  if (member_ != nullptr) member_->reader.NoticeNewEngines();
  if (!round_.engines.IsOpen(kHome)) {
    home_opening_ = 0;
    if (member_ != nullptr && round_.Due(&round_.next_nodes, kNodesInterval)) {
      // To the other engines: a broker with another home must not get them meanwhile.
      enrolment_.AddEngineQuestions();
      round_.engines.Execute([this](const absl::Status& error) { round_.NoteError(error); });
    }
    return false;
  }
  const uint64_t opening = round_.engines.Of(kHome)->opening;
  const bool is_in = std::exchange(home_opening_, 0) == opening;
  if (!is_in && round_.now < next_join_) return false;
  if (const absl::Status s = is_in ? enrolment_.CheckEngines(&member_->as) : Join(); !s.ok()) {
    fail(s, true);
    next_join_ = round_.now + (absl::IsPermissionDenied(s) ? kRefusedPause : kRejoinPause);
    return false;
  }
  home_opening_ = opening;
  if (!is_in) {
    round_.status.state = "joined";
    member_->directory.OnContact(round_.now);
  }
  return round_.engines.IsOpen(kHome);
}

absl::Status FleetLoop::Join() {
  const absl::StatusOr<Joined> joined =
      enrolment_.Join(member_ == nullptr ? nullptr : &member_->as);
  if (!joined.ok()) return joined.status();
  if (member_ == nullptr) BeginAs(*joined);
  member_->nodes.AddListing();
  return round_.ExecuteNow();
}

void FleetLoop::BeginAs(const Joined& joined) {
  round_.engines.SetShards(joined.shape.shards);
  auto member =
      std::make_unique<Member>(round_, joined, own_, others_, &next_incarnation_, pace_, kicks_);
  // Last of what needs memory: should it run out, all of this is made again.
  if (former_ != nullptr) member->local.TakeSessionsOf(former_->local);
  former_.reset();
  // What is in the queue still knows when it began by a clock that is never set. The registry,
  // whose times are the host's, is read after that, and only for what the queue had no room for.
  changes_.Lose();
  member_ = std::move(member);
}

void FleetLoop::StartOver() {
  round_.freshness.OnNothingKnown();
  member_->table.Clear(Board::DateOfEnd(round_.now));
  former_ = std::move(member_);
  round_.status.ready = false;
}

// A machine that was paused does not know: its clocks stood still, and the engine's did not. A
// client that comes back to it then must not be older than its connection elsewhere, made
// meanwhile; so connects are numbered once the engine has told the time since.
bool FleetLoop::KnowsTheTime(bool connected) {
  if (changes_.size() == 0) return true;
  if (connected) {
    enrolment_.AddClockSample();
    round_.engines.Execute([this](const absl::Status& error) { round_.NoteError(error); });
  }
  const absl::Duration told_at = enrolment_.told_time_at();
  return told_at == round_.now || round_.now - told_at > kConnectsWaitMax ||
         changes_.size() > kQueuedChangesMax / 2;
}

void FleetLoop::AddHousekeeping() {
  if (round_.Due(&round_.next_renewal, LeaseRenewal(round_.options.lease))) {
    round_.refusals.Ask(Question::kRenewal);
    enrolment_.AddRenewal(member_->as.number,
                          [this](const Reply& reply) { member_->nodes.OnRenewal(reply); });
  }
  if (round_.Due(&round_.next_nodes, kNodesInterval)) {
    member_->nodes.AddListingAndMeta();
    enrolment_.AddEngineQuestions();
  }
  if (round_.now >= round_.next_look) {  // in the round of the looks
    enrolment_.AddClockSample();
    member_->nodes.AddLeases();
  }
  member_->burials.AddSweep();
  member_->burials.AddBurials();
  if (round_.Due(&round_.next_memory, kMemoryInterval)) {
    // Everybody writes his own again; who follows hears of it as of any change.
    evictions_.AddQuestions([this] { member_->writer.SendAllAgain(); });
  }
}

bool FleetLoop::ExecuteAll() {
  const bool done =
      round_.engines.Execute([this](const absl::Status& error) { round_.NoteError(error); });
  round_.board.SetTakesWrites(round_.refusals.TakesWrites());
  if (done) TellRefusals();  // otherwise it is known already that something is wrong
  return done && !refusing_ && round_.engines.AllOpen();
}

void FleetLoop::TellRefusals() {
  const std::string* const refused = round_.refusals.Any();
  if (refused == nullptr) {
    if (std::exchange(refusing_, false)) round_.status.state = "joined";
    return;
  }
  round_.status.state =
      absl::StrCat(round_.refusals.TakesWrites() ? "cannot read what the others write: "
                                                 : "hears nothing new, no writes are taken: ",
                   *refused);
  refusing_ = true;
  // Again and again while it lasts, as a connection that cannot be made: an alert looks at that.
  if (round_.Due(&next_refusal_, kRefusalsApart)) {
    round_.NoteError(absl::UnavailableError(*refused));
  }
}

void FleetLoop::Leave() {
  if (member_ == nullptr || !round_.engines.IsOpen(kHome)) return;
  round_.now = round_.clocks.monotonic();
  member_->writer.AddFarewell();
  enrolment_.AddRelease(member_->as.number);
  ExecuteAll();
}

void FleetLoop::Publish() {
  registry::FleetStatus status = round_.status;
  status.engine = round_.engines.Describe();
  status.warning = evictions_.Warning();
  status.queued = changes_.size();
  if (member_ != nullptr) {
    round_.board.SetDirections(member_->Describe(home_opening_ != 0, &status));
  }
  round_.board.SetStatus(std::move(status));
}

}  // namespace session_status::fleet
