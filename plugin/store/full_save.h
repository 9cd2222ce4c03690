// Has every session written anew, so that the database holds those of the registry and no others:
// for a file that is new or another one, and after changes were lost.
//
// In steps, each a part of one transaction of the caller's: the registry's sessions are
// written with a new generation, some at a time; then those of other generations are
// deleted. That a save has begun is a number in the database, so that a life that ends in
// the middle leaves it to the next one.
//
// Threads: one at a time.
// Errors:  as SessionDatabase, and those of `visit_some`.
#ifndef SESSION_STATUS_PLUGIN_STORE_FULL_SAVE_H_
#define SESSION_STATUS_PLUGIN_STORE_FULL_SAVE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "plugin/store/session_database.h"
#include "registry/session_registry.h"

namespace session_status::store {

class FullSave {
 public:
  struct Seen {
    std::string client_id;
    registry::SessionDetails details;
  };
  // Appends sessions from *position on, which it moves past them; back to 0 after the last.
  using VisitSome = std::function<absl::Status(uint64_t* position, std::vector<Seen>* seen)>;

  // Where the numbers of `database`, the file at `path`, stand.
  absl::Status ReadNumbers(SessionDatabase& database, absl::string_view path);

  void Need() { stage_ = Stage::kNeeded; }
  bool pending() const { return stage_ != Stage::kNone; }
  // Of sessions that are written now.
  int64_t generation() const { return generation_; }

  // `life`: this one. Without `delete_others` nobody is deleted: nobody has seen yet whom the file
  // holds.
  absl::Status Step(SessionDatabase& database, int64_t life, bool delete_others,
                    const VisitSome& visit_some);
  // The transaction that the last step, if there was any, was a part of has been committed; true:
  // that finished the save. Or it has been rolled back, and the save begins anew.
  bool Committed() { return std::exchange(in_transaction_, false) && !pending(); }
  void RolledBack() {
    if (std::exchange(in_transaction_, false)) Need();
  }

 private:
  enum class Stage : uint8_t { kNone, kNeeded, kWalking, kDeleting };

  absl::Status Begin(SessionDatabase& database);
  absl::Status WriteSome(SessionDatabase& database, int64_t life, const VisitSome& visit_some);
  absl::Status DeleteSome(SessionDatabase& database, bool delete_others);

  Stage stage_ = Stage::kNone;
  uint64_t walk_position_ = 0;
  int64_t generation_ = 0;
  bool in_transaction_ = false;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_FULL_SAVE_H_
