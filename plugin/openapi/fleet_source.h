// The documented API's answers in a fleet: every node answers for all of them.
//
// Other nodes' clients carry neither user name nor listener here, so a fleet has one instance; the
// options see to that.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_FLEET_SOURCE_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_FLEET_SOURCE_H_

#include "plugin/openapi/session_source.h"
#include "registry/whole_view.h"

namespace session_status::openapi {

class FleetSource : public SessionSource {
 public:
  // `others_age_max`: knowledge of the other nodes that is older is called stale.
  FleetSource(const registry::SessionRegistry& own, const registry::OthersView& others,
              absl::Duration others_age_max)
      : view_(own, &others), others_age_max_(others_age_max) {}

  // Before the first call: batches give lost connections of this node grace.
  void use_grace(const registry::LossGrace* grace) { view_.use_grace(grace); }

  BatchCut Batch(absl::string_view instance_id, absl::Span<const absl::string_view> client_ids,
                 absl::Time now, absl::Span<bool> online) override;
  ExactAnswer Exact(absl::string_view instance_id, absl::string_view client_id,
                    absl::Time now) override;
  uint64_t LiveSequence() override { return view_.own().sequence(); }

 private:
  Scope ScopeOf(absl::Time as_of, absl::Time now) const;

  registry::WholeView view_;
  const absl::Duration others_age_max_;
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_FLEET_SOURCE_H_
