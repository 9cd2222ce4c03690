// Who flaps most, in a fixed number of rows, whatever the number of clients: the SpaceSaving
// algorithm (Metwally, Agrawal, El Abbadi 2005) over weights that fade with age (forward decay,
// Cormode et al. 2009).
//
// A client that has more than 1/rows of all (faded) flaps is certainly listed; a listed score is
// never too low, and at most `score_error` too high.
//
// Threads:   one at a time.
// Ownership: copies identifiers of at most kIdBytesMax bytes; longer ones are counted in the total
//            only, so that memory stays below rows * (kIdBytesMax + 200).
#ifndef SESSION_STATUS_PLUGIN_HISTORY_FLAP_COUNTER_H_
#define SESSION_STATUS_PLUGIN_HISTORY_FLAP_COUNTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "registry/session_event.h"

namespace session_status::history {

// A flap this old counts half: a client that has calmed down leaves the list within some hours.
inline constexpr absl::Duration kFlapHalfLife = absl::Minutes(30);

class FlapCounter {
 public:
  static constexpr size_t kIdBytesMax = 1024;

  explicit FlapCounter(size_t rows_max) : rows_max_(rows_max) {}

  // `time_ms` may run backwards a little; what is older counts less.
  void Add(absl::string_view client_id, int64_t time_ms, registry::EndReason reason,
           absl::string_view address);

  struct Row {
    std::string client_id;
    double score = 0;  // as of the time of the question
    double score_error = 0;
    uint64_t flaps = 0;  // since first_ms
    int64_t first_ms = 0;
    int64_t last_ms = 0;
    registry::EndReason last_reason = registry::EndReason::kNone;
    std::string address;
  };
  // The rows with the highest scores, highest first. `now_ms` may be before the newest flap: times
  // of events wait for a clock that was set back, and scores are as of that flap then.
  std::vector<Row> Top(size_t count, int64_t now_ms) const;
  uint64_t total() const { return total_; }

 private:
  double WeightAt(int64_t time_ms) const;
  void Rebase(int64_t time_ms);
  Row* Take(absl::string_view client_id, int64_t time_ms);

  const size_t rows_max_;
  std::vector<Row> rows_;  // scores in weights as of origin_ms_
  std::unordered_map<std::string, size_t> by_id_;
  int64_t origin_ms_ = 0;
  int64_t newest_ms_ = 0;
  uint64_t total_ = 0;
};

}  // namespace session_status::history

#endif  // SESSION_STATUS_PLUGIN_HISTORY_FLAP_COUNTER_H_
