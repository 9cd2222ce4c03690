#include "plugin/store/full_save.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace session_status::store {
namespace {

// In one transaction: some 100 ms of work, so that a stop is not kept waiting.
constexpr size_t kAtOnceMax = 5'000;

constexpr char kGenerationNumber[] = "generation";
constexpr char kBegunNumber[] = "full_save";  // 1: begun, not finished

}  // namespace

absl::Status FullSave::ReadNumbers(SessionDatabase& database, absl::string_view path) {
  const absl::StatusOr<int64_t> generation = database.Number(kGenerationNumber);
  if (!generation.ok()) return generation.status();
  if (*generation < 0 || *generation == INT64_MAX) {
    return absl::DataLossError(absl::StrCat(path, ": the generation is out of range"));
  }
  const absl::StatusOr<int64_t> begun = database.Number(kBegunNumber);
  if (!begun.ok()) return begun.status();
  generation_ = *generation;
  if (*begun != 0) Need();
  return absl::OkStatus();
}

absl::Status FullSave::Step(SessionDatabase& database, int64_t life, bool delete_others,
                            const VisitSome& visit_some) {
  in_transaction_ = pending();
  if (stage_ == Stage::kNeeded) {
    if (absl::Status s = Begin(database); !s.ok()) return s;
  }
  switch (stage_) {
    case Stage::kWalking:
      return WriteSome(database, life, visit_some);
    case Stage::kDeleting:
      return DeleteSome(database, delete_others);
    case Stage::kNone:
    case Stage::kNeeded:
      break;
  }
  return absl::OkStatus();
}

absl::Status FullSave::Begin(SessionDatabase& database) {
  absl::Status status = database.SetNumber(kGenerationNumber, ++generation_);
  status.Update(database.SetNumber(kBegunNumber, 1));
  walk_position_ = 0;
  stage_ = Stage::kWalking;
  return status;
}

absl::Status FullSave::WriteSome(SessionDatabase& database, int64_t life,
                                 const VisitSome& visit_some) {
  size_t written = 0;
  std::vector<Seen> seen;
  do {
    seen.clear();
    if (absl::Status s = visit_some(&walk_position_, &seen); !s.ok()) return s;
    for (const Seen& session : seen) {
      absl::Status s = database.PutSession(session.client_id, session.details, life, generation_);
      if (!s.ok()) return s;
    }
    written += seen.size();
  } while (walk_position_ != 0 && written < kAtOnceMax);
  if (walk_position_ == 0) stage_ = Stage::kDeleting;
  return absl::OkStatus();
}

absl::Status FullSave::DeleteSome(SessionDatabase& database, bool delete_others) {
  absl::StatusOr<int64_t> deleted = 0;
  if (delete_others) deleted = database.DeleteOtherGenerations(generation_, kAtOnceMax);
  if (!deleted.ok()) return deleted.status();
  if (*deleted == static_cast<int64_t>(kAtOnceMax)) return absl::OkStatus();
  stage_ = Stage::kNone;
  return database.SetNumber(kBegunNumber, 0);
}

}  // namespace session_status::store
