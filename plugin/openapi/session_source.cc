#include "plugin/openapi/session_source.h"

#include "absl/container/inlined_vector.h"

namespace session_status::openapi {

BatchCut RegistrySource::Batch(absl::string_view instance_id,
                               absl::Span<const absl::string_view> client_ids, absl::Time,
                               absl::Span<bool> online) {
  absl::InlinedVector<registry::SessionStatus, 16> statuses(client_ids.size());
  const auto span = absl::MakeSpan(statuses);
  const registry::SnapshotInfo info = grace_ == nullptr ? registry_.QuerySnapshot(client_ids, span)
                                                        : grace_->QuerySnapshot(client_ids, span);
  const bool all_in_one = instances_.single() && instance_id == instances_.default_instance();
  registry::SessionDetails details;
  for (size_t i = 0; i < client_ids.size(); ++i) {
    online[i] = statuses[i].online() && (all_in_one || IsIn(instance_id, client_ids[i], &details));
  }
  return info;
}

ExactAnswer RegistrySource::Exact(absl::string_view instance_id, absl::string_view client_id,
                                  absl::Time) {
  if (instances_.single() && instance_id == instances_.default_instance()) {
    return registry_.Find(client_id).online();
  }
  registry::SessionDetails details;
  return IsIn(instance_id, client_id, &details) && details.status.online();
}

bool RegistrySource::IsIn(absl::string_view instance_id, absl::string_view client_id,
                          registry::SessionDetails* details) const {
  return registry_.FindDetails(client_id, details) &&
         instances_.InstanceOf(details->username, details->listener_port) == instance_id;
}

}  // namespace session_status::openapi
