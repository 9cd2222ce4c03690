// What a rival keeps of a client: the state alone, or all that the registry keeps of it.
//
// A job is told of each event with the client's entry in the rival's map, under whatever lock the
// map holds. One thread calls it.
#ifndef SESSION_STATUS_BENCH_REGISTRY_WHOLE_JOB_H_
#define SESSION_STATUS_BENCH_REGISTRY_WHOLE_JOB_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/container/node_hash_map.h"
#include "bench/registry/clients.h"
#include "registry/client_id.h"
#include "registry/registry_counters.h"
#include "registry/session_event.h"

namespace session_status::bench {

// One event of the client with this key and identifier.
struct Event {
  Key key;
  absl::string_view id;
  bool online;
  uint64_t incarnation;
  uint64_t now_ms;
};

class StateOnly {
 public:
  static constexpr bool kKeepsAll = false;
  using Entry = Value;
  static void Apply(const Event& e, Entry* entry) {
    entry->state_and_incarnation = e.incarnation << 1 | (e.online ? 1 : 0);
    (e.online ? entry->connected_ms : entry->ended_ms) = e.now_ms;
  }
};

// As one would write it first: short strings in place, a list for the order of ends, a table of
// counters. The strings fit into std::string itself, so that only an end allocates.
class WholeJob {
 public:
  static constexpr bool kKeepsAll = true;
  struct Entry : Value {
    std::string address;
    std::string username;
    uint64_t created_ms = 0;
    std::list<Key>::iterator ended;
    uint32_t connects = 0;
    uint16_t listener_port = 0;
    uint16_t keepalive_s = 0;
    registry::ProtocolVersion protocol_version = registry::ProtocolVersion::kUnknown;
    registry::EndReason reason = registry::EndReason::kNone;
    bool is_known = false;
  };

  void Apply(const Event& e, Entry* entry) {
    const bool was_online = entry->is_known && entry->online();
    const bool was_ended = entry->is_known && !entry->online();
    StateOnly::Apply(e, entry);
    if (e.online) {
      const registry::Connection c = Connection();
      entry->address.assign(c.address.data(), c.address.size());
      entry->username.assign(c.username.data(), c.username.size());
      entry->listener_port = c.listener_port;
      entry->keepalive_s = c.keepalive_s;
      entry->protocol_version = c.protocol_version;
      if (!entry->is_known) entry->created_ms = e.now_ms;
      if (was_ended) ended_.erase(entry->ended);
      ++entry->connects;
    } else if (!was_ended) {
      entry->reason = registry::EndReason::kClientDisconnect;
      entry->ended = ended_.insert(ended_.end(), e.key);
      ends_by_reason_[static_cast<size_t>(entry->reason)].Add(1);
    }
    entry->is_known = true;
    Count(e, *entry, was_online, was_ended);
  }

 private:
  void Count(const Event& e, const Entry& entry, bool was_online, bool was_ended) {
    if (was_online == e.online && was_ended == !e.online) return;
    const auto protocol = static_cast<size_t>(entry.protocol_version);
    if (e.online) {
      online_by_port_[entry.listener_port].Add(1);
      online_by_protocol_[protocol].Add(1);
    } else {
      online_by_port_[entry.listener_port].Add(-1);
      online_by_protocol_[protocol].Add(-1);
    }
    const absl::string_view group = registry::GroupOf(e.id);
    for (Counts* counts : {&all_, group.empty() ? nullptr : &by_group_[group]}) {
      if (counts == nullptr) continue;
      if (was_online) counts->online.Add(-1);
      if (was_ended) counts->ended.Add(-1);
      (e.online ? counts->online : counts->ended).Add(1);
    }
  }

  using Counter = registry::WriterFigure<int64_t>;
  struct Counts {
    Counter online, ended;
  };
  std::list<Key> ended_;
  Counts all_;
  absl::node_hash_map<std::string, Counts> by_group_;
  std::array<Counter, registry::kEndReasonCount> ends_by_reason_;
  std::array<Counter, 8> online_by_protocol_;
  std::unique_ptr<Counter[]> online_by_port_ = std::make_unique<Counter[]>(65536);
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_WHOLE_JOB_H_
