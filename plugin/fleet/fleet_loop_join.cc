// Connecting and joining: who this node is in the fleet, and under which shape.
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/fleet/fleet_loop.h"

namespace session_status::fleet {
namespace {

constexpr absl::Duration kRejoinPause = absl::Milliseconds(200);
constexpr uint32_t kRowsPerBucket = 100;
constexpr int kNumbersTriedMax = 64;
constexpr size_t kHashKeyBytes = 32;
constexpr size_t kInstanceShownMax = 64;  // bytes, as many as the option takes
constexpr int kClockSamples = 8;          // the fastest of them counts

}  // namespace

bool FleetLoop::EnsureConnected() {
  const auto fail = [this](const absl::Status& error, bool home) {
    NoteError(error);
    if (home) status_.state = absl::StrCat("not joined: ", error.message());
  };
  engines_.Connect(now_, fail);
  NoticeNewEngines();
  if (!engines_.IsOpen(kHome)) {
    home_opening_ = 0;
    return false;
  }
  const uint64_t opening = engines_.Of(kHome)->opening;
  if (opening == home_opening_) return true;
  home_opening_ = 0;
  if (now_ < next_join_) return false;
  if (const absl::Status s = Join(); !s.ok()) {
    fail(s, true);
    next_join_ = now_ + (absl::IsPermissionDenied(s) ? kRefusedPause : kRejoinPause);
    return false;
  }
  home_opening_ = opening;
  status_.state = "joined";
  directory_.OnContact(now_);
  return engines_.IsOpen(kHome);
}

// A shard's engine was connected anew, or, in a cluster, is another one.
void FleetLoop::NoticeNewEngines() {
  for (uint32_t shard = 0; shard < readings_.size(); ++shard) {
    if (!engines_.IsOpen(PlaceOf(shard))) continue;
    Reading& reading = readings_[shard];
    const uint64_t opening = engines_.Of(PlaceOf(shard))->opening;
    if (std::exchange(reading.opening, opening) == opening) continue;
    // What was being loaded may have come from another engine.
    if (reading.load == Reading::Load::kBuckets) reading.load = Reading::Load::kLook;
    next_look_ = now_;  // is it the data that we know? Asked before anything else.
    next_memory_ = now_;
  }
}

absl::Status FleetLoop::ExecuteHome() {
  absl::Status status;
  const bool done = engines_.Execute([&status](const absl::Status& error) { status = error; });
  if (done || !status.ok()) return status;
  return absl::UnavailableError(absl::StrCat(engines_.Describe(), ": ", engines_.put_off()));
}

absl::Status FleetLoop::CallHome(std::initializer_list<absl::string_view> command,
                                 Engines::Handler handler) {
  AddHome(command, std::move(handler));
  return ExecuteHome();
}

absl::Status FleetLoop::Join() {
  if (absl::Status s = AgreeOnShape(); !s.ok()) return s;
  if (absl::Status s = TakeNumber(); !s.ok()) return s;
  if (absl::Status s = TakeLease(); !s.ok()) return s;
  if (absl::Status s = SyncClock(); !s.ok()) return s;
  if (!joined_) BeginMembership();
  return ListNodes();
}

absl::Status FleetLoop::AgreeOnShape() {
  const std::string meta = keys_.Meta();
  Shape shape = shape_;
  std::string key = hash_key_;
  if (!joined_) {
    shape = Shape();
    shape.buckets_per_shard = std::max(1u, options_.capacity / (shape.shards * kRowsPerBucket));
    key.resize(kHashKeyBytes);
    for (char& c : key) c = static_cast<char>(random_());
  }
  const auto ignore = [](const Reply&) {};
  AddHome({"HSETNX", meta, "format", absl::StrCat(kFormatVersion)}, ignore);
  AddHome({"HSETNX", meta, "shards", absl::StrCat(shape.shards)}, ignore);
  AddHome({"HSETNX", meta, "buckets", absl::StrCat(shape.buckets_per_shard)}, ignore);
  AddHome({"HSETNX", meta, "engines", absl::StrCat(engines_.configured())}, ignore);
  AddHome({"HSETNX", meta, "instance", options_.instance_id}, ignore);
  AddHome({"HSETNX", meta, "key", key},
          [this](const Reply& reply) { first_there_ = reply.integer() == 1; });
  std::string error;
  int format = 0;
  uint64_t engines = 0;
  std::optional<std::string> refused_by;
  const auto on_meta = [&](const Reply& reply) {
    if (reply.size() != 6) {
      error = absl::StrCat("the fleet's meta key is not readable: ", reply.text());
      return;
    }
    format = static_cast<int>(reply[0].integer());
    shape.shards = static_cast<uint32_t>(reply[1].integer());
    shape.buckets_per_shard = static_cast<uint32_t>(reply[2].integer());
    engines = static_cast<uint64_t>(reply[3].integer());
    key = std::string(reply[4].text());
    if (IsAnotherInstance(reply[5])) refused_by = std::string(reply[5].text());
  };
  if (absl::Status s = CallHome(
          {"HMGET", meta, "format", "shards", "buckets", "engines", "key", "instance"}, on_meta);
      !s.ok()) {
    return s;
  }
  if (refused_by.has_value()) return RefusedBy(*refused_by);
  const bool sane = shape.shards > 0 && (shape.shards & (shape.shards - 1)) == 0 &&
                    shape.shards <= 65536 && shape.buckets_per_shard > 0;
  if (!error.empty() || format != kFormatVersion || !sane || engines != engines_.configured()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the fleet ", options_.name, " in the engine has format ", format, " over ",
                     engines, " engines; this node has format ", kFormatVersion, " over ",
                     engines_.configured(), " ", error));
  }
  if (joined_ && shape == shape_ && key == hash_key_) return absl::OkStatus();
  StartOver();
  shape_ = shape;
  hash_key_ = key;
  return absl::OkStatus();
}

// Nothing of that fleet is ours to tell, even if we were in it until now.
absl::Status FleetLoop::RefusedBy(absl::string_view instance) {
  StartOver();
  board_.SetDirections(nullptr);
  return absl::PermissionDeniedError(absl::StrCat(
      "the fleet ", options_.name, " is of instance ", instance.substr(0, kInstanceShownMax),
      ", this broker's plugin_opt_instance_id is ", options_.instance_id,
      "; give this broker another plugin_opt_fleet_name, or the same plugin_opt_instance_id (a "
      "fleet whose brokers have all been given another: HDEL ",
      keys_.Meta(), " instance in the engine)"));
}

absl::Status FleetLoop::TakeNumber() {
  const std::string nodes = keys_.Nodes();
  NodeNumber candidate = joined_ ? number_ : PreferredNumber(options_.node_id);
  for (int i = 0; i < kNumbersTriedMax; ++i, candidate = NextNumber(candidate)) {
    const std::string number = absl::StrCat(candidate);
    std::string holder;
    AddHome({"HSETNX", nodes, number, options_.node_id}, [](const Reply&) {});
    if (absl::Status s = CallHome({"HGET", nodes, number},
                                  [&](const Reply& r) { holder = std::string(r.text()); });
        !s.ok()) {
      return s;
    }
    if (holder != options_.node_id) continue;
    if (joined_ && candidate != number_) StartOver();
    number_ = candidate;
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError("no free node number");
}

absl::Status FleetLoop::TakeLease() {
  std::string answer;
  if (absl::Status s =
          CallHome({"FCALL", "ss1_renew", "1", keys_.Lease(number_), boot_,
                    absl::StrCat(absl::ToInt64Milliseconds(LeaseHeld(options_.lease)))},
                   [&](const Reply& r) { answer = std::string(r.text()); });
      !s.ok()) {
    return s;
  }
  if (answer == "OK") return absl::OkStatus();
  if (answer != "TAKEN") return absl::UnavailableError(answer);
  StartOver();
  board_.SetDirections(nullptr);  // whom the engine names under our number is not here
  return absl::AlreadyExistsError(
      absl::StrCat("another process is node ", options_.node_id,
                   ", or was until a lease time ago; node_id must differ between brokers"));
}

absl::Status FleetLoop::SyncClock() {
  absl::Status status;
  for (int i = 0; i < kClockSamples && status.ok(); ++i) {
    AddClockSample();
    status = ExecuteHome();
  }
  if (!status.ok() || clock_.synced()) return status;
  return absl::UnavailableError(
      absl::StrCat("the engine does not tell the time: ", RefusalOf(Question::kTime)));
}

absl::Status FleetLoop::ListNodes() {
  return CallHome({"HGETALL", keys_.Nodes()}, [this](const Reply& reply) { OnNodes(reply); });
}

void FleetLoop::StartOver() {
  if (!joined_) return;
  board_.SetAsOf(-absl::InfiniteDuration());
  table_->Clear(Board::DateOfEnd(now_));
  joined_ = false;
  rejoined_ = true;
  status_.ready = false;
}

void FleetLoop::BeginMembership() {
  engines_.SetShards(shape_.shards);
  LocalSessions local(shape_, ClientHasher(hash_key_));
  if (local_.has_value()) local.TakeSessionsOf(*local_);
  local_.emplace(std::move(local));
  table_.emplace(
      others_, &next_incarnation_, shape_.shards, number_, options_.mode == Mode::kReplica,
      [this](const Event& event, NodeNumber node) {
        clock_.Saw(event.epoch);
        const LocalSession* session = local_->Find(event.hash);
        if (session == nullptr) return;
        if (session->epoch < event.epoch || (session->epoch == event.epoch && node > number_)) {
          OnTakenOver(event.hash, event.epoch);
          const bool ended = event.kind == Event::Kind::kDown;
          if (ended && options_.takeover == Takeover::kReport) to_recheck_.push_front(event.hash);
        }
      });
  writers_.assign(shape_.shards, ShardWriter());
  readings_.assign(shape_.shards, Reading());
  for (Reading& reading : readings_) {
    reading.to_tell = true;
    if (!rejoined_ && !first_there_) continue;
    reading.refilling = true;  // the others have to come (back) there too
    reading.load_at = now_ + kSettleDelay;
  }
  superseded_.clear();
  to_recheck_.clear();
  shard_of_stream_.clear();
  for (uint32_t shard = 0; shard < shape_.shards; ++shard) {
    shard_of_stream_[keys_.Changes(shard)] = shard;
  }
  directory_ = NodeDirectory(options_.lease);
  // What is in the queue still knows when it began by a clock that is never set. The registry,
  // whose times are the host's, is read after that, and only for what the queue had no room for.
  changes_.Lose();
  joined_ = true;  // last: should memory run out before, all of this is made again
}

}  // namespace session_status::fleet
