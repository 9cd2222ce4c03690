#include "plugin/fleet/fleet.h"

#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace session_status::fleet {
namespace {

using registry::AnswerSource;
using registry::EndReason;
using registry::OtherSession;
using registry::OtherStatus;
using registry::SessionEvent;
using registry::SessionState;
using registry::SessionStatus;

// A storm of takeovers is closed over several ticks, a few hundred microseconds each.
constexpr size_t kKicksPerTickMax = 100;
constexpr size_t kKicksWaitingMax = 4096;
// Ended sessions of others forgotten per publication.
constexpr size_t kForgetPerRoundMax = 1000;
constexpr absl::Duration kPauseWithoutMemory = absl::Milliseconds(100);

FleetOptions WithNodeId(FleetOptions options) {
  if (!options.node_id.empty()) return options;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  options.node_id = host;
  return options;
}

bool IsLost(const Directions& directions, NodeNumber number) {
  const auto node = directions.nodes.find(number);
  return node != directions.nodes.end() && node->second.lost;
}

SessionStatus StatusOf(const Directions& directions, const EngineLookup::Holder& holder) {
  if (holder.node == kNobody) return {};
  if (holder.node == directions.me) return {SessionState::kOffline, EndReason::kTakenOver};
  if (IsLost(directions, holder.node)) return {SessionState::kOffline, EndReason::kNodeLost};
  return {SessionState::kOnline, EndReason::kNone};
}

absl::string_view NodeName(const Directions& directions, NodeNumber number) {
  const auto node = directions.nodes.find(number);
  return node == directions.nodes.end() ? absl::string_view() : node->second.name;
}

// `followed`: read before the engine was asked. `nodes`: those that the answer is about.
bool Believes(const std::vector<std::shared_ptr<const Followed>>& followed, uint32_t shard,
              const ShardLook& look, absl::Span<const NodeNumber> nodes) {
  if (shard >= followed.size() || followed[shard] == nullptr) return true;
  const Followed& seen = *followed[shard];
  return IsSameData(look, seen) &&
         std::all_of(nodes.begin(), nodes.end(), [&look, &seen](NodeNumber node) {
           return node == kNobody || HoldsAllOf(node, look, seen);
         });
}

}  // namespace

Fleet::Fleet(const FleetOptions& options, const registry::SessionRegistry& own,
             const registry::RegistryOptions& remembered, KickClient kick, Clocks clocks)
    : options_(WithNodeId(options)),
      own_(own),
      kick_(std::move(kick)),
      clocks_(std::move(clocks)),
      others_(remembered),
      kicks_(kKicksWaitingMax),
      loop_(options_, clocks_, own_, others_, changes_, kicks_, board_, stop_),
      lookup_(options_) {}

Fleet::~Fleet() { Stop(); }

absl::Status Fleet::Start() {
  if (!stop_.ok()) return absl::ResourceExhaustedError("no file descriptor for the fleet");
  return thread_.Start("status-fleet", options_.nice_level, [this] {
    absl::Duration pause;
    while (!stop_.WaitFor(pause)) pause = Round();
    if (leave_.load(std::memory_order_relaxed)) Leave();
  });
}

absl::Duration Fleet::Round() noexcept {
  try {
    others_.Maintain(Board::DateOfEnd(clocks_.monotonic()), kForgetPerRoundMax);
    return loop_.Step();
  } catch (const std::bad_alloc&) {  // the broker may have memory again in a moment
    loop_.Recover();
    return kPauseWithoutMemory;
  }
}

void Fleet::Leave() noexcept {
  try {
    loop_.Leave();
  } catch (const std::bad_alloc&) {  // the lease runs out instead
  }
}

void Fleet::End(bool leave) {
  leave_.store(leave, std::memory_order_relaxed);
  stop_.RequestStop();
  thread_.Join();
}

void Fleet::Stop() { End(true); }
void Fleet::AbandonForTest() { End(false); }

void Fleet::OnChange(const SessionEvent& event, const registry::ApplyResult& result) {
  const bool was = result.before == SessionState::kOnline;
  const bool is = result.after == SessionState::kOnline;
  if (!was && !is) return;
  changes_.Push(event.client_id, event.incarnation, clocks_.monotonic(), is, event.reason);
}

void Fleet::OnTick(absl::Time) {
  try {
    CarryOutKick();
    kicks_.Drain(kKicksPerTickMax, [this](Kick&& kick) {
      kick_at_hand_ = std::move(kick);
      CarryOutKick();
    });
  } catch (const std::bad_alloc&) {  // it stays at hand for the next tick
  }
}

void Fleet::CarryOutKick() {
  if (!kick_at_hand_.has_value()) return;
  // The client may have come back here meanwhile: only that older connection is to go.
  registry::SessionDetails details;
  if (own_.FindDetails(kick_at_hand_->client_id, &details) && details.status.online() &&
      details.incarnation == kick_at_hand_->incarnation) {
    kick_(kick_at_hand_->client_id);
  }
  kick_at_hand_.reset();
}

void Fleet::PublishSnapshot(absl::Time now) {
  // Read before: the cut holds at least that much.
  const absl::Duration as_of = board_.GetAsOf();
  others_.PublishSnapshot(now);
  cut_as_of_.Set(as_of);  // after it: who reads the moment gets a cut that is at least as new
}

registry::FleetStatus Fleet::Status() const {
  registry::FleetStatus status = board_.GetStatus();
  status.as_of = AsOf();
  return status;
}

registry::OthersCut Fleet::QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                         absl::Span<OtherStatus> out) const {
  registry::OthersCut cut;
  const std::shared_ptr<const Directions> directions = board_.GetDirections();
  if (directions == nullptr) return cut;
  if (options_.mode == Mode::kDirect) return AskSnapshot(directions, client_ids, out);
  absl::InlinedVector<ClientHash, 16> hashes(client_ids.size());
  absl::InlinedVector<absl::string_view, 16> keys(client_ids.size());
  absl::InlinedVector<SessionStatus, 16> statuses(client_ids.size());
  for (size_t i = 0; i < client_ids.size(); ++i) {
    hashes[i] = directions->hasher.Hash(client_ids[i]);
    keys[i] = hashes[i].view();
  }
  cut.as_of = OnWallClock(cut_as_of_.Get());  // before the cut: it is as new, or newer
  cut.snapshot = others_.QuerySnapshot(keys, absl::MakeSpan(statuses));
  cut.names = directions;
  for (size_t i = 0; i < keys.size(); ++i) {
    out[i].status = statuses[i];
    if (statuses[i].state != SessionState::kUnknown) AddDetails(*directions, keys[i], &out[i]);
  }
  return cut;
}

// Node and time are of the live view: left out when that has moved on from the cut.
void Fleet::AddDetails(const Directions& directions, absl::string_view key,
                       OtherStatus* out) const {
  registry::SessionDetails details;
  if (!others_.FindDetails(key, &details) || details.status.state != out->status.state) return;
  if (out->status.online()) {
    out->node = NodeName(directions, details.listener_port);
  } else {
    out->ended_at = board_.TimeOfEnd(details.disconnected_at);
  }
}

registry::OthersCut Fleet::AskSnapshot(const std::shared_ptr<const Directions>& directions,
                                       absl::Span<const absl::string_view> client_ids,
                                       absl::Span<OtherStatus> out) const {
  registry::OthersCut cut;
  cut.source = AnswerSource::kEngine;
  if (!board_.TakesWrites()) return cut;
  const absl::Time now = clocks_.wall();
  const std::vector<std::shared_ptr<const Followed>> followed = board_.GetFollowed();
  const absl::StatusOr<EngineLookup::Answer> asked =
      lookup_.Find(*directions, client_ids, clocks_.monotonic());
  if (!asked.ok()) return cut;
  for (const auto& [shard, look] : asked->shards) {
    if (!Believes(followed, shard, look, {})) return cut;
  }
  for (size_t i = 0; i < client_ids.size(); ++i) {
    const EngineLookup::Holder& holder = asked->holders[i];
    out[i].status = StatusOf(*directions, holder);
    if (out[i].status.online()) out[i].node = NodeName(*directions, holder.node);
  }
  cut.as_of = now;
  cut.snapshot.taken_at = now;
  cut.names = directions;
  return cut;
}

NodeNumber Fleet::FromReplica(const Directions& directions, absl::string_view client_id,
                              OtherSession* session) const {
  registry::SessionDetails details;
  if (!others_.FindDetails(directions.hasher.Hash(client_id).view(), &details)) return kNobody;
  session->status = details.status;
  session->connected_at = details.connected_at;
  session->disconnected_at = board_.TimeOfEnd(details.disconnected_at);
  if (!details.status.online()) return kNobody;
  session->node = std::string(NodeName(directions, details.listener_port));
  return details.listener_port;
}

absl::Status Fleet::Find(absl::string_view client_id, absl::Time now, OtherSession* session) const {
  *session = OtherSession();
  const std::shared_ptr<const Directions> directions = board_.GetDirections();
  EngineLookup::Holder holder;
  bool answered = false;
  bool believed = false;
  const bool takes_writes = board_.TakesWrites();
  if (directions != nullptr) {
    const std::vector<std::shared_ptr<const Followed>> followed = board_.GetFollowed();
    const absl::StatusOr<EngineLookup::Answer> asked =
        lookup_.Find(*directions, {&client_id, 1}, clocks_.monotonic());
    // Before the copy is read: it holds at least that much. In direct mode there is none.
    if (options_.mode == Mode::kReplica) session->as_of = AsOf();
    const NodeNumber copy_says = FromReplica(*directions, client_id, session);
    answered = asked.ok();
    if (answered) {
      holder = asked->holders.front();
      const auto& [shard, look] = *asked->shards.begin();
      std::vector<NodeNumber> nodes;
      for (NodeNumber node : {holder.node, copy_says}) {
        // Whatever a lost node wrote, its clients are offline.
        if (options_.mode == Mode::kReplica && !IsLost(*directions, node)) nodes.push_back(node);
      }
      believed = takes_writes && Believes(followed, shard, look, nodes);
    }
  }
  if (!believed) {
    if (options_.when_engine_away == WhenEngineAway::kReplica) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("the fleet's engine ",
                                               !takes_writes ? "takes no writes"
                                               : answered    ? "has not got all of its data back"
                                                             : "does not answer",
                                               ", and plugin_opt_fleet_when_away is fail"));
  }
  session->source = AnswerSource::kEngine;
  session->as_of = now;
  const SessionStatus status = StatusOf(*directions, holder);
  if (status.online()) {
    session->status = status;
    session->node = std::string(NodeName(*directions, holder.node));
    session->connected_at = absl::FromUnixMicros(static_cast<int64_t>(holder.epoch));
    session->disconnected_at = absl::InfinitePast();
  } else if (session->status.online()) {
    // Our copy is behind: how it ended is not known here yet.
    session->status = {SessionState::kOffline, EndReason::kUnknown};
    session->node.clear();
  } else if (status.reason == EndReason::kNodeLost) {
    session->status = status;
    session->connected_at = absl::FromUnixMicros(static_cast<int64_t>(holder.epoch));
  }
  return absl::OkStatus();
}

}  // namespace session_status::fleet
