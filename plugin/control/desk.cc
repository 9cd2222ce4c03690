#include "plugin/control/desk.h"

#include <algorithm>
#include <iterator>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/control/commands.h"

namespace session_status::control {

absl::Status Desk::Start(int nice) {
  if (!bell_.ok()) return absl::ResourceExhaustedError("no file descriptor for $CONTROL");
  {
    os::MutexLock lock(&mu_);
    outbox_.reserve(kWaitingMax);
  }
  return thread_.Start("status-control", nice, [this] { Run(); });
}

void Desk::Stop() {
  stopping_.store(true, std::memory_order_release);  // (1)
  bell_.Ring();
  thread_.Join();
}

// -- the broker's thread --------------------------------------------------------------------------

absl::Status Desk::CheckLimits(const Asker& asker, absl::string_view payload) const {
  if (payload.size() > kRequestBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request has ", payload.size(), " bytes; at most ", kRequestBytesMax));
  }
  const auto own = waiting_by_client_.find(asker.client_id);
  if (own != waiting_by_client_.end() && own->second >= kWaitingPerClientMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(own->second, " requests of this client are waiting; ask again later"));
  }
  if (waiting_ >= kWaitingMax || waiting_bytes_ + payload.size() > kWaitingBytesMax) {
    return absl::ResourceExhaustedError("too many requests are waiting; ask again later");
  }
  return absl::OkStatus();
}

void Desk::Ask(Asker asker, absl::string_view payload) noexcept {
  counters_.requests.Add();
  try {
    if (absl::Status s = CheckLimits(asker, payload); !s.ok()) return Refuse(std::move(asker), s);
    const auto own = waiting_by_client_.try_emplace(asker.client_id).first;
    ++own->second;
    try {
      staged_.push_back({std::move(asker), std::string(payload)});
    } catch (const std::bad_alloc&) {
      if (--own->second == 0) waiting_by_client_.erase(own);
      throw;
    }
    ++waiting_;
    waiting_bytes_ += payload.size();
    counters_.waiting.Add();
  } catch (const std::bad_alloc&) {
    counters_.dropped.Add();
  }
  Exchange();
}

bool Desk::HasRoomForRefusal(const Asker& asker) const {
  const auto own = std::count_if(
      refusals_.begin(), refusals_.end(),
      [&asker](const Answer& waiting) { return waiting.asker.client_id == asker.client_id; });
  return refusals_.size() < kRefusalsMax && static_cast<size_t>(own) < kRefusalsPerClientMax;
}

void Desk::Refuse(Asker asker, const absl::Status& why) noexcept {
  counters_.refused.Add();
  try {
    if (HasRoomForRefusal(asker)) {
      refusals_.push_back({std::move(asker), Refusal(why)});
      return;
    }
  } catch (const std::bad_alloc&) {
  }
  counters_.dropped.Add();
}

void Desk::Exchange() noexcept {
  if (!mu_.TryLock()) return;  // the next tick will do
  bool handed_over = false;
  try {
    ready_.insert(ready_.end(), std::make_move_iterator(outbox_.begin()),
                  std::make_move_iterator(outbox_.end()));
    outbox_.clear();
    handed_over = !staged_.empty();
    inbox_.insert(inbox_.end(), std::make_move_iterator(staged_.begin()),
                  std::make_move_iterator(staged_.end()));
    staged_.clear();
  } catch (const std::bad_alloc&) {
    // What was not moved stays where it was.
  }
  mu_.Unlock();
  if (handed_over) bell_.Ring();
}

void Desk::Release(const Finished& finished) {
  const auto own = waiting_by_client_.find(finished.answer.asker.client_id);
  if (own != waiting_by_client_.end() && --own->second == 0) waiting_by_client_.erase(own);
  --waiting_;
  waiting_bytes_ -= finished.question_bytes;
  counters_.waiting.Subtract();
}

void Desk::Tick(const std::function<bool(const Answer&)>& send) noexcept {
  if (waiting_ == 0 && refusals_.empty()) return;
  Exchange();
  size_t bytes = 0;
  for (size_t sent = 0; sent < kAnswersPerTickMax; ++sent) {
    if (refusals_.empty() && ready_.empty()) return;
    const bool refusal = ready_.empty() || (!refusals_.empty() && turn_ % kMessagesPerRefusal == 0);
    const Answer& answer = refusal ? refusals_.front() : ready_.front().answer;
    bytes += answer.payload.size();
    if (sent > 0 && bytes > kAnswerBytesPerTickMax) return;
    ++turn_;
    // An answer that found no memory is empty.
    const bool sent_away = !answer.payload.empty() && send(answer);
    (sent_away ? counters_.answered : counters_.dropped).Add();
    if (refusal) {
      refusals_.pop_front();
    } else {
      Release(ready_.front());
      ready_.pop_front();
    }
  }
}

// -- the desk's thread ----------------------------------------------------------------------------

// Empty: there is not even memory to say so.
std::string Desk::AnswerTo(const Question& question) const {
  try {
    return answerer_(question.payload);
  } catch (const std::bad_alloc&) {
  }
  try {
    return Refusal(absl::ResourceExhaustedError("out of memory"));
  } catch (const std::bad_alloc&) {
    return {};
  }
}

void Desk::Run() {
  for (;;) {
    bell_.Wait();
    std::vector<Question> questions;
    {
      os::MutexLock lock(&mu_);
      questions.swap(inbox_);
    }
    for (Question& question : questions) {
      if (stopping_.load(std::memory_order_acquire)) return;  // (2)
      Finished finished;
      finished.question_bytes = question.payload.size();
      finished.answer.payload = AnswerTo(question);
      finished.answer.asker = std::move(question.asker);
      os::MutexLock lock(&mu_);
      outbox_.push_back(std::move(finished));
    }
    if (stopping_.load(std::memory_order_acquire)) return;  // (2)
  }
}

}  // namespace session_status::control
