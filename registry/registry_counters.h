// The registry's figures: kept by the writer with plain stores, read by anybody.
//
// Every figure is an atomic that one thread stores; all of them lie in lines that only the writer
// dirties, so there is no contention to speak of. (c1): all accesses are relaxed, because a figure
// orders no other data.
#ifndef SESSION_STATUS_REGISTRY_REGISTRY_COUNTERS_H_
#define SESSION_STATUS_REGISTRY_REGISTRY_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "registry/session_registry.h"

namespace session_status::registry {

// A figure with one writing thread.
template <typename T>
class WriterFigure {
 public:
  void Add(T n) { Set(static_cast<T>(Get() + n)); }
  void Set(T n) { value_.store(n, std::memory_order_relaxed); }     // (c1)
  T Get() const { return value_.load(std::memory_order_relaxed); }  // (c1)

 private:
  std::atomic<T> value_{0};
};

class RegistryCounters {
 public:
  static constexpr size_t kProtocols = 6;  // by ProtocolVersion number
  static constexpr size_t kPorts = 65536;

  RegistryCounters() : online_by_port(new WriterFigure<uint32_t>[kPorts]()) {}

  RegistryCounts Read() const;
  std::vector<ListenerCount> OnlineByListener() const;

  void CountState(SessionState from, SessionState to) {
    if (from != SessionState::kUnknown) by_state[static_cast<size_t>(from)].Add(uint64_t(-1));
    if (to != SessionState::kUnknown) by_state[static_cast<size_t>(to)].Add(1);
  }
  void CountOnline(ProtocolVersion protocol, uint16_t port, int change) {
    online_by_protocol[static_cast<size_t>(protocol)].Add(static_cast<uint64_t>(change));
    online_by_port[port].Add(static_cast<uint32_t>(change));
  }

  std::array<WriterFigure<uint64_t>, kSessionStateCount> by_state;
  std::array<WriterFigure<uint64_t>, kEndReasonCount> ends_by_reason;
  std::array<WriterFigure<uint64_t>, kProtocols> online_by_protocol;
  WriterFigure<uint64_t> connects, takeovers, stale_events, forgotten, out_of_memory,
      names_left_out, long_id_bytes;
  std::unique_ptr<WriterFigure<uint32_t>[]>
      online_by_port;  // 256 KiB; touched where ports are in use
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_REGISTRY_COUNTERS_H_
