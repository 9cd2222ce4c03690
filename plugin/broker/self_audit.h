// Compares the registry with the broker, a little at a time, and repairs what differs: a state that
// an event should have changed is right again within one period, whatever lost the event.
//
// On Mosquitto 2.1, with the broker's own client table:
//   slice   some sessions of the registry, in hash order, each looked up by its identifier. Online
//           without a connection, known under a newer connection, kept but expired: repaired. A
//           connection that only bears another name now (another plugin's doing) is not.
//   walk    over the broker's whole table, at start, after each pass and when a slice found a
//           connection gone: finds connections that nobody told us of.
// On Mosquitto 2.0, which shows plugins no table: with the connections that the tracker follows.
// One that stays where the registry knows only of a later one's end becomes a new incarnation.
//
// A session that has expired is also found when its client returns before the audit comes by; the
// tracker sees to that (SessionTracker::set_registry).
//
// What cannot be seen: 2.1 lists kept sessions like connections, so a lost end of a client whose
// session the broker keeps is found when the session expires or the client returns (counted as
// `undecidable`). Clients beyond walk_max are not walked over. Where an end and a connect are both
// lost and the newcomer has the other's place in memory, address, keepalive, port and protocol
// version, it cannot be told from the old one under another name.
//
// Threads:   broker, outside of other callbacks; figures: any.
// Progress:  a tick looks at slice_max sessions and walks over walk_max clients at most; walks to
//            confirm a finding come once a second at most.
// Errors:    out of memory: that look is skipped. Nothing throws.
#ifndef SESSION_STATUS_PLUGIN_BROKER_SELF_AUDIT_H_
#define SESSION_STATUS_PLUGIN_BROKER_SELF_AUDIT_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/broker/session_tracker.h"
#include "registry/counter.h"
#include "registry/session_registry.h"

namespace session_status::broker {

struct AuditOptions {
  // One pass over all sessions takes this long, or as long as slice_max makes it. Zero: no audit.
  absl::Duration period = absl::Minutes(1);
  // Per tick, ten of which come in a second: about 0.5 ms on a small machine, where a comparison
  // costs 2.5 us, most of it cache misses in the broker's table and in ours.
  uint64_t slice_max = 200;
  // Clients one walk visits, in one piece: 0.3 to 0.5 ms per thousand on that machine.
  uint64_t walk_max = 10'000;
};

struct AuditFigures {
  Counter passes;
  Counter checks;
  Counter walks;
  Counter repaired_ends;      // were online without a connection
  Counter repaired_connects;  // connections that were not known
  Counter found_expired;      // kept sessions; no fault
  Figure last_pass_at_ms;
  Figure last_pass_ms;
  Figure undecidable;     // of the last pass
  Figure walked_clients;  // of the last walk
  Figure walk_complete;   // 0 or 1
};

class SelfAudit {
 public:
  // Everything outlives the audit.
  SelfAudit(registry::SessionRegistry& registry, SessionTracker& tracker, BrokerLog& log,
            const AuditOptions& options);

  // Which broker this is; before the first tick.
  void set_line(BrokerLine line) { line_ = line; }
  void OnTick(absl::Time now) noexcept;

  bool enabled() const { return options_.period > absl::ZeroDuration(); }
  bool sees_broker_table() const { return line_ == BrokerLine::kV21; }
  const AuditOptions& options() const { return options_; }
  const AuditFigures& figures() const { return figures_; }

 private:
  // Repairs per tick; what more there is waits for the next one.
  static constexpr size_t kSuspectsMax = 64;
  // A repair that nobody expects is said this often; then only counted.
  static constexpr uint64_t kLogLinesMax = 10;

  struct Suspect {
    std::string client_id;
    uint64_t incarnation;
    registry::SessionState state;
    bool renamed = false;
  };
  struct Walk;

  void Tick(absl::Time now);
  void BeginPass(absl::Time begin, absl::Time now);
  void EndPass(absl::Time now);
  bool LookAtSlice(absl::Time now);  // true: it was the pass's last
  bool LooksRight(const registry::SessionRegistry::Inspected& session);
  bool LooksRightTo21(const registry::SessionRegistry::Inspected& session);
  // False: they must wait for a walk, which may not come yet.
  bool Settle(absl::Time now);
  void SettleOne(const Suspect& suspect, absl::Time now);
  void RepairEnd(const Suspect& suspect, absl::Time now);
  void DropFromTracker(uint64_t incarnation);
  bool NeedsWalk() const;
  void WalkOverClients(absl::Time now);
  bool IsConnectionOf(const mosquitto* client, const std::string& client_id) const;
  static int Visit(const mosquitto* client, void* walk);
  // The registry counts fewer online than the tracker follows: tells of those it does not have. At
  // most kSuspectsMax of each kind.
  void TellMissing(absl::Time now);
  uint64_t OnlineInRegistry() const;
  void RepairedConnect(const mosquitto* client, absl::string_view what);
  void Repaired(Counter& counter, absl::string_view what);

  registry::SessionRegistry& registry_;
  SessionTracker& tracker_;
  BrokerLog& log_;
  const AuditOptions options_;
  BrokerLine line_ = BrokerLine::kV20;
  AuditFigures figures_;

  bool started_ = false;
  bool finished_ = false;  // the pass has been through all sessions
  absl::Time pass_begin_;
  absl::Time next_confirmation_ = absl::InfinitePast();
  uint64_t position_ = 0;
  uint64_t budget_ = 0;
  uint64_t undecidable_ = 0;
  std::vector<Suspect> suspects_;
  std::unordered_set<uint64_t> ended_;  // incarnations that the tracker may still hold
  // 2.0: what the tracker followed when the pass began.
  std::unordered_set<uint64_t> followed_;
  uint64_t followed_below_ = 0;  // … of the incarnations below this one; 0: not known
  // 2.0: followed as online, while the registry knows of a later connection that has ended; since
  // when.
  std::unordered_map<uint64_t, absl::Time> overtaken_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_SELF_AUDIT_H_
