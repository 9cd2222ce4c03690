// How the fleet's data lies in the engine: names of keys, rows and change entries as bytes. The
// rules that work on them are in functions.lua.
//
// Threads: any; values and pure functions.
#ifndef SESSION_STATUS_PLUGIN_FLEET_LAYOUT_H_
#define SESSION_STATUS_PLUGIN_FLEET_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/fleet/client_hash.h"
#include "registry/session_event.h"

namespace session_status::fleet {

// Fixed by the first node, in the meta key, as are shape, number of engines and instance; a change
// of any but the instance needs an empty engine.
inline constexpr int kFormatVersion = 1;

using NodeNumber = uint16_t;  // 1 to 65535; 0 is nobody
using Generation = uint32_t;  // random; not 0, nor kFarewell
// Of a node that has left in order: nothing is written under it. Older versions take it for the
// generation of a node that was started anew.
inline constexpr Generation kFarewell = UINT32_MAX;
using Epoch = uint64_t;  // microseconds of the engine's clock; below 2^53

inline constexpr NodeNumber kNobody = 0;

struct Shape {
  uint32_t shards = 16;            // a power of two: a re-send or a reload moves a part at a time
  uint32_t buckets_per_shard = 0;  // about 100 rows a bucket: the compact encoding holds
  uint32_t ShardOf(const ClientHash& h) const {
    return static_cast<uint32_t>(h.low()) & (shards - 1);
  }
  uint32_t BucketOf(const ClientHash& h) const {
    return static_cast<uint32_t>((h.low() >> 32) % buckets_per_shard);
  }
  friend bool operator==(const Shape& a, const Shape& b) {
    return a.shards == b.shards && a.buckets_per_shard == b.buckets_per_shard;
  }
};

class KeyNames {
 public:
  explicit KeyNames(std::string fleet_name) : fleet_(std::move(fleet_name)) {}
  std::string Meta() const;
  std::string Nodes() const;
  std::string Lease(NodeNumber node) const;
  // Of the engine where the key is; of the one that the brokers have in that place of their lists.
  std::string EngineMark() const;
  std::string EngineVouchedFor(size_t i) const;
  std::string Owners(uint32_t shard) const;
  std::string Changes(uint32_t shard) const;
  std::string Bucket(uint32_t shard, uint32_t bucket) const;

 private:
  std::string fleet_;
};

std::string EncodeNode(NodeNumber node);              // 2 bytes, big-endian
std::string EncodeGeneration(Generation generation);  // 4 bytes
NodeNumber DecodeNode(absl::string_view bytes);       // REQUIRES the size
Generation DecodeGeneration(absl::string_view bytes);
Epoch DecodeEpoch(absl::string_view bytes);

// One change of one client, as written and as read.
struct Event {
  enum class Kind : char { kUp = 'U', kDown = 'D' };
  Kind kind = Kind::kUp;
  ClientHash hash;
  Epoch epoch = 0;
  registry::EndReason reason = registry::EndReason::kNone;  // kDown
};
inline constexpr size_t kEventBytes = 26;
void AppendEvent(const Event& event, std::string* out);

// One row of a bucket.
struct Row {
  Epoch epoch = 0;
  NodeNumber node = kNobody;
  Generation generation = 0;
};
std::optional<Row> DecodeRow(absl::string_view value);

// One entry of a shard's change stream.
struct Entry {
  enum class Kind : char { kBegin = 'B', kApplied = 'A', kEnd = 'E' };
  Kind kind = Kind::kApplied;
  NodeNumber node = kNobody;
  Generation generation = 0;
  uint32_t number = 0;
  std::vector<Generation> older;  // kBegin: stay live until kEnd
  std::vector<Event> events;      // kApplied
};
std::optional<Entry> DecodeEntry(absl::string_view bytes);

// The owners hash of a shard, at one moment.
struct Owner {
  uint32_t number = 0;
  std::vector<Generation> generations;  // the one being written first; more than one: re-sending
};
std::vector<Generation> DecodeGenerations(absl::string_view bytes);

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_LAYOUT_H_
