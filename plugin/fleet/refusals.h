// What the engine refuses to be asked. It is there, so nothing else would tell that what was read
// gets old.
//
// Threads: one (the fleet's).
#ifndef SESSION_STATUS_PLUGIN_FLEET_REFUSALS_H_
#define SESSION_STATUS_PLUGIN_FLEET_REFUSALS_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "plugin/fleet/engine_connection.h"

namespace session_status::fleet {

// What has to be answered for anything that was read to be fresh. kWrites, kRenewal: whether the
// engine takes writes. What the others cannot write, nobody reads.
enum class Question : uint8_t {
  kChanges,
  kLook,
  kLoad,
  kNodes,
  kLeases,
  kTime,
  kWrites,
  kRenewal,
};

// Refusals that last are told again so often; and what is asked more rarely is asked so often.
inline constexpr absl::Duration kRefusalsApart = absl::Seconds(1);

class Refusals {
 public:
  // It is being asked (again): what was refused before counts no longer.
  void Ask(Question question) { words_[static_cast<size_t>(question)].clear(); }
  // True, and noted, if the reply is an error: not the same as one without anything in it.
  bool IsRefused(Question question, const Reply& reply) {
    if (!reply.is_error()) return false;
    words_[static_cast<size_t>(question)] = std::string(reply.text());
    return true;
  }
  // The engine's words to that question; empty: it did not refuse.
  const std::string& WordsTo(Question question) const {
    return words_[static_cast<size_t>(question)];
  }
  // Those to a question that is refused; nullptr: none is.
  const std::string* Any() const {
    const auto refused = std::find_if(words_.begin(), words_.end(),
                                      [](const std::string& words) { return !words.empty(); });
    return refused == words_.end() ? nullptr : &*refused;
  }
  bool TakesWrites() const {
    return WordsTo(Question::kWrites).empty() && WordsTo(Question::kRenewal).empty();
  }

 private:
  std::array<std::string, static_cast<size_t>(Question::kRenewal) + 1> words_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_REFUSALS_H_
