#include "registry/ended_list.h"

#include <algorithm>
#include <utility>

namespace session_status::registry {

EndedList::EndedList(uint64_t sessions_max, ReservedMemory::Pages pages)
    : memory_((sessions_max + 4096) * sizeof(Node), size_t{1} << 16, pages),
      capacity_(static_cast<uint32_t>(
          std::min<uint64_t>(memory_.size() / sizeof(Node), UINT32_MAX))) {
  nodes()[kEnded] = {kEnded, kEnded, 0};
  nodes()[kForgotten] = {kForgotten, kForgotten, 0};
  memory_.NoteUsed(3 * sizeof(Node));
}

uint32_t EndedList::Append(Queue queue, Slot slot) {
  uint32_t n = free_;
  if (n != 0) {
    free_ = nodes()[n].next;
  } else {
    if (fresh_ >= capacity_) return 0;
    n = fresh_++;
    memory_.NoteUsed(size_t{fresh_} * sizeof(Node));
  }
  const uint32_t last = nodes()[queue].previous;
  nodes()[n] = {last, queue, slot};
  nodes()[last].next = n;
  nodes()[queue].previous = n;
  ++sizes_[queue];
  return n;
}

void EndedList::Remove(Queue queue, uint32_t node) {
  --sizes_[queue];
  __builtin_prefetch(&nodes()[node], 1);
  Unlink(std::exchange(leaving_[leaving_at_], node));
  leaving_at_ = (leaving_at_ + 1) % kLeaving;
  const uint32_t half_way = leaving_[(leaving_at_ + kLeaving / 2) % kLeaving];
  __builtin_prefetch(&nodes()[nodes()[half_way].previous], 1);
  __builtin_prefetch(&nodes()[nodes()[half_way].next], 1);
}

void EndedList::Unlink(uint32_t node) {
  if (node == 0) return;
  const Node n = nodes()[node];
  nodes()[n.previous].next = n.next;
  nodes()[n.next].previous = n.previous;
  nodes()[node].next = free_;
  free_ = node;
}

Slot EndedList::front(Queue queue) {
  for (uint32_t& node : leaving_) Unlink(std::exchange(node, 0));
  const uint32_t first = nodes()[queue].next;
  return first == queue ? 0 : nodes()[first].slot;
}

}  // namespace session_status::registry
