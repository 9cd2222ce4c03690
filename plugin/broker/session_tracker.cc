#include "plugin/broker/session_tracker.h"

#include "plugin/broker/end_reason.h"

namespace session_status::broker {
namespace {

using registry::EndReason;
using Entry = Connections::Entry;
using Phase = Connections::Phase;

SessionTracker::Tracked AsTracked(const Entry& entry) {
  return {entry.client_id, entry.incarnation, entry.phase == Phase::kOnline,
          entry.phase == Phase::kPending};
}

// Of a connection that is told again, by the audit.
Connections::Told Repair() {
  return {.repaired = true, .session_not_told = mosquitto_client == nullptr};
}

}  // namespace

SessionTracker::SessionTracker(EventSink& sink, uint64_t first_incarnation)
    : connections_(sink, first_incarnation), connects_(connections_), logins_(connections_) {}

std::optional<SessionTracker::Tracked> SessionTracker::Find(const mosquitto* client) const {
  const Entry* const entry = connections_.Find(client);
  if (entry == nullptr) return std::nullopt;
  return AsTracked(*entry);
}

void SessionTracker::ForEach(
    const std::function<void(const mosquitto*, const Tracked&)>& visit) const {
  connections_.ForEach(
      [&](const mosquitto* client, const Entry& entry) { visit(client, AsTracked(entry)); });
}

void SessionTracker::Adopt(const mosquitto* client, absl::Time now) noexcept {
  connections_.Contained([&] {
    // Every instance counts as having told of it: what one of them tells later is a new connection.
    connections_.Track(0, client, mosquitto_client_id(client), Phase::kOnline).instances =
        ~uint64_t{0};
    TellAgain(client, now);
  });
}

void SessionTracker::TellAgain(const mosquitto* client, absl::Time now) noexcept {
  connections_.Contained([&] {
    const Entry* const entry = connections_.Find(client);
    if (entry == nullptr) return;
    connections_.EmitConnected(client, *entry, now, Repair());
  });
}

void SessionTracker::TellAnew(const mosquitto* client, absl::Time now) noexcept {
  connections_.Contained([&] {
    Entry* const entry = connections_.Find(client);
    if (entry == nullptr) return;
    connections_.Renumber(*entry);
    connections_.EmitConnected(client, *entry, now, Repair());
  });
}

void SessionTracker::TellEnded(const std::string& client_id, uint64_t incarnation,
                               absl::Time now) noexcept {
  connections_.Contained([&] {
    connections_.EmitEnded(client_id, incarnation, EndReason::kUnknown, kNoBrokerCode, false, now,
                           /*repaired=*/true);
  });
}

void SessionTracker::TellExpired(const std::string& client_id, uint64_t incarnation,
                                 absl::Time now) noexcept {
  connections_.Contained([&] {
    connections_.EmitSessionGone({client_id, incarnation}, EndReason::kSessionExpired,
                                 kNoBrokerCode, now);
  });
}

void SessionTracker::Drop(const std::function<bool(const mosquitto*, const Tracked&)>& gone) {
  connections_.ForgetIf(
      [&](const mosquitto* client, const Entry& entry) { return gone(client, AsTracked(entry)); });
}

}  // namespace session_status::broker
