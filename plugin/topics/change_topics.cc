#include "plugin/topics/change_topics.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "plugin/feed/change_json.h"
#include "plugin/topics/topic_name.h"

namespace session_status::topics {

ChangeTopics::ChangeTopics(registry::SessionRegistry& registry, const feed::ChangeFeed& feed,
                           const TopicOptions& options, Publish publish)
    : registry_(registry),
      feed_(feed),
      options_(options),
      publish_(std::move(publish)),
      flap_control_(options.flap_messages,
                    options.prefix.empty() ? absl::ZeroDuration() : options.flap_interval),
      sequence_(feed.ring().newest_sequence()) {
  feed.ring().SeekNewest(&cursor_);
  BeginRound();
}

void ChangeTopics::Tick(absl::Time now) {
  if (options_.prefix.empty()) return;
  messages_left_ = std::max<uint32_t>(1, options_.per_second_max / kTicksPerSecond);
  bytes_left_ = kBytesPerTickMax;
  looks_left_ = kLooksPerTickMax;
  SendDue(now);
  RemoveForgotten();
  if (SendChanges(now)) GoOnWithRound();
}

bool ChangeTopics::SendChanges(absl::Time now) {
  for (; HasBudget(); --looks_left_) {
    feed::Change change;
    switch (feed_.ring().Next(&cursor_, &change)) {
      case feed::ChangeRing::Read::kUpToDate:
        return true;
      case feed::ChangeRing::Read::kOverrun:
        SendGap();
        break;
      case feed::ChangeRing::Read::kChange:
        sequence_ = change.sequence;
        try {
          SendChange(change, now);
        } catch (const std::bad_alloc&) {  // it has been read, and will not be again
          counters_.skipped.Add();
          BeginRound();
          return false;
        }
        break;
    }
  }
  return false;
}

void ChangeTopics::Send(const std::string& topic, absl::string_view payload, bool retain) {
  --messages_left_;
  bytes_left_ -= static_cast<int64_t>(topic.size() + payload.size());
  (publish_(topic, payload, retain) ? counters_.published : counters_.skipped).Add();
}

bool ChangeTopics::IsKnown(absl::string_view client_id) const {
  return registry_.Find(client_id).state != registry::SessionState::kUnknown;
}

void ChangeTopics::SendState(const Message& message) {
  Send(message.topic, message.payload, options_.retain && IsKnown(message.client_id));
}

void ChangeTopics::SendDue(absl::Time now) {
  while (HasBudget()) {
    const std::optional<Message> due = flap_control_.TakeDue(now);
    if (!due.has_value()) return;
    SendState(*due);
  }
}

bool ChangeTopics::MakeMessage(const feed::Change& change, Message* message) {
  if (!MakeTopic(options_.prefix, change.client_id, &message->topic)) {
    counters_.skipped.Add();
    return false;
  }
  message->client_id = std::string(change.client_id);
  feed::WriteChangeJson(change, &message->payload);
  return true;
}

void ChangeTopics::SendChange(const feed::Change& change, absl::Time now) {
  Message message;
  if (!MakeMessage(change, &message)) return;
  switch (flap_control_.Offer(now, &message)) {
    case FlapControl::Verdict::kPass:
      SendState(message);
      break;
    case FlapControl::Verdict::kReplaced:
      counters_.coalesced.Add();
      break;
    case FlapControl::Verdict::kHeld:
      break;
  }
}

void ChangeTopics::SendGap() {
  const uint64_t newest = feed_.ring().newest_sequence();
  std::string payload;
  feed::WriteGapJson(sequence_, newest, feed_.epoch(), &payload);
  const std::string topic = GapTopic(options_.prefix);
  // From here on nothing allocates: without memory the gap is found again by the next tick.
  feed_.ring().SeekNewest(&cursor_);
  counters_.missed.Add(newest - sequence_);
  sequence_ = newest;
  BeginRound();
  Send(topic, payload, /*retain=*/false);
}

void ChangeTopics::BeginRound() {
  if (!Retains()) return;
  round_ = true;
  round_end_ = round_at_;
}

void ChangeTopics::GoOnWithRound() {
  // The broker may end a connection while it publishes; that change comes first.
  for (; HasBudget() && !feed_.ring().HasMore(cursor_.position()); --looks_left_) {
    if (!step_.empty()) {
      SendPresent(step_.back());
      step_.pop_back();  // not before: without memory the next tick tries again
    } else if (round_) {
      StepRound();
    } else {
      return;
    }
  }
}

void ChangeTopics::StepRound() {
  try {
    round_at_ = registry_.InspectFrom(
        round_at_, [this](const auto& session) { step_.push_back(session.client_id); });
  } catch (const std::bad_alloc&) {
    step_.clear();  // the next tick begins this step again
    throw;
  }
  round_ = round_at_ != round_end_;
}

void ChangeTopics::SendPresent(const std::string& client_id) {
  registry::SessionDetails details;
  if (!registry_.FindDetails(client_id, &details)) return;  // forgotten since the step
  Message message;
  if (!MakeMessage(feed::MakeState(client_id, details, sequence_), &message)) return;
  if (flap_control_.Replace(&message)) return counters_.coalesced.Add();
  SendState(message);
}

size_t ChangeTopics::forget_room() const {
  return Retains() ? kForgottenMax - forgotten_.size() : std::numeric_limits<size_t>::max();
}

void ChangeTopics::Forget(absl::string_view client_id) {
  if (!Retains()) return;
  if (forgotten_.size() >= kForgottenMax) return counters_.skipped.Add();
  forgotten_.emplace_back(client_id);
}

// An empty retained message removes the one that is there. At most half of a tick: changes go on.
void ChangeTopics::RemoveForgotten() {
  std::string topic;
  for (uint32_t left = messages_left_ / 2 + 1; left > 0 && HasBudget() && !forgotten_.empty();
       --left) {
    // Who is known came back meanwhile: the new state is, or will be, published.
    if (!IsKnown(forgotten_.front()) && MakeTopic(options_.prefix, forgotten_.front(), &topic)) {
      Send(topic, {}, true);
    }
    forgotten_.pop_front();
  }
}

}  // namespace session_status::topics
