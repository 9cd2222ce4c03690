// The round itself, and our own changes on their way out. Joining: fleet_loop_join.cc; reading:
// fleet_loop_read.cc.
#include "plugin/fleet/fleet_loop.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace session_status::fleet {
namespace {

// A shard's stream holds this many entries, one per batch: at ten rounds per 100 ms and a handful
// of nodes some ten seconds; who is further behind loads the shard.
constexpr size_t kStreamEntriesMax = 4000;
// Large batches keep fewer, so that a stream has about this many events, 0.4 MB: on one core's
// limit of 200,000 events a second, with 16 shards, more than a second of history.
constexpr size_t kStreamEventsMax = 16'384;
constexpr size_t kStreamEntriesMin = 32;
constexpr absl::Duration kWriteRefusedPause = absl::Milliseconds(500);
constexpr absl::Duration kPublishInterval = absl::Milliseconds(100);
// The end of a newer connection is heard at once; this is for those of a node that died or
// restarted, and for what was missed.
constexpr absl::Duration kRecheckInterval = absl::Seconds(2);
constexpr int kRechecksPerRoundMax = 64;
// How long connects wait for an engine that does not tell the time: one that is there, and whose
// connection a pause has cost, has told it by then.
constexpr absl::Duration kConnectsWaitMax = absl::Seconds(2);

std::string RandomHex(std::mt19937_64& random) {
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad16));
}

uint64_t Seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

std::string StreamEntries(size_t batch_events) {
  return absl::StrCat(std::clamp(kStreamEventsMax / std::max<size_t>(batch_events, 1),
                                 kStreamEntriesMin, kStreamEntriesMax));
}

std::string EncodeGenerations(const std::vector<Generation>& generations) {
  std::string out;
  for (Generation g : generations) out += EncodeGeneration(g);
  return out;
}

}  // namespace

Clocks SystemClocks() {
  return {[] { return absl::Now(); },
          [] {
            timespec now{};
            clock_gettime(CLOCK_BOOTTIME, &now);
            return absl::DurationFromTimespec(now);
          }};
}

FleetLoop::FleetLoop(const FleetOptions& options, const Clocks& clocks,
                     const registry::SessionRegistry& own, registry::SessionRegistry& others,
                     ChangeQueue& changes, KickRing& kicks, Board& board,
                     const os::StopSignal& stop)
    : options_(options),
      clocks_(clocks),
      own_(own),
      others_(others),
      changes_(changes),
      kick_ring_(kicks),
      board_(board),
      keys_(options.name),
      random_(Seed()),
      boot_(RandomHex(random_)),
      begun_(clocks_.monotonic()),
      engines_(options_, kEngineTimeout, &stop),
      directory_(options.lease) {
  status_.fleet = options_.name;
  status_.node = options_.node_id;
  status_.lease = options_.lease;
  status_.direct = options_.mode == Mode::kDirect;
  status_.state = "connecting";
  Publish();
}

FleetLoop::~FleetLoop() = default;

bool FleetLoop::Due(absl::Duration* next, absl::Duration interval) {
  if (now_ < *next) return false;
  *next = now_ + interval;
  return true;
}

Generation FleetLoop::NewGeneration() {
  const auto g = static_cast<Generation>(random_());
  return g == 0 ? 1 : g;
}

absl::Duration FleetLoop::Step() {
  const absl::Duration before = std::exchange(now_, clocks_.monotonic());
  wall_ = clocks_.wall();
  board_.NoteClocks(wall_, now_);
  more_ = false;
  // Suspended, all of us maybe, or not run: a lease that has gone meanwhile says
  // nothing yet. Waiting for engines that hang is neither: the one that holds the
  // leases may be there all the while.
  const absl::Duration not_run = now_ - before - engines_.TakeWaited();
  if (not_run > LeaseMissed(options_.lease)) directory_.OnContact(now_);
  bool connected = EnsureConnected();
  if (KnowsTheTime(connected)) DrainChanges();
  connected = connected && engines_.IsOpen(kHome);
  if (connected && joined_) {
    AddHousekeeping();
    AddLooks();
    AddRechecks();
    AddBatches();
    AddReads();
    AddLoads();
    const bool complete = ExecuteAll();
    TellFollowed();
    const bool loading = std::any_of(readings_.begin(), readings_.end(), [](const Reading& r) {
      return r.load != Reading::Load::kNone;
    });
    if (complete && !more_ && !loading) {
      if (!std::exchange(status_.ready, true)) next_publish_ = now_;
      board_.SetAsOf(now_);
    }
    if (now_ >= writes_blocked_until_) {
      more_ = more_ || std::any_of(writers_.begin(), writers_.end(),
                                   [](const ShardWriter& w) { return !w.idle(); });
    }
    more_ = more_ && complete;
  }
  PushKicks();  // with or without an engine
  if (rejoin_) {
    rejoin_ = false;
    if (engines_.IsOpen(kHome)) engines_.Of(kHome)->connection.Close();
  }
  if (Due(&next_publish_, kPublishInterval)) Publish();
  if (more_) return absl::ZeroDuration();
  return std::max(absl::ZeroDuration(), kRoundInterval - (clocks_.monotonic() - now_));
}

void FleetLoop::Recover() noexcept {
  engines_.Close();  // handlers of half a round are gone with their connections
  changes_.Lose();
  for (ShardWriter& writer : writers_) writer.Unsync();
  for (Reading& reading : readings_) reading.load = Reading::Load::kLook;
}

bool FleetLoop::ExecuteAll() {
  const bool done = engines_.Execute([this](const absl::Status& error) { NoteError(error); });
  board_.SetTakesWrites(TakesWrites());
  if (done) NoteRefusals();  // otherwise it is known already that something is wrong
  return done && !refusing_ && engines_.AllOpen();
}

// A machine that was paused does not know: its clocks stood still, and the engine's did not. A
// client that comes back to it then must not be older than its connection elsewhere, made
// meanwhile; so connects are numbered once the engine has told the time since.
bool FleetLoop::KnowsTheTime(bool connected) {
  if (!joined_ || changes_.size() == 0) return true;
  if (connected) {
    AddClockSample();
    engines_.Execute([this](const absl::Status& error) { NoteError(error); });
  }
  return told_time_at_ == now_ || now_ - told_time_at_ > kConnectsWaitMax ||
         changes_.size() > kQueuedChangesMax / 2;
}

void FleetLoop::DrainChanges() {
  // Before, nobody knows what they mean. What does not fit meanwhile is read from the registry.
  if (!joined_) return;
  const bool lost = changes_.TakeLost();
  // All that is there. It makes room; and if an end was dropped whose beginning is in
  // the queue still, that must come before the registry is read, or it would be taken
  // for a new connection afterwards.
  changes_.Drain(kQueuedChangesMax, [this](LocalChange&& change) {
    const std::optional<Event> event = local_->Apply(std::move(change), clock_);
    if (!event.has_value()) return;
    const uint32_t shard = shape_.ShardOf(event->hash);
    writers_[shard].Add(*event);
    if (event->kind == Event::Kind::kUp) CompareWithOthers(event->hash, event->epoch);
  });
  if (lost) RebuildOwn();
}

void FleetLoop::RebuildOwn() {
  for (const Event& event : local_->Rebuild(own_, clock_, wall_, now_, begun_)) {
    writers_[shape_.ShardOf(event.hash)].Add(event);
  }
  // All, not only those that are new to us: should memory run out in here, this is done again, and
  // by then they are all known.
  local_->ForEach([this](const ClientHash& hash, const LocalSession& session) {
    CompareWithOthers(hash, session.epoch);
  });
}

// A connection of ours that this thread hears of late: what the others did since was read when
// there was nothing here to compare it with.
void FleetLoop::CompareWithOthers(const ClientHash& hash, Epoch epoch) {
  const uint32_t shard = shape_.ShardOf(hash);
  table_->Supersede(shard, hash, epoch, Board::DateOfEnd(now_));
  const Epoch newer = std::max(table_->Find(shard, hash).epoch, table_->RecentEnd(hash));
  if (newer > epoch) OnTakenOver(hash, newer);
}

void FleetLoop::AddBatches() {
  if (now_ < writes_blocked_until_) return;
  for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
    if (!engines_.IsOpen(PlaceOf(shard))) continue;
    ShardWriter& writer = writers_[shard];
    if (writer.needs_resend()) {
      ++status_.resends;
      writer.StartResend(NewGeneration(), local_->Resend(shard));
    }
    if (const ShardWriter::Batch* batch = writer.Next()) AddBatch(shard, *batch);
  }
}

void FleetLoop::AddBatch(uint32_t shard, const ShardWriter::Batch& batch) {
  const std::string owners = keys_.Owners(shard);
  const std::string changes = keys_.Changes(shard);
  const std::string node = EncodeNode(number_);
  const std::string generation = EncodeGeneration(batch.generation);
  const std::string number = absl::StrCat(batch.number);
  const std::string stream_entries = StreamEntries(batch.events.size());
  const Place place = PlaceOf(shard);
  const auto on_reply = [this, shard](const Reply& reply) { OnBatchReply(shard, reply); };
  switch (batch.kind) {
    case ShardWriter::Batch::Kind::kBegin:
      engines_.Add(place,
                   {"FCALL", "ss1_begin", "2", owners, changes, node, generation,
                    EncodeGenerations(batch.older), stream_entries, RandomHex(random_)},
                   on_reply);
      return;
    case ShardWriter::Batch::Kind::kFinish:
      engines_.Add(
          place,
          {"FCALL", "ss1_finish", "2", owners, changes, node, generation, number, stream_entries},
          on_reply);
      return;
    case ShardWriter::Batch::Kind::kApply:
      break;
  }
  std::vector<std::string> buckets;
  std::string events;
  buckets.reserve(batch.events.size());
  events.reserve(batch.events.size() * kEventBytes);
  for (const Event& event : batch.events) {
    buckets.push_back(keys_.Bucket(shard, shape_.BucketOf(event.hash)));
    AppendEvent(event, &events);
  }
  const std::string key_count = absl::StrCat(buckets.size() + 2);
  std::vector<absl::string_view> command = {"FCALL", "ss1_apply", key_count, owners, changes};
  command.insert(command.end(), buckets.begin(), buckets.end());
  command.insert(command.end(), {node, generation, number, stream_entries, events});
  engines_.Add(place, command, on_reply);
}

void FleetLoop::OnBatchReply(uint32_t shard, const Reply& reply) {
  if (reply.is_error() && MeansTryLater(reply.text())) {
    status_.last_error = std::string(reply.text());  // the same batch goes into the next round
    return;
  }
  if (reply.is_error()) {
    // Refused as a whole (memory is full, …): the batch stays and is tried again.
    ++status_.write_errors;
    status_.last_error = std::string(reply.text());
    writes_blocked_until_ = now_ + kWriteRefusedPause;
    return;
  }
  writers_[shard].OnReply(reply.text(), [this](const Event& event, char letter) {
    ++status_.events_written;
    if (letter == 'S') OnTakenOver(event.hash, event.epoch);
  });
}

void FleetLoop::OnTakenOver(const ClientHash& hash, Epoch newer) {
  LocalSession* session = local_->Find(hash);
  if (session == nullptr || session->taken_over || session->epoch > newer) return;
  // Before it is marked: should memory run out here, it is found unmarked, and kicked, later.
  if (options_.takeover == Takeover::kKick) {
    kick_backlog_.push_back({session->client_id, session->incarnation});
  } else {
    superseded_.insert(hash);
  }
  session->taken_over = true;
  ++status_.taken_over;
}

// What does not fit waits. Whether it is still that connection is looked at by who carries it out.
void FleetLoop::PushKicks() {
  const auto fill = [this](Kick& kick) { kick = std::move(kick_backlog_.front()); };
  for (; !kick_backlog_.empty() && kick_ring_.TryPush(fill); kick_backlog_.pop_front()) {
    ++status_.kicks;
  }
}

void FleetLoop::AddRechecks() {
  if (to_recheck_.empty() && !superseded_.empty() && Due(&next_recheck_, kRecheckInterval)) {
    to_recheck_.assign(superseded_.begin(), superseded_.end());
  }
  for (int i = 0; i < kRechecksPerRoundMax && !to_recheck_.empty(); ++i) {
    const ClientHash hash = to_recheck_.front();
    to_recheck_.pop_front();
    const LocalSession* const session = local_->Find(hash);
    if (session == nullptr || !session->taken_over) {
      superseded_.erase(hash);
      continue;
    }
    const uint32_t shard = shape_.ShardOf(hash);
    const Place place = PlaceOf(shard);
    if (!engines_.IsOpen(place)) continue;  // the next time
    const std::string bucket = keys_.Bucket(shard, shape_.BucketOf(hash));
    // The row even if it is nobody's, and then whether it counts.
    const auto row_epoch = std::make_shared<Epoch>(0);
    engines_.Add(place, {"HGET", bucket, hash.view()}, [row_epoch](const Reply& reply) {
      if (reply.is_error()) return;
      if (const std::optional<Row> row = DecodeRow(reply.text())) *row_epoch = row->epoch;
    });
    engines_.Add(
        place, {"FCALL_RO", "ss1_find", "2", keys_.Owners(shard), bucket, hash.view()},
        [this, hash, row_epoch](const Reply& reply) { OnRecheck(hash, *row_epoch, reply); });
  }
}

void FleetLoop::OnRecheck(const ClientHash& hash, Epoch row_epoch, const Reply& holder) {
  if (holder.is_error()) return;
  const absl::string_view row = holder.text();  // epoch and node, or nothing
  if (row.size() == sizeof(Epoch) + sizeof(NodeNumber)) {
    const NodeNumber node = DecodeNode(row.substr(sizeof(Epoch)));
    const NodeDirectory::Node* const known = directory_.Find(node);
    if (node != number_ && (known == nullptr || !known->lost)) return;  // it is connected there
    row_epoch = std::max(row_epoch, DecodeEpoch(row));
  }
  LocalSession* const session = local_->Find(hash);
  if (session == nullptr || !session->taken_over) return;
  const Epoch epoch = std::max(session->epoch, row_epoch + 1);
  writers_[shape_.ShardOf(hash)].Add({Event::Kind::kUp, hash, epoch, registry::EndReason::kNone});
  clock_.Saw(epoch);
  session->epoch = epoch;
  session->taken_over = false;
  superseded_.erase(hash);
}

void FleetLoop::Leave() {
  if (!joined_ || !engines_.IsOpen(kHome)) return;
  now_ = clocks_.monotonic();
  // A new generation without anything in it: our rows are dead at once.
  for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
    ShardWriter::Batch batch;
    batch.kind = ShardWriter::Batch::Kind::kBegin;
    batch.generation = NewGeneration();
    AddBatch(shard, batch);
  }
  AddHome({"FCALL", "ss1_release", "1", keys_.Lease(number_), boot_}, [](const Reply&) {});
  ExecuteAll();
}

void FleetLoop::NoteError(const absl::Status& error) {
  if (error.ok()) return;
  ++status_.engine_errors;
  status_.last_error = std::string(error.message());
}

void FleetLoop::Publish() {
  registry::FleetStatus status = status_;
  auto directions = std::make_shared<Directions>();
  status.engine = engines_.Describe();
  for (const auto& [engine, policy] : evicting_) {
    absl::StrAppend(&status.warning, status.warning.empty() ? "" : "; ", engine,
                    " may evict sessions (maxmemory-policy ", policy,
                    "), which are then answered offline: set it to noeviction");
  }
  status.queued = changes_.size();
  status.shards = shape_.shards;
  if (joined_) {
    directions->hasher = ClientHasher(hash_key_);
    directions->shape = shape_;
    directions->me = number_;
    status.own_sessions = local_->size();
    for (const ShardWriter& writer : writers_) status.queued += writer.outbox_size();
    for (const Reading& r : readings_) status.shards_loading += r.load != Reading::Load::kNone;
    for (const auto& [number, node] : directory_.nodes()) {
      registry::FleetNode shown;
      shown.name = node.name;
      shown.number = number;
      shown.self = number == number_;
      shown.alive = shown.self ? home_opening_ != 0 : !node.lost;
      shown.last_alive = shown.self        ? wall_
                         : node.seen_alive ? wall_ - (now_ - node.last_alive)
                                           : absl::InfinitePast();
      const auto online = table_->online_by_node().find(number);
      shown.online = shown.self                                 ? status.own_sessions
                     : online == table_->online_by_node().end() ? 0
                                                                : online->second;
      if (!shown.self) status.other_sessions += shown.online;
      status.nodes.push_back(std::move(shown));
      directions->nodes[number] = {node.name, node.lost};
    }
    board_.SetDirections(std::move(directions));
  }
  board_.SetStatus(std::move(status));
}

}  // namespace session_status::fleet
