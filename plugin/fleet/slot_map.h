// Which primary of a Redis Cluster holds which hash slot, as last heard, and what a node's refusals
// say about it.
//
// Threads: any; values and pure functions.
#ifndef SESSION_STATUS_PLUGIN_FLEET_SLOT_MAP_H_
#define SESSION_STATUS_PLUGIN_FLEET_SLOT_MAP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/fleet_options.h"

namespace session_status::fleet {

inline constexpr uint16_t kHashSlots = 16384;
// Redis' own advice ends at 1,000 nodes.
inline constexpr size_t kPrimariesMax = 1000;

// The slot of a key: of what stands between its first braces, if there are any.
uint16_t HashSlot(absl::string_view key);

class SlotMap {
 public:
  struct Range {
    uint16_t first = 0;
    uint16_t last = 0;
    EngineAddress::HostPort primary;
  };

  bool known() const { return !primaries_.empty(); }
  void Replace(const std::vector<Range>& ranges);
  // One slot lies elsewhere. Beyond kPrimariesMax different places nothing is noted: the whole map
  // is asked for anyway.
  void Move(uint16_t slot, const EngineAddress::HostPort& to);
  // nullptr: nobody holds it. Valid until the next change.
  const EngineAddress::HostPort* Find(uint16_t slot) const;

 private:
  static constexpr uint16_t kNobodyHolds = UINT16_MAX;
  uint16_t IndexOf(const EngineAddress::HostPort& primary);

  std::vector<EngineAddress::HostPort> primaries_;
  std::vector<uint16_t> owner_ = std::vector<uint16_t>(kHashSlots, kNobodyHolds);
};

// One entry of CLUSTER SLOTS: first slot, last slot, the primary, replicas… False: it is none, or
// names no place. `asked_host`: of the node that was asked; it stands for a host that is left out.
bool ParseRange(const Reply& entry, const std::string& asked_host, SlotMap::Range* out);

// "MOVED slot host:port": from now on there. "ASK slot host:port": this command there, once.
struct Redirect {
  bool ask = false;
  uint16_t slot = 0;
  EngineAddress::HostPort target;
};
// `asked_host`: of the node that said so; it stands for a host that is left out.
std::optional<Redirect> ParseRedirect(absl::string_view error, const std::string& asked_host);

// The command was not carried out and may be later: its slot is on the move, or without a primary.
bool MeansTryLater(absl::string_view error);

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_SLOT_MAP_H_
