#include "plugin/remembering.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/broker/held_sessions.h"
#include "plugin/store/past_sessions.h"

namespace session_status {
namespace {

using registry::SessionDetails;
using registry::SessionEvent;
using registry::SessionState;

// A quarter of a megabyte of each part of the registry.
constexpr uint64_t kRestoredPerPopulate = 4096;

}  // namespace

Remembering::Remembering(const Parts& parts, const RememberingOptions& options,
                         const registry::RegistryOptions& registry_options)
    : parts_(parts), options_(options), registry_options_(registry_options) {}

absl::Status Remembering::Start(absl::Time now, int nice) {
  if (!options_.database.empty()) {
    if (absl::Status s = OpenStore(now, nice); !s.ok()) {
      return absl::Status(
          s.code(), absl::StrCat("option plugin_opt_session_database: ", s.message(),
                                 "; name a file in a folder that the broker's user may write, and "
                                 "that no other broker uses"));
    }
  }
  if (store_ == nullptr) {
    // The wall clock alone keeps numbers from going back.
    parts_.tracker.StartAt(store::IncarnationFloor(now));
    parts_.log.Write(broker::LogLevel::kNotice,
                     "session_database is none: a restart of the broker will forget all clients");
    return absl::OkStatus();
  }
  Restore(now);
  parts_.tracker.StartAt(store_->first_incarnation());
  if (absl::Status s = store_->Start(parts_.registry); !s.ok()) return s;
  if (options_.history_ttl == absl::ZeroDuration()) return absl::OkStatus();
  history_ = std::make_unique<StoredHistory>(*store_, options_.database);
  return history_->Start(nice);
}

absl::Status Remembering::OpenStore(absl::Time now, int nice) {
  store::SessionStoreOptions options;
  options.path = options_.database;
  options.flush_interval = options_.flush_interval;
  options.history_ttl = options_.history_ttl;
  options.history_max = options_.history_max;
  options.ended_ttl = registry_options_.ended_ttl;
  options.ended_max = registry_options_.ended_max;
  options.nice_level = nice;
  options.log = [&log = parts_.log](absl::string_view line) {
    log.Write(broker::LogLevel::kWarning, line);
  };
  auto opened = store::SessionStore::Open(std::move(options), now);
  if (!opened.ok()) return opened.status();
  store_ = *std::move(opened);
  return absl::OkStatus();
}

std::vector<registry::ChangeObserver*> Remembering::observers() {
  if (store_ == nullptr) return {};
  return {store_.get()};
}

void Remembering::Restore(absl::Time now) {
  const absl::Time begin = absl::Now();
  std::unordered_map<absl::string_view, const mosquitto*, absl::Hash<absl::string_view>> held;
  for (const broker::HeldSession& session : broker::ListHeldSessions()) {
    held.emplace(session.client_id, session.client);
  }
  uint64_t applied = 0;
  const auto apply = [&](SessionEvent event) {
    // The clock may have been ahead. An end in the future would not be forgotten, nor any that is
    // queued behind it, so it is moved to now. But not while the clock is still to be set:
    // everybody would have ended in 1970, and be forgotten as soon as it is.
    if (now >= store::kClockIsSetFrom) event.time = std::min(event.time, now);
    event.ended_not_before = std::min(event.ended_not_before, event.time);
    const auto found = held.find(event.client_id);
    if (found != held.end()) {
      event.state = SessionState::kOfflineSessionKept;
      parts_.tracker.AdoptHeld(found->second, event.client_id, event.incarnation);
    }
    // Nobody else has memory ready yet, and it would come in small pages.
    if (applied++ % kRestoredPerPopulate == 0) {
      parts_.registry.PopulateAhead(absl::InfiniteDuration());
    }
    parts_.registry.Apply(event);
  };
  store_->Restore(apply, [&held](absl::string_view id) { return held.contains(id); });
  parts_.log.Write(
      broker::LogLevel::kNotice,
      absl::StrCat(store_->stats().restored, " sessions restored from ", options_.database, " in ",
                   absl::ToInt64Milliseconds(absl::Now() - begin), " ms"));
}

void Remembering::OnForgotten(absl::string_view client_id, absl::Time now) {
  if (store_ != nullptr) store_->OnForgotten(client_id, now);
}

void Remembering::OnHousekeeping(absl::Time) {
  if (std::exchange(looked_for_held_, true)) return;
  FindHeldSessions();
}

void Remembering::FindHeldSessions() {
  const std::vector<broker::HeldSession> held = broker::ListHeldSessions();
  // Those who are known first: room for another one is made by forgetting who is offline, as
  // they are until they are found.
  for (const bool of_known : {true, false}) {
    for (const broker::HeldSession& session : held) {
      SessionDetails details;
      const bool known = parts_.registry.FindDetails(session.client_id, &details);
      if (known != of_known) continue;
      // Somebody is connected, or was since the start: events have told of it.
      if (known && details.status.state != SessionState::kOffline) continue;
      if (known && !details.restored) continue;
      const uint64_t incarnation = parts_.tracker.AdoptHeld(session.client, session.client_id,
                                                            known ? details.incarnation : 0);
      if (incarnation == 0) continue;
      TellHeld(session.client_id, incarnation, known ? &details : nullptr);
    }
  }
}

void Remembering::TellHeld(absl::string_view client_id, uint64_t incarnation,
                           const SessionDetails* known) {
  SessionEvent event;
  event.kind = SessionEvent::Kind::kRestored;
  event.client_id = client_id;
  event.incarnation = incarnation;
  event.state = SessionState::kOfflineSessionKept;
  event.reason = registry::EndReason::kUnknown;
  event.time = event.connected_at = event.session_created_at = absl::InfinitePast();
  if (known != nullptr) {
    event.reason = known->status.reason;
    event.broker_code = known->broker_code;
    event.time = known->disconnected_at;
    event.ended_not_before = known->ended_not_before;
    event.connected_at = known->connected_at;
    event.session_created_at = known->session_created_at;
    event.connects = known->connects;
    event.connection = store::ConnectionOf(*known);
  }
  parts_.sink.OnSessionEvent(event);
}

void Remembering::BeginClose(absl::Time now) {
  if (history_ != nullptr) history_->BeginClose();
  if (store_ != nullptr) store_->BeginClose(now);
}

void Remembering::Close() {
  // A disk that hangs has its thread, and is not worth a stop that hangs too: the thread needs what
  // it works on for as long as the process lives.
  const bool history_closed = history_ == nullptr || history_->Close();
  if (!history_closed) static_cast<void>(history_.release());
  const bool store_closed = store_ == nullptr || store_->Close();
  if (!store_closed) static_cast<void>(store_.release());
  parts_.log.Flush();  // the loop, which does it else, has ended
  if (history_closed && store_closed) return;
  parts_.log.Write(broker::LogLevel::kWarning,
                   "the session database's disk does not answer; the stop goes on without it");
}

void Remembering::Read(metrics::Readings* out) const {
  if (store_ == nullptr) return;
  const store::SessionStoreStats stats = store_->stats();
  metrics::StoreReadings& readings = out->store.emplace();
  readings.queue_bytes = stats.queue_bytes;
  readings.dropped = stats.dropped;
  readings.failures = stats.failures;
  readings.commits = stats.commits;
  readings.full_saves = stats.full_saves;
  readings.restored = stats.restored;
  readings.unreserved_incarnations = stats.unreserved_incarnations;
  readings.failing = stats.failing;
  readings.complete_until = absl::FromUnixMillis(stats.complete_until_ms);
}

void Remembering::Read(api::pb::GetServerStatusResponse* out) const {
  if (store_ == nullptr) return;
  const store::SessionStoreStats stats = store_->stats();
  api::pb::SessionStore* store = out->mutable_session_store();
  store->set_failing(stats.failing);
  store->set_complete_until_ms(stats.complete_until_ms);
  store->set_queue_bytes(stats.queue_bytes);
  store->set_dropped(stats.dropped);
  store->set_failures(stats.failures);
  store->set_restored(stats.restored);
}

}  // namespace session_status
