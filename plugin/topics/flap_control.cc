#include "plugin/topics/flap_control.h"

#include <new>
#include <utility>

#include "absl/hash/hash.h"

namespace session_status::topics {

FlapControl::FlapControl(uint32_t messages, absl::Duration interval, size_t clients_max)
    : messages_(messages), interval_(interval), clients_max_(clients_max) {
  // What comes in one tick may go beyond the limit, until the next one gives up the oldest.
  if (interval_ > absl::ZeroDuration()) clients_.reserve(clients_max_ + clients_max_ / 8);
}

FlapControl::Verdict FlapControl::Offer(absl::Time now, Message* message) {
  if (interval_ <= absl::ZeroDuration()) return Verdict::kPass;
  const uint64_t key = absl::Hash<absl::string_view>()(message->client_id);
  const auto [found, added] = clients_.try_emplace(key);
  if (added) {
    try {
      intervals_.push_back({now + interval_, key});
    } catch (const std::bad_alloc&) {
      clients_.erase(found);  // whom no interval ends would be held for ever
      throw;
    }
  }
  Client& client = found->second;
  if (client.passed < messages_) {
    ++client.passed;
    return Verdict::kPass;
  }
  const size_t bytes = BytesOf(*message);
  if (client.held != nullptr) {
    held_bytes_ += bytes - BytesOf(*client.held);
    *client.held = std::move(*message);
    return Verdict::kReplaced;
  }
  if (held_bytes_ + bytes > kHeldBytesMax) return Verdict::kPass;
  client.held = std::make_unique<Message>(std::move(*message));
  held_bytes_ += bytes;
  return Verdict::kHeld;
}

bool FlapControl::Replace(Message* message) {
  const auto found = clients_.find(absl::Hash<absl::string_view>()(message->client_id));
  if (found == clients_.end() || found->second.held == nullptr) return false;
  held_bytes_ += BytesOf(*message) - BytesOf(*found->second.held);
  *found->second.held = std::move(*message);
  return true;
}

std::optional<Message> FlapControl::TakeDue(absl::Time now) {
  while (!intervals_.empty() && (intervals_.front().end <= now || clients_.size() > clients_max_)) {
    const uint64_t key = intervals_.front().key;
    const auto found = clients_.find(key);
    const bool again = found->second.held != nullptr && clients_.size() <= clients_max_;
    // First: when there is no memory for it nothing has changed.
    if (again) intervals_.push_back({now + interval_, key});
    intervals_.pop_front();
    if (found->second.held == nullptr) {
      clients_.erase(found);
      continue;
    }
    Message due = std::move(*found->second.held);
    held_bytes_ -= BytesOf(due);
    if (again) {
      found->second = {1, nullptr};  // this message is the first of the next interval
    } else {
      clients_.erase(found);
    }
    return due;
  }
  return std::nullopt;
}

}  // namespace session_status::topics
