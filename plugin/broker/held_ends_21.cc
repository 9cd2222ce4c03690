#include "plugin/broker/held_ends_21.h"

#include <algorithm>
#include <utility>

#include "plugin/broker/end_reason.h"

namespace session_status::broker {

HeldEnds21::HeldEnds21(Connections& connections) : connections_(connections) {
  ends_.reserve(kHeldEndsMax);  // so that holding one never allocates
}

void HeldEnds21::Hold(Connections::Entry& entry, int reason, absl::Time now) {
  if (ends_.size() == kHeldEndsMax) {
    const HeldEnd oldest = std::move(ends_.front());
    ends_.erase(ends_.begin());
    Tell(oldest, /*session_kept=*/false);
  }
  ends_.push_back({std::move(entry.client_id), entry.incarnation, reason, now});
}

std::optional<HeldEnds21::HeldEnd> HeldEnds21::Take(absl::string_view client_id) {
  const auto held = std::find_if(ends_.begin(), ends_.end(),
                                 [&](const HeldEnd& h) { return h.client_id == client_id; });
  if (held == ends_.end()) return std::nullopt;
  HeldEnd taken = std::move(*held);
  ends_.erase(held);
  return taken;
}

void HeldEnds21::Tell(const HeldEnd& held, bool session_kept) {
  connections_.EmitEnded(held.client_id, held.incarnation, EndReasonFromBroker(held.reason),
                         BrokerCode(held.reason), session_kept, held.time);
}

void HeldEnds21::Drop(const std::string& client_id) {
  ends_.erase(std::remove_if(ends_.begin(), ends_.end(),
                             [&](const HeldEnd& h) { return h.client_id == client_id; }),
              ends_.end());
}

void HeldEnds21::TellAll() noexcept {
  // One by one, so that memory that runs out in one event loses that one only.
  for (size_t held = ends_.size(); held > 0; --held) {
    const HeldEnd end = std::move(ends_.front());
    ends_.erase(ends_.begin());
    connections_.Contained([&] { Tell(end, /*session_kept=*/false); });
  }
}

}  // namespace session_status::broker
