// Ended sessions in the order of their end, so that the oldest leave first.
//
// Two queues share the nodes: `ended` holds sessions in state kOffline; `forgotten` those that are
// forgotten already but still lie in their slots, because an older cut may have to show them. Only
// ended sessions have a node (12 bytes), so clients that are online pay nothing.
//
// A node leaves its ring some calls after Remove(): by then its cache lines, asked for at once, have
// arrived, so that a client that comes back does not wait for the memory of its neighbours in time.
//
// Threads: writer only; PopulateAhead(): refresher.
// Errors:  Append() says 0 when the space is used up: the session is then not forgotten by age.
#ifndef SESSION_STATUS_REGISTRY_ENDED_LIST_H_
#define SESSION_STATUS_REGISTRY_ENDED_LIST_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "registry/reserved_memory.h"
#include "registry/session_index.h"

namespace session_status::registry {

class EndedList {
 public:
  enum Queue : uint32_t { kEnded = 1, kForgotten = 2 };

  EndedList(uint64_t sessions_max, ReservedMemory::Pages pages);

  // Puts `slot` at the end of `queue`; its node's number, never 0 but when space ran out.
  uint32_t Append(Queue queue, Slot slot);
  // Takes the node out of the queue it is in; its number means nothing afterwards.
  void Remove(Queue queue, uint32_t node);
  // The session of the node lies in another slot now.
  void Moved(uint32_t node, Slot slot) { nodes()[node].slot = slot; }

  Slot front(Queue queue);  // 0: empty
  uint64_t size(Queue queue) const { return sizes_[queue]; }
  size_t TouchedBytes() const { return memory_.TouchedBytes(); }
  void PopulateAhead() { memory_.PopulateAhead(); }

 private:
  struct Node {
    uint32_t previous;  // nodes 1 and 2 are the heads of the queues, linked in a ring
    uint32_t next;
    Slot slot;
  };
  Node* nodes() const { return memory_.as<Node>(); }
  void Unlink(uint32_t node);

  // Nodes that wait for their lines (at first) and for their neighbours' (from half way on).
  static constexpr size_t kLeaving = 16;

  ReservedMemory memory_;
  uint32_t capacity_;
  uint32_t fresh_ = 3;
  uint32_t free_ = 0;
  uint64_t sizes_[3] = {0, 0, 0};
  std::array<uint32_t, kLeaving> leaving_{};
  size_t leaving_at_ = 0;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_ENDED_LIST_H_
