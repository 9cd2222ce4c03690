// Reading: the others' changes, whole shards, the state of the engine's data, nodes and leases.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/fleet_loop.h"

namespace session_status::fleet {
namespace {

// Of one stream. How many events an entry has depends on how busy the fleet is, 500 at most, and a
// round that reads more than so many takes so long that our own changes, and our lease, wait for
// it.
constexpr size_t kEntriesPerReadMin = 4;
constexpr size_t kEntriesPerReadMax = 512;
constexpr size_t kEventsPerRound = 16'384;  // some 20 ms
// One round trip of a load: some 50,000 rows, about 50 ms. More than the engine reads at once, so
// that it works on the later ones while we do on the earlier ones.
constexpr uint32_t kBucketsPerRoundMax = 512;
// So many say well enough how many rows a shard has.
constexpr uint32_t kBucketsBeforeEstimate = 32;
constexpr absl::Duration kLookInterval = absl::Milliseconds(200);
constexpr absl::Duration kRefusalsApart = absl::Seconds(1);
constexpr absl::Duration kNodesInterval = absl::Seconds(1);
// One bucket: a millionth of the engine's time; all buckets of a million sessions in ten minutes.
constexpr absl::Duration kSweepInterval = absl::Milliseconds(100);
constexpr absl::Duration kMemoryInterval = absl::Minutes(1);
// A node that is gone this long is not coming back under its number.
constexpr absl::Duration kBurialAfter = absl::Hours(1);

}  // namespace

bool FleetLoop::IsRefused(Question question, const Reply& reply) {
  if (!reply.is_error()) return false;
  refused_[static_cast<size_t>(question)] = std::string(reply.text());
  return true;
}

void FleetLoop::NoteRefusals() {
  const auto refused = std::find_if(refused_.begin(), refused_.end(),
                                    [](const std::string& error) { return !error.empty(); });
  if (refused == refused_.end()) {
    if (std::exchange(refusing_, false)) status_.state = "joined";
    return;
  }
  status_.state = absl::StrCat(TakesWrites() ? "cannot read what the others write: "
                                             : "hears nothing new, no writes are taken: ",
                               *refused);
  refusing_ = true;
  // Again and again while it lasts, as a connection that cannot be made: an alert looks at that.
  if (Due(&next_refusal_, kRefusalsApart)) NoteError(absl::UnavailableError(*refused));
}

void FleetLoop::AddReads() {
  Ask(Question::kChanges);
  if (events_read_ > kEventsPerRound) {
    entries_per_read_ = std::max(entries_per_read_ / 2, kEntriesPerReadMin);
  } else if (streams_left_ > 0) {
    entries_per_read_ = std::min(entries_per_read_ * 2, kEntriesPerReadMax);
  }
  events_read_ = 0;
  streams_left_ = 0;
  const std::string count = absl::StrCat(entries_per_read_);
  // One command for all streams of an engine. A cluster wants one for each slot.
  const auto groups =
      engines_.is_cluster() ? shape_.shards : static_cast<uint32_t>(engines_.configured());
  for (uint32_t group = 0; group < groups; ++group) {
    std::vector<std::string> keys;
    std::vector<absl::string_view> positions;
    for (uint32_t shard = group; shard < shape_.shards; shard += groups) {
      if (readings_[shard].load != Reading::Load::kNone) continue;
      keys.push_back(keys_.Changes(shard));
      positions.push_back(readings_[shard].position);
    }
    if (keys.empty()) continue;
    std::vector<absl::string_view> command = {"XREAD", "COUNT", count, "STREAMS"};
    command.insert(command.end(), keys.begin(), keys.end());
    command.insert(command.end(), positions.begin(), positions.end());
    engines_.Add(PlaceOf(group), command, [this](const Reply& reply) { OnRead(reply); });
  }
}

void FleetLoop::OnRead(const Reply& reply) {
  if (IsRefused(Question::kChanges, reply)) return;
  for (size_t i = 0; i < reply.size(); ++i) {
    const auto it = shard_of_stream_.find(reply[i][0].text());
    if (it == shard_of_stream_.end()) continue;
    const uint32_t shard = it->second;
    Reading& reading = readings_[shard];
    const Reply entries = reply[i][1];
    if (entries.size() >= entries_per_read_) {
      more_ = true;
      ++streams_left_;
    }
    // A look in this round may have found that the data is another one.
    for (size_t j = 0; j < entries.size() && reading.load == Reading::Load::kNone; ++j) {
      const Reply fields = entries[j][1];
      if (fields.size() < 2) continue;
      const std::optional<Entry> entry = DecodeEntry(fields[1].text());
      const absl::string_view id = entries[j][0].text();
      ++status_.entries_read;
      if (entry.has_value()) events_read_ += entry->events.size();
      // Who is that? Answers should name it.
      if (entry.has_value() && directory_.Find(entry->node) == nullptr) next_nodes_ = now_;
      if (entry.has_value() && entry->node != number_) {
        for (const Event& event : entry->events) local_->Prefetch(event.hash);
      }
      if (entry.has_value() && !IsEarlierId(reading.loaded_to, id)) {
        table_->Replay(*entry);
      } else if (!entry.has_value() || !table_->ApplyEntry(shard, *entry, Board::DateOfEnd(now_))) {
        ScheduleLoad(shard, absl::ZeroDuration());
        break;
      }
      reading.position.assign(id.data(), id.size());
      reading.to_tell = true;
    }
  }
}

void FleetLoop::AddLooks() {
  if (!Due(&next_look_, kLookInterval)) return;
  Ask(Question::kLook);
  // Not this moment: what was lost between a look and the reads behind it was never read.
  same_data_until_ = std::exchange(as_of_at_look_, board_.GetAsOf());
  for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
    // Asked before this round's batches, so it must agree with the replies known now.
    const bool settled = writers_[shard].settled();
    engines_.Add(PlaceOf(shard),
                 {"FCALL_RO", "ss1_look", "2", keys_.Owners(shard), keys_.Changes(shard)},
                 [this, shard, settled](const Reply& reply) { OnLook(shard, settled, reply); });
  }
  AddWriteQuestions();
}

// An engine that takes no writes is read as ever, and nothing in it changes any more. To a writer
// it says so; this one has nothing to write, maybe, and asks. The function's number is one that no
// batch has, so it changes nothing; but it is a write, refused when memory is full, unlike the
// lease's.
void FleetLoop::AddWriteQuestions() {
  Ask(Question::kWrites);
  for (const Place place : PlacesOfEngines()) {
    const uint32_t shard = place - PlaceOf(0);
    engines_.Add(place,
                 {"FCALL", "ss1_finish", "2", keys_.Owners(shard), keys_.Changes(shard),
                  EncodeNode(number_), EncodeGeneration(0), "0", "1"},
                 [this](const Reply& reply) { OnWriteRefused(Question::kWrites, reply); });
  }
}

// The others' may have been refused since the look before.
void FleetLoop::OnWriteRefused(Question question, const Reply& reply) {
  if (IsRefused(question, reply)) board_.SetAsOf(std::min(board_.GetAsOf(), same_data_until_));
}

void FleetLoop::OnLook(uint32_t shard, bool settled, const Reply& reply) {
  if (IsRefused(Question::kLook, reply) || reply.size() != 2) return;
  const ShardLook look = ParseLook(reply);
  Reading& reading = readings_[shard];
  if (reading.load != Reading::Load::kLook && IsOtherData(shard, look, reading.position)) {
    AwaitRefill(shard, look);
  }
  if (!settled) return;
  const auto mine = look.owners.find(number_);
  if (mine == look.owners.end() ||
      !writers_[shard].Agrees(mine->second.number, mine->second.generations)) {
    writers_[shard].Unsync();
  }
}

bool FleetLoop::IsOtherData(uint32_t shard, const ShardLook& look, absl::string_view known) const {
  std::vector<Followed::Node> nodes;
  table_->TellFollowed(shard, &nodes);
  return look.birth != readings_[shard].birth || IsEarlierId(look.last_id, known) ||
         NumbersWentBack(look, nodes);
}

void FleetLoop::AwaitRefill(uint32_t shard, const ShardLook& look) {
  Reading& reading = readings_[shard];
  reading.birth = look.birth;
  reading.position = kStreamStart;
  reading.refilling = reading.to_tell = true;
  ScheduleLoad(shard, kSettleDelay);
  // What was written there since, and lost, nobody has told us.
  board_.SetAsOf(std::min(board_.GetAsOf(), same_data_until_));
  next_renewal_ = next_nodes_ = now_;  // what else is missing there?
}

void FleetLoop::ScheduleLoad(uint32_t shard, absl::Duration delay) {
  readings_[shard].load = Reading::Load::kLook;
  readings_[shard].load_at = now_ + delay;
}

void FleetLoop::AddLoads() {
  Ask(Question::kLoad);
  uint32_t budget = kBucketsPerRoundMax;
  for (uint32_t shard = 0; shard < shape_.shards && budget > 0; ++shard) {
    Reading& reading = readings_[shard];
    const Place place = PlaceOf(shard);
    if (reading.load == Reading::Load::kNone || !engines_.IsOpen(place)) continue;
    if (reading.load == Reading::Load::kLook) {
      if (now_ < reading.load_at) continue;
      more_ = true;
      engines_.Add(place, {"FCALL_RO", "ss1_look", "2", keys_.Owners(shard), keys_.Changes(shard)},
                   [this, shard](const Reply& reply) { OnLoadLook(shard, reply); });
      continue;
    }
    more_ = true;
    const uint32_t end = std::min(reading.next_bucket + budget, shape_.buckets_per_shard);
    budget -= end - reading.next_bucket;
    for (uint32_t bucket = reading.next_bucket; bucket < end; ++bucket) {
      engines_.Add(place, {"HGETALL", keys_.Bucket(shard, bucket)},
                   [this, shard, bucket](const Reply& reply) { OnBucket(shard, bucket, reply); });
    }
    if (end < shape_.buckets_per_shard) continue;
    engines_.Add(place, {"FCALL_RO", "ss1_look", "2", keys_.Owners(shard), keys_.Changes(shard)},
                 [this, shard](const Reply& reply) { OnBucketsRead(shard, reply); });
  }
}

void FleetLoop::OnLoadLook(uint32_t shard, const Reply& reply) {
  if (IsRefused(Question::kLoad, reply) || reply.size() != 2) return;
  const ShardLook look = ParseLook(reply);
  Reading& reading = readings_[shard];
  ++status_.loads;
  reading.loaded_to = look.last_id;
  if (look.birth != reading.birth) reading.position = kStreamStart;
  reading.birth = look.birth;
  table_->BeginLoad(shard, look.owners, Board::DateOfEnd(now_));
  for (const auto& [number, owner] : look.owners) {  // home may have forgotten it; does it live?
    if (directory_.Find(number) != nullptr) continue;
    directory_.OnFound(number, now_);
    next_look_ = next_nodes_ = next_publish_ = now_;
  }
  reading.next_bucket = 0;
  reading.rows = 0;
  reading.load = Reading::Load::kBuckets;
  if (options_.mode != Mode::kDirect) return;
  // It keeps no rows: the owners are all it needs, and who of its own has moved away meanwhile is
  // told when they are sent again.
  OnLoaded(shard);
  writers_[shard].Unsync();
}

void FleetLoop::OnBucket(uint32_t shard, uint32_t bucket, const Reply& reply) {
  Reading& reading = readings_[shard];
  // A look in this round may have started the load again.
  if (reading.load != Reading::Load::kBuckets || reading.next_bucket != bucket) return;
  // Asked again in the next round, with those behind it.
  if (IsRefused(Question::kLoad, reply)) return;
  reading.rows += reply.size() / 2;
  if (bucket + 1 == kBucketsBeforeEstimate) {
    const size_t per_bucket = reading.rows / kBucketsBeforeEstimate + 1;
    table_->ExpectRows(shard, per_bucket * shape_.buckets_per_shard);
  }
  std::vector<OthersTable::LoadedRow> rows;
  rows.reserve(reply.size() / 2);
  for (size_t i = 0; i + 1 < reply.size(); i += 2) {
    const std::optional<Row> row = DecodeRow(reply[i + 1].text());
    if (!row.has_value() || reply[i].text().size() != sizeof(ClientHash::bytes)) continue;
    clock_.Saw(row->epoch);
    rows.push_back({ClientHash::From(reply[i].text()), *row});
  }
  table_->LoadRows(shard, rows, Board::DateOfEnd(now_));
  for (const auto& [hash, row] : rows) {
    if (row.node == number_) continue;
    const LocalSession* session = local_->Find(hash);
    if (session == nullptr || session->epoch >= row.epoch) continue;
    // Nobody's: the newer connection has ended, and the row waits for this one's end.
    OnTakenOver(hash, row.node == kNobody ? row.epoch : table_->Find(shard, hash).epoch);
  }
  ++reading.next_bucket;
}

// Were they all of the data whose owners were read before them? What an engine lost in between must
// not be taken for what the nodes ended.
void FleetLoop::OnBucketsRead(uint32_t shard, const Reply& reply) {
  Reading& reading = readings_[shard];
  if (IsRefused(Question::kLoad, reply)) return;
  if (reading.load != Reading::Load::kBuckets || reply.size() != 2) return;
  if (reading.next_bucket < shape_.buckets_per_shard) return;
  const ShardLook look = ParseLook(reply);
  if (IsOtherData(shard, look, reading.loaded_to)) return AwaitRefill(shard, look);
  table_->EndLoad(shard, look.owners, Board::DateOfEnd(now_));
  OnLoaded(shard);
}

void FleetLoop::OnLoaded(uint32_t shard) {
  Reading& reading = readings_[shard];
  reading.load = Reading::Load::kNone;
  if (options_.mode == Mode::kReplica) reading.refilling = false;
  reading.to_tell = true;
}

void FleetLoop::TellFollowed() {
  for (uint32_t shard = 0; shard < readings_.size(); ++shard) {
    Reading& reading = readings_[shard];
    // Without a copy, that nobody is missing is known only when everybody is back.
    if (reading.refilling && reading.load == Reading::Load::kNone && table_->AllBack(shard)) {
      reading.refilling = false;
      reading.to_tell = true;
    }
    if (!reading.to_tell) continue;
    auto followed = std::make_shared<Followed>();
    followed->birth = reading.birth;
    followed->position =
        IsEarlierId(reading.position, reading.loaded_to) ? reading.loaded_to : reading.position;
    followed->refilling = reading.refilling;
    table_->TellFollowed(shard, &followed->nodes);
    board_.SetFollowed(shard, std::move(followed));
    reading.to_tell = false;
  }
}

void FleetLoop::AddHousekeeping() {
  if (Due(&next_renewal_, LeaseRenewal(options_.lease))) {
    Ask(Question::kRenewal);
    AddHome({"FCALL", "ss1_renew", "1", keys_.Lease(number_), boot_,
             absl::StrCat(absl::ToInt64Milliseconds(LeaseHeld(options_.lease)))},
            [this](const Reply& reply) {
              rejoin_ = rejoin_ || reply.text() == "TAKEN";
              // It takes no writes: nobody renews, so that a lease which has gone says nothing.
              if (!reply.is_error()) return;
              directory_.OnContact(now_);
              OnWriteRefused(Question::kRenewal, reply);
              next_renewal_ = std::min(next_renewal_, now_ + kRefusalsApart);
            });
  }
  if (Due(&next_nodes_, kNodesInterval)) {
    Ask(Question::kNodes);
    AddHome({"HGETALL", keys_.Nodes()}, [this](const Reply& reply) { OnNodes(reply); });
    AddHome({"HMGET", keys_.Meta(), "key", "instance"}, [this](const Reply& reply) {
      if (IsRefused(Question::kNodes, reply)) return;
      if (reply[0].text() != hash_key_ || IsAnotherInstance(reply[1])) rejoin_ = true;
    });
  }
  if (now_ >= next_look_) {  // in the round of the looks
    AddClockSample();
    Ask(Question::kLeases);
    std::vector<NodeNumber> asked;
    std::vector<std::string> keys;
    for (const auto& [number, node] : directory_.nodes()) {
      if (number == number_) continue;
      asked.push_back(number);
      keys.push_back(keys_.Lease(number));
    }
    if (!asked.empty()) {
      std::vector<absl::string_view> command = {"MGET"};
      command.insert(command.end(), keys.begin(), keys.end());
      engines_.Add(kHome, command, [this, asked](const Reply& reply) { OnLeases(asked, reply); });
    }
  }
  if (Due(&next_sweep_, kSweepInterval)) AddSweep();
  AddBurial();
  if (Due(&next_memory_, kMemoryInterval)) AddMemoryQuestions();
}

// A bucket that was evicted is a hundred clients that an exact answer calls offline,
// and nothing else tells of it.
void FleetLoop::AddMemoryQuestions() {
  evicting_.clear();
  for (const Place place : PlacesOfEngines()) {
    engines_.Add(place, {"INFO", "memory"},
                 [this, where = engines_.Of(place)->connection.endpoint()](const Reply& reply) {
                   if (reply.is_error()) return;  // an access list may forbid it
                   const std::string policy = EvictionPolicy(reply.text());
                   if (!policy.empty()) evicting_[where] = policy;
                 });
  }
}

std::vector<Place> FleetLoop::PlacesOfEngines() {
  std::vector<Place> places;
  std::set<const Engines::Engine*> seen;
  for (Place place = PlaceOf(0); place <= PlaceOf(shape_.shards - 1); ++place) {
    if (engines_.IsOpen(place) && seen.insert(engines_.Of(place)).second) places.push_back(place);
  }
  return places;
}

void FleetLoop::AddClockSample() {
  Ask(Question::kTime);
  const absl::Duration asked = clocks_.monotonic();
  AddHome({"TIME"}, [this, asked](const Reply& reply) {
    if (IsRefused(Question::kTime, reply) || reply.size() != 2) return;
    clock_.Sync(absl::FromUnixSeconds(reply[0].integer()) + absl::Microseconds(reply[1].integer()),
                asked, clocks_.monotonic());
    told_time_at_ = now_;
  });
}

void FleetLoop::OnNodes(const Reply& reply) {
  if (IsRefused(Question::kNodes, reply)) return;
  directory_.MarkUnlisted();
  for (size_t i = 0; i + 1 < reply.size(); i += 2) {
    const int64_t number = reply[i].integer();
    if (number < 1 || number > UINT16_MAX) continue;
    if (directory_.Find(static_cast<NodeNumber>(number)) == nullptr) {
      next_publish_ = now_;
      next_look_ = now_;  // at its lease: does it live?
    }
    directory_.OnListed(static_cast<NodeNumber>(number), reply[i + 1].text(), now_);
  }
  const NodeDirectory::Node* me = directory_.Find(number_);
  if (me == nullptr || !me->listed || me->name != options_.node_id) rejoin_ = true;
  for (NodeNumber number : directory_.Gone(now_)) {
    table_->Forget(number, Board::DateOfEnd(now_));
    for (Reading& reading : readings_) reading.to_tell = true;
    burials_.insert(number);  // should it come back, it sends everything again
    directory_.Remove(number);
  }
}

void FleetLoop::OnLeases(const std::vector<NodeNumber>& asked, const Reply& reply) {
  // A cluster without these keys' primary answers, but with nobody's lease.
  if (IsRefused(Question::kLeases, reply)) return directory_.OnContact(now_);
  for (size_t i = 0; i < reply.size() && i < asked.size(); ++i) {
    if (directory_.OnLease(asked[i], !reply[i].is_nil(), now_)) {
      table_->SetLost(asked[i], directory_.Find(asked[i])->lost, Board::DateOfEnd(now_));
    }
    const NodeDirectory::Node* node = directory_.Find(asked[i]);
    if (node != nullptr && node->lost && node->listed && node->seen_alive &&
        now_ - node->last_alive > kBurialAfter) {
      burials_.insert(asked[i]);
    }
  }
}

// The node's generations go, and with them its rows' claim to count; the sweep frees their memory.
void FleetLoop::AddBurial() {
  if (burials_.empty() || !engines_.AllOpen()) return;  // the whole of it, or nothing yet
  const auto ignore = [](const Reply&) {};
  for (NodeNumber number : burials_) {
    const std::string node = EncodeNode(number);
    for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
      engines_.Add(PlaceOf(shard),
                   {"HDEL", keys_.Owners(shard), absl::StrCat("s", node), absl::StrCat("g", node)},
                   ignore);
    }
    AddHome({"HDEL", keys_.Nodes(), absl::StrCat(number)}, ignore);
  }
  burials_.clear();
}

void FleetLoop::AddSweep() {
  if (++sweep_bucket_ >= shape_.buckets_per_shard) {
    // Nodes start at different places and shards, so that they share the work.
    sweep_bucket_ = 0;
    sweep_shard_ = static_cast<uint32_t>(random_()) & (shape_.shards - 1);
  }
  engines_.Add(PlaceOf(sweep_shard_),
               {"FCALL", "ss1_sweep", "2", keys_.Owners(sweep_shard_),
                keys_.Bucket(sweep_shard_, sweep_bucket_)},
               [](const Reply&) {});
}

}  // namespace session_status::fleet
