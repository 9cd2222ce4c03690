// The status service itself: a typed request in, a typed reply or an error out. No transport, no
// encoding.
//
// Threads:     any; const, takes no lock of its own. In a fleet a single query may ask the fleet's
//              engine and wait for it (registry/others_view.h); stored history waits for a disk,
//              no longer than StoredHistorySource says.
// Consistency: batches from one snapshot cut, single ids from the live registry; in a fleet, see
//              registry/whole_view.h. Listings and counts are this node's own.
// Errors:      absl::Status with the sixteen codes of the Connect protocol. A bad element of a
//              batch is an error in that element only.
#ifndef SESSION_STATUS_PLUGIN_API_SERVICE_H_
#define SESSION_STATUS_PLUGIN_API_SERVICE_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "proto/session_status.pb.h"
#include "registry/loss_grace.h"
#include "registry/session_registry.h"
#include "registry/whole_view.h"

namespace session_status::api {

namespace pb = ::mosquitto_session_status::v1;

// Bounds the work and the reply (about 0.6 MB of JSON) of one call.
inline constexpr size_t kBatchIdsMax = 10'000;

// What does not change while the plugin runs.
struct ServerFacts {
  std::string version;
  std::string broker;
  std::string instance_id;
  absl::Time started_at;
  absl::Duration snapshot_refresh;
  absl::Duration offline_grace;
  // The broker looks for silent clients this often, so it may notice one that much later.
  absl::Duration keepalive_check_grain = absl::Seconds(5);
};

// NotFound where a request names another instance than this server's, which is `own`.
absl::Status CheckInstance(absl::string_view requested, absl::string_view own);

// Fills what is known about one session, `client_id` and state included.
void FillSession(absl::string_view client_id, const registry::SessionDetails& details,
                 absl::Time now, absl::Duration keepalive_check_grain,
                 pb::QuerySessionByClientIdResponse* out);

// Who lists sessions for the service: it needs more than the registry (plugin/listing).
class SessionLister {
 public:
  virtual ~SessionLister() = default;
  virtual absl::Status ListSessions(const pb::ListSessionsRequest& request, absl::Time now,
                                    pb::ListSessionsResponse* reply) = 0;
};

// Who remembers connections for the service (plugin/history).
class HistorySource {
 public:
  virtual ~HistorySource() = default;
  virtual absl::Status GetHistory(const pb::GetHistoryRequest& request, absl::Time now,
                                  pb::GetHistoryResponse* reply) = 0;
  virtual absl::Status ListFlappers(const pb::ListFlappersRequest& request, absl::Time now,
                                    pb::ListFlappersResponse* reply) = 0;
};

// Who reads connections of the broker's lives before this one too.
class StoredHistorySource {
 public:
  virtual ~StoredHistorySource() = default;
  virtual absl::Status GetStoredHistory(const pb::GetHistoryRequest& request,
                                        pb::GetHistoryResponse* reply) = 0;
};

// Who compares the registry with the broker.
class AuditSource {
 public:
  virtual ~AuditSource() = default;
  virtual void GetAudit(pb::GetAuditResponse* reply) = 0;
};

class Service {
 public:
  // `registry`, and `others` of a fleet, must outlive the service.
  Service(const registry::SessionRegistry& registry, ServerFacts facts,
          const registry::OthersView* others = nullptr);

  absl::Status BatchQuerySessionByClientIds(const pb::BatchQuerySessionByClientIdsRequest& request,
                                            absl::Time now,
                                            pb::BatchQuerySessionByClientIdsResponse* reply) const;
  absl::Status QuerySessionByClientId(const pb::QuerySessionByClientIdRequest& request,
                                      absl::Time now,
                                      pb::QuerySessionByClientIdResponse* reply) const;
  absl::Status GetServerStatus(const pb::GetServerStatusRequest& request, absl::Time now,
                               pb::GetServerStatusResponse* reply) const;
  absl::Status GetCounts(const pb::GetCountsRequest& request, absl::Time now,
                         pb::GetCountsResponse* reply) const;
  // FailedPrecondition without a fleet.
  absl::Status GetFleet(const pb::GetFleetRequest& request, absl::Time now,
                        pb::GetFleetResponse* reply) const;
  // Unimplemented until use_lister() was called.
  absl::Status ListSessions(const pb::ListSessionsRequest& request, absl::Time now,
                            pb::ListSessionsResponse* reply) const;

  // Unimplemented until use_history(), use_audit() were called; FailedPrecondition for stored
  // history until use_stored_history() was.
  absl::Status GetHistory(const pb::GetHistoryRequest& request, absl::Time now,
                          pb::GetHistoryResponse* reply) const;
  absl::Status ListFlappers(const pb::ListFlappersRequest& request, absl::Time now,
                            pb::ListFlappersResponse* reply) const;
  absl::Status GetAudit(const pb::GetAuditRequest& request, absl::Time now,
                        pb::GetAuditResponse* reply) const;

  // Adds to GetServerStatus what another part of the plugin knows about itself. Before the first
  // call; `source` is called on any thread.
  using StatusSource = std::function<void(pb::GetServerStatusResponse*)>;
  void add_status_source(StatusSource source) { status_sources_.push_back(std::move(source)); }

  // Before the first call. What is given outlives the service.
  void use_lister(SessionLister* lister) { lister_ = lister; }
  void use_history(HistorySource* history) { history_ = history; }
  void use_stored_history(StoredHistorySource* history) { stored_history_ = history; }
  void use_audit(AuditSource* audit) { audit_ = audit; }
  void use_grace(const registry::LossGrace* grace) { view_.use_grace(grace); }

  const registry::WholeView& view() const { return view_; }

 private:
  const registry::SessionRegistry& registry_;
  registry::WholeView view_;
  const ServerFacts facts_;
  SessionLister* lister_ = nullptr;
  HistorySource* history_ = nullptr;
  StoredHistorySource* stored_history_ = nullptr;
  AuditSource* audit_ = nullptr;
  std::vector<StatusSource> status_sources_;
};

}  // namespace session_status::api

#endif  // SESSION_STATUS_PLUGIN_API_SERVICE_H_
