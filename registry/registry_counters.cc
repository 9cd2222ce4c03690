#include "registry/registry_counters.h"

namespace session_status::registry {

namespace {

template <size_t N>
std::array<uint64_t, N> ReadAll(const std::array<WriterFigure<uint64_t>, N>& figures) {
  std::array<uint64_t, N> values;
  for (size_t i = 0; i < N; ++i) values[i] = figures[i].Get();
  return values;
}

}  // namespace

RegistryCounts RegistryCounters::Read() const {
  RegistryCounts c;
  c.by_state = ReadAll(by_state);
  c.ends_by_reason = ReadAll(ends_by_reason);
  c.online_by_protocol = ReadAll(online_by_protocol);
  c.connects = connects.Get();
  c.takeovers = takeovers.Get();
  c.stale_events = stale_events.Get();
  c.forgotten = forgotten.Get();
  c.out_of_memory = out_of_memory.Get();
  c.names_left_out = names_left_out.Get();
  c.long_id_bytes = long_id_bytes.Get();
  return c;
}

std::vector<ListenerCount> RegistryCounters::OnlineByListener() const {
  std::vector<ListenerCount> counts;
  for (size_t port = 0; port < kPorts; ++port) {
    const uint64_t online = online_by_port[port].Get();
    if (online > 0) counts.push_back({static_cast<uint16_t>(port), online});
  }
  return counts;
}

}  // namespace session_status::registry
