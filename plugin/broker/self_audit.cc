#include "plugin/broker/self_audit.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"

namespace session_status::broker {
namespace {

using registry::SessionState;

constexpr absl::Duration kConfirmationInterval = absl::Seconds(1);

// 2.0 tells the end of a connection over TLS WebSockets that was taken over five seconds later at
// most.
constexpr absl::Duration kClosedWithin = absl::Seconds(10);

// Whether the tracker's entry is of an earlier connection at the same place in memory: the client
// bears another name, and the registry has long had a newer connection of the tracked one.
bool IsStale(const registry::SessionRegistry& registry, const mosquitto* client,
             const SessionTracker::Tracked& tracked) {
  const char* id = mosquitto_client_id(client);
  if (id != nullptr && tracked.client_id == id) return false;
  registry::SessionDetails details;
  return !registry.FindDetails(tracked.client_id, &details) ||
         details.incarnation != tracked.incarnation;
}

}  // namespace

// One walk over the broker's table.
struct SelfAudit::Walk {
  SelfAudit& audit;
  uint64_t visited = 0;
  bool complete = true;
  uint64_t online = 0;                     // tracked as online
  std::vector<const mosquitto*> missed{};  // connections that nobody told us of
  std::unordered_set<const mosquitto*> untracked{};
};

SelfAudit::SelfAudit(registry::SessionRegistry& registry, SessionTracker& tracker, BrokerLog& log,
                     const AuditOptions& options)
    : registry_(registry), tracker_(tracker), log_(log), options_(options) {
  suspects_.reserve(kSuspectsMax);
}

void SelfAudit::OnTick(absl::Time now) noexcept {
  if (!enabled() || !tracker_.settled()) return;
  try {
    Tick(now);
  } catch (const std::exception&) {
    suspects_.clear();  // memory ran out; the next pass finds them again
  }
}

void SelfAudit::Tick(absl::Time now) {
  if (!started_) {
    started_ = true;
    if (sees_broker_table()) WalkOverClients(now);
    BeginPass(now, now);
  }
  if (!Settle(now)) return;
  if (!finished_) finished_ = LookAtSlice(now);
  if (!Settle(now) || !finished_) return;
  EndPass(now);
  // On the beat, so that each session is looked at once a period; late passes set a new beat.
  BeginPass(std::max(pass_begin_ + options_.period, now - options_.period), now);
}

void SelfAudit::BeginPass(absl::Time begin, absl::Time now) {
  finished_ = false;
  pass_begin_ = begin;
  position_ = 0;
  undecidable_ = 0;
  followed_below_ = 0;
  if (sees_broker_table() || tracker_.size() > options_.walk_max) return;
  followed_.clear();
  uint64_t online = 0;
  tracker_.ForEach([&](const mosquitto*, const SessionTracker::Tracked& tracked) {
    if (tracked.online) ++online;
    // Who is pending may be online when the pass comes by.
    if (tracked.online || tracked.pending) followed_.insert(tracked.incarnation);
  });
  followed_below_ = tracker_.next_incarnation();
  if (OnlineInRegistry() < online) TellMissing(now);
}

void SelfAudit::EndPass(absl::Time now) {
  if (!ended_.empty() && tracker_.size() <= options_.walk_max) {
    tracker_.Drop([this](const mosquitto*, const SessionTracker::Tracked& tracked) {
      return ended_.contains(tracked.incarnation);
    });
  }
  ended_.clear();
  if (sees_broker_table()) WalkOverClients(now);
  figures_.passes.Add();
  figures_.undecidable.Set(undecidable_);
  figures_.last_pass_at_ms.Set(
      static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixMillis(now))));
  figures_.last_pass_ms.Set(
      static_cast<uint64_t>(std::max<int64_t>(0, absl::ToInt64Milliseconds(now - pass_begin_))));
}

// Positions are spread evenly over the sessions, so the time since the pass began says how far it
// should have come. Never further: a pass that is done before its time would move the beat ahead of
// the clock.
bool SelfAudit::LookAtSlice(absl::Time now) {
  const double share = absl::FDivDuration(now - pass_begin_, options_.period);
  const bool late = share >= 1;
  const auto target = late ? 0 : static_cast<uint64_t>(std::ldexp(std::max(share, 0.0), 64));
  budget_ = options_.slice_max;
  const auto inspect = [this](const registry::SessionRegistry::Inspected& session) {
    figures_.checks.Add();
    if (budget_ > 0) --budget_;
    if (suspects_.size() == kSuspectsMax || LooksRight(session)) return;
    suspects_.push_back({session.client_id, session.incarnation, session.state});
  };
  while (budget_ > 0 && suspects_.size() < kSuspectsMax && (late || position_ < target)) {
    position_ = registry_.InspectFrom(position_, inspect);
    if (position_ == 0) return true;
    if (budget_ > 0) --budget_;  // empty pages cost something too
  }
  return false;
}

bool SelfAudit::LooksRight(const registry::SessionRegistry::Inspected& session) {
  if (sees_broker_table()) return LooksRightTo21(session);
  return session.state != SessionState::kOnline || session.incarnation >= followed_below_ ||
         followed_.contains(session.incarnation);
}

bool SelfAudit::LooksRightTo21(const registry::SessionRegistry::Inspected& session) {
  const mosquitto* client = mosquitto_client(session.client_id.c_str());
  const auto tracked = client == nullptr ? std::nullopt : tracker_.Find(client);
  const bool connected = tracked.has_value() && tracked->online;
  switch (session.state) {
    case SessionState::kOnline:
      if (!connected || tracked->incarnation != session.incarnation) return false;
      if (!session.ends_with_connection) ++undecidable_;
      return true;
    case SessionState::kOfflineSessionKept:
      return client != nullptr && !connected;
    case SessionState::kOffline:
      return !connected &&
             (client == nullptr || tracked.has_value() || !tracker_.MissedConnect(client));
    case SessionState::kUnknown:
      break;
  }
  return true;
}

bool SelfAudit::NeedsWalk() const {
  if (!sees_broker_table()) return false;
  // A connection that is gone from its name may live under another one.
  return absl::c_any_of(suspects_, [](const Suspect& suspect) {
    return suspect.state == SessionState::kOnline &&
           mosquitto_client(suspect.client_id.c_str()) == nullptr;
  });
}

bool SelfAudit::Settle(absl::Time now) {
  if (suspects_.empty()) return true;
  if (NeedsWalk()) {
    if (now < next_confirmation_) return false;
    next_confirmation_ = now + kConfirmationInterval;
    WalkOverClients(now);
  }
  for (const Suspect& suspect : suspects_) SettleOne(suspect, now);
  suspects_.clear();
  return true;
}

void SelfAudit::SettleOne(const Suspect& suspect, absl::Time now) {
  const mosquitto* client =
      sees_broker_table() ? mosquitto_client(suspect.client_id.c_str()) : nullptr;
  const auto tracked = client == nullptr ? std::nullopt : tracker_.Find(client);
  const bool follows = tracked.has_value() && tracked->incarnation >= suspect.incarnation;
  if (follows && tracked->online && tracked->incarnation > suspect.incarnation) {
    tracker_.TellAgain(client, now);
    RepairedConnect(client, "a connection that the registry had missed");
  } else if (client != nullptr && !follows && tracker_.MissedConnect(client)) {
    tracker_.Adopt(client, now);
    RepairedConnect(client, "a connection that nobody had told of");
  } else if (suspect.state == SessionState::kOfflineSessionKept && client == nullptr) {
    tracker_.TellExpired(suspect.client_id, suspect.incarnation, now);
    figures_.found_expired.Add();
    DropFromTracker(suspect.incarnation);
  } else if (suspect.state == SessionState::kOnline && !suspect.renamed) {
    RepairEnd(suspect, now);
  }
}

// The walk may have been waited for: meanwhile it can have ended, or come back.
void SelfAudit::RepairEnd(const Suspect& suspect, absl::Time now) {
  registry::SessionDetails details;
  if (registry_.FindDetails(suspect.client_id, &details) &&
      details.incarnation == suspect.incarnation) {
    if (!details.status.online()) return;
    tracker_.TellEnded(suspect.client_id, suspect.incarnation, now);
    if (!registry_.Find(suspect.client_id).online()) {
      Repaired(figures_.repaired_ends, "a session that was online without a connection");
    }
  }
  DropFromTracker(suspect.incarnation);
}

// At the end of the pass, all at once: the tracker finds connections by their pointers only.
void SelfAudit::DropFromTracker(uint64_t incarnation) {
  if (ended_.size() < options_.walk_max) ended_.insert(incarnation);
}

int SelfAudit::Visit(const mosquitto* client, void* data) {
  Walk& walk = *static_cast<Walk*>(data);
  SelfAudit& audit = walk.audit;
  if (walk.visited == audit.options_.walk_max) {
    walk.complete = false;
    return 1;  // enough
  }
  ++walk.visited;
  try {
    const auto tracked = audit.tracker_.Find(client);
    if (!tracked.has_value() || IsStale(audit.registry_, client, *tracked)) {
      walk.untracked.insert(client);
      if (walk.missed.size() < kSuspectsMax && audit.tracker_.MissedConnect(client)) {
        walk.missed.push_back(client);
      }
      return 0;
    }
    if (tracked->online) ++walk.online;
    for (Suspect& suspect : audit.suspects_) {
      if (suspect.incarnation == tracked->incarnation) {
        suspect.renamed = audit.IsConnectionOf(client, suspect.client_id);
      }
    }
  } catch (const std::exception&) {
    walk.complete = false;
    return 1;
  }
  return 0;
}

// Whether `client`, which bears another name now, is still the connection that the registry knows,
// and not a later one at the same place in memory.
bool SelfAudit::IsConnectionOf(const mosquitto* client, const std::string& client_id) const {
  registry::SessionDetails details;
  if (!registry_.FindDetails(client_id, &details)) return false;
  const char* address = mosquitto_client_address(client);
  return address != nullptr && details.address == address &&
         details.keepalive_s == mosquitto_client_keepalive(client) &&
         details.listener_port == mosquitto_client_port(client) &&
         static_cast<int>(details.protocol_version) == mosquitto_client_protocol_version(client);
}

void SelfAudit::WalkOverClients(absl::Time now) {
  if (options_.walk_max == 0) return;
  Walk walk{*this};
  mosquitto_apply_on_all_clients(Visit, &walk);
  figures_.walks.Add();
  figures_.walked_clients.Set(walk.visited);
  figures_.walk_complete.Set(walk.complete ? 1 : 0);
  for (const mosquitto* client : walk.missed) {
    tracker_.Adopt(client, now);
    RepairedConnect(client, "a connection that nobody had told of");
  }
  if (!walk.complete) return;
  tracker_.PruneLingering(
      [&walk](const mosquitto* client) { return walk.untracked.contains(client); });
  if (OnlineInRegistry() < walk.online + walk.missed.size()) TellMissing(now);
}

uint64_t SelfAudit::OnlineInRegistry() const {
  return registry_.Counts().by_state[static_cast<size_t>(SessionState::kOnline)];
}

void SelfAudit::TellMissing(absl::Time now) {
  std::vector<const mosquitto*> missing;
  std::unordered_map<uint64_t, absl::Time> overtaken;
  std::vector<const mosquitto*> renewed;
  tracker_.ForEach([&](const mosquitto* client, const SessionTracker::Tracked& tracked) {
    if (!tracked.online || missing.size() == kSuspectsMax) return;
    if (sees_broker_table() && mosquitto_client(std::string(tracked.client_id).c_str()) != client) {
      return;
    }
    registry::SessionDetails details;
    const bool known = registry_.FindDetails(tracked.client_id, &details);
    if (!known || (!details.status.online() && details.incarnation < tracked.incarnation)) {
      missing.push_back(client);
    } else if (!sees_broker_table() && !details.status.online() &&
               details.incarnation > tracked.incarnation && overtaken.size() < kSuspectsMax) {
      const auto before = overtaken_.find(tracked.incarnation);
      const absl::Time since = before == overtaken_.end() ? now : before->second;
      overtaken.emplace(tracked.incarnation, since);
      if (now - since >= kClosedWithin) renewed.push_back(client);
    }
  });
  overtaken_ = std::move(overtaken);
  for (const mosquitto* client : missing) {
    tracker_.TellAgain(client, now);
    RepairedConnect(client, "a connection that the registry had missed");
  }
  for (const mosquitto* client : renewed) {
    tracker_.TellAnew(client, now);
    RepairedConnect(client, "a connection that the registry took for an earlier one");
  }
}

// Where the registry has no room for the client, nothing is repaired.
void SelfAudit::RepairedConnect(const mosquitto* client, absl::string_view what) {
  const auto tracked = tracker_.Find(client);
  registry::SessionDetails details;
  if (tracked.has_value() && registry_.FindDetails(tracked->client_id, &details) &&
      details.incarnation == tracked->incarnation) {
    Repaired(figures_.repaired_connects, what);
  }
}

void SelfAudit::Repaired(Counter& counter, absl::string_view what) {
  const uint64_t before = figures_.repaired_ends.value() + figures_.repaired_connects.value();
  counter.Add();
  if (before >= kLogLinesMax) return;
  log_.Write(LogLevel::kWarning,
             absl::StrCat("self-audit: repaired ", what,
                          before + 1 == kLogLinesMax ? "; further repairs are only counted"
                                                     : "; see mosquitto_session audit"));
}

}  // namespace session_status::broker
