// One walk over one cut: batches of wanted sessions, filled and trimmed to the chosen fields.
//
// Threads:   one at a time.
// Ownership: shares its cut.
// Errors:    those of FrozenCut::Read.
#ifndef SESSION_STATUS_PLUGIN_LISTING_SESSION_WALK_H_
#define SESSION_STATUS_PLUGIN_LISTING_SESSION_WALK_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/listing/frozen_cuts.h"
#include "plugin/listing/session_fields.h"
#include "plugin/listing/session_filter.h"

namespace session_status::listing {

class SessionWalk {
 public:
  struct What {
    SessionFilter filter;
    SessionFields fields;
    absl::Duration keepalive_check_grain;
  };
  SessionWalk(std::shared_ptr<FrozenCut> cut, What what)
      : cut_(std::move(cut)), what_(std::move(what)) {}

  // One step from `position` on: `take` gets each wanted session in order of position, and says
  // whether to go on; sessions at one and the same position are never separated. Sets `*next` to
  // where to go on, 0 at the end. Nothing before `keep_from` will be asked for again.
  using TakeFn = std::function<bool(pb::QuerySessionByClientIdResponse&)>;
  absl::Status Step(uint64_t position, uint64_t keep_from, const TakeFn& take, uint64_t* next);

  const std::shared_ptr<FrozenCut>& cut() const { return cut_; }
  const SessionFields& fields() const { return what_.fields; }

 private:
  std::shared_ptr<FrozenCut> cut_;
  const What what_;
  std::vector<std::pair<uint64_t, pb::QuerySessionByClientIdResponse>> step_;
};

}  // namespace session_status::listing

#endif  // SESSION_STATUS_PLUGIN_LISTING_SESSION_WALK_H_
