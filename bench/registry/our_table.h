// The registry as a table of the benchmark. It does more per event than most rivals do: details,
// exact counters, the order of ended sessions (as those of whole_job.h) and a second view (as
// none).
#ifndef SESSION_STATUS_BENCH_REGISTRY_OUR_TABLE_H_
#define SESSION_STATUS_BENCH_REGISTRY_OUR_TABLE_H_

#include <vector>

#include "absl/time/clock.h"
#include "bench/registry/clients.h"
#include "registry/session_registry.h"

namespace session_status::bench {

class OurTable : public Table {
 public:
  OurTable() : registry_(Options()) {}
  const char* name() const override { return "session registry"; }
  bool writer_never_waits() const override { return true; }
  bool is_ours() const override { return true; }
  bool keeps_all() const override { return true; }

  void Connect(absl::string_view id, uint64_t incarnation, uint64_t now_ms) override {
    registry::SessionEvent e;
    e.kind = registry::SessionEvent::Kind::kConnected;
    e.client_id = id;
    e.incarnation = incarnation;
    e.time = absl::FromUnixMillis(static_cast<int64_t>(now_ms));
    e.connection = Connection();
    registry_.Apply(e);
  }
  void End(absl::string_view id, uint64_t incarnation, uint64_t now_ms) override {
    registry::SessionEvent e;
    e.kind = registry::SessionEvent::Kind::kEnded;
    e.client_id = id;
    e.incarnation = incarnation;
    e.time = absl::FromUnixMillis(static_cast<int64_t>(now_ms));
    e.reason = registry::EndReason::kClientDisconnect;
    registry_.Apply(e);
  }
  bool Find(absl::string_view id) override { return registry_.Find(id).online(); }
  size_t Batch(absl::Span<const absl::string_view> ids, bool* online) override {
    answers_.resize(ids.size());
    registry_.QuerySnapshot(ids, absl::MakeSpan(answers_));
    size_t count = 0;
    for (size_t i = 0; i < ids.size(); ++i) count += online[i] = answers_[i].online();
    return count;
  }
  void Refresh() override { registry_.PublishSnapshot(absl::Now()); }
  absl::Duration PopulateAhead(absl::Duration since_last) override {
    return registry_.PopulateAhead(since_last);
  }
  registry::SessionRegistry& registry() { return registry_; }

 private:
  static registry::RegistryOptions Options() {
    registry::RegistryOptions o;
    o.ended_max = UINT64_MAX;
    return o;
  }
  registry::SessionRegistry registry_;
  std::vector<registry::SessionStatus> answers_;
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_OUR_TABLE_H_
