// The parts of one registry, in the order in which they are built.
#ifndef SESSION_STATUS_REGISTRY_SESSION_TABLE_H_
#define SESSION_STATUS_REGISTRY_SESSION_TABLE_H_

#include <algorithm>

#include "registry/client_id.h"
#include "registry/cohort_table.h"
#include "registry/ended_list.h"
#include "registry/group_table.h"
#include "registry/line_store.h"
#include "registry/registry_counters.h"
#include "registry/session_index.h"
#include "registry/session_registry.h"
#include "registry/snapshot_epochs.h"
#include "registry/string_pool.h"

namespace session_status::registry {

struct SessionTable {
  // Four to a slice of the deepest directory (session_index.h).
  static constexpr uint64_t kSessionsMaxMax = 60'000'000;

  explicit SessionTable(const RegistryOptions& o)
      : options(o),
        sessions_max(std::clamp<uint64_t>(o.sessions_max, 1, kSessionsMaxMax)),
        pages(o.huge_pages ? ReservedMemory::Pages::kHuge : ReservedMemory::Pages::kSmall),
        // Room for a line and two strings per session; those with more are rare.
        lines(static_cast<uint32_t>(sessions_max + std::min<uint64_t>(16 * sessions_max, 1 << 20)),
              pages),
        strings(static_cast<uint32_t>(2 * sessions_max + 4096), hasher, lines),
        index(sessions_max, pages, hasher, lines),
        ended(index) {}

  size_t ReservedBytes() const {
    return index.ReservedBytes() + strings.ReservedBytes() + lines.memory().size();
  }

  const RegistryOptions options;
  const uint64_t sessions_max;
  const ReservedMemory::Pages pages;
  ClientIdHasher hasher;
  LineStore lines;
  StringPool strings;
  SessionIndex index;
  EndedList ended;
  GroupTable groups;
  CohortTable cohorts;
  RegistryCounters counters;
  SnapshotEpochs epochs;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_TABLE_H_
