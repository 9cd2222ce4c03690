// What is known about a client altogether: this node's own registry and, in a fleet, the other
// nodes'. The one place that decides between the two.
//
//   * connected here: here it is;
//   * else connected elsewhere: there it is;
//   * else the last of the two ends tells reason and time. A takeover is the last of neither: the
//     connection that took over has an end of its own. A session that this node keeps stays kept.
//
// In a batch a connection lost here may have grace (loss_grace.h). It ends when the client is known
// to be connected elsewhere, or to have been, later, and to have left for another reason than a
// loss.
//
// Threads:     any.
// Consistency: a batch is answered from one cut of the own sessions and one of the others'. The own
//              cut is read first; the refresher publishes the others' first: a client that moves
//              between nodes is in at least one of them.
// Ownership:   both parts outlive the view. Without a fleet there are no others, and everything
//              here costs what the registry alone would.
#ifndef SESSION_STATUS_REGISTRY_WHOLE_VIEW_H_
#define SESSION_STATUS_REGISTRY_WHOLE_VIEW_H_

#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "registry/loss_grace.h"
#include "registry/others_view.h"
#include "registry/session_registry.h"

namespace session_status::registry {

// Where a batch was answered from.
struct WholeCut {
  SnapshotInfo own;
  bool fleet = false;
  OthersCut others;                                  // in a fleet
  absl::InlinedVector<absl::string_view, 16> nodes;  // in a fleet: the other node that holds
                                                     // client i, or empty; lives as long as this
};

// One client.
struct WholeSession {
  bool known_here = false;
  SessionDetails own;      // if known_here
  bool elsewhere = false;  // `other` is the later, and the answer
  OtherSession other;      // in a fleet, unless connected here
  AnswerSource source = AnswerSource::kLocal;
  SessionStatus status() const { return elsewhere ? other.status : own.status; }
};

class WholeView {
 public:
  // `others`: nullptr without a fleet.
  explicit WholeView(const SessionRegistry& own, const OthersView* others = nullptr)
      : own_(own), others_(others) {}

  // Before the first query: own clients that lost their connection have grace in batches. The grace
  // outlives the view.
  void use_grace(const LossGrace* grace) { grace_ = grace; }

  // Answers client_ids[i] into out[i]. REQUIRES: out.size() == client_ids.size().
  WholeCut QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                         absl::Span<SessionStatus> out) const {
    WholeCut cut;
    cut.own = grace_ == nullptr ? own_.QuerySnapshot(client_ids, out)
                                : grace_->QuerySnapshot(client_ids, out);
    if (others_ != nullptr) AddOthers(client_ids, out, &cut);
    return cut;
  }

  // Errors: Unavailable, from a fleet whose engine is away and that is configured to say so.
  absl::Status Find(absl::string_view client_id, absl::Time now, WholeSession* session) const;

  const SessionRegistry& own() const { return own_; }
  const OthersView* others() const { return others_; }

 private:
  void AddOthers(absl::Span<const absl::string_view> client_ids, absl::Span<SessionStatus> out,
                 WholeCut* cut) const;
  void Merge(absl::string_view client_id, const OtherStatus& other, SessionStatus* status,
             absl::string_view* node) const;
  void EndGrace(absl::string_view client_id, const OtherStatus& other, SessionStatus* status) const;

  const SessionRegistry& own_;
  const OthersView* const others_;
  const LossGrace* grace_ = nullptr;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_WHOLE_VIEW_H_
