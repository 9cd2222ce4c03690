// What both broker lines share: the table of the connections that are followed, their incarnations,
// and the telling of events. It decides nothing: connects_21.h and logins_20.h do.
//
// A connection is its pointer (`struct mosquitto*`) from the moment it is tracked until it is
// forgotten, and bears the client identifier and the incarnation that it was given then, whatever
// the broker calls it later. A session that the broker keeps stays in the table under the pointer
// of its last connection, for as long as the line tells of it (2.1).
//
// Incarnations rise by one with each pointer that is tracked, pending logins of 2.0 included; so a
// number that is never told is no fault.
//
// Threads:   broker; counters: any.
// Ownership: keeps copies of identifiers; never dereferences a pointer outside of its own event
//            (2.0: nor after its end). The sink outlives it.
// Errors:    what enters somebody or tells something may throw std::bad_alloc: whoever calls it
//            does so inside of Contained(). What is tracked is tracked whole, or not at all.
#ifndef SESSION_STATUS_PLUGIN_BROKER_CONNECTIONS_H_
#define SESSION_STATUS_PLUGIN_BROKER_CONNECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/event_sink.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/broker/sharded_map.h"
#include "registry/counter.h"
#include "registry/session_event.h"

namespace session_status::broker {

// Instances of the plugin that may feed one tracker. One per listener is the most that makes sense;
// a bit per instance is kept with each connection.
inline constexpr int kInstancesMax = 64;

struct TrackerCounters {
  Counter unknown_ends;      // ends of pointers we do not know: refused logins, repeated ends
  Counter duplicate_events;  // told by a second instance
  Counter ghosts_averted;    // connects not believed
  Counter unseen_ends;       // connections whose end was never told, found by pointer reuse
  Counter guard_overflows;
  Counter out_of_memory;
  Counter tracked;  // gauge: pointers in the table, kept sessions included
};

class Connections {
 public:
  enum class Phase : uint8_t {
    kPending,      // 2.0: logged in, not yet known to be accepted
    kOnline,       // told as connected
    kSessionKept,  // 2.1: the connection ended, the broker keeps the session under this pointer
  };
  struct Entry {
    std::string client_id;
    uint64_t incarnation = 0;
    uint64_t instances = 0;  // bit per instance that told of the connect
    Phase phase = Phase::kOnline;
  };

  // Arguments as SessionTracker's.
  Connections(EventSink& sink, uint64_t first_incarnation)
      : sink_(sink), next_incarnation_(first_incarnation) {}
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;
  void StartAt(uint64_t first_incarnation) { next_incarnation_ = first_incarnation; }

  // -- the table ----------------------------------------------------------------------------------
  // Entries are good until they are forgotten.
  Entry* Find(const mosquitto* client) { return table_.Find(client); }
  const Entry* Find(const mosquitto* client) const { return table_.Find(client); }
  // Enters `client`, with the next incarnation; replaces what was there.
  Entry& Track(int instance, const mosquitto* client, const char* client_id, Phase phase);
  // As SessionTracker's.
  uint64_t AdoptHeld(const mosquitto* client, absl::string_view client_id,
                     uint64_t incarnation) noexcept;
  // `client` must be in the table.
  void Forget(const mosquitto* client) {
    table_.Erase(client);
    counters_.tracked.Subtract();
  }
  // From now on it is a new connection.
  void Renumber(Entry& entry) { entry.incarnation = next_incarnation_++; }

  // `visit(client, entry)`
  template <typename Visit>
  void ForEach(Visit visit) const {
    table_.ForEach(visit);
  }
  // Forgets whoever `gone(client, entry)` is true for.
  template <typename Gone>
  void ForgetIf(Gone gone) {
    counters_.tracked.Subtract(table_.EraseIf(gone));
  }

  size_t size() const { return table_.size(); }
  uint64_t next_incarnation() const { return next_incarnation_; }
  static uint64_t InstanceBit(int instance) { return uint64_t{1} << instance; }

  // -- telling ------------------------------------------------------------------------------------
  struct Told {
    bool repaired = false;
    bool found_no_session = false;
    bool session_not_told = false;
  };
  void EmitConnected(const mosquitto* client, const Entry& entry, absl::Time now, Told told);
  void EmitEnded(const std::string& client_id, uint64_t incarnation, registry::EndReason reason,
                 uint16_t code, bool session_kept, absl::Time now, bool repaired = false);
  // A session that was kept.
  void EmitSessionGone(const Entry& entry, registry::EndReason reason, uint16_t code,
                       absl::Time now);
  void Emit(const registry::SessionEvent& event) { sink_.OnSessionEvent(event); }

  // Runs `work`; when memory runs out, what is left of it is dropped and counted. Nothing else
  // throws (EventSink). One call per event, so that only that event is lost.
  template <typename Work>
  void Contained(Work&& work) noexcept {
    try {
      work();
    } catch (const std::bad_alloc&) {
      counters_.out_of_memory.Add();
    }
  }

  TrackerCounters& counters() { return counters_; }
  const TrackerCounters& counters() const { return counters_; }

 private:
  EventSink& sink_;
  uint64_t next_incarnation_;
  ShardedMap<const mosquitto*, Entry> table_;
  TrackerCounters counters_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_CONNECTIONS_H_
