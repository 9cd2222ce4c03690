#include "plugin/broker/connects_21.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "plugin/broker/client_description.h"
#include "plugin/broker/end_reason.h"

namespace session_status::broker {

using registry::EndReason;
using registry::SessionEvent;

Connects21::Connects21(Connections& connections)
    : connections_(connections), held_ends_(connections), missed_(connections) {
  unknown_ends_.reserve(kUnknownEndsMax);  // so that remembering one never allocates
}

void Connects21::OnConnect(int instance, const mosquitto* client, absl::Time now) noexcept {
  connections_.Contained([&] {
    const char* id = mosquitto_client_id(client);
    if (!IsUsable(id)) return;
    Entry* const known = connections_.Find(client);
    if (known != nullptr && known->phase == Phase::kOnline && known->client_id == id &&
        (known->instances & Connections::InstanceBit(instance)) == 0) {
      known->instances |= Connections::InstanceBit(instance);
      connections_.counters().duplicate_events.Add();
      return;
    }
    const auto found_session = std::exchange(found_session_, std::nullopt);
    const bool found_no_session = !found_session.has_value() || *found_session != HashOf(id);
    if (IsGhost(client, id)) {
      connections_.counters().ghosts_averted.Add();
      return;
    }
    if (known != nullptr) ForgetPrevious(client, *known, id, now);
    if (found_no_session && !mosquitto_client_clean_session(client)) {
      TellExpiredBeforeReturn(id, now);
    }
    missed_.OnConnect(client);
    const Entry& entered = connections_.Track(instance, client, id, Phase::kOnline);
    held_ends_.Drop(entered.client_id);
    connections_.EmitConnected(client, entered, now, {.found_no_session = found_no_session});
  });
}

void Connects21::OnEnd(const mosquitto* client, int reason, bool session_kept,
                       absl::Time now) noexcept {
  connections_.Contained([&] {
    const bool taken_over = reason == kReasonTakenOver;
    // By the name that it bears now, which is the one that the new connection was found under.
    const char* id = mosquitto_client_id(client);
    if (taken_over && IsUsable(id)) found_session_ = HashOf(id);
    Entry* found = connections_.Find(client);
    if (found != nullptr && found->phase == Phase::kSessionKept && !taken_over && reason >= 0 &&
        IsAnotherAtItsPlace(*found, client, id, session_kept)) {
      // The kept session has expired without a word.
      ForgetPrevious(client, *found, id, now);
      found = nullptr;
    }
    if (found == nullptr) {
      connections_.counters().unknown_ends.Add();
      RememberUnknownEnd(client);
      missed_.OnUnknownEnd(client, session_kept);
      if (!taken_over && reason >= 0 && IsEntered(client, id)) {
        OnFailedConnect(client, id, reason, session_kept, now);
      }
      return;
    }
    Entry& entry = *found;
    if (entry.phase == Phase::kSessionKept) {
      if (session_kept) {
        // Told by a second instance; or the kept session has expired without a word, and this is a
        // new connection of its client, at its address, that failed or was kicked by another
        // plugin.
        RememberUnknownEnd(client);
        return;
      }
      // The broker ends, which is no end of the session; it has not closed one that it restored.
      if (reason < 0) return;
      // 142: a new connection goes on with this session, its connect follows.
      if (!taken_over) {
        connections_.EmitSessionGone(entry, EndReason::kAdministrative, BrokerCode(reason), now);
      }
    } else if (taken_over) {
      held_ends_.Hold(entry, reason, now);
    } else {
      connections_.EmitEnded(entry.client_id, entry.incarnation, EndReasonFromBroker(reason),
                             BrokerCode(reason), session_kept, now);
    }
    if (session_kept) {
      entry.phase = Phase::kSessionKept;
    } else {
      connections_.Forget(client);
      if (!taken_over) missed_.OnEnd(client, id);
    }
  });
}

bool Connects21::IsInTable(const mosquitto* client, const char* id) const noexcept {
  return IsUsable(id) && mosquitto_client != nullptr && mosquitto_client(id) == client;
}

bool Connects21::IsEntered(const mosquitto* client, const char* id) const noexcept {
  return IsInTable(client, id) && mosquitto_client_address(client) != nullptr;
}

bool Connects21::IsAnotherAtItsPlace(const Entry& kept, const mosquitto* client, const char* id,
                                     bool session_kept) const noexcept {
  const bool is_named_otherwise = kept.client_id != absl::NullSafeStringView(id);
  if (session_kept) return is_named_otherwise && IsEntered(client, id);
  // Who is refused is not in the table. What an administrator removes is, until its end has been
  // told.
  return is_named_otherwise || !IsInTable(client, id);
}

void Connects21::OnFailedConnect(const mosquitto* client, const char* id, int reason,
                                 bool session_kept, absl::Time now) {
  const std::optional<size_t> found_session = std::exchange(found_session_, std::nullopt);
  const bool found = found_session.has_value() && *found_session == HashOf(id);
  const bool goes_on = session_kept && found && !mosquitto_client_clean_session(client);
  registry::SessionDetails known;
  if (registry_ != nullptr) registry_->FindDetails(id, &known);
  uint64_t incarnation = 0;  // whose session the broker had until now, as far as we know
  if (const std::optional<HeldEnds21::HeldEnd> held = held_ends_.Take(id)) {
    incarnation = held->incarnation;
    connections_.Contained([&] { held_ends_.Tell(*held, goes_on); });
  } else if (known.status.state == registry::SessionState::kOfflineSessionKept) {
    incarnation = known.incarnation;
    if (!goes_on) {
      connections_.EmitSessionGone({id, incarnation},
                                   found ? EndReason::kTakenOver : EndReason::kSessionExpired,
                                   found ? BrokerCode(kReasonTakenOver) : kNoBrokerCode, now);
    }
  }
  if (!session_kept) {
    missed_.OnEnd(client, id);
  } else if (goes_on && incarnation != 0) {
    connections_.AdoptHeld(client, id, incarnation);
  } else if (const uint64_t number = connections_.AdoptHeld(client, id, 0); number != 0) {
    SessionEvent event;
    event.kind = SessionEvent::Kind::kRestored;
    event.state = registry::SessionState::kOfflineSessionKept;
    event.client_id = id;
    event.incarnation = number;
    event.time = now;
    event.reason = EndReasonFromBroker(reason);
    event.broker_code = BrokerCode(reason);
    event.connected_at = known.connected_at;
    event.session_created_at = goes_on ? absl::InfinitePast() : now;
    event.connects = known.connects;
    event.connection = Describe(client);
    connections_.Emit(event);
  }
}

void Connects21::RememberUnknownEnd(const mosquitto* client) {
  // Every instance of the plugin is told of one end, one after the other.
  if (!unknown_ends_.empty() && unknown_ends_.back() == client) return;
  if (unknown_ends_.size() < kUnknownEndsMax) {
    unknown_ends_.push_back(client);
  } else {
    connections_.counters().guard_overflows.Add();
  }
}

bool Connects21::IsGhost(const mosquitto* client, const char* client_id) const noexcept {
  if (mosquitto_client != nullptr && mosquitto_client(client_id) != client) return true;
  return std::find(unknown_ends_.begin(), unknown_ends_.end(), client) != unknown_ends_.end();
}

void Connects21::ForgetPrevious(const mosquitto* client, const Entry& entry,
                                const char* new_client_id, absl::Time now) {
  if (entry.phase == Phase::kOnline) {
    connections_.counters().unseen_ends.Add();
    if (entry.client_id != new_client_id) {
      connections_.EmitEnded(entry.client_id, entry.incarnation, EndReason::kUnknown, kNoBrokerCode,
                             false, now);
    }
  } else if (entry.phase == Phase::kSessionKept) {
    // The broker freed the kept session without a word: that is how sessions expire. One that its
    // client goes on with is freed after the new connection has got its place.
    connections_.EmitSessionGone(entry, EndReason::kSessionExpired, kNoBrokerCode, now);
  }
  connections_.Forget(client);
}

// Without memory for it the connect alone says that it begins a session.
void Connects21::TellExpiredBeforeReturn(const char* client_id, absl::Time now) noexcept {
  if (registry_ == nullptr) return;
  if (registry_->Find(client_id).state != registry::SessionState::kOfflineSessionKept) return;
  connections_.Contained([&] {
    registry::SessionDetails details;
    if (!registry_->FindDetails(client_id, &details)) return;
    connections_.EmitSessionGone({client_id, details.incarnation}, EndReason::kSessionExpired,
                                 kNoBrokerCode, now);
  });
}

}  // namespace session_status::broker
