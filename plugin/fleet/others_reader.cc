#include "plugin/fleet/others_reader.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/engines.h"

namespace session_status::fleet {
namespace {

// One round trip of a load: some 50,000 rows, about 50 ms. More than the engine reads at once, so
// that it works on the later ones while we do on the earlier ones.
constexpr uint32_t kBucketsPerRoundMax = 512;
// So many say well enough how many rows a shard has.
constexpr uint32_t kBucketsBeforeEstimate = 32;

}  // namespace

OthersReader::OthersReader(Round& round, const Joined& as, ReadPace& pace, OthersTable& table,
                           NodeDirectory& directory, OwnWriter& writer, Takeovers& takeovers)
    : round_(round),
      as_(as),
      pace_(pace),
      table_(table),
      directory_(directory),
      writer_(writer),
      takeovers_(takeovers),
      readings_(as.shape.shards) {
  for (uint32_t shard = 0; shard < as.shape.shards; ++shard) {
    Reading& reading = readings_[shard];
    if (as.others_to_come) {
      reading.refilling = true;
      reading.load_at = round.now + kSettleDelay;
    }
    shard_of_stream_[round.keys.Changes(shard)] = shard;
  }
}

void OthersReader::NoticeNewEngines() {
  for (uint32_t shard = 0; shard < readings_.size(); ++shard) {
    if (!round_.engines.IsOpen(PlaceOf(shard))) continue;
    Reading& reading = readings_[shard];
    const uint64_t opening = round_.engines.Of(PlaceOf(shard))->opening;
    if (std::exchange(reading.opening, opening) == opening) continue;
    // What was being loaded may have come from another engine.
    if (reading.load == Reading::Load::kBuckets) reading.load = Reading::Load::kLook;
    round_.next_look = round_.now;  // is it the data that we know? Asked before anything else.
    round_.next_memory = round_.now;
  }
}

void OthersReader::AddReads() {
  round_.refusals.Ask(Question::kChanges);
  pace_.OnRound();
  const std::string count = absl::StrCat(pace_.entries_per_read());
  // One command for all streams of an engine. A cluster wants one for each slot.
  const auto groups = round_.engines.is_cluster()
                          ? as_.shape.shards
                          : static_cast<uint32_t>(round_.engines.configured());
  for (uint32_t group = 0; group < groups; ++group) {
    std::vector<std::string> keys;
    std::vector<absl::string_view> positions;
    for (uint32_t shard = group; shard < as_.shape.shards; shard += groups) {
      if (readings_[shard].load != Reading::Load::kNone) continue;
      keys.push_back(round_.keys.Changes(shard));
      positions.push_back(readings_[shard].position);
    }
    if (keys.empty()) continue;
    std::vector<absl::string_view> command = {"XREAD", "COUNT", count, "STREAMS"};
    command.insert(command.end(), keys.begin(), keys.end());
    command.insert(command.end(), positions.begin(), positions.end());
    round_.engines.Add(PlaceOf(group), command, [this](const Reply& reply) { OnRead(reply); });
  }
}

void OthersReader::OnRead(const Reply& reply) {
  if (round_.refusals.IsRefused(Question::kChanges, reply)) return;
  const absl::Time date = Board::DateOfEnd(round_.now);
  for (size_t i = 0; i < reply.size(); ++i) {
    const auto it = shard_of_stream_.find(reply[i][0].text());
    if (it == shard_of_stream_.end()) continue;
    const uint32_t shard = it->second;
    Reading& reading = readings_[shard];
    const Reply entries = reply[i][1];
    if (entries.size() >= pace_.entries_per_read()) {
      round_.more = true;
      pace_.OnMoreLeft();
    }
    // A look in this round may have found that the data is another one.
    for (size_t j = 0; j < entries.size() && reading.load == Reading::Load::kNone; ++j) {
      const Reply fields = entries[j][1];
      if (fields.size() < 2) continue;
      const std::optional<Entry> entry = DecodeEntry(fields[1].text());
      const absl::string_view id = entries[j][0].text();
      ++round_.status.entries_read;
      if (entry.has_value()) pace_.OnEvents(entry->events.size());
      // Who is that? Answers should name it.
      if (entry.has_value() && directory_.Find(entry->node) == nullptr) {
        round_.next_nodes = round_.now;
      }
      if (entry.has_value() && entry->node != as_.number) {
        for (const Event& event : entry->events) takeovers_.Prefetch(event.hash);
      }
      if (entry.has_value() && !IsEarlierId(reading.loaded_to, id)) {
        table_.Replay(*entry);
      } else if (!entry.has_value() || !table_.ApplyEntry(shard, *entry, date)) {
        ScheduleLoad(shard, absl::ZeroDuration());
        break;
      }
      reading.position.assign(id.data(), id.size());
      reading.to_tell = true;
    }
  }
}

void OthersReader::AddLooks() {
  round_.refusals.Ask(Question::kLook);
  round_.freshness.OnLooks();
  for (uint32_t shard = 0; shard < as_.shape.shards; ++shard) {
    // Asked before this round's batches, so it must agree with the replies known now.
    const bool settled = writer_.settled(shard);
    round_.engines.Add(
        PlaceOf(shard),
        {"FCALL_RO", "ss1_look", "2", round_.keys.Owners(shard), round_.keys.Changes(shard)},
        [this, shard, settled](const Reply& reply) { OnLook(shard, settled, reply); });
  }
}

void OthersReader::OnLook(uint32_t shard, bool settled, const Reply& reply) {
  if (round_.refusals.IsRefused(Question::kLook, reply) || reply.size() != 2) return;
  const ShardLook look = ParseLook(reply);
  Reading& reading = readings_[shard];
  if (reading.load != Reading::Load::kLook && IsOtherData(shard, look, reading.position)) {
    AwaitRefill(shard, look);
  }
  if (settled) writer_.Check(shard, look);
}

bool OthersReader::IsOtherData(uint32_t shard, const ShardLook& look,
                               absl::string_view known) const {
  std::vector<Followed::Node> nodes;
  table_.TellFollowed(shard, &nodes);
  return look.birth != readings_[shard].birth || IsEarlierId(look.last_id, known) ||
         NumbersWentBack(look, nodes);
}

void OthersReader::AwaitRefill(uint32_t shard, const ShardLook& look) {
  Reading& reading = readings_[shard];
  reading.birth = look.birth;
  reading.position = kStreamStart;
  reading.refilling = reading.to_tell = true;
  ScheduleLoad(shard, kSettleDelay);
  round_.freshness.OnWritesLost();
  round_.next_renewal = round_.next_nodes = round_.now;  // what else is missing there?
}

void OthersReader::ScheduleLoad(uint32_t shard, absl::Duration delay) {
  readings_[shard].load = Reading::Load::kLook;
  readings_[shard].load_at = round_.now + delay;
}

void OthersReader::AddLoads() {
  round_.refusals.Ask(Question::kLoad);
  uint32_t budget = kBucketsPerRoundMax;
  for (uint32_t shard = 0; shard < as_.shape.shards && budget > 0; ++shard) {
    Reading& reading = readings_[shard];
    const Place place = PlaceOf(shard);
    if (reading.load == Reading::Load::kNone || !round_.engines.IsOpen(place)) continue;
    const std::string owners = round_.keys.Owners(shard);
    const std::string changes = round_.keys.Changes(shard);
    if (reading.load == Reading::Load::kLook) {
      if (round_.now < reading.load_at) continue;
      round_.more = true;
      round_.engines.Add(place, {"FCALL_RO", "ss1_look", "2", owners, changes},
                         [this, shard](const Reply& reply) { OnLoadLook(shard, reply); });
      continue;
    }
    round_.more = true;
    const uint32_t end = std::min(reading.next_bucket + budget, as_.shape.buckets_per_shard);
    budget -= end - reading.next_bucket;
    for (uint32_t bucket = reading.next_bucket; bucket < end; ++bucket) {
      round_.engines.Add(
          place, {"HGETALL", round_.keys.Bucket(shard, bucket)},
          [this, shard, bucket](const Reply& reply) { OnBucket(shard, bucket, reply); });
    }
    if (end < as_.shape.buckets_per_shard) continue;
    round_.engines.Add(place, {"FCALL_RO", "ss1_look", "2", owners, changes},
                       [this, shard](const Reply& reply) { OnBucketsRead(shard, reply); });
  }
}

void OthersReader::OnLoadLook(uint32_t shard, const Reply& reply) {
  if (round_.refusals.IsRefused(Question::kLoad, reply) || reply.size() != 2) return;
  const ShardLook look = ParseLook(reply);
  Reading& reading = readings_[shard];
  ++round_.status.loads;
  reading.loaded_to = look.last_id;
  if (look.birth != reading.birth) reading.position = kStreamStart;
  reading.birth = look.birth;
  table_.BeginLoad(shard, look.owners, Board::DateOfEnd(round_.now));
  for (const auto& [number, owner] : look.owners) {  // home may have forgotten it; does it live?
    if (directory_.Find(number) != nullptr) continue;
    directory_.OnFound(number, round_.now);
    round_.next_look = round_.next_nodes = round_.next_publish = round_.now;
  }
  reading.next_bucket = 0;
  reading.rows = 0;
  reading.load = Reading::Load::kBuckets;
  if (round_.options.mode != Mode::kDirect) return;
  // It keeps no rows: the owners are all it needs, and who of its own has moved away meanwhile is
  // told when they are sent again.
  OnLoaded(shard);
  writer_.SendAgain(shard);
}

void OthersReader::OnBucket(uint32_t shard, uint32_t bucket, const Reply& reply) {
  Reading& reading = readings_[shard];
  // A look in this round may have started the load again.
  if (reading.load != Reading::Load::kBuckets || reading.next_bucket != bucket) return;
  // Asked again in the next round, with those behind it.
  if (round_.refusals.IsRefused(Question::kLoad, reply)) return;
  reading.rows += reply.size() / 2;
  if (bucket + 1 == kBucketsBeforeEstimate) {
    const size_t per_bucket = reading.rows / kBucketsBeforeEstimate + 1;
    table_.ExpectRows(shard, per_bucket * as_.shape.buckets_per_shard);
  }
  std::vector<OthersTable::LoadedRow> rows;
  rows.reserve(reply.size() / 2);
  for (size_t i = 0; i + 1 < reply.size(); i += 2) {
    const std::optional<Row> row = DecodeRow(reply[i + 1].text());
    if (!row.has_value() || reply[i].text().size() != sizeof(ClientHash::bytes)) continue;
    round_.clock.Saw(row->epoch);
    rows.push_back({ClientHash::From(reply[i].text()), *row});
  }
  table_.LoadRows(shard, rows, Board::DateOfEnd(round_.now));
  for (const auto& [hash, row] : rows) {
    if (row.node == as_.number || !takeovers_.HasOlder(hash, row.epoch)) continue;
    // Nobody's: the newer connection has ended, and the row waits for this one's end.
    takeovers_.OnTakenOver(hash, row.node == kNobody ? row.epoch : table_.Find(shard, hash).epoch);
  }
  ++reading.next_bucket;
}

// Were they all of the data whose owners were read before them? What an engine lost in between must
// not be taken for what the nodes ended.
void OthersReader::OnBucketsRead(uint32_t shard, const Reply& reply) {
  Reading& reading = readings_[shard];
  if (round_.refusals.IsRefused(Question::kLoad, reply)) return;
  if (reading.load != Reading::Load::kBuckets || reply.size() != 2) return;
  if (reading.next_bucket < as_.shape.buckets_per_shard) return;
  const ShardLook look = ParseLook(reply);
  if (IsOtherData(shard, look, reading.loaded_to)) return AwaitRefill(shard, look);
  table_.EndLoad(shard, look.owners, Board::DateOfEnd(round_.now));
  OnLoaded(shard);
}

void OthersReader::OnLoaded(uint32_t shard) {
  Reading& reading = readings_[shard];
  reading.load = Reading::Load::kNone;
  if (round_.options.mode == Mode::kReplica) reading.refilling = false;
  reading.to_tell = true;
}

size_t OthersReader::loading() const {
  return static_cast<size_t>(
      std::count_if(readings_.begin(), readings_.end(),
                    [](const Reading& r) { return r.load != Reading::Load::kNone; }));
}

void OthersReader::LoadAgain() noexcept {
  for (Reading& reading : readings_) reading.load = Reading::Load::kLook;
}

void OthersReader::TellAllFollowed() {
  for (Reading& reading : readings_) reading.to_tell = true;
}

void OthersReader::TellFollowed() {
  for (uint32_t shard = 0; shard < readings_.size(); ++shard) {
    Reading& reading = readings_[shard];
    // Without a copy, that nobody is missing is known only when everybody is back.
    if (reading.refilling && reading.load == Reading::Load::kNone && table_.AllBack(shard)) {
      reading.refilling = false;
      reading.to_tell = true;
    }
    if (!reading.to_tell) continue;
    auto followed = std::make_shared<Followed>();
    followed->birth = reading.birth;
    followed->position =
        IsEarlierId(reading.position, reading.loaded_to) ? reading.loaded_to : reading.position;
    followed->refilling = reading.refilling;
    table_.TellFollowed(shard, &followed->nodes);
    round_.board.SetFollowed(shard, std::move(followed));
    reading.to_tell = false;
  }
}

}  // namespace session_status::fleet
