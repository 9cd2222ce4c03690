// Where the documented API gets its answers from.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_SESSION_SOURCE_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_SESSION_SOURCE_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/openapi/instance_map.h"
#include "registry/loss_grace.h"
#include "registry/session_registry.h"

namespace session_status::openapi {

// Threads: any. Must not block. Errors: an exception becomes InternalError.
class SessionSource {
 public:
  virtual ~SessionSource() = default;

  // Fills online[i] for client_ids[i] as of one snapshot, counting only clients of `instance_id`,
  // and says which snapshot. REQUIRES: both spans have one size.
  virtual registry::SnapshotInfo Batch(absl::string_view instance_id,
                                       absl::Span<const absl::string_view> client_ids,
                                       absl::Span<bool> online) = 0;

  // As of now, not cached.
  virtual bool Exact(absl::string_view instance_id, absl::string_view client_id) = 0;

  // The change that an exact answer given now includes.
  virtual uint64_t LiveSequence() = 0;
};

// The registry of this node.
//
// With one instance a batch reads the snapshot alone. With several, the clients that the snapshot
// shows online are looked up again for user name and listener: whether a client is online comes
// from the snapshot, which instance it is in comes from its latest connection. So a client that
// moved to another instance since the snapshot is answered as online there, not where it was.
class RegistrySource : public SessionSource {
 public:
  RegistrySource(const registry::SessionRegistry& registry, const InstanceMap& instances)
      : registry_(registry), instances_(instances) {}

  // Before the first call: batches give lost connections grace.
  void use_grace(const registry::LossGrace* grace) { grace_ = grace; }

  registry::SnapshotInfo Batch(absl::string_view instance_id,
                               absl::Span<const absl::string_view> client_ids,
                               absl::Span<bool> online) override;
  bool Exact(absl::string_view instance_id, absl::string_view client_id) override;
  uint64_t LiveSequence() override { return registry_.sequence(); }

 private:
  bool IsIn(absl::string_view instance_id, absl::string_view client_id,
            registry::SessionDetails* details) const;

  const registry::SessionRegistry& registry_;
  const InstanceMap& instances_;
  const registry::LossGrace* grace_ = nullptr;
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_SESSION_SOURCE_H_
