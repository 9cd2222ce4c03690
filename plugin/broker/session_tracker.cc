#include "plugin/broker/session_tracker.h"

#include <algorithm>
#include <functional>
#include <new>
#include <string_view>
#include <utility>

#include "absl/strings/string_view.h"
#include "plugin/broker/end_reason.h"

namespace session_status::broker {
namespace {

using registry::EndReason;
using registry::SessionEvent;

absl::string_view OrEmpty(const char* text) { return text == nullptr ? "" : text; }

bool IsUsable(const char* client_id) { return client_id != nullptr && client_id[0] != '\0'; }

uint64_t InstanceBit(int instance) { return uint64_t{1} << instance; }

uint16_t ToUint16(int value) {
  return static_cast<uint16_t>(std::clamp(value, 0, 0xFFFF));  // the broker says -1 for "none"
}

registry::ProtocolVersion ToProtocolVersion(int level) {
  switch (level) {
    case 3:
      return registry::ProtocolVersion::kMqtt31;
    case 4:
      return registry::ProtocolVersion::kMqtt311;
    case 5:
      return registry::ProtocolVersion::kMqtt5;
    default:
      return registry::ProtocolVersion::kUnknown;
  }
}

registry::Transport ToTransport(int protocol) {
  switch (protocol) {
    case mp_mqtt:
      return registry::Transport::kMqtt;
    case mp_websockets:
      return registry::Transport::kWebSockets;
    default:
      return registry::Transport::kUnknown;
  }
}

registry::Connection Describe(const mosquitto* client) {
  registry::Connection c;
  c.address = OrEmpty(mosquitto_client_address(client));
  c.username = OrEmpty(mosquitto_client_username(client));
  c.listener_port =
      mosquitto_client_port == nullptr ? uint16_t{0} : ToUint16(mosquitto_client_port(client));
  c.keepalive_s = ToUint16(mosquitto_client_keepalive(client));
  c.protocol_version = ToProtocolVersion(mosquitto_client_protocol_version(client));
  c.transport = ToTransport(mosquitto_client_protocol(client));
  c.clean_start = mosquitto_client_clean_session(client);
  return c;
}

// On 2.0 nobody tells whether the session outlives the connection. Before MQTT 5 clean session says
// it; with MQTT 5 it depends on the expiry interval, which plugins cannot see.
bool KeepsSession20(const mosquitto* client) {
  const int version = mosquitto_client_protocol_version(client);
  return (version == 3 || version == 4) && !mosquitto_client_clean_session(client);
}

size_t HashOf(absl::string_view id) {
  return std::hash<std::string_view>()({id.data(), id.size()});
}

// 2.0: a refusal over WebSockets is told when libwebsockets has written the answer, in this round
// or the next; over TLS only when the other side closes, or after five seconds (Waiting::contests).
constexpr uint64_t kRoundsOfWaiting = 3;  // the rest of the present one, and two whole ones

bool MayKeepSession20(const mosquitto* client) {
  return mosquitto_client_protocol_version(client) == 5 || !mosquitto_client_clean_session(client);
}

// Runs `work` with every exception kept inside.
template <typename Work>
void Contained(TrackerCounters& counters, Work&& work) noexcept {
  try {
    work();
  } catch (const std::bad_alloc&) {
    counters.out_of_memory.Add();
  }
}

}  // namespace

SessionTracker::SessionTracker(EventSink& sink, uint64_t first_incarnation)
    : sink_(sink), next_incarnation_(first_incarnation) {
  // So that the round's bookkeeping of a 2.1 broker never allocates.
  held_ends_.reserve(kHeldEndsMax);
  unknown_ends_.reserve(kUnknownEndsMax);
}

uint64_t SessionTracker::AdoptHeld(const mosquitto* client, absl::string_view client_id,
                                   uint64_t incarnation) noexcept {
  uint64_t adopted = 0;
  Contained(counters_, [&] {
    const uint64_t number = incarnation != 0 ? incarnation : next_incarnation_;
    Entry entry{std::string(client_id), number, 0, Phase::kSessionKept};
    if (!table_.Insert(client, std::move(entry)).second) return;
    if (incarnation == 0) ++next_incarnation_;
    counters_.tracked.Add();
    adopted = number;
  });
  return adopted;
}

// -- Mosquitto 2.1 --------------------------------------------------------------------------------

void SessionTracker::OnConnect(int instance, const mosquitto* client, absl::Time now) noexcept {
  Contained(counters_, [&] {
    const char* id = mosquitto_client_id(client);
    if (!IsUsable(id)) return;
    Entry* const known = table_.Find(client);
    if (known != nullptr && known->phase == Phase::kOnline && known->client_id == id &&
        (known->instances & InstanceBit(instance)) == 0) {
      known->instances |= InstanceBit(instance);
      counters_.duplicate_events.Add();
      return;
    }
    const auto found_session = std::exchange(found_session_, std::nullopt);
    const bool found_no_session = !found_session.has_value() || *found_session != HashOf(id);
    if (IsGhost(client, id)) {
      counters_.ghosts_averted.Add();
      return;
    }
    if (known != nullptr) ForgetPrevious(client, *known, id, now);
    if (found_no_session && !mosquitto_client_clean_session(client)) {
      TellExpiredBeforeReturn(id, now);
    }
    if (!lingering_.empty()) lingering_.erase(client);
    if (mosquitto_client_port != nullptr) {
      listener_ports_.set(ToUint16(mosquitto_client_port(client)));
    }
    const Entry& entered = Track(instance, client, id, Phase::kOnline);
    DropHeld(entered.client_id);
    EmitConnected(client, entered, now, {.found_no_session = found_no_session});
  });
}

void SessionTracker::OnEnd(const mosquitto* client, int reason, bool session_kept,
                           absl::Time now) noexcept {
  Contained(counters_, [&] {
    const bool taken_over = reason == kReasonTakenOver;
    // By the name that it bears now, which is the one that the new connection was found under.
    const char* id = mosquitto_client_id(client);
    if (taken_over && IsUsable(id)) found_session_ = HashOf(id);
    Entry* found = table_.Find(client);
    if (found != nullptr && found->phase == Phase::kSessionKept && !taken_over && reason >= 0 &&
        IsAnotherAtItsPlace(*found, client, id, session_kept)) {
      // The kept session has expired without a word.
      ForgetPrevious(client, *found, id, now);
      found = nullptr;
    }
    if (found == nullptr) {
      counters_.unknown_ends.Add();
      RememberUnknownEnd(client);
      if (session_kept) {
        lingering_.insert(client);
      } else if (!lingering_.empty()) {
        lingering_.erase(client);
      }
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
        EmitSessionGone(entry, EndReason::kAdministrative, BrokerCode(reason), now);
      }
    } else if (taken_over) {
      Hold(entry, reason, now);
    } else {
      EmitEnded(entry.client_id, entry.incarnation, EndReasonFromBroker(reason), BrokerCode(reason),
                session_kept, now);
    }
    if (session_kept) {
      entry.phase = Phase::kSessionKept;
    } else {
      Forget(client);
      if (!taken_over) RememberEndedMqtt5(client, id);
    }
  });
}

bool SessionTracker::IsInTable(const mosquitto* client, const char* id) const noexcept {
  return IsUsable(id) && mosquitto_client != nullptr && mosquitto_client(id) == client;
}

bool SessionTracker::IsEntered(const mosquitto* client, const char* id) const noexcept {
  return IsInTable(client, id) && mosquitto_client_address(client) != nullptr;
}

bool SessionTracker::IsAnotherAtItsPlace(const Entry& kept, const mosquitto* client, const char* id,
                                         bool session_kept) const noexcept {
  const bool is_named_otherwise = kept.client_id != OrEmpty(id);
  if (session_kept) return is_named_otherwise && IsEntered(client, id);
  // Who is refused is not in the table. What an administrator removes is, until its end has been
  // told.
  return is_named_otherwise || !IsInTable(client, id);
}

void SessionTracker::OnFailedConnect(const mosquitto* client, const char* id, int reason,
                                     bool session_kept, absl::Time now) {
  const std::optional<size_t> found_session = std::exchange(found_session_, std::nullopt);
  const bool found = found_session.has_value() && *found_session == HashOf(id);
  const bool goes_on = session_kept && found && !mosquitto_client_clean_session(client);
  registry::SessionDetails known;
  if (registry_ != nullptr) registry_->FindDetails(id, &known);
  uint64_t incarnation = 0;  // whose session the broker had until now, as far as we know
  if (const std::optional<HeldEnd> held = TakeHeld(id)) {
    incarnation = held->incarnation;
    Contained(counters_, [&] { TellHeld(*held, goes_on); });
  } else if (known.status.state == registry::SessionState::kOfflineSessionKept) {
    incarnation = known.incarnation;
    if (!goes_on) {
      EmitSessionGone({id, incarnation}, found ? EndReason::kTakenOver : EndReason::kSessionExpired,
                      found ? BrokerCode(kReasonTakenOver) : kNoBrokerCode, now);
    }
  }
  if (!session_kept) {
    RememberEndedMqtt5(client, id);
  } else if (goes_on && incarnation != 0) {
    AdoptHeld(client, id, incarnation);
  } else if (const uint64_t number = AdoptHeld(client, id, 0); number != 0) {
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
    sink_.OnSessionEvent(event);
  }
}

void SessionTracker::RememberEndedMqtt5(const mosquitto* client, const char* id) {
  if (!IsUsable(id) || mosquitto_client_protocol_version(client) != 5) return;
  // Told by another instance.
  if (!ended_mqtt5_.empty() && ended_mqtt5_.back().first == client) return;
  ended_mqtt5_.emplace_back(client, id);
}

void SessionTracker::RememberUnknownEnd(const mosquitto* client) {
  // Every instance of the plugin is told of one end, one after the other.
  if (!unknown_ends_.empty() && unknown_ends_.back() == client) return;
  if (unknown_ends_.size() < kUnknownEndsMax) {
    unknown_ends_.push_back(client);
  } else {
    counters_.guard_overflows.Add();
  }
}

bool SessionTracker::IsGhost(const mosquitto* client, const char* client_id) const noexcept {
  if (mosquitto_client != nullptr && mosquitto_client(client_id) != client) return true;
  return std::find(unknown_ends_.begin(), unknown_ends_.end(), client) != unknown_ends_.end();
}

void SessionTracker::Forget(const mosquitto* client) {
  table_.Erase(client);
  counters_.tracked.Subtract();
}

void SessionTracker::ForgetPrevious(const mosquitto* client, const Entry& entry,
                                    const char* new_client_id, absl::Time now) {
  if (entry.phase == Phase::kOnline) {
    counters_.unseen_ends.Add();
    if (entry.client_id != new_client_id) {
      EmitEnded(entry.client_id, entry.incarnation, EndReason::kUnknown, kNoBrokerCode, false, now);
    }
  } else if (entry.phase == Phase::kSessionKept) {
    // The broker freed the kept session without a word: that is how sessions expire. One that its
    // client goes on with is freed after the new connection has got its place.
    EmitSessionGone(entry, EndReason::kSessionExpired, kNoBrokerCode, now);
  }
  Forget(client);
}

// Without memory for it the connect alone says that it begins a session.
void SessionTracker::TellExpiredBeforeReturn(const char* client_id, absl::Time now) noexcept {
  if (registry_ == nullptr) return;
  if (registry_->Find(client_id).state != registry::SessionState::kOfflineSessionKept) return;
  Contained(counters_, [&] {
    registry::SessionDetails details;
    if (!registry_->FindDetails(client_id, &details)) return;
    EmitSessionGone({client_id, details.incarnation}, EndReason::kSessionExpired, kNoBrokerCode,
                    now);
  });
}

void SessionTracker::Hold(Entry& entry, int reason, absl::Time now) {
  if (held_ends_.size() == kHeldEndsMax) {
    const HeldEnd oldest = std::move(held_ends_.front());
    held_ends_.erase(held_ends_.begin());
    TellHeld(oldest, /*session_kept=*/false);
  }
  held_ends_.push_back({std::move(entry.client_id), entry.incarnation, reason, now});
}

std::optional<SessionTracker::HeldEnd> SessionTracker::TakeHeld(absl::string_view client_id) {
  const auto held = std::find_if(held_ends_.begin(), held_ends_.end(),
                                 [&](const HeldEnd& h) { return h.client_id == client_id; });
  if (held == held_ends_.end()) return std::nullopt;
  HeldEnd taken = std::move(*held);
  held_ends_.erase(held);
  return taken;
}

void SessionTracker::TellHeld(const HeldEnd& held, bool session_kept) {
  EmitEnded(held.client_id, held.incarnation, EndReasonFromBroker(held.reason),
            BrokerCode(held.reason), session_kept, held.time);
}

void SessionTracker::DropHeld(const std::string& client_id) {
  held_ends_.erase(std::remove_if(held_ends_.begin(), held_ends_.end(),
                                  [&](const HeldEnd& h) { return h.client_id == client_id; }),
                   held_ends_.end());
}

// -- Mosquitto 2.0 --------------------------------------------------------------------------------

bool SessionTracker::IsHeldWithoutConnection(const mosquitto* client) const {
  if (!asks_all_) return false;
  // Those that the broker read from its file have no address.
  if (mosquitto_client_address(client) == nullptr) return true;
  // Of new connections only those over WebSockets are heard in that round: libwebsockets is served
  // after the reload. One may lie where a session was that the broker freed without a word; what is
  // held is not over WebSockets, whatever its last connection was.
  return mosquitto_client_protocol(client) != mp_websockets && maybe_held_.Find(client) != nullptr;
}

void SessionTracker::RememberEnd20(const mosquitto* client) {
  // Of who is taken over the broker says that its session is clean.
  if (MayKeepSession20(client)) {
    maybe_held_.Insert(client, {});
  } else {
    maybe_held_.Erase(client);
  }
}

void SessionTracker::OnLogin(int instance, const mosquitto* client, absl::Time now) noexcept {
  Contained(counters_, [&] {
    const char* id = mosquitto_client_id(client);
    if (!IsUsable(id)) return;
    if (table_.Find(client) != nullptr) {
      last_login_ = client;  // the broker reloads and asks everybody again
      return;
    }
    if (IsHeldWithoutConnection(client)) return;
    maybe_held_.Erase(client);
    const bool waits = has_rounds() && mosquitto_client_protocol(client) == mp_websockets;
    if (waits) {
      const size_t id_hash = HashOf(id);
      due_.push_back({rounds_ + kRoundsOfWaiting, id_hash, next_incarnation_});
      waiting_.emplace(id_hash, Waiting{.client = client, .incarnation = next_incarnation_});
    }
    Track(instance, client, id, Phase::kPending);
    const mosquitto* const accepted = std::exchange(pending_, waits ? nullptr : client);
    if (accepted != nullptr) Promote(accepted, now);
  });
}

void SessionTracker::OnEndWithoutReason(const mosquitto* client, absl::Time now) noexcept {
  Contained(counters_, [&] {
    Entry* const found = table_.Find(client);
    if (found == nullptr) {
      counters_.unknown_ends.Add();
      // Its connection ended long ago: another one goes on with its session; or the session stays,
      // but does not pass a reload, or is kicked. Or nobody told of its connection.
      RememberEnd20(client);
      return;
    }
    Entry entry = std::move(*found);
    const bool refused_again = last_login_ == client;
    last_login_ = nullptr;
    Forget(client);
    const size_t id_hash = HashOf(entry.client_id);
    bool taken_over = false;
    if (pending_ == client) {
      pending_ = nullptr;
    } else if (const mosquitto* const accepted = std::exchange(pending_, nullptr)) {
      taken_over = table_.Find(accepted)->client_id == entry.client_id;
      Promote(accepted, now);
    }
    if (entry.phase == Phase::kPending) {  // refused; or it came and went within one round
      DropWaiting(id_hash, entry.incarnation);
      RememberEnd20(client);
      return;
    }
    if (taken_over) return;
    if (!PromoteContesting(client, entry.client_id, id_hash, now)) {
      const EndReason reason = refused_again ? EndReason::kNotAuthorized : EndReason::kUnknown;
      TellOrHold({std::move(entry.client_id), entry.incarnation, reason, KeepsSession20(client),
                  now, next_incarnation_, rounds_ + kRoundsOfWaiting});
    }
    RememberEnd20(client);
  });
}

SessionTracker::Waiting* SessionTracker::FindReason(const EndIn20& end) {
  const auto [first, last] = waiting_.equal_range(HashOf(end.client_id));
  for (auto row = last; row != first;) {
    Waiting& waiting = (--row)->second;
    const bool may_be_it = waiting.incarnation < end.before || rounds_ < end.passed_on_until_round;
    if (may_be_it && !waiting.contests && IsLoginOf(waiting, end.client_id)) return &waiting;
  }
  return nullptr;
}

bool SessionTracker::IsLoginOf(const Waiting& waiting, const std::string& client_id) const {
  const Entry* const entry = table_.Find(waiting.client);
  return entry != nullptr && entry->incarnation == waiting.incarnation &&
         entry->phase == Phase::kPending && entry->client_id == client_id;
}

void SessionTracker::TellOrHold(EndIn20 end) {
  if (end.incarnation == 0) return;
  Waiting* const waiting = FindReason(end);
  if (waiting != nullptr && waiting->end.incarnation < end.incarnation) {
    if (waiting->end.incarnation == 0) ++ends_in_waiting_;
    std::swap(waiting->end, end);
  }
  if (end.incarnation == 0) return;
  EmitEnded(end.client_id, end.incarnation, end.reason, kNoBrokerCode, end.session_kept, end.time);
}

SessionTracker::EndIn20 SessionTracker::TakeEnd(Waiting& waiting) {
  if (waiting.end.incarnation != 0) --ends_in_waiting_;
  return std::exchange(waiting.end, EndIn20());
}

SessionTracker::WaitingLogins::iterator SessionTracker::FindWaiting(size_t id_hash,
                                                                    uint64_t incarnation) {
  const auto [first, last] = waiting_.equal_range(id_hash);
  const auto found = std::find_if(
      first, last, [&](const auto& row) { return row.second.incarnation == incarnation; });
  return found == last ? waiting_.end() : found;
}

void SessionTracker::DropWaiting(size_t id_hash, uint64_t incarnation) {
  const auto refused = FindWaiting(id_hash, incarnation);
  if (refused == waiting_.end()) return;
  EndIn20 end = TakeEnd(refused->second);
  waiting_.erase(refused);
  TellOrHold(std::move(end));
}

void SessionTracker::PromoteWaiting(absl::Time now) noexcept {
  while (!due_.empty() && due_.front().in_round <= rounds_) {
    const Due due = due_.front();
    due_.pop_front();
    const auto row = FindWaiting(due.id_hash, due.incarnation);
    if (row == waiting_.end()) continue;
    Waiting& waiting = row->second;
    EndIn20 end = TakeEnd(waiting);
    const Entry* const entry = table_.Find(waiting.client);
    // 2.0.11 takes the identifier from those that it refuses.
    const bool is_there = entry != nullptr && entry->incarnation == due.incarnation &&
                          mosquitto_client_id(waiting.client) != nullptr;
    waiting.contests = is_there && IsOnline(due.id_hash, entry->client_id);
    const mosquitto* const accepted = is_there && !waiting.contests ? waiting.client : nullptr;
    if (!waiting.contests) waiting_.erase(row);
    Contained(counters_, [&] {
      if (accepted != nullptr) {
        Promote(accepted, now);  // what ended was taken over
      } else {
        TellOrHold(std::move(end));
      }
    });
  }
}

bool SessionTracker::IsOnline(size_t id_hash, const std::string& client_id) const {
  const mosquitto* const* const client = online_.Find(id_hash);
  const Entry* const entry = client == nullptr ? nullptr : table_.Find(*client);
  return entry != nullptr && entry->phase == Phase::kOnline && entry->client_id == client_id;
}

bool SessionTracker::PromoteContesting(const mosquitto* ended, const std::string& client_id,
                                       size_t id_hash, absl::Time now) {
  const mosquitto* const* const last = online_.Find(id_hash);
  if (last == nullptr || *last != ended) return false;  // somebody took over from it before
  online_.Erase(id_hash);
  const auto [begin, end] = waiting_.equal_range(id_hash);
  const auto row = std::find_if(begin, end, [&](const auto& candidate) {
    return candidate.second.contests && IsLoginOf(candidate.second, client_id);
  });
  if (row == end) return false;
  const mosquitto* const accepted = row->second.client;
  waiting_.erase(row);
  Promote(accepted, now);
  return true;
}

void SessionTracker::Promote(const mosquitto* pending, absl::Time now) {
  Entry* const entry = table_.Find(pending);
  if (entry == nullptr) return;
  entry->phase = Phase::kOnline;
  const size_t id_hash = HashOf(entry->client_id);
  // Logins before it were refused, or it has taken over from them, and from whoever they did.
  const auto [begin, end] = waiting_.equal_range(id_hash);
  for (auto row = begin; row != end;) {
    const bool earlier =
        row->second.incarnation < entry->incarnation && IsLoginOf(row->second, entry->client_id);
    if (earlier) TakeEnd(row->second);
    row = earlier ? waiting_.erase(row) : std::next(row);
  }
  // Without memory it is only not guarded against refused logins.
  Contained(counters_, [&] { online_.InsertOrAssign(id_hash, pending); });
  EmitConnected(pending, *entry, now, {.session_not_told = true});
}

// -- both -----------------------------------------------------------------------------------------

SessionTracker::Entry& SessionTracker::Track(int instance, const mosquitto* client,
                                             const char* client_id, Phase phase) {
  Entry entry{std::string(client_id), next_incarnation_, InstanceBit(instance), phase};
  const auto [entered, is_new] = table_.InsertOrAssign(client, std::move(entry));
  ++next_incarnation_;
  if (is_new) counters_.tracked.Add();
  return *entered;
}

void SessionTracker::SettleRound(absl::Time now) noexcept {
  // One by one, so that memory that runs out in one event loses that one only.
  for (size_t held = held_ends_.size(); held > 0; --held) {
    const HeldEnd end = std::move(held_ends_.front());
    held_ends_.erase(held_ends_.begin());
    Contained(counters_, [&] { TellHeld(end, /*session_kept=*/false); });
  }
  if (const mosquitto* const accepted = std::exchange(pending_, nullptr)) {
    Contained(counters_, [&] { Promote(accepted, now); });
  }
  PromoteWaiting(now);
}

// -- self-audit -----------------------------------------------------------------------------------

void SessionTracker::FindLingering() noexcept {
  Contained(counters_, [&] {
    for (const auto& [client, id] : ended_mqtt5_) {
      if (mosquitto_client != nullptr && mosquitto_client(id.c_str()) == client &&
          table_.Find(client) == nullptr) {
        lingering_.insert(client);
      }
    }
    ended_mqtt5_.clear();
  });
}

SessionTracker::Tracked SessionTracker::AsTracked(const Entry& entry) {
  return {entry.client_id, entry.incarnation, entry.phase == Phase::kOnline,
          entry.phase == Phase::kPending};
}

std::optional<SessionTracker::Tracked> SessionTracker::Find(const mosquitto* client) const {
  const Entry* const entry = table_.Find(client);
  if (entry == nullptr) return std::nullopt;
  return AsTracked(*entry);
}

void SessionTracker::ForEach(
    const std::function<void(const mosquitto*, const Tracked&)>& visit) const {
  table_.ForEach(
      [&](const mosquitto* client, const Entry& entry) { visit(client, AsTracked(entry)); });
}

bool SessionTracker::MissedConnect(const mosquitto* client) const {
  if (!IsUsable(mosquitto_client_id(client)) || lingering_.count(client) > 0) return false;
  // Restored sessions and outgoing bridges have none.
  if (mosquitto_client_address(client) == nullptr) return false;
  // Every Unix socket has port 0: whose plugin it is nobody can tell.
  const uint16_t port = ToUint16(mosquitto_client_port(client));
  return port != 0 && listener_ports_.test(port);
}

void SessionTracker::Adopt(const mosquitto* client, absl::Time now) noexcept {
  Contained(counters_, [&] {
    // Every instance counts as having told of it: what one of them tells later is a new connection.
    Track(0, client, mosquitto_client_id(client), Phase::kOnline).instances = ~uint64_t{0};
    TellAgain(client, now);
  });
}

void SessionTracker::TellAgain(const mosquitto* client, absl::Time now) noexcept {
  Contained(counters_, [&] {
    const Entry* const entry = table_.Find(client);
    if (entry == nullptr) return;
    EmitConnected(client, *entry, now,
                  {.repaired = true, .session_not_told = mosquitto_client == nullptr});
  });
}

void SessionTracker::TellAnew(const mosquitto* client, absl::Time now) noexcept {
  Contained(counters_, [&] {
    Entry* const entry = table_.Find(client);
    if (entry == nullptr) return;
    entry->incarnation = next_incarnation_++;
    EmitConnected(client, *entry, now,
                  {.repaired = true, .session_not_told = mosquitto_client == nullptr});
  });
}

void SessionTracker::TellEnded(const std::string& client_id, uint64_t incarnation,
                               absl::Time now) noexcept {
  Contained(counters_, [&] {
    EmitEnded(client_id, incarnation, EndReason::kUnknown, kNoBrokerCode, false, now,
              /*repaired=*/true);
  });
}

void SessionTracker::TellExpired(const std::string& client_id, uint64_t incarnation,
                                 absl::Time now) noexcept {
  Contained(counters_, [&] {
    EmitSessionGone({client_id, incarnation}, EndReason::kSessionExpired, kNoBrokerCode, now);
  });
}

void SessionTracker::Drop(const std::function<bool(const mosquitto*, const Tracked&)>& gone) {
  counters_.tracked.Subtract(table_.EraseIf(
      [&](const mosquitto* client, const Entry& entry) { return gone(client, AsTracked(entry)); }));
}

void SessionTracker::PruneLingering(const std::function<bool(const mosquitto*)>& present) {
  std::erase_if(lingering_, [&](const mosquitto* client) { return !present(client); });
}

// -- telling --------------------------------------------------------------------------------------

void SessionTracker::EmitConnected(const mosquitto* client, const Entry& entry, absl::Time now,
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

void SessionTracker::EmitEnded(const std::string& client_id, uint64_t incarnation, EndReason reason,
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

void SessionTracker::EmitSessionGone(const Entry& entry, EndReason reason, uint16_t code,
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
