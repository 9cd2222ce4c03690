#include "tests/registry/registry_model.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace session_status::registry {

namespace {
using Kind = SessionEvent::Kind;

constexpr absl::Duration kStep = absl::Milliseconds(64);

// The first moment at or before `first` that is a whole number of 64 ms before `last`.
absl::Time EarlierInSteps(absl::Time first, absl::Time last) {
  if (first == absl::InfinitePast()) return first;
  return last - absl::Ceil(last - first, kStep);
}
}  // namespace

ApplyResult RegistryModel::Apply(const SessionEvent& e) {
  const std::string id(e.client_id);
  const auto found = sessions_.find(id);
  SessionDetails d = found == sessions_.end() ? SessionDetails() : found->second;
  ApplyResult r;
  r.before = r.after = d.status.state;
  bool accepted = false;
  switch (e.kind) {
    case Kind::kConnected:
      accepted = e.incarnation > d.incarnation;
      break;
    case Kind::kRestored:
      accepted = e.incarnation > d.incarnation ||
                 (e.incarnation == d.incarnation && d.status.state == SessionState::kOffline &&
                  e.state == SessionState::kOfflineSessionKept);
      break;
    case Kind::kEnded:
      accepted = e.incarnation == d.incarnation && d.status.state == SessionState::kOnline;
      break;
    case Kind::kSessionGone:
      accepted =
          e.incarnation == d.incarnation && d.status.state == SessionState::kOfflineSessionKept;
      break;
  }
  if (!accepted) {
    ++counts_.stale_events;
    return r;
  }
  if (d.status.online()) --counts_.online_by_protocol[static_cast<size_t>(d.protocol_version)];
  if (e.kind == Kind::kConnected) {
    ++counts_.connects;
    if (d.status.online()) ++counts_.takeovers;
    const bool until_the_end = d.clean_start && (d.protocol_version == ProtocolVersion::kMqtt31 ||
                                                 d.protocol_version == ProtocolVersion::kMqtt311);
    const bool goes_on = !e.connection.clean_start &&
                         ((r.before == SessionState::kOfflineSessionKept && !e.found_no_session) ||
                          (r.before == SessionState::kOnline && !until_the_end));
    // 2.0: nothing is left only where the last connection, which we saw, was a clean one before
    // MQTT 5.
    const bool nothing_left =
        until_the_end &&
        (r.before == SessionState::kOnline || (r.before == SessionState::kOffline && !d.restored));
    const bool took_over_5 = r.before == SessionState::kOnline &&
                             d.protocol_version != ProtocolVersion::kMqtt31 &&
                             d.protocol_version != ProtocolVersion::kMqtt311;
    const bool came_from_nowhere =
        r.before == SessionState::kOffline || r.before == SessionState::kUnknown;
    if (!e.connection.clean_start && !nothing_left &&
        (took_over_5 || (e.session_not_told && came_from_nowhere))) {
      d.session_created_at = absl::InfinitePast();
    } else if (!goes_on) {
      d.session_created_at = e.time;
    }
    d.status = {SessionState::kOnline, EndReason::kNone};
    d.connected_at = e.time;
    d.disconnected_at = absl::InfinitePast();
    d.ended_not_before = absl::InfinitePast();
    d.restored = false;
    d.broker_code = 0;
    ++d.connects;
  } else {
    d.status = {SessionState::kOffline, e.reason};
    if (e.kind == Kind::kEnded && e.session_kept)
      d.status.state = SessionState::kOfflineSessionKept;
    if (e.kind == Kind::kRestored) {
      d.status.state = e.state;
      d.connected_at = e.connected_at;
      d.session_created_at = e.session_created_at;
      d.connects = e.connects;
      d.restored = true;
    } else {
      ++counts_.ends_by_reason[static_cast<size_t>(e.reason)];
    }
    gone_at_[id] = e.time;
    if (e.kind == Kind::kSessionGone) {
      // In steps of 64 ms after the connection's end, which stays what it was.
      if (d.disconnected_at > absl::InfinitePast()) {
        const absl::Duration kept = std::max(e.time - d.disconnected_at, absl::ZeroDuration());
        gone_at_[id] = d.disconnected_at + absl::Floor(kept, kStep);
      }
    } else {
      d.disconnected_at = e.time;
      d.ended_not_before = absl::InfinitePast();
    }
    if (e.kind == Kind::kRestored && e.ended_not_before < e.time) {
      d.ended_not_before = EarlierInSteps(e.ended_not_before, e.time);
    }
    d.broker_code = e.broker_code;
  }
  d.incarnation = e.incarnation;
  if (e.kind == Kind::kConnected || e.kind == Kind::kRestored) {
    d.address = std::string(e.connection.address);
    d.username = std::string(e.connection.username);
    d.listener_port = e.connection.listener_port;
    d.keepalive_s = e.connection.keepalive_s;
    d.protocol_version = e.connection.protocol_version;
    d.transport = e.connection.transport;
    d.clean_start = e.connection.clean_start;
  }
  if (d.status.online()) ++counts_.online_by_protocol[static_cast<size_t>(d.protocol_version)];
  if (r.before != SessionState::kUnknown) --counts_.by_state[static_cast<size_t>(r.before)];
  ++counts_.by_state[static_cast<size_t>(d.status.state)];
  if (r.before == SessionState::kOffline) {
    ended_.erase(std::find(ended_.begin(), ended_.end(), id));
  }
  if (d.status.state == SessionState::kOffline) ended_.push_back(id);
  sessions_[id] = d;
  r.outcome = ApplyResult::Outcome::kApplied;
  r.after = d.status.state;
  r.sequence = ++sequence_;
  return r;
}

size_t RegistryModel::Maintain(absl::Time now, size_t budget) {
  size_t forgotten = 0;
  while (forgotten < budget && !ended_.empty()) {
    const std::string& id = ended_.front();
    if (ended_.size() <= options_.ended_max && gone_at_[id] > now - options_.ended_ttl) {
      break;
    }
    gone_at_.erase(id);
    sessions_.erase(id);
    ended_.pop_front();
    --counts_.by_state[static_cast<size_t>(SessionState::kOffline)];
    ++counts_.forgotten;
    ++forgotten;
  }
  return forgotten;
}

void RegistryModel::PublishSnapshot(absl::Time now) {
  cut_ = sessions_;
  info_ = {sequence_, now};
}

SessionStatus RegistryModel::Find(const std::string& id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? SessionStatus() : found->second.status;
}

SessionStatus RegistryModel::FindInSnapshot(const std::string& id) const {
  const auto found = cut_.find(id);
  return found == cut_.end() ? SessionStatus() : found->second.status;
}

std::map<std::string, std::array<uint64_t, kSessionStateCount>> RegistryModel::CountsByGroup()
    const {
  std::map<std::string, std::array<uint64_t, kSessionStateCount>> groups;
  groups[""] = {};
  for (const auto& [id, d] : sessions_) {
    const size_t at = id.find("@@@");
    std::string group = at == std::string::npos || at > 64 ? "" : id.substr(0, at);
    ++groups[group][static_cast<size_t>(d.status.state)];
  }
  return groups;
}

uint64_t RandomEvents::Below(uint64_t n) {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return (state_ * 0x9E3779B97F4A7C15u >> 33) % n;
}

void RandomEvents::Next(const RegistryModel& about, RandomEvent* out) {
  static const char* const kAddresses[] = {"",
                                           "10.0.0.1",
                                           "10.0.0.2",
                                           "2001:db8::1",
                                           "::ffff:10.0.0.1",
                                           "010.0.0.1",
                                           "a proxy with a name",
                                           "1.2.3.4.5"};
  static const char* const kUsers[] = {
      "", "alice", "sixteen bytes!!!", "a user name of more bytes",
      "another user name that fills more than one line of the store"};
  static constexpr ProtocolVersion kProtocols[] = {
      ProtocolVersion::kUnknown, ProtocolVersion::kMqtt31, ProtocolVersion::kMqtt311,
      ProtocolVersion::kMqtt5};
  now_ += absl::Milliseconds(static_cast<int64_t>(Below(20)));
  out->id = ids_[Below(ids_.size())];
  out->address = kAddresses[Below(std::size(kAddresses))];
  out->username = kUsers[Below(std::size(kUsers))];
  const auto found = about.sessions().find(out->id);
  const uint64_t held = found == about.sessions().end() ? 0 : found->second.incarnation;
  SessionEvent& e = out->event;
  e = SessionEvent();
  e.client_id = out->id;
  e.time = now_;
  const uint64_t dice = Below(100);
  e.kind = dice < 45   ? Kind::kConnected
           : dice < 85 ? Kind::kEnded
           : dice < 95 ? Kind::kSessionGone
                       : Kind::kRestored;
  const bool brings = e.kind == Kind::kConnected || e.kind == Kind::kRestored;
  const bool late = Below(10) == 0;  // an event that somebody else overtook
  const bool same = e.kind == Kind::kRestored && held != 0 && Below(2) == 0;
  e.incarnation = same     ? held
                  : brings ? (late ? incarnation_ / 2 + 1 : ++incarnation_)
                           : (late || held == 0 ? Below(incarnation_ + 1) + 1 : held);
  e.connection.address = out->address;
  e.connection.username = out->username;
  e.connection.listener_port = static_cast<uint16_t>(Below(3) * 1883);
  e.connection.keepalive_s = static_cast<uint16_t>(Below(65536));
  e.connection.protocol_version = kProtocols[Below(std::size(kProtocols))];
  e.connection.transport = static_cast<Transport>(Below(3));
  e.connection.clean_start = Below(2) == 0;
  e.reason = static_cast<EndReason>(Below(kEndReasonCount));
  e.broker_code = static_cast<uint16_t>(Below(300));
  e.session_kept = Below(2) == 0;
  e.found_no_session = e.kind == Kind::kConnected && Below(4) == 0;
  e.session_not_told = e.kind == Kind::kConnected && !e.found_no_session && Below(2) == 0;
  if (e.kind == Kind::kRestored) {
    e.state = Below(2) == 0 ? SessionState::kOffline : SessionState::kOfflineSessionKept;
    if (Below(2) == 0) e.connected_at = now_ - absl::Hours(1);
    if (Below(2) == 0) e.session_created_at = now_ - absl::Hours(2);
    e.connects = static_cast<uint32_t>(Below(1000));
    if (Below(2) == 0) e.ended_not_before = now_ - absl::Milliseconds(Below(1'000'000));
    if (e.connected_at == absl::Time()) e.connected_at = absl::InfinitePast();
    if (e.session_created_at == absl::Time()) e.session_created_at = absl::InfinitePast();
  }
}

std::vector<std::string> TrickyIds(size_t count) {
  std::vector<std::string> ids = {"",
                                  "a",
                                  std::string(1, '\0'),
                                  std::string(2, '\0'),
                                  "1234567",
                                  "12345678",
                                  "123456789",
                                  std::string(39, 'x'),
                                  std::string(40, 'x'),
                                  std::string(41, 'x'),
                                  std::string(41, 'x') + "y",
                                  std::string(40, 'x') + "z",
                                  std::string(56, 'q'),
                                  std::string(57, 'q'),
                                  std::string(65535, 'l'),
                                  std::string(65534, 'l') + "m",
                                  "GID_a@@@device1",
                                  "GID_a@@@device2",
                                  "GID_b@@@",
                                  "@@@device",
                                  std::string(65, 'g') + "@@@device",
                                  "\xff\xfe\x80",
                                  "6fa459ea-ee8a-3ca4-894e-db77e160355e"};
  while (ids.size() < count) {
    const size_t i = ids.size();
    ids.push_back(absl::StrCat(i % 7 == 0 ? "GID_c@@@" : "", "client-", i,
                               i % 11 == 0 ? std::string(60, 'p') : ""));
  }
  ids.resize(count);
  return ids;
}

std::string Difference(const SessionDetails& a, const SessionDetails& b) {
  // Without the local zone: Abseil looks for it under a lock that the thread sanitizer does not
  // see.
  const auto time = [](absl::Time t) { return absl::FormatTime(t, absl::UTCTimeZone()); };
  const auto text = [&time](const SessionDetails& d) {
    return absl::StrCat(
        "state ", static_cast<int>(d.status.state), " reason ", static_cast<int>(d.status.reason),
        " incarnation ", d.incarnation, " code ", d.broker_code, " connects ", d.connects,
        " connected ", time(d.connected_at), " disconnected ", time(d.disconnected_at), " or from ",
        time(d.ended_not_before), " restored ", d.restored, " created ", time(d.session_created_at),
        " address ", d.address, " user ", d.username, " port ", d.listener_port, " keepalive ",
        d.keepalive_s, " protocol ", static_cast<int>(d.protocol_version), " transport ",
        static_cast<int>(d.transport), " clean ", d.clean_start);
  };
  const std::string ta = text(a), tb = text(b);
  return ta == tb ? "" : absl::StrCat("\n  real:  ", ta, "\n  model: ", tb);
}

}  // namespace session_status::registry
