// Brings our own changes of one shard into the engine, once each and in order, over a connection
// that may fail at any moment. A state machine: it makes batches and reads replies, and does no
// I/O.
//
//   kUnsynced --StartResend--> kOpening --OK--> kSending --all sent--> kClosing --OK--> kLive
//        ^__________________________ GAP, overflow, a failed check _____________________|
//
// A batch keeps its number until its reply is known, so a retry after a lost reply is recognised.
//
// Threads: one (the fleet's).
#ifndef SESSION_STATUS_PLUGIN_FLEET_SHARD_WRITER_H_
#define SESSION_STATUS_PLUGIN_FLEET_SHARD_WRITER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/fleet/layout.h"

namespace session_status::fleet {

// Larger batches gain nothing more (measured: 230,000 events per engine core and second at 500).
inline constexpr size_t kBatchEventsMax = 500;
// Changes kept while the engine is away; beyond, sending everything again is cheaper.
inline constexpr size_t kOutboxEventsMax = 20'000;
// Generations that may still have rows: one per interrupted re-send. Beyond, the oldest rows
// flicker.
inline constexpr size_t kGenerationsMax = 8;

class ShardWriter {
 public:
  struct Batch {
    enum class Kind : uint8_t { kBegin, kApply, kFinish };
    Kind kind = Kind::kApply;
    Generation generation = 0;
    uint32_t number = 0;
    std::vector<Generation> older;  // kBegin
    std::vector<Event> events;      // kApply
  };
  // What the engine said about one event of ours.
  using Verdict = std::function<void(const Event&, char letter)>;

  // A change of ours. While unsynced it is not needed: the re-send tells the outcome.
  void Add(const Event& event);

  // Forgets what is under way; everything has to be sent again.
  void Unsync();
  bool needs_resend() const { return phase_ == Phase::kUnsynced; }
  // `sessions`: all our sessions of this shard, now.
  void StartResend(Generation generation, std::vector<Event> sessions);

  // The batch to send next, or nullptr. The same one until OnReply().
  const Batch* Next();
  // `reply`: letters, OK, DUP or GAP.
  void OnReply(absl::string_view reply, const Verdict& verdict);

  // Does the engine hold what it should? `number` and `generations` as it has them now. Only while
  // nothing is under way.
  bool Agrees(uint32_t number, const std::vector<Generation>& generations) const;
  bool idle() const { return phase_ == Phase::kLive && !in_flight_ && outbox_.empty(); }
  bool settled() const { return phase_ == Phase::kLive && !in_flight_; }

  size_t outbox_size() const { return outbox_.size(); }

 private:
  enum class Phase : uint8_t { kUnsynced, kOpening, kSending, kClosing, kLive };

  void OnApplied(absl::string_view letters, const Verdict& verdict);

  Phase phase_ = Phase::kUnsynced;
  std::vector<Generation> generations_;  // newest first; those that may have rows
  uint32_t number_ = 0;                  // of the last batch whose reply is known
  std::deque<Event> outbox_;
  size_t resend_left_ = 0;  // the first so many of outbox_ belong to the re-send
  bool in_flight_ = false;
  Batch batch_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_SHARD_WRITER_H_
