#include "plugin/fleet/round.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::fleet {
namespace {

uint64_t Seed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

}  // namespace

Round::Round(const FleetOptions& fleet_options, const Clocks& host_clocks, Board& where_told,
             const os::StopSignal& stop)
    : options(fleet_options),
      clocks(host_clocks),
      keys(options.name),
      begun(clocks.monotonic()),
      board(where_told),
      engines(options, kEngineTimeout, &stop),
      random(Seed()),
      freshness(board) {
  status.fleet = options.name;
  status.node = options.node_id;
  status.lease = options.lease;
  status.direct = options.mode == Mode::kDirect;
  status.state = "connecting";
  status.shards = Shape().shards;
}

bool Round::Due(absl::Duration* next, absl::Duration interval) {
  if (now < *next) return false;
  *next = now + interval;
  return true;
}

void Round::NoteError(const absl::Status& error) {
  if (error.ok()) return;
  ++status.engine_errors;
  status.last_error = std::string(error.message());
}

std::string Round::RandomHex() { return absl::StrCat(absl::Hex(random(), absl::kZeroPad16)); }

void Round::AddHome(std::initializer_list<absl::string_view> command, Engines::Handler handler) {
  engines.Add(kHome, command, std::move(handler));
}

void Round::OnWriteAnswer(Question question, const Reply& reply) {
  if (refusals.IsRefused(question, reply)) freshness.OnWritesLost();
}

absl::Status Round::ExecuteNow() {
  absl::Status error;
  const bool done = engines.Execute([&error](const absl::Status& lost) { error = lost; });
  if (done || !error.ok()) return error;
  return absl::UnavailableError(absl::StrCat(engines.Describe(), ": ", engines.put_off()));
}

}  // namespace session_status::fleet
