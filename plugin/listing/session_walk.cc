#include "plugin/listing/session_walk.h"

#include <algorithm>

#include "plugin/api/service.h"

namespace session_status::listing {

absl::Status SessionWalk::Step(uint64_t position, uint64_t keep_from, const TakeFn& take,
                               uint64_t* next) {
  step_.clear();
  const absl::Status status = cut_->Read(
      position, keep_from,
      [this](uint64_t at, absl::string_view id, const registry::SessionDetails& details) {
        if (!what_.filter.Wants(id, details)) return;
        step_.emplace_back(at, pb::QuerySessionByClientIdResponse());
        api::FillSession(id, details, cut_->taken_at(), what_.keepalive_check_grain,
                         &step_.back().second);
        what_.fields.Keep(&step_.back().second);
      },
      next);
  if (!status.ok()) return status;
  std::sort(step_.begin(), step_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  bool more = true;
  for (size_t i = 0; i < step_.size(); ++i) {
    if (!more && step_[i].first != step_[i - 1].first) {
      *next = step_[i].first;
      return absl::OkStatus();
    }
    if (!take(step_[i].second)) more = false;
  }
  return absl::OkStatus();
}

}  // namespace session_status::listing
