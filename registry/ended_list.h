// Ended sessions in the order of their end, so that the oldest leave first.
//
// Two queues: `ended` holds sessions in state kOffline; `forgotten` those that are
// forgotten already but still lie in their slots, because an older cut may have to show
// them. Which one a session is in follows from its state; its neighbours are named in its
// own detail record, which an event needs anyhow, so that neither memory nor a further
// cache miss is spent on finding its place.
//
// Threads: writer only.
#ifndef SESSION_STATUS_REGISTRY_ENDED_LIST_H_
#define SESSION_STATUS_REGISTRY_ENDED_LIST_H_

#include <cstdint>

#include "registry/session_index.h"

namespace session_status::registry {

class EndedList {
 public:
  // A queue's number is the slot that closes its ring; the index gives the first chunk to nobody.
  enum Queue : Slot { kEnded = 1, kForgotten = 2 };

  // `index` must outlive the list.
  explicit EndedList(SessionIndex& index);

  void Append(Queue queue, Slot slot);  // at the end
  void Remove(Queue queue, Slot slot);  // from wherever in `queue` it is
  void Moved(Slot from, Slot to);       // a queued session lies in another slot now

  Slot front(Queue queue) const;  // 0: empty
  uint64_t size(Queue queue) const { return sizes_[queue]; }

 private:
  EndedLink& link(Slot slot) const { return index_.details(slot).ended; }

  SessionIndex& index_;
  uint64_t sizes_[3] = {0, 0, 0};
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_ENDED_LIST_H_
