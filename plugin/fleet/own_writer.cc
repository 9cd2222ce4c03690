#include "plugin/fleet/own_writer.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/slot_map.h"

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

Generation OwnWriter::NewGeneration() {
  const auto g = static_cast<Generation>(round_.random());
  return g == 0 || g == kFarewell ? 1 : g;
}

void OwnWriter::AddBatches() {
  if (round_.now < round_.writes_blocked_until) return;
  for (uint32_t shard = 0; shard < as_.shape.shards; ++shard) {
    if (!round_.engines.IsOpen(PlaceOf(shard))) continue;
    ShardWriter& writer = writers_[shard];
    if (writer.needs_resend()) {
      ++round_.status.resends;
      writer.StartResend(NewGeneration(), local_.Resend(shard));
    }
    if (const ShardWriter::Batch* batch = writer.Next()) AddBatch(shard, *batch);
  }
}

// To one who has something to write it would say so; this one may have nothing. The function's
// number is one that no batch has, so it changes nothing; but it is a write, refused when memory is
// full, unlike the lease's.
void OwnWriter::AddWriteQuestions() {
  round_.refusals.Ask(Question::kWrites);
  for (const Place place : round_.engines.OnePlaceOfEach()) {
    const uint32_t shard = place - PlaceOf(0);
    round_.engines.Add(
        place,
        {"FCALL", "ss1_finish", "2", round_.keys.Owners(shard), round_.keys.Changes(shard),
         EncodeNode(as_.number), EncodeGeneration(0), "0", "1"},
        [this](const Reply& reply) { round_.OnWriteAnswer(Question::kWrites, reply); });
  }
}

void OwnWriter::AddFarewell() {
  for (uint32_t shard = 0; shard < as_.shape.shards; ++shard) {
    ShardWriter::Batch batch;
    batch.kind = ShardWriter::Batch::Kind::kBegin;
    batch.generation = kFarewell;
    AddBatch(shard, batch);
  }
}

void OwnWriter::AddBatch(uint32_t shard, const ShardWriter::Batch& batch) {
  const std::string owners = round_.keys.Owners(shard);
  const std::string changes = round_.keys.Changes(shard);
  const std::string node = EncodeNode(as_.number);
  const std::string generation = EncodeGeneration(batch.generation);
  const std::string number = absl::StrCat(batch.number);
  const std::string stream_entries = StreamEntries(batch.events.size());
  const Place place = PlaceOf(shard);
  const auto on_reply = [this, shard](const Reply& reply) { OnBatchReply(shard, reply); };
  switch (batch.kind) {
    case ShardWriter::Batch::Kind::kBegin:
      round_.engines.Add(place,
                         {"FCALL", "ss1_begin", "2", owners, changes, node, generation,
                          EncodeGenerations(batch.older), stream_entries, round_.RandomHex()},
                         on_reply);
      return;
    case ShardWriter::Batch::Kind::kFinish:
      round_.engines.Add(
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
    buckets.push_back(round_.keys.Bucket(shard, as_.shape.BucketOf(event.hash)));
    AppendEvent(event, &events);
  }
  const std::string key_count = absl::StrCat(buckets.size() + 2);
  std::vector<absl::string_view> command = {"FCALL", "ss1_apply", key_count, owners, changes};
  command.insert(command.end(), buckets.begin(), buckets.end());
  command.insert(command.end(), {node, generation, number, stream_entries, events});
  round_.engines.Add(place, command, on_reply);
}

void OwnWriter::OnBatchReply(uint32_t shard, const Reply& reply) {
  registry::FleetStatus& status = round_.status;
  if (reply.is_error() && MeansTryLater(reply.text())) {
    status.last_error = std::string(reply.text());  // the same batch goes into the next round
    return;
  }
  if (reply.is_error()) {
    // Refused as a whole (memory is full, …): the batch stays and is tried again.
    ++status.write_errors;
    status.last_error = std::string(reply.text());
    round_.writes_blocked_until = round_.now + kWriteRefusedPause;
    return;
  }
  writers_[shard].OnReply(reply.text(), [this](const Event& event, char letter) {
    ++round_.status.events_written;
    if (letter == 'S') on_stale_(event.hash, event.epoch);
  });
}

void OwnWriter::Check(uint32_t shard, const ShardLook& look) {
  const auto mine = look.owners.find(as_.number);
  if (mine == look.owners.end() ||
      !writers_[shard].Agrees(mine->second.number, mine->second.generations)) {
    writers_[shard].Unsync();
  }
}

void OwnWriter::SendAllAgain() noexcept {
  for (ShardWriter& writer : writers_) writer.Unsync();
}

bool OwnWriter::idle() const {
  return std::all_of(writers_.begin(), writers_.end(),
                     [](const ShardWriter& w) { return w.idle(); });
}

size_t OwnWriter::queued() const {
  size_t total = 0;
  for (const ShardWriter& writer : writers_) total += writer.outbox_size();
  return total;
}

}  // namespace session_status::fleet
