// What the plugin knows over restarts of the broker: the session database, the sessions that the
// broker itself restored, and incarnation numbers that never go back.
//
// Threads:   construction, Start, OnForgotten, OnHousekeeping, BeginClose, Close:
//            broker. Read(): any.
// Ownership: everything in Parts outlives this object.
// Errors:    Start says that the option session_database holds a place that cannot be used.
#ifndef SESSION_STATUS_PLUGIN_REMEMBERING_H_
#define SESSION_STATUS_PLUGIN_REMEMBERING_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/api/service.h"
#include "plugin/broker/broker_log.h"
#include "plugin/broker/event_sink.h"
#include "plugin/broker/session_tracker.h"
#include "plugin/metrics/readings.h"
#include "plugin/store/session_store.h"
#include "plugin/stored_history.h"
#include "registry/change_observer.h"
#include "registry/session_registry.h"

namespace session_status {

struct RememberingOptions {
  std::string database;  // empty: none
  absl::Duration flush_interval = store::SessionStoreOptions().flush_interval;
  absl::Duration history_ttl = store::SessionStoreOptions().history_ttl;
  int64_t history_max = store::SessionStoreOptions().history_max;
};

class Remembering {
 public:
  struct Parts {
    registry::SessionRegistry& registry;
    broker::SessionTracker& tracker;
    broker::BrokerLog& log;
    broker::EventSink& sink;
  };
  Remembering(const Parts& parts, const RememberingOptions& options,
              const registry::RegistryOptions& registry_options);

  // Once, before the first event: fills the registry with what was known.
  absl::Status Start(absl::Time now, int nice);
  std::vector<registry::ChangeObserver*> observers();
  // After Start(): what the wall clock had reached for sure at the start; without a database,
  // `now`.
  absl::Time reached(absl::Time now) const { return store_ == nullptr ? now : store_->reached(); }

  void OnForgotten(absl::string_view client_id, absl::Time now);
  void OnHousekeeping(absl::Time now);
  // The last event has been told. Has written what is left; does not wait.
  void BeginClose(absl::Time now);
  // After it. Waits for the disk, os::kDiskWaitMax from BeginClose() on at most.
  void Close();

  // Nothing without a database.
  void Read(metrics::Readings* out) const;
  void Read(api::pb::GetServerStatusResponse* out) const;
  // After Start(); nullptr: no history is stored.
  StoredHistory* history() const { return history_.get(); }

 private:
  absl::Status OpenStore(absl::Time now, int nice);
  void Restore(absl::Time now);
  // Sessions that the broker holds and the database does not know, or that the broker restored only
  // after the plugins were initialised. Part of the start: no client has been served yet.
  void FindHeldSessions();
  void TellHeld(absl::string_view client_id, uint64_t incarnation,
                const registry::SessionDetails* known);

  const Parts parts_;
  const RememberingOptions options_;
  const registry::RegistryOptions registry_options_;
  std::unique_ptr<store::SessionStore> store_;
  std::unique_ptr<StoredHistory> history_;
  bool looked_for_held_ = false;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_REMEMBERING_H_
