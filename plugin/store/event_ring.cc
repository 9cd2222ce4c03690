#include "plugin/store/event_ring.h"

namespace session_status::store {
namespace {

constexpr size_t kStringBytesMax = 65'535;

size_t RoundUp(size_t bytes) { return (bytes + 7) / 8 * 8; }

}  // namespace

EventRing::EventRing(size_t bytes)
    : capacity_(RoundUp(std::max(bytes, kBytesMin))), block_(new char[capacity_]) {}

bool EventRing::TryPush(const ChangeRecord& record, absl::string_view client_id,
                        absl::string_view address) {
  if (client_id.size() > kStringBytesMax || address.size() > kStringBytesMax) return false;
  Header header;
  header.bytes = static_cast<uint32_t>(RoundUp(sizeof header + client_id.size() + address.size()));
  header.id_bytes = static_cast<uint16_t>(client_id.size());
  header.address_bytes = static_cast<uint16_t>(address.size());
  header.record = record;
  // relaxed: only this thread stores it.
  uint64_t tail = tail_.load(std::memory_order_relaxed);
  const size_t to_end = ToEnd(tail);
  // A record does not wrap.
  const size_t padding = to_end < header.bytes ? to_end : 0;
  // (1) acquire; pairs with (2): the store has read what we are about to overwrite.
  const uint64_t used = tail - head_.load(std::memory_order_acquire);
  if (capacity_ - used < padding + header.bytes) return false;
  if (padding != 0) {
    Header pad;
    pad.bytes = static_cast<uint32_t>(padding);
    pad.is_padding = true;
    std::memcpy(at(tail), &pad, std::min(sizeof pad, padding));
    tail += padding;
  }
  char* const place = at(tail);
  std::memcpy(place, &header, sizeof header);
  if (!client_id.empty()) std::memcpy(place + sizeof header, client_id.data(), client_id.size());
  if (!address.empty()) {
    std::memcpy(place + sizeof header + client_id.size(), address.data(), address.size());
  }
  // (3) release; pairs with (4).
  tail_.store(tail + header.bytes, std::memory_order_release);
  return true;
}

}  // namespace session_status::store
