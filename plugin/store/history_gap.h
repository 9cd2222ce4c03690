// Where the history of connections lacks changes: one gap, from the first that is missing to the
// last.
//
// Threads: one at a time; values, no file.
// Errors:  none.
#ifndef SESSION_STATUS_PLUGIN_STORE_HISTORY_GAP_H_
#define SESSION_STATUS_PLUGIN_STORE_HISTORY_GAP_H_

#include <cstdint>

namespace session_status::store {

// Times: milliseconds since 1970.
class HistoryGap {
 public:
  bool empty() const { return until_ms_ == 0; }
  int64_t from_ms() const { return from_ms_; }
  int64_t until_ms() const { return until_ms_; }  // excluded

  void Add(int64_t from_ms, int64_t until_ms);

  // What was lost before the life that began at `started_ms`.
  void AddEarlier(int64_t from_ms, int64_t until_ms, int64_t started_ms);

  // What this life has lost: changes before `until_ms`, none of them before `complete_ms`. A gap
  // that ended before `forgotten_ms` is of no account any more: this one begins anew.
  void Extend(int64_t until_ms, int64_t complete_ms, int64_t forgotten_ms);

 private:
  int64_t from_ms_ = 0;
  int64_t until_ms_ = 0;  // 0: there is none
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_HISTORY_GAP_H_
