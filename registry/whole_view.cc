#include "registry/whole_view.h"

namespace session_status::registry {
namespace {

// Whether what `other` says, an end at `ended_at`, is the client's last end, and not that of `own`.
bool EndedLastElsewhere(SessionStatus other, absl::Time ended_at, const SessionDetails& own) {
  if (other.state == SessionState::kUnknown) return false;
  // It came here and went there, whenever either was heard of.
  if (other.reason == EndReason::kTakenOver) return own.status.state == SessionState::kUnknown;
  const bool went = own.status.reason == EndReason::kTakenOver;
  return ended_at > (went ? own.connected_at : own.disconnected_at);
}

}  // namespace

void WholeView::AddOthers(absl::Span<const absl::string_view> client_ids,
                          absl::Span<SessionStatus> out, WholeCut* cut) const {
  absl::InlinedVector<OtherStatus, 16> others(client_ids.size());
  cut->fleet = true;
  cut->others = others_->QuerySnapshot(client_ids, absl::MakeSpan(others));
  cut->nodes.resize(client_ids.size());
  for (size_t i = 0; i < client_ids.size(); ++i) {
    Merge(client_ids[i], others[i], &out[i], &cut->nodes[i]);
  }
}

void WholeView::Merge(absl::string_view client_id, const OtherStatus& other, SessionStatus* status,
                      absl::string_view* node) const {
  if (other.status.state == SessionState::kUnknown) return;
  // With a reason it is only in its grace (loss_grace.h): it may be connected elsewhere by now.
  const bool in_grace = status->online() && status->reason != EndReason::kNone;
  if (status->online() && !in_grace) return;
  if (other.status.online()) {
    *status = other.status;
    *node = other.node;
    return;
  }
  if (in_grace) return EndGrace(client_id, other, status);
  // It came here, and the own cut may be older than that: nobody may see a gap.
  if (other.status.reason == EndReason::kTakenOver && own_.Find(client_id).online()) {
    *status = {SessionState::kOnline, EndReason::kNone};
    return;
  }
  if (status->state == SessionState::kUnknown) {
    *status = other.status;
    return;
  }
  // Both are ended and tell a reason. The cut has no times; the live view does.
  SessionDetails own;
  if (own_.FindDetails(client_id, &own) && EndedLastElsewhere(other.status, other.ended_at, own)) {
    status->reason = other.status.reason;
  }
}

// It may have come back elsewhere and left. A loss there has grace as one here. Both times are of
// this host's clock as it was then: `ended_at` is when this node heard of the end.
void WholeView::EndGrace(absl::string_view client_id, const OtherStatus& other,
                         SessionStatus* status) const {
  if (other.status.reason == EndReason::kTakenOver || IsLoss(other.status.reason)) return;
  SessionDetails own;
  if (!own_.FindDetails(client_id, &own) || own.status.online()) return;
  if (other.ended_at <= own.disconnected_at) return;
  *status = own.status.state == SessionState::kOfflineSessionKept ? own.status : other.status;
}

absl::Status WholeView::Find(absl::string_view client_id, absl::Time now,
                             WholeSession* session) const {
  session->known_here = own_.FindDetails(client_id, &session->own);
  if (others_ == nullptr || session->own.status.online()) return absl::OkStatus();
  if (absl::Status s = others_->Find(client_id, now, &session->other); !s.ok()) return s;
  const OtherSession& other = session->other;
  session->source = other.source;
  session->elsewhere = other.status.online();
  if (session->elsewhere) return absl::OkStatus();
  // It may have come here while the others were asked.
  session->known_here = own_.FindDetails(client_id, &session->own);
  if (session->own.status.online()) {
    session->source = AnswerSource::kLocal;
    return absl::OkStatus();
  }
  session->elsewhere = EndedLastElsewhere(other.status, other.disconnected_at, session->own);
  if (session->elsewhere && session->own.status.state == SessionState::kOfflineSessionKept) {
    session->other.status.state = SessionState::kOfflineSessionKept;
  }
  return absl::OkStatus();
}

}  // namespace session_status::registry
