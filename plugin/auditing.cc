#include "plugin/auditing.h"

#include <algorithm>

#include "plugin/os/steady_clock.h"

namespace session_status {

void Auditing::Start(broker::BrokerLine line, history::HistoryFollower* history) {
  audit_.set_line(line);
  history_ = history;
}

void Auditing::OnTick(absl::Time now) {
  if (!audit_.enabled()) return;
  const int64_t begin_ns = os::SteadyNs();
  audit_.OnTick(now);
  const int64_t took_ns = os::SteadyNs() - begin_ns;
  slices_.Record(took_ns);
  slice_ns_.Add(static_cast<uint64_t>(took_ns));
  slice_ns_max_.Set(std::max(slice_ns_max_.value(), static_cast<uint64_t>(took_ns)));
}

void Auditing::GetAudit(api::pb::GetAuditResponse* reply) {
  const broker::AuditFigures& figures = audit_.figures();
  const registry::RegistryCounts counts = registry_.Counts();
  reply->set_enabled(audit_.enabled());
  reply->set_sees_broker_table(audit_.sees_broker_table());
  reply->set_period_ms(absl::ToInt64Milliseconds(audit_.options().period));
  reply->set_passes(figures.passes.value());
  reply->set_last_pass_at_ms(static_cast<int64_t>(figures.last_pass_at_ms.value()));
  reply->set_last_pass_ms(static_cast<int64_t>(figures.last_pass_ms.value()));
  reply->set_checks(figures.checks.value());
  reply->set_undecidable(figures.undecidable.value());
  reply->set_walks(figures.walks.value());
  reply->set_walked_clients(figures.walked_clients.value());
  reply->set_walk_complete(figures.walk_complete.value() != 0);
  reply->set_tracked(tracker_.counters().tracked.value());
  const auto in_state = [&counts](registry::SessionState s) {
    return counts.by_state[static_cast<size_t>(s)];
  };
  // On 2.0 a kept session has no connection that could be followed.
  reply->set_registered(
      in_state(registry::SessionState::kOnline) +
      (audit_.sees_broker_table() ? in_state(registry::SessionState::kOfflineSessionKept) : 0));
  reply->set_repaired_ends(figures.repaired_ends.value());
  reply->set_repaired_connects(figures.repaired_connects.value());
  reply->set_found_expired(figures.found_expired.value());
  reply->set_slice_us_max((slice_ns_max_.value() + 999) / 1000);
  if (const uint64_t ticks = slices_.count(); ticks != 0) {
    reply->set_slice_us_mean(slice_ns_.value() / ticks / 1000);
  }
  if (history_ != nullptr) history_->FillRepairs(reply);
}

void Auditing::Read(metrics::Readings* out) const {
  const broker::AuditFigures& figures = audit_.figures();
  metrics::AuditReadings& audit = out->audit.emplace();
  audit.passes = figures.passes.value();
  audit.checks = figures.checks.value();
  audit.walks = figures.walks.value();
  audit.repaired_ends = figures.repaired_ends.value();
  audit.repaired_connects = figures.repaired_connects.value();
  audit.found_expired = figures.found_expired.value();
  audit.undecidable = figures.undecidable.value();
  audit.slices = &slices_;
}

}  // namespace session_status
