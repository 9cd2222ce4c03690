#include "plugin/fleet/enrolment.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/node_directory.h"

namespace session_status::fleet {
namespace {

constexpr uint32_t kRowsPerBucket = 100;
constexpr int kNumbersTriedMax = 64;
constexpr size_t kHashKeyBytes = 32;
constexpr size_t kInstanceShownMax = 64;  // bytes, as many as the option takes
constexpr int kClockSamples = 8;          // the fastest of them counts

std::string NewHashKey(Round& round) {
  std::string key(kHashKeyBytes, '\0');
  for (char& c : key) c = static_cast<char>(round.random());
  return key;
}

}  // namespace

Enrolment::Enrolment(Round& round, std::function<void()> give_up)
    : round_(round),
      give_up_(std::move(give_up)),
      boot_(round.RandomHex()),
      own_key_(NewHashKey(round)),
      marks_(round) {}

absl::StatusOr<Joined> Enrolment::Join(const Joined* so_far) {
  so_far_ = so_far;
  Joined next;
  if (absl::Status s = AgreeOnShape(&next); !s.ok()) return s;
  if (absl::Status s = CheckEngines(); !s.ok()) return s;
  if (absl::Status s = TakeNumber(&next); !s.ok()) return s;
  if (absl::Status s = TakeLease(next); !s.ok()) return s;
  if (absl::Status s = SyncClock(); !s.ok()) return s;
  next.others_to_come = next.others_to_come || gave_up_;
  return next;
}

absl::Status Enrolment::CheckEngines(const Joined* so_far) {
  so_far_ = so_far;
  return CheckEngines();
}

// On an engine that is not the fleet's nothing of ours may be read nor written.
absl::Status Enrolment::CheckEngines() {
  if (absl::Status refused = marks_.Check(); !refused.ok()) {
    GiveUp();
    round_.board.SetDirections(nullptr);
    return refused;
  }
  if (round_.engines.IsOpen(kHome)) return absl::OkStatus();
  return absl::UnavailableError(round_.status.last_error);  // lost just now
}

void Enrolment::GiveUp() {
  if (so_far_ == nullptr) return;
  give_up_();
  so_far_ = nullptr;
  gave_up_ = true;
}

absl::Status Enrolment::Call(std::initializer_list<absl::string_view> command,
                             Engines::Handler handler) {
  round_.AddHome(command, std::move(handler));
  return round_.ExecuteNow();
}

absl::Status Enrolment::AgreeOnShape(Joined* next) {
  const FleetOptions& options = round_.options;
  const size_t engines_here = round_.engines.configured();
  const std::string meta = round_.keys.Meta();
  Shape shape;
  std::string key = own_key_;
  if (so_far_ != nullptr) {
    shape = so_far_->shape;
    key = so_far_->hash_key;
  } else {
    shape.buckets_per_shard = std::max(1u, options.capacity / (shape.shards * kRowsPerBucket));
  }
  std::string refusal;  // matters only if nobody has set what this node may not
  const auto note = [&refusal](const Reply& reply) {
    if (reply.is_error()) refusal = std::string(reply.text());
  };
  round_.AddHome({"HSETNX", meta, "format", absl::StrCat(kFormatVersion)}, note);
  round_.AddHome({"HSETNX", meta, "shards", absl::StrCat(shape.shards)}, note);
  round_.AddHome({"HSETNX", meta, "buckets", absl::StrCat(shape.buckets_per_shard)}, note);
  round_.AddHome({"HSETNX", meta, "engines", absl::StrCat(engines_here)}, note);
  round_.AddHome({"HSETNX", meta, "instance", options.instance_id}, note);
  round_.AddHome({"HSETNX", meta, "key", key}, note);
  std::string error;
  int format = 0;
  uint64_t engines = 0;
  std::optional<std::string> refused_by;
  bool is_set = true;
  const auto on_meta = [&](const Reply& reply) {
    if (reply.size() != 6) {
      error = absl::StrCat("the fleet's meta key is not readable: ", reply.text());
      return;
    }
    for (size_t i = 0; i < 5; ++i) is_set = is_set && !reply[i].is_nil();
    format = static_cast<int>(reply[0].integer());
    shape.shards = static_cast<uint32_t>(reply[1].integer());
    shape.buckets_per_shard = static_cast<uint32_t>(reply[2].integer());
    engines = static_cast<uint64_t>(reply[3].integer());
    key = std::string(reply[4].text());
    if (IsAnotherInstance(reply[5], options)) refused_by = std::string(reply[5].text());
  };
  if (absl::Status s = Call(
          {"HMGET", meta, "format", "shards", "buckets", "engines", "key", "instance"}, on_meta);
      !s.ok()) {
    return s;
  }
  if (refused_by.has_value()) return RefusedBy(*refused_by);
  if (!is_set && !refusal.empty()) return absl::UnavailableError(refusal);
  const bool sane = shape.shards > 0 && (shape.shards & (shape.shards - 1)) == 0 &&
                    shape.shards <= 65536 && shape.buckets_per_shard > 0;
  if (!error.empty() || format != kFormatVersion || !sane || engines != engines_here) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the fleet ", options.name, " in the engine has format ", format, " over ", engines,
        " engines; this node has format ", kFormatVersion, " over ", engines_here, " ", error));
  }
  if (so_far_ != nullptr && (shape != so_far_->shape || key != so_far_->hash_key)) GiveUp();
  round_.status.shards = shape.shards;
  next->others_to_come = key == own_key_;
  next->shape = shape;
  next->hash_key = std::move(key);
  return absl::OkStatus();
}

// Nothing of that fleet is ours to tell, even if we were in it until now.
absl::Status Enrolment::RefusedBy(absl::string_view instance) {
  GiveUp();
  round_.board.SetDirections(nullptr);
  return absl::PermissionDeniedError(absl::StrCat(
      "the fleet ", round_.options.name, " is of instance ", instance.substr(0, kInstanceShownMax),
      ", this broker's plugin_opt_instance_id is ", round_.options.instance_id,
      "; give this broker another plugin_opt_fleet_name, or the same plugin_opt_instance_id (a "
      "fleet whose brokers have all been given another: HDEL ",
      round_.keys.Meta(), " instance in the engine)"));
}

absl::Status Enrolment::TakeNumber(Joined* next) {
  const std::string& name = round_.options.node_id;
  const std::string nodes = round_.keys.Nodes();
  NodeNumber candidate = so_far_ != nullptr ? so_far_->number : PreferredNumber(name);
  for (int i = 0; i < kNumbersTriedMax; ++i, candidate = NextNumber(candidate)) {
    const std::string number = absl::StrCat(candidate);
    std::string holder;
    std::string refusal;
    round_.AddHome({"HSETNX", nodes, number, name}, [&refusal](const Reply& reply) {
      if (reply.is_error()) refusal = std::string(reply.text());
    });
    if (absl::Status s =
            Call({"HGET", nodes, number}, [&](const Reply& r) { holder = std::string(r.text()); });
        !s.ok()) {
      return s;
    }
    if (holder.empty() && !refusal.empty()) return absl::UnavailableError(refusal);
    if (holder != name) continue;
    if (so_far_ != nullptr && candidate != so_far_->number) GiveUp();
    next->number = candidate;
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError("no free node number");
}

void Enrolment::AddRenewal(NodeNumber number, Engines::Handler handler) {
  round_.AddHome({"FCALL", "ss1_renew", "1", round_.keys.Lease(number), boot_,
                  absl::StrCat(absl::ToInt64Milliseconds(LeaseHeld(round_.options.lease)))},
                 std::move(handler));
}

void Enrolment::AddRelease(NodeNumber number) {
  round_.AddHome({"FCALL", "ss1_release", "1", round_.keys.Lease(number), boot_},
                 [](const Reply&) {});
}

absl::Status Enrolment::TakeLease(const Joined& next) {
  std::string answer;
  AddRenewal(next.number, [&](const Reply& r) { answer = std::string(r.text()); });
  if (absl::Status s = round_.ExecuteNow(); !s.ok()) return s;
  if (answer == "OK") return absl::OkStatus();
  if (answer != "TAKEN") return absl::UnavailableError(answer);
  GiveUp();
  round_.board.SetDirections(nullptr);  // whom the engine names under our number is not here
  return absl::AlreadyExistsError(
      absl::StrCat("another process is node ", round_.options.node_id,
                   ", or was until a lease time ago; node_id must differ between brokers"));
}

absl::Status Enrolment::SyncClock() {
  absl::Status status;
  for (int i = 0; i < kClockSamples && status.ok(); ++i) {
    AddClockSample();
    status = round_.ExecuteNow();
  }
  if (!status.ok() || round_.clock.synced()) return status;
  return absl::UnavailableError(absl::StrCat("the engine does not tell the time: ",
                                             round_.refusals.WordsTo(Question::kTime)));
}

void Enrolment::AddClockSample() {
  round_.refusals.Ask(Question::kTime);
  const absl::Duration asked = round_.clocks.monotonic();
  round_.AddHome({"TIME"}, [this, asked](const Reply& reply) {
    if (round_.refusals.IsRefused(Question::kTime, reply) || reply.size() != 2) return;
    round_.clock.Sync(
        absl::FromUnixSeconds(reply[0].integer()) + absl::Microseconds(reply[1].integer()), asked,
        round_.clocks.monotonic());
    told_time_at_ = round_.now;
  });
}

}  // namespace session_status::fleet
