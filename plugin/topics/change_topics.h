// Publishes changes to MQTT topics: follows the ring from the broker's tick and hands
// it one bounded batch each time.
//
//   <prefix>/<client>   the feed's SessionChange in JSON, retained or not
//   <prefix>/$gap       the feed's FeedGap, never retained: more changed than could be published
//
// What a gap lost, or a change that there was no memory for, may be the last state of anybody,
// and a retained message would say the one before for ever. So with option retain it is followed
// by a round: every client that the registry knows is published as it is then (SessionChange
// without `kind`), out of the same budget. So is the start: what was restored is no change of the
// feed, and the broker may have kept messages of its last life. A round goes on only while nothing
// waits in the ring:
// no client's older change can come after its state, and a held one is replaced. A gap during a
// round makes it end where it is now, one full circle later, so that every client has its turn
// however often there is a gap.
//
// A retained message is removed when the registry forgets its client (ended_sessions_ttl and _max),
// so there are about as many of them as clients that the registry holds: what is published later
// than that of such a client (its change waited for the budget, or for the end of its flapping) is
// not retained. Removals take their turn, kForgottenMax of them wait: who forgets more than
// forget_room() leaves the messages of the others behind, for ever; they are counted.
//
// Threads:   Tick, Forget: broker; never wait. counters(): any.
// Ownership: registry and feed outlive this object.
// Errors:    what cannot be published, for lack of memory too, is counted. Tick throws
//            std::bad_alloc at worst; the next one goes on where it ended.
#ifndef SESSION_STATUS_PLUGIN_TOPICS_CHANGE_TOPICS_H_
#define SESSION_STATUS_PLUGIN_TOPICS_CHANGE_TOPICS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/feed/change_feed.h"
#include "plugin/topics/flap_control.h"
#include "registry/counter.h"
#include "registry/session_registry.h"

namespace session_status::topics {

struct TopicOptions {
  std::string prefix;  // empty: nothing is published
  bool retain = false;
  int qos = 0;
  uint32_t per_second_max = 5'000;
  uint32_t flap_messages = 5;
  absl::Duration flap_interval = absl::Seconds(10);
};

// The tick comes ten times a second. A tick also ends after this many bytes, and looks at no more
// changes, clients and steps of a round than this: under 2 ms, and twice what a broker's thread can
// accept in connects.
inline constexpr uint32_t kTicksPerSecond = 10;
inline constexpr size_t kBytesPerTickMax = size_t{1} << 20;
inline constexpr int kLooksPerTickMax = 4'000;
// Forgotten clients whose retained message is still there.
inline constexpr size_t kForgottenMax = 65'536;

struct TopicCounters {
  Counter published;
  Counter coalesced;  // by flap control: a newer one went in their place
  Counter skipped;    // the topic would be too long, no memory, or the broker took nothing
  Counter missed;     // changes lost by the ring before they could be published; told on $gap
};

class ChangeTopics {
 public:
  // Says whether the broker took it.
  using Publish =
      std::function<bool(const std::string& topic, absl::string_view payload, bool retain)>;

  // `registry`: the feed's.
  ChangeTopics(registry::SessionRegistry& registry, const feed::ChangeFeed& feed,
               const TopicOptions& options, Publish publish);

  void Tick(absl::Time now);
  // The registry is about to forget this client.
  void Forget(absl::string_view client_id);
  size_t forget_room() const;

  TopicCounters& counters() { return counters_; }

 private:
  bool Retains() const { return options_.retain && !options_.prefix.empty(); }
  bool HasBudget() const { return messages_left_ > 0 && bytes_left_ > 0 && looks_left_ > 0; }
  bool IsKnown(absl::string_view client_id) const;
  void Send(const std::string& topic, absl::string_view payload, bool retain);
  void SendState(const Message& message);
  void SendDue(absl::Time now);
  void RemoveForgotten();
  // False: the topic would be too long; counted.
  bool MakeMessage(const feed::Change& change, Message* message);
  // True: the ring has nothing more.
  bool SendChanges(absl::Time now);
  void SendChange(const feed::Change& change, absl::Time now);
  void SendGap();
  void BeginRound();
  void GoOnWithRound();
  void StepRound();
  void SendPresent(const std::string& client_id);

  registry::SessionRegistry& registry_;
  const feed::ChangeFeed& feed_;
  const TopicOptions options_;
  const Publish publish_;
  TopicCounters counters_;
  FlapControl flap_control_;
  feed::ChangeRing::Cursor cursor_;
  uint64_t sequence_;  // of the last change read
  std::deque<std::string> forgotten_;
  bool round_ = false;             // one is under way: to the sessions in [round_at_, round_end_)
  uint64_t round_at_ = 0;          // a position of the registry's
  uint64_t round_end_ = 0;         // a step's end, and so the end of one in later rounds
  std::vector<std::string> step_;  // who is still to be published of the last step
  uint32_t messages_left_ = 0;     // in this tick
  int64_t bytes_left_ = 0;
  int looks_left_ = 0;
};

}  // namespace session_status::topics

#endif  // SESSION_STATUS_PLUGIN_TOPICS_CHANGE_TOPICS_H_
