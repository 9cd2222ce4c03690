#include "registry/ended_list.h"

namespace session_status::registry {

EndedList::EndedList(SessionIndex& index) : index_(index) {
  for (const Queue queue : {kEnded, kForgotten}) link(queue) = {queue, queue};
}

void EndedList::Append(Queue queue, Slot slot) {
  const Slot last = link(queue).previous;
  link(slot) = {last, queue};
  link(last).next = slot;
  link(queue).previous = slot;
  ++sizes_[queue];
}

void EndedList::Remove(Queue queue, Slot slot) {
  const EndedLink neighbours = link(slot);
  link(neighbours.previous).next = neighbours.next;
  link(neighbours.next).previous = neighbours.previous;
  --sizes_[queue];
}

void EndedList::Moved(Slot from, Slot to) {
  const EndedLink neighbours = link(from);
  link(to) = neighbours;
  link(neighbours.previous).next = to;
  link(neighbours.next).previous = to;
}

Slot EndedList::front(Queue queue) const {
  const Slot first = link(queue).next;
  return first == queue ? 0 : first;
}

}  // namespace session_status::registry
