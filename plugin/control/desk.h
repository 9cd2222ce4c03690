// Where requests of `$CONTROL/session-status/v1` wait, are answered and leave, so that the broker's
// thread does no more than copy a request in and an answer out:
//
//   broker    Ask() ──▶ staged ─┐            ┌─ ready ──▶ Tick(): some answers, some bytes
//   ─────────────────────────── inbox ───── outbox ─────────────────────────────────────────
//   desk                          └─ answers one by one ─┘
//
// The two sides meet under a lock that the broker's thread only tries: what it cannot hand over now
// waits for its next tick.
//
// Threads: Ask, Refuse, Tick, Stop: broker; they never wait (Stop does, for the answer in work).
//          The answerer runs on the desk's own thread. counters(): any.
// Errors:  a request over a limit is answered with what was wrong; when even that finds no room it
//          is dropped. Both are counted.
#ifndef SESSION_STATUS_PLUGIN_CONTROL_DESK_H_
#define SESSION_STATUS_PLUGIN_CONTROL_DESK_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "plugin/os/bell.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "registry/counter.h"

namespace session_status::control {

inline constexpr size_t kRequestBytesMax = size_t{1} << 20;
inline constexpr size_t kWaitingMax = 64;
inline constexpr size_t kWaitingBytesMax = size_t{4} << 20;
inline constexpr size_t kWaitingPerClientMax = 8;
// What one tick hands to the broker, ten ticks a second: one answer in any case, then as many as
// fit. A megabyte is copied in a fraction of a millisecond.
inline constexpr size_t kAnswersPerTickMax = 32;
inline constexpr size_t kAnswerBytesPerTickMax = size_t{1} << 20;
// Refusals that wait to be sent, in all and of one client; more are dropped.
inline constexpr size_t kRefusalsMax = 64;
inline constexpr size_t kRefusalsPerClientMax = 8;
// While answers wait, too, one message in so many is a refusal: anybody can provoke them without
// limit, and they must not crowd out answers.
inline constexpr uint32_t kMessagesPerRefusal = 4;

// Who asked, and where the answer goes.
struct Asker {
  std::string client_id;
  // Of the connection that asked, if it is known: the answer is for it, and not for whoever takes
  // its name later. The desk only carries it.
  uint64_t incarnation = 0;
  std::string topic;
  std::string correlation;
  int qos = 0;
};

struct Answer {
  Asker asker;
  std::string payload;
};

struct DeskCounters {
  Counter requests;
  Counter refused;   // over a limit, or not allowed
  Counter answered;  // answers and refusals handed to the broker
  Counter dropped;   // no room, no memory, or the asker had gone
  Counter waiting;   // now
};

class Desk {
 public:
  using Answerer = std::function<std::string(absl::string_view payload)>;

  explicit Desk(Answerer answerer) : answerer_(std::move(answerer)) {}
  ~Desk() { Stop(); }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  absl::Status Start(int nice);
  void Stop();

  void Ask(Asker asker, absl::string_view payload) noexcept;
  void Refuse(Asker asker, const absl::Status& why) noexcept;
  // `send` says whether the answer left.
  void Tick(const std::function<bool(const Answer&)>& send) noexcept;

  DeskCounters& counters() { return counters_; }

 private:
  struct Question {
    Asker asker;
    std::string payload;
  };
  // An answer on its way back, with what it gives back to the limits.
  struct Finished {
    Answer answer;
    size_t question_bytes = 0;
  };

  absl::Status CheckLimits(const Asker& asker, absl::string_view payload) const;
  bool HasRoomForRefusal(const Asker& asker) const;
  void Exchange() noexcept ABSL_LOCKS_EXCLUDED(mu_);
  void Release(const Finished& finished);
  std::string AnswerTo(const Question& question) const;
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const Answerer answerer_;
  DeskCounters counters_;

  // The broker's.
  std::vector<Question> staged_;
  std::deque<Finished> ready_;
  std::deque<Answer> refusals_;
  uint32_t turn_ = 0;   // counts messages
  size_t waiting_ = 0;  // questions asked whose answers have not left
  size_t waiting_bytes_ = 0;
  std::unordered_map<std::string, size_t> waiting_by_client_;

  os::Mutex mu_;
  std::vector<Question> inbox_ ABSL_GUARDED_BY(mu_);
  // Reserved for all that can be waiting: the question of an answer that found no room here would
  // count against the limits for ever.
  std::vector<Finished> outbox_ ABSL_GUARDED_BY(mu_);

  os::Bell bell_;
  // (1) release store in Stop(), before the bell; pairs with (2) acquire load in Run().
  std::atomic<bool> stopping_{false};
  os::ServiceThread thread_;
};

}  // namespace session_status::control

#endif  // SESSION_STATUS_PLUGIN_CONTROL_DESK_H_
