#include "plugin/fleet/shard_writer.h"

#include <algorithm>

namespace session_status::fleet {

void ShardWriter::Add(const Event& event) {
  if (phase_ == Phase::kUnsynced) return;
  if (outbox_.size() >= resend_left_ + kOutboxEventsMax) return Unsync();
  outbox_.push_back(event);
}

void ShardWriter::Unsync() {
  phase_ = Phase::kUnsynced;
  outbox_.clear();
  resend_left_ = 0;
  in_flight_ = false;
}

void ShardWriter::StartResend(Generation generation, std::vector<Event> sessions) {
  Unsync();
  batch_ = Batch();
  batch_.kind = Batch::Kind::kBegin;
  batch_.generation = generation;
  batch_.older = generations_;
  in_flight_ = true;
  phase_ = Phase::kOpening;
  generations_.insert(generations_.begin(), generation);
  if (generations_.size() > kGenerationsMax) generations_.resize(kGenerationsMax);
  number_ = 0;
  resend_left_ = sessions.size();
  outbox_.assign(sessions.begin(), sessions.end());
}

const ShardWriter::Batch* ShardWriter::Next() {
  if (phase_ == Phase::kUnsynced) return nullptr;
  if (in_flight_) return &batch_;
  const bool resent = phase_ == Phase::kSending && resend_left_ == 0;
  if (outbox_.empty() && !resent) return nullptr;
  batch_ = Batch();
  batch_.generation = generations_.front();
  batch_.number = number_ + 1;
  in_flight_ = true;
  if (resent) {
    batch_.kind = Batch::Kind::kFinish;
    phase_ = Phase::kClosing;
    return &batch_;
  }
  // A batch does not mix re-sent and new events, so that the end follows the last re-sent one.
  const size_t limit = resend_left_ > 0 ? resend_left_ : outbox_.size();
  const size_t count = std::min(kBatchEventsMax, limit);
  const auto end = outbox_.begin() + static_cast<std::ptrdiff_t>(count);
  batch_.events.assign(outbox_.begin(), end);
  outbox_.erase(outbox_.begin(), end);
  if (resend_left_ > 0) resend_left_ -= count;
  return &batch_;
}

void ShardWriter::OnReply(absl::string_view reply, const Verdict& verdict) {
  if (!in_flight_) return;
  // DUP: the first reply was lost, and with it which of the events were stale. Sending the shard
  // again brings that back.
  if (reply == "GAP" || (reply == "DUP" && batch_.kind == Batch::Kind::kApply)) return Unsync();
  in_flight_ = false;
  switch (batch_.kind) {
    case Batch::Kind::kBegin:
      phase_ = Phase::kSending;
      break;
    case Batch::Kind::kApply:
      number_ = batch_.number;
      OnApplied(reply, verdict);
      break;
    case Batch::Kind::kFinish:
      number_ = batch_.number;
      generations_.resize(1);
      phase_ = Phase::kLive;
      break;
  }
}

void ShardWriter::OnApplied(absl::string_view letters, const Verdict& verdict) {
  if (letters.size() != batch_.events.size()) return Unsync();
  for (size_t i = 0; i < letters.size(); ++i) verdict(batch_.events[i], letters[i]);
}

bool ShardWriter::Agrees(uint32_t number, const std::vector<Generation>& generations) const {
  return number == number_ && generations.size() == 1 &&
         generations.front() == generations_.front();
}

}  // namespace session_status::fleet
