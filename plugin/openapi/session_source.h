// Where the documented API gets its answers from.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_SESSION_SOURCE_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_SESSION_SOURCE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/openapi/instance_map.h"
#include "registry/loss_grace.h"
#include "registry/session_registry.h"

namespace session_status::openapi {

// What an answer covers.
enum class Scope : uint8_t {
  kNode,   // no fleet: all there is
  kFleet,  // every node
  kStale,  // every node, but what is known of the others is older than it should be
  kLocal,  // nothing is known of the other nodes: this node's clients only
};

struct BatchCut {
  BatchCut(const registry::SnapshotInfo& info)
      : snapshot(info) {}  // NOLINT: is one, without a fleet
  registry::SnapshotInfo snapshot;
  Scope scope = Scope::kNode;
  absl::Duration others_age;  // kFleet, kStale
};

struct ExactAnswer {
  ExactAnswer(bool is_online) : online(is_online) {}  // NOLINT: is one, without a fleet
  bool online;
  bool available = true;  // false: the fleet does not answer, and is configured not to guess
  Scope scope = Scope::kNode;
  absl::Duration age;
};

// Threads: any. Batch() must not block; Exact() may ask a fleet's engine (registry/others_view.h).
// Errors:  an exception becomes InternalError.
class SessionSource {
 public:
  virtual ~SessionSource() = default;

  // Fills online[i] for client_ids[i] as of one snapshot, counting only clients of `instance_id`,
  // and says which snapshot. REQUIRES: both spans have one size.
  virtual BatchCut Batch(absl::string_view instance_id,
                         absl::Span<const absl::string_view> client_ids, absl::Time now,
                         absl::Span<bool> online) = 0;

  // As of now, not cached.
  virtual ExactAnswer Exact(absl::string_view instance_id, absl::string_view client_id,
                            absl::Time now) = 0;

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

  BatchCut Batch(absl::string_view instance_id, absl::Span<const absl::string_view> client_ids,
                 absl::Time now, absl::Span<bool> online) override;
  ExactAnswer Exact(absl::string_view instance_id, absl::string_view client_id,
                    absl::Time now) override;
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
