#include "plugin/broker/waiting_logins_20.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "plugin/broker/client_description.h"
#include "plugin/broker/end_reason.h"

namespace session_status::broker {
namespace {

// The rest of the present one, and two whole ones.
constexpr uint64_t kRoundsOfWaiting = 3;

}  // namespace

void WaitingLogins20::Add(const mosquitto* client, size_t id_hash) {
  const uint64_t incarnation = connections_.next_incarnation();
  due_.push_back({rounds_ + kRoundsOfWaiting, id_hash, incarnation});
  rows_.emplace(id_hash, Waiting{.client = client, .incarnation = incarnation});
}

void WaitingLogins20::OnEnd(const mosquitto* client, Entry ended, size_t id_hash,
                            registry::EndReason reason, bool session_kept, absl::Time now) {
  if (PromoteContesting(client, ended.client_id, id_hash, now)) return;
  TellOrHold({std::move(ended.client_id), ended.incarnation, reason, session_kept, now,
              connections_.next_incarnation(), rounds_ + kRoundsOfWaiting});
}

WaitingLogins20::Waiting* WaitingLogins20::FindReason(const End& end) {
  const auto [first, last] = rows_.equal_range(HashOf(end.client_id));
  for (auto row = last; row != first;) {
    Waiting& waiting = (--row)->second;
    const bool may_be_it = waiting.incarnation < end.before || rounds_ < end.passed_on_until_round;
    if (may_be_it && !waiting.contests && IsLoginOf(waiting, end.client_id)) return &waiting;
  }
  return nullptr;
}

bool WaitingLogins20::IsLoginOf(const Waiting& waiting, const std::string& client_id) const {
  const Entry* const entry = connections_.Find(waiting.client);
  return entry != nullptr && entry->incarnation == waiting.incarnation &&
         entry->phase == Phase::kPending && entry->client_id == client_id;
}

void WaitingLogins20::TellOrHold(End end) {
  if (end.incarnation == 0) return;
  Waiting* const waiting = FindReason(end);
  if (waiting != nullptr && waiting->end.incarnation < end.incarnation) {
    if (waiting->end.incarnation == 0) ++ends_in_waiting_;
    std::swap(waiting->end, end);
  }
  if (end.incarnation == 0) return;
  connections_.EmitEnded(end.client_id, end.incarnation, end.reason, kNoBrokerCode,
                         end.session_kept, end.time);
}

WaitingLogins20::End WaitingLogins20::TakeEnd(Waiting& waiting) {
  if (waiting.end.incarnation != 0) --ends_in_waiting_;
  return std::exchange(waiting.end, End());
}

WaitingLogins20::Rows::iterator WaitingLogins20::Find(size_t id_hash, uint64_t incarnation) {
  const auto [first, last] = rows_.equal_range(id_hash);
  const auto found = std::find_if(
      first, last, [&](const auto& row) { return row.second.incarnation == incarnation; });
  return found == last ? rows_.end() : found;
}

void WaitingLogins20::Drop(size_t id_hash, uint64_t incarnation) {
  const auto refused = Find(id_hash, incarnation);
  if (refused == rows_.end()) return;
  End end = TakeEnd(refused->second);
  rows_.erase(refused);
  TellOrHold(std::move(end));
}

void WaitingLogins20::PromoteDue(absl::Time now) noexcept {
  while (!due_.empty() && due_.front().in_round <= rounds_) {
    const Due due = due_.front();
    due_.pop_front();
    const auto row = Find(due.id_hash, due.incarnation);
    if (row == rows_.end()) continue;
    Waiting& waiting = row->second;
    End end = TakeEnd(waiting);
    const Entry* const entry = connections_.Find(waiting.client);
    // 2.0.11 takes the identifier from those that it refuses.
    const bool is_there = entry != nullptr && entry->incarnation == due.incarnation &&
                          mosquitto_client_id(waiting.client) != nullptr;
    waiting.contests = is_there && IsOnline(due.id_hash, entry->client_id);
    const mosquitto* const accepted = is_there && !waiting.contests ? waiting.client : nullptr;
    if (!waiting.contests) rows_.erase(row);
    connections_.Contained([&] {
      if (accepted != nullptr) {
        Promote(accepted, now);  // what ended was taken over
      } else {
        TellOrHold(std::move(end));
      }
    });
  }
}

bool WaitingLogins20::IsOnline(size_t id_hash, const std::string& client_id) const {
  const mosquitto* const* const client = online_.Find(id_hash);
  const Entry* const entry = client == nullptr ? nullptr : connections_.Find(*client);
  return entry != nullptr && entry->phase == Phase::kOnline && entry->client_id == client_id;
}

bool WaitingLogins20::PromoteContesting(const mosquitto* ended, const std::string& client_id,
                                        size_t id_hash, absl::Time now) {
  const mosquitto* const* const last = online_.Find(id_hash);
  if (last == nullptr || *last != ended) return false;  // somebody took over from it before
  online_.Erase(id_hash);
  const auto [begin, end] = rows_.equal_range(id_hash);
  const auto row = std::find_if(begin, end, [&](const auto& candidate) {
    return candidate.second.contests && IsLoginOf(candidate.second, client_id);
  });
  if (row == end) return false;
  const mosquitto* const accepted = row->second.client;
  rows_.erase(row);
  Promote(accepted, now);
  return true;
}

void WaitingLogins20::Promote(const mosquitto* pending, absl::Time now) {
  Entry* const entry = connections_.Find(pending);
  if (entry == nullptr) return;
  entry->phase = Phase::kOnline;
  const size_t id_hash = HashOf(entry->client_id);
  // Logins before it were refused, or it has taken over from them, and from whoever they did.
  const auto [begin, end] = rows_.equal_range(id_hash);
  for (auto row = begin; row != end;) {
    const bool earlier =
        row->second.incarnation < entry->incarnation && IsLoginOf(row->second, entry->client_id);
    if (earlier) TakeEnd(row->second);
    row = earlier ? rows_.erase(row) : std::next(row);
  }
  // Without memory it is only not guarded against refused logins.
  connections_.Contained([&] { online_.InsertOrAssign(id_hash, pending); });
  connections_.EmitConnected(pending, *entry, now, {.session_not_told = true});
}

}  // namespace session_status::broker
