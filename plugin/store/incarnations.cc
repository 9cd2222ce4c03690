#include "plugin/store/incarnations.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "registry/value_limits.h"

namespace session_status::store {
namespace {

constexpr char kReservedNumber[] = "incarnations_reserved";
constexpr char kGivenNumber[] = "incarnations_given";  // as of the life's alive_ms

}  // namespace

uint64_t IncarnationFloor(absl::Time now) {
  // Half of what a database may hold: the rest is for what is given out above it.
  constexpr uint64_t kMsMax = kIncarnationAheadMax / 2 / kIncarnationsPerMs;
  const int64_t ms = absl::ToInt64Milliseconds(now - kClockIsSetFrom);
  if (ms <= 0 || static_cast<uint64_t>(ms) >= kMsMax) return 1;
  return static_cast<uint64_t>(ms) * kIncarnationsPerMs;
}

absl::Status Incarnations::ReadPast(SessionDatabase& database, absl::string_view path,
                                    const Lives& lives, int64_t started_ms) {
  const absl::StatusOr<int64_t> reserved = database.Number(kReservedNumber);
  if (!reserved.ok()) return reserved.status();
  const absl::StatusOr<int64_t> given = database.Number(kGivenNumber);
  if (!given.ok()) return given.status();
  for (const int64_t incarnation : {*reserved, *given}) {
    if (incarnation >= 0 && incarnation < kIncarnationAheadMax) continue;
    return absl::DataLossError(absl::StrCat(path, ": the incarnation is out of range"));
  }
  int64_t highest = *reserved;
  if (!lives.empty()) {
    const int64_t silent_ms = started_ms - lives.last().alive_ms;
    constexpr int64_t kSilentMsMax = int64_t{1} << 40;  // decades
    if (silent_ms >= 0 && silent_ms < kSilentMsMax) {   // else the clock was set
      // Both times are whole milliseconds: up to one more may have passed.
      const int64_t passed_ms = silent_ms + 1;
      highest = std::min(highest, *given + passed_ms * static_cast<int64_t>(kIncarnationsPerMs));
    }
  }
  NoteStored(static_cast<uint64_t>(highest));
  return absl::OkStatus();
}

void Incarnations::NoteStored(uint64_t incarnation) { first_ = std::max(first_, incarnation + 1); }

void Incarnations::Begin() {
  first_ = std::min(first_, registry::kIncarnationMax);
  NoteGiven(first_ - 1);
}

absl::Status Incarnations::ReserveBlock(SessionDatabase& database) {
  return Write(database, last() + kIncarnationBlock);
}

absl::Status Incarnations::Write(SessionDatabase& database, uint64_t reserved) {
  written_ = reserved;
  absl::Status status = database.SetNumber(kReservedNumber, static_cast<int64_t>(reserved));
  status.Update(database.SetNumber(kGivenNumber, static_cast<int64_t>(last())));
  return status;
}

uint64_t Incarnations::given_beyond_reserved() const {
  const uint64_t given = last();
  return given > reserved_ ? given - reserved_ : 0;
}

}  // namespace session_status::store
