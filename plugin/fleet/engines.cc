// What every kind shares. A cluster's own part: engines_cluster.cc.
#include "plugin/fleet/engines.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::fleet {
namespace {

constexpr absl::Duration kReconnectPause = absl::Milliseconds(200);
// Where there are others to serve, one that hangs may cost a time-out only so often.
constexpr absl::Duration kReconnectPauseMax = absl::Seconds(2);
constexpr int kFailuresCounted = 4;  // the pause doubles with each

}  // namespace

Engines::Engines(const FleetOptions& options, absl::Duration timeout, const os::StopSignal* stop)
    : options_(options),
      patience_{timeout},
      names_(stop),
      configured_(options.engines.size()),
      keys_(options.name) {
  if (configured_ == 1 && options.engines[0].cluster) {
    cluster_ = std::make_unique<Cluster>();
    cluster_->seeds = options.engines[0].hosts;
  } else {
    for (const EngineAddress& address : options.engines) {
      engines_.push_back(std::make_unique<Engine>(address, options_, patience_, names_));
    }
  }
  places_.resize(1);
  AssignPlaces();
}

void Engines::SetShards(uint32_t shards) {
  if (places_.size() == PlaceOf(shards)) return;
  places_.resize(PlaceOf(shards));
  if (cluster_ != nullptr) cluster_->stale = true;  // until every place has been found
  AssignPlaces();
}

bool Engines::AssignPlaces() {
  if (cluster_ == nullptr) {
    if (engines_.empty()) return true;
    places_[kHome] = engines_[0].get();
    for (uint32_t shard = 0; PlaceOf(shard) < places_.size(); ++shard) {
      places_[PlaceOf(shard)] = engines_[shard % engines_.size()].get();
    }
    return true;
  }
  bool found = true;
  for (Place place = 0; place < places_.size(); ++place) {
    const EngineAddress::HostPort* primary = cluster_->slots.Find(
        HashSlot(place == kHome ? keys_.Meta() : keys_.Owners(place - PlaceOf(0))));
    places_[place] = primary == nullptr ? nullptr : &EngineAt(*primary);
    found = found && primary != nullptr;
  }
  return found;
}

void Engines::Connect(absl::Duration now,
                      const std::function<void(const absl::Status&, bool)>& on_error) {
  if (const absl::Status s = Refresh(now); !s.ok()) on_error(s, Of(kHome) == nullptr);
  while (Engine* const engine = NextToOpen(now)) {
    const absl::Status s = Open(*engine, now);
    if (s.ok()) continue;
    on_error(s, Of(kHome) == engine);
    return;
  }
}

// The one that has been due for longest, so that each has its turn.
Engines::Engine* Engines::NextToOpen(absl::Duration now) {
  Engine* next = nullptr;
  for (auto& engine : engines_) {
    if (engine->connection.open() || now < engine->retry_at) continue;
    if (next == nullptr || engine->retry_at < next->retry_at) next = engine.get();
  }
  return next;
}

absl::Status Engines::Open(Engine& engine, absl::Duration now) {
  absl::Status status = engine.connection.Open();
  if (status.ok()) {
    engine.opening = ++openings_;
    engine.failures = 0;
    return status;
  }
  engine.connection.Close();
  engine.retry_at = now + kReconnectPause;
  if (engines_.size() > 1) {
    engine.retry_at = now + std::min(kReconnectPause * (1 << engine.failures), kReconnectPauseMax);
    engine.failures = std::min(engine.failures + 1, kFailuresCounted);
  }
  if (cluster_ != nullptr) cluster_->stale = true;
  return status;
}

void Engines::Close() {
  for (auto& engine : engines_) engine->connection.Close();
  if (cluster_ != nullptr) cluster_->redirected.clear();
}

Engines::Engine* Engines::Of(Place place) { return places_[place]; }

bool Engines::IsOpen(Place place) {
  return places_[place] != nullptr && places_[place]->connection.open();
}

bool Engines::AllOpen() {
  for (Place place = 0; place < places_.size(); ++place) {
    if (!IsOpen(place)) return false;
  }
  return true;
}

std::vector<Place> Engines::OnePlaceOfEach() {
  std::vector<Place> places;
  std::set<const Engine*> seen;
  for (Place place = PlaceOf(0); place < places_.size(); ++place) {
    if (IsOpen(place) && seen.insert(Of(place)).second) places.push_back(place);
  }
  return places;
}

void Engines::Add(Place place, absl::Span<const absl::string_view> command, Handler handler) {
  if (!IsOpen(place)) return;
  Engine& engine = *places_[place];
  if (cluster_ == nullptr) return engine.connection.Add(command, std::move(handler));
  auto following = std::make_shared<Following>();
  following->place = place;
  following->handler = std::move(handler);
  following->sizes.reserve(command.size());
  for (absl::string_view word : command) {
    following->bytes.append(word.data(), word.size());
    following->sizes.push_back(word.size());
  }
  Send(engine, following);
}

bool Engines::Exchange(const OnError& on_error) {
  bool complete = true;
  const auto note = [&](const absl::Status& status) {
    if (status.ok()) return;
    complete = false;
    if (cluster_ != nullptr) cluster_->stale = true;
    on_error(status);
  };
  const auto begun = std::chrono::steady_clock::now();
  const auto waited_enough = [&] {
    return absl::FromChrono(std::chrono::steady_clock::now() - begun) >= patience_.timeout &&
           names_.stopping();
  };
  using Half = absl::Status (EngineConnection::*)();
  for (const Half half : {&EngineConnection::Send, &EngineConnection::Receive}) {
    for (auto& engine : engines_) {
      if (!engine->connection.open()) continue;
      if (waited_enough()) engine->connection.Close();
      note((engine->connection.*half)());
    }
  }
  return complete;
}

bool Engines::Execute(const OnError& on_error) {
  put_off_.clear();
  bool complete = Exchange(on_error);
  if (cluster_ == nullptr) return complete;
  for (int hop = 0; hop < kRedirectsMax && !cluster_->redirected.empty(); ++hop) {
    Follow();
    complete = Exchange(on_error) && complete;
  }
  if (!cluster_->redirected.empty()) put_off_ = "the slot does not come to rest";
  cluster_->redirected.clear();
  return complete && put_off_.empty();
}

std::string Engines::Describe() {
  if (Of(kHome) == nullptr) {
    return cluster_ == nullptr ? "" : options_.engines[0].text;
  }
  const std::string& home = Of(kHome)->connection.endpoint();
  if (cluster_ == nullptr) return home;
  return absl::StrCat(home, " and ", engines_.size() - 1, " more of a cluster");
}

}  // namespace session_status::fleet
