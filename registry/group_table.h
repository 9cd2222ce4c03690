// Counts of sessions per group (the part of a client identifier before `@@@`).
//
// At most kGroupsMax groups at a time; sessions of further ones are counted under number 0, the
// group without a name, as are identifiers without a group or with a name over 64 bytes, and those
// that come when there is no memory for a name. A group lives as long as it has sessions.
//
// Threads:     Join, Leave, Count: writer. Counts: any.
// Consistency: each row's figures are exact as of some moment during the read.
#ifndef SESSION_STATUS_REGISTRY_GROUP_TABLE_H_
#define SESSION_STATUS_REGISTRY_GROUP_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "registry/session_record.h"
#include "registry/session_registry.h"

namespace session_status::registry {

class GroupTable {
 public:
  static constexpr size_t kNameBytesMax = 64;
  static constexpr uint16_t kGroupsMax = 4096;  // a page of a dashboard; 128 bytes each

  GroupTable();

  // The number of the group named `name` (0 if it cannot have one), with one session more.
  uint16_t Join(absl::string_view name);
  void Leave(uint16_t group);
  // A session of the group went from one state to another.
  void Count(uint16_t group, SessionState from, SessionState to);

  // Groups that have sessions, in no order; number 0 comes first, with an empty name.
  std::vector<GroupCounts> Counts() const;

 private:
  struct alignas(64) Row {
    Version version;  // odd while the row is being given to another group
    std::atomic<uint32_t> length{0};
    std::array<Word, kNameBytesMax / 8> name;
    std::array<std::atomic<uint32_t>, kSessionStateCount> by_state{};
    uint32_t sessions = 0;  // writer only, as is the rest
    uint16_t next_free = 0;
  };
  using NameBuffer = std::array<uint64_t, kNameBytesMax / 8>;
  static absl::string_view NameOf(const Row& row, NameBuffer* buffer);

  std::unique_ptr<Row[]> rows_;
  std::atomic<uint16_t> fresh_{1};
  uint16_t free_ = 0;
  absl::flat_hash_map<std::string, uint16_t> numbers_;  // writer; large enough from the start
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_GROUP_TABLE_H_
