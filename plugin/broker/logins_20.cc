#include "plugin/broker/logins_20.h"

#include <cstddef>
#include <utility>

#include "plugin/broker/client_description.h"

namespace session_status::broker {
namespace {

using registry::EndReason;

// Nobody tells whether the session outlives the connection. Before MQTT 5 clean session says it;
// with MQTT 5 it depends on the expiry interval, which plugins cannot see.
bool KeepsSession(const mosquitto* client) {
  const int version = mosquitto_client_protocol_version(client);
  return (version == 3 || version == 4) && !mosquitto_client_clean_session(client);
}

bool MayKeepSession(const mosquitto* client) {
  return mosquitto_client_protocol_version(client) == 5 || !mosquitto_client_clean_session(client);
}

}  // namespace

bool Logins20::IsHeldWithoutConnection(const mosquitto* client) const {
  if (!asks_all_) return false;
  // Those that the broker read from its file have no address.
  if (mosquitto_client_address(client) == nullptr) return true;
  // Of new connections only those over WebSockets are heard in that round: libwebsockets is served
  // after the reload. One may lie where a session was that the broker freed without a word; what is
  // held is not over WebSockets, whatever its last connection was.
  return mosquitto_client_protocol(client) != mp_websockets && maybe_held_.Find(client) != nullptr;
}

void Logins20::RememberEnd(const mosquitto* client) {
  // Of who is taken over the broker says that its session is clean.
  if (MayKeepSession(client)) {
    maybe_held_.Insert(client, {});
  } else {
    maybe_held_.Erase(client);
  }
}

void Logins20::OnLogin(int instance, const mosquitto* client, absl::Time now) noexcept {
  connections_.Contained([&] {
    const char* id = mosquitto_client_id(client);
    if (!IsUsable(id)) return;
    if (connections_.Find(client) != nullptr) {
      last_login_ = client;  // the broker reloads and asks everybody again
      return;
    }
    if (IsHeldWithoutConnection(client)) return;
    maybe_held_.Erase(client);
    const bool waits = has_rounds() && mosquitto_client_protocol(client) == mp_websockets;
    if (waits) waiting_.Add(client, HashOf(id));
    connections_.Track(instance, client, id, Phase::kPending);
    const mosquitto* const accepted = std::exchange(pending_, waits ? nullptr : client);
    if (accepted != nullptr) waiting_.Promote(accepted, now);
  });
}

void Logins20::OnEnd(const mosquitto* client, absl::Time now) noexcept {
  connections_.Contained([&] {
    Entry* const found = connections_.Find(client);
    if (found == nullptr) {
      connections_.counters().unknown_ends.Add();
      // Its connection ended long ago: another one goes on with its session; or the session stays,
      // but does not pass a reload, or is kicked. Or nobody told of its connection.
      RememberEnd(client);
      return;
    }
    Entry entry = std::move(*found);
    const bool refused_again = last_login_ == client;
    last_login_ = nullptr;
    connections_.Forget(client);
    const size_t id_hash = HashOf(entry.client_id);
    bool taken_over = false;
    if (pending_ == client) {
      pending_ = nullptr;
    } else if (const mosquitto* const accepted = std::exchange(pending_, nullptr)) {
      taken_over = connections_.Find(accepted)->client_id == entry.client_id;
      waiting_.Promote(accepted, now);
    }
    if (entry.phase == Phase::kPending) {  // refused; or it came and went within one round
      waiting_.Drop(id_hash, entry.incarnation);
      RememberEnd(client);
      return;
    }
    if (taken_over) return;
    waiting_.OnEnd(client, std::move(entry), id_hash,
                   refused_again ? EndReason::kNotAuthorized : EndReason::kUnknown,
                   KeepsSession(client), now);
    RememberEnd(client);
  });
}

void Logins20::Settle(absl::Time now) noexcept {
  if (const mosquitto* const accepted = std::exchange(pending_, nullptr)) {
    connections_.Contained([&] { waiting_.Promote(accepted, now); });
  }
  waiting_.PromoteDue(now);
}

}  // namespace session_status::broker
