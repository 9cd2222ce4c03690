#include "plugin/history/flap_counter.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace session_status::history {
namespace {

// Weights are powers of two of the half-lives since the origin; beyond this many the origin moves,
// far from the largest double.
constexpr double kHalfLivesMax = 256;

double HalfLives(int64_t ms) {
  return static_cast<double>(ms) / static_cast<double>(absl::ToInt64Milliseconds(kFlapHalfLife));
}

}  // namespace

double FlapCounter::WeightAt(int64_t time_ms) const {
  return std::exp2(std::min(HalfLives(time_ms - origin_ms_), kHalfLivesMax));
}

void FlapCounter::Rebase(int64_t time_ms) {
  const double factor = std::exp2(-HalfLives(time_ms - origin_ms_));  // 0 after a long silence
  for (Row& row : rows_) {
    row.score *= factor;
    row.score_error *= factor;
  }
  origin_ms_ = time_ms;
}

FlapCounter::Row* FlapCounter::Take(absl::string_view client_id, int64_t time_ms) {
  const auto known = by_id_.find(std::string(client_id));
  if (known != by_id_.end()) return &rows_[known->second];
  Row row;
  row.client_id.assign(client_id.data(), client_id.size());
  row.first_ms = time_ms;
  size_t at = rows_.size();
  if (at < rows_max_) {
    if (at == rows_.capacity()) rows_.reserve(std::max<size_t>(16, 2 * at));
  } else {
    const auto least = std::min_element(
        rows_.begin(), rows_.end(), [](const Row& a, const Row& b) { return a.score < b.score; });
    at = static_cast<size_t>(least - rows_.begin());
    row.score = row.score_error = least->score;
  }
  by_id_.emplace(row.client_id, at);
  // Nothing from here on needs memory: a row that has its number has its place.
  if (at == rows_.size()) {
    rows_.push_back(std::move(row));
  } else {
    by_id_.erase(rows_[at].client_id);
    rows_[at] = std::move(row);
  }
  return &rows_[at];
}

void FlapCounter::Add(absl::string_view client_id, int64_t time_ms, registry::EndReason reason,
                      absl::string_view address) {
  ++total_;
  if (rows_max_ == 0 || client_id.size() > kIdBytesMax) return;
  if (HalfLives(time_ms - origin_ms_) > kHalfLivesMax) Rebase(time_ms);
  newest_ms_ = std::max(newest_ms_, time_ms);
  Row* row = Take(client_id, time_ms);
  row->score += WeightAt(time_ms);
  ++row->flaps;
  row->last_ms = time_ms;
  row->last_reason = reason;
  if (!address.empty()) row->address.assign(address.data(), std::min(address.size(), kIdBytesMax));
}

std::vector<FlapCounter::Row> FlapCounter::Top(size_t count, int64_t now_ms) const {
  std::vector<Row> top = rows_;
  const auto by_score = [](const Row& a, const Row& b) { return a.score > b.score; };
  count = std::min(count, top.size());
  std::partial_sort(top.begin(), top.begin() + static_cast<ptrdiff_t>(count), top.end(), by_score);
  top.resize(count);
  const double now = std::exp2(-HalfLives(std::max(now_ms, newest_ms_) - origin_ms_));
  for (Row& row : top) {
    row.score *= now;
    row.score_error *= now;
  }
  return top;
}

}  // namespace session_status::history
