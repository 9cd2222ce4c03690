// What the broker's thread leaves for the store: records of changes behind each other in one block
// of memory of fixed size. When it is full the newest change is not taken.
//
//   ┌──────┬────────┬───────┬──────────┬───────┐   head: first record not yet taken
//   │ free │ record │ record│ record   │ free  │   tail: where the next one goes
//   └──────┴────────┴───────┴──────────┴───────┘   both count bytes since the start, never wrap
//          head                        tail
//
// Threads:   TryPush: one (broker), wait-free, allocates nothing. Drain: one other. size: any.
// Ordering:  what was written before TryPush is seen by the Drain that takes the record.
#ifndef SESSION_STATUS_PLUGIN_STORE_EVENT_RING_H_
#define SESSION_STATUS_PLUGIN_STORE_EVENT_RING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/strings/string_view.h"
#include "registry/session_event.h"

namespace session_status::store {

// A change, without its strings.
struct ChangeRecord {
  enum class Kind : uint8_t {
    kBegun,      // a connection was accepted
    kEnded,      // a connection, or a kept session, ended
    kRestored,   // found after the start
    kForgotten,  // the registry does not know the client any longer
  };
  Kind kind = Kind::kBegun;
  registry::SessionState state = registry::SessionState::kUnknown;  // after the change
  registry::EndReason reason = registry::EndReason::kNone;
  uint16_t broker_code = 0;
  uint16_t listener_port = 0;
  uint64_t incarnation = 0;
  int64_t at_ms = 0;
};

class EventRing {
 public:
  // Space for some records of the longest strings (65,535 bytes each) at least.
  static constexpr size_t kBytesMin = size_t{1} << 20;

  // Memory is touched as it is used.
  explicit EventRing(size_t bytes);

  bool TryPush(const ChangeRecord& record, absl::string_view client_id, absl::string_view address);

  // Hands at most `limit` records to `take(record, client_id, address)`, whose views die with the
  // call; returns how many.
  template <typename Take>
  size_t Drain(size_t limit, Take&& take) {
    // relaxed: only this thread stores it.
    uint64_t head = head_.load(std::memory_order_relaxed);
    // (4) acquire; pairs with (3): the records below the tail are whole.
    const uint64_t tail = tail_.load(std::memory_order_acquire);
    size_t taken = 0;
    while (head != tail && taken < limit) {
      Header header;
      std::memcpy(&header, at(head), std::min(sizeof header, ToEnd(head)));
      if (!header.is_padding) {
        const char* const text = at(head) + sizeof header;
        take(header.record, absl::string_view(text, header.id_bytes),
             absl::string_view(text + header.id_bytes, header.address_bytes));
        ++taken;
      }
      head += header.bytes;
      // (2) release; pairs with (1): we are done with these bytes.
      head_.store(head, std::memory_order_release);
    }
    return taken;
  }

  size_t capacity() const { return capacity_; }
  size_t size() const {  // bytes in use
    // relaxed: for display. The tail is read last: never less than the head.
    const uint64_t head = head_.load(std::memory_order_relaxed);
    return static_cast<size_t>(tail_.load(std::memory_order_relaxed) - head);
  }

 private:
  struct Header {
    uint32_t bytes = 0;       // of the record, header and strings included; a multiple of 8
    bool is_padding = false;  // nothing but the way to the beginning of the block
    uint16_t id_bytes = 0;
    uint16_t address_bytes = 0;
    ChangeRecord record;
  };
  static_assert(offsetof(Header, is_padding) < 8, "the shortest padding has 8 bytes");
  char* at(uint64_t position) const { return block_.get() + position % capacity_; }
  size_t ToEnd(uint64_t position) const { return capacity_ - position % capacity_; }

  const size_t capacity_;
  std::unique_ptr<char[]> block_;
  alignas(64) std::atomic<uint64_t> tail_{0};
  alignas(64) std::atomic<uint64_t> head_{0};
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_EVENT_RING_H_
