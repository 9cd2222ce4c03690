// The self-audit with its clock, its figures and what it answers, in one place.
//
// Threads:   construction, Start, OnTick: broker. GetAudit, Read: any.
// Ownership: registry, tracker, log and history outlive this object.
#ifndef SESSION_STATUS_PLUGIN_AUDITING_H_
#define SESSION_STATUS_PLUGIN_AUDITING_H_

#include "absl/time/time.h"
#include "plugin/api/service.h"
#include "plugin/broker/self_audit.h"
#include "plugin/history/history_follower.h"
#include "plugin/metrics/duration_histogram.h"
#include "plugin/metrics/readings.h"
#include "registry/counter.h"

namespace session_status {

class Auditing : public api::AuditSource {
 public:
  Auditing(registry::SessionRegistry& registry, broker::SessionTracker& tracker,
           broker::BrokerLog& log, const broker::AuditOptions& options)
      : registry_(registry), tracker_(tracker), audit_(registry, tracker, log, options) {}

  // Before the first tick. `history` remembers the repairs.
  void Start(broker::BrokerLine line, history::HistoryFollower* history);
  void OnTick(absl::Time now);

  void GetAudit(api::pb::GetAuditResponse* reply) override;
  void Read(metrics::Readings* out) const;

 private:
  const registry::SessionRegistry& registry_;
  const broker::SessionTracker& tracker_;
  broker::SelfAudit audit_;
  history::HistoryFollower* history_ = nullptr;
  metrics::DurationHistogram slices_;  // how long each tick took
  Figure slice_ns_max_;
  Counter slice_ns_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_AUDITING_H_
