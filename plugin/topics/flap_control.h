// Keeps a client that flaps from flooding: in an interval that begins with its first message it may
// have so many; what comes beyond is held, each newer in place of the older, and the last of it is
// due when the interval ends. So the last state always comes through, late by one interval at most.
//
// Bounded: kClientsMax intervals at a time (one tick may go beyond), which are given up
// oldest first (their held message is then due early), and kHeldBytesMax of held
// messages, beyond which messages pass.
//
// Threads: one at a time (the broker's tick).
// Errors:  std::bad_alloc; then nothing has changed, and a message that was offered was not taken.
#ifndef SESSION_STATUS_PLUGIN_TOPICS_FLAP_CONTROL_H_
#define SESSION_STATUS_PLUGIN_TOPICS_FLAP_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::topics {

struct Message {
  std::string client_id;
  std::string topic;
  std::string payload;
};

class FlapControl {
 public:
  static constexpr size_t kClientsMax = 65'536;
  static constexpr size_t kHeldBytesMax = size_t{8} << 20;

  // `messages` (> 0) of one client in each `interval`; an interval of zero lets everything pass.
  // Takes its memory now, 5 MB, rather than from the broker's time later.
  FlapControl(uint32_t messages, absl::Duration interval, size_t clients_max = kClientsMax);

  enum class Verdict : uint8_t {
    kPass,      // publish it now
    kHeld,      // taken; it will be due later
    kReplaced,  // taken, in place of an older one that will not be published
  };
  // `*message` is moved from unless it passes.
  Verdict Offer(absl::Time now, Message* message);

  // For a message that no flap has brought: true, and taken, if an older one of its client is held.
  bool Replace(Message* message);

  // The next held message whose time has come.
  std::optional<Message> TakeDue(absl::Time now);

  size_t clients() const { return clients_.size(); }
  size_t held_bytes() const { return held_bytes_; }

 private:
  struct Client {
    uint32_t passed = 0;
    std::unique_ptr<Message> held;
  };
  struct Interval {
    absl::Time end;
    uint64_t key = 0;
  };
  static size_t BytesOf(const Message& m) {
    return m.client_id.size() + m.topic.size() + m.payload.size();
  }

  const uint32_t messages_;
  const absl::Duration interval_;
  const size_t clients_max_;
  size_t held_bytes_ = 0;
  // By hash: two identifiers that share one (2^-64) would share a budget.
  std::unordered_map<uint64_t, Client> clients_;
  std::deque<Interval> intervals_;  // all equally long, so in order of their ends
};

}  // namespace session_status::topics

#endif  // SESSION_STATUS_PLUGIN_TOPICS_FLAP_CONTROL_H_
