#include "plugin/broker/connections.h"

#include "plugin/broker/client_description.h"

namespace session_status::broker {

using registry::EndReason;
using registry::SessionEvent;

Connections::Entry& Connections::Track(int instance, const mosquitto* client, const char* client_id,
                                       Phase phase) {
  Entry entry{std::string(client_id), next_incarnation_, InstanceBit(instance), phase};
  const auto [entered, is_new] = table_.InsertOrAssign(client, std::move(entry));
  ++next_incarnation_;
  if (is_new) counters_.tracked.Add();
  return *entered;
}

uint64_t Connections::AdoptHeld(const mosquitto* client, absl::string_view client_id,
                                uint64_t incarnation) noexcept {
  uint64_t adopted = 0;
  Contained([&] {
    const uint64_t number = incarnation != 0 ? incarnation : next_incarnation_;
    Entry entry{std::string(client_id), number, 0, Phase::kSessionKept};
    if (!table_.Insert(client, std::move(entry)).second) return;
    if (incarnation == 0) ++next_incarnation_;
    counters_.tracked.Add();
    adopted = number;
  });
  return adopted;
}

void Connections::EmitConnected(const mosquitto* client, const Entry& entry, absl::Time now,
                                Told told) {
  SessionEvent event;
  event.kind = SessionEvent::Kind::kConnected;
  event.repaired = told.repaired;
  event.found_no_session = told.found_no_session;
  event.session_not_told = told.session_not_told;
  event.client_id = entry.client_id;
  event.incarnation = entry.incarnation;
  event.time = now;
  // A repair comes long after the connect: only 2.1's table says that the pointer is still valid.
  if (!told.repaired || mosquitto_client != nullptr) event.connection = Describe(client);
  sink_.OnSessionEvent(event);
}

void Connections::EmitEnded(const std::string& client_id, uint64_t incarnation, EndReason reason,
                            uint16_t code, bool session_kept, absl::Time now, bool repaired) {
  SessionEvent event;
  event.kind = SessionEvent::Kind::kEnded;
  event.repaired = repaired;
  event.client_id = client_id;
  event.incarnation = incarnation;
  event.time = now;
  event.reason = reason;
  event.broker_code = code;
  event.session_kept = session_kept;
  sink_.OnSessionEvent(event);
}

void Connections::EmitSessionGone(const Entry& entry, EndReason reason, uint16_t code,
                                  absl::Time now) {
  SessionEvent event;
  event.kind = SessionEvent::Kind::kSessionGone;
  event.client_id = entry.client_id;
  event.incarnation = entry.incarnation;
  event.time = now;
  event.reason = reason;
  event.broker_code = code;
  sink_.OnSessionEvent(event);
}

}  // namespace session_status::broker
