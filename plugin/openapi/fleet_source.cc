#include "plugin/openapi/fleet_source.h"

#include "absl/container/inlined_vector.h"

namespace session_status::openapi {

Scope FleetSource::ScopeOf(absl::Time as_of, absl::Time now) const {
  if (as_of == absl::InfinitePast()) return Scope::kLocal;
  return now - as_of <= others_age_max_ ? Scope::kFleet : Scope::kStale;
}

BatchCut FleetSource::Batch(absl::string_view, absl::Span<const absl::string_view> client_ids,
                            absl::Time now, absl::Span<bool> online) {
  absl::InlinedVector<registry::SessionStatus, 16> statuses(client_ids.size());
  const registry::WholeCut whole = view_.QuerySnapshot(client_ids, absl::MakeSpan(statuses));
  for (size_t i = 0; i < client_ids.size(); ++i) online[i] = statuses[i].online();
  BatchCut cut(whole.own);
  cut.scope = ScopeOf(whole.others.as_of, now);
  if (cut.scope != Scope::kLocal) cut.others_age = now - whole.others.as_of;
  return cut;
}

ExactAnswer FleetSource::Exact(absl::string_view, absl::string_view client_id, absl::Time now) {
  registry::WholeSession session;
  ExactAnswer answer(false);
  if (!view_.Find(client_id, now, &session).ok()) {
    answer.available = false;
    return answer;
  }
  answer.online = session.status().online();
  answer.scope = Scope::kFleet;
  if (session.source != registry::AnswerSource::kReplica) return answer;
  // The engine did not answer.
  const absl::Time as_of = session.other.as_of;
  answer.scope = as_of == absl::InfinitePast() ? Scope::kLocal : Scope::kStale;
  if (answer.scope == Scope::kStale) answer.age = now - as_of;
  return answer;
}

}  // namespace session_status::openapi
