// Engines of a cluster: the map of the slots, and commands that follow it.
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/fleet/engines.h"

namespace session_status::fleet {
namespace {

constexpr absl::Duration kRefreshPause = absl::Milliseconds(200);
// A slot on the move sends commands to its new place one by one.
constexpr absl::Duration kAskedKept = absl::Seconds(10);

EngineAddress ClusterNode(const EngineAddress::HostPort& where) {
  EngineAddress address;
  address.cluster = true;
  address.hosts = {where};
  address.text = absl::StrCat(where.host, ":", where.port);
  return address;
}

}  // namespace

Engines::Engine& Engines::EngineAt(const EngineAddress::HostPort& address) {
  for (auto& engine : engines_) {
    if (engine->address.hosts.front() == address) return *engine;
  }
  engines_.push_back(std::make_unique<Engine>(ClusterNode(address), options_, patience_, names_));
  return *engines_.back();
}

void Engines::DropUnused() {
  const auto unused = [this](const std::unique_ptr<Engine>& engine) {
    return now_ >= engine->keep_until &&
           std::find(places_.begin(), places_.end(), engine.get()) == places_.end();
  };
  engines_.erase(std::remove_if(engines_.begin(), engines_.end(), unused), engines_.end());
}

absl::Status Engines::Refresh(absl::Duration now) {
  if (cluster_ == nullptr) return absl::OkStatus();
  now_ = now;
  DropUnused();
  if (!cluster_->stale || now < cluster_->next_refresh) return absl::OkStatus();
  cluster_->next_refresh = now + kRefreshPause;
  // One is asked at a time, each time another, those we are connected to first.
  std::vector<Engine*> open;
  for (auto& engine : engines_) {
    if (engine->connection.open()) open.push_back(engine.get());
  }
  const size_t turn = cluster_->next_candidate++;
  if (!open.empty()) {
    Engine& engine = *open[turn % open.size()];
    return AskForSlots(engine.connection, engine.address.hosts.front().host);
  }
  std::vector<EngineAddress::HostPort> known = cluster_->seeds;
  for (auto& engine : engines_) known.push_back(engine->address.hosts.front());
  const EngineAddress::HostPort& seed = known[turn % known.size()];
  EngineConnection connection(ClusterNode(seed), options_.credentials_file, patience_, names_);
  if (absl::Status s = connection.Reach(); !s.ok()) return s;
  return AskForSlots(connection, seed.host);
}

absl::Status Engines::AskForSlots(EngineConnection& connection, const std::string& host) {
  std::vector<SlotMap::Range> ranges;
  std::string refusal = "knows of no slots";
  connection.Add({"CLUSTER", "SLOTS"}, [&](const Reply& reply) {
    if (reply.is_error()) refusal = std::string(reply.text());
    SlotMap::Range range;
    for (size_t i = 0; i < reply.size(); ++i) {
      if (ParseRange(reply[i], host, &range)) ranges.push_back(range);
    }
  });
  if (absl::Status s = connection.Execute(); !s.ok()) return s;
  if (ranges.empty()) {
    return absl::UnavailableError(absl::StrCat(connection.endpoint(), ": ", refusal));
  }
  cluster_->slots.Replace(ranges);
  cluster_->stale = !AssignPlaces();  // nobody's now, or the one that was asked does not know
  return absl::OkStatus();
}

void Engines::Send(Engine& engine, const std::shared_ptr<Following>& command) {
  std::vector<absl::string_view> words;
  words.reserve(command->sizes.size());
  absl::string_view bytes = command->bytes;
  for (size_t size : command->sizes) {
    words.push_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  engine.connection.Add(words, [this, &engine, command](const Reply& reply) {
    OnReply(engine.address.hosts.front().host, command, reply);
  });
}

void Engines::OnReply(const std::string& host, const std::shared_ptr<Following>& command,
                      const Reply& reply) {
  if (reply.is_error()) {
    if (const auto to = ParseRedirect(reply.text(), host); to.has_value()) {
      cluster_->redirected.push_back({command, *to});
      return;
    }
    if (MeansTryLater(reply.text())) {
      put_off_ = std::string(reply.text());
      cluster_->stale = cluster_->stale || absl::StartsWith(reply.text(), "CLUSTERDOWN");
    }
  }
  command->handler(reply);
}

// In the order the replies came in, so that commands of one place stay in their order.
void Engines::Follow() {
  const std::vector<Redirected> redirected = std::exchange(cluster_->redirected, {});
  for (const Redirected& r : redirected) {
    Engine& target = EngineAt(r.to.target);
    if (r.to.ask) {
      target.keep_until = now_ + kAskedKept;
    } else {
      cluster_->slots.Move(r.to.slot, r.to.target);
      cluster_->stale = true;
      places_[r.command->place] = &target;
    }
    if (!target.connection.open()) {  // the next Connect() opens it
      put_off_ = absl::StrCat("not yet connected to ", target.address.text);
      continue;
    }
    if (r.to.ask) target.connection.Add({"ASKING"}, [](const Reply&) {});
    Send(target, r.command);
  }
}

}  // namespace session_status::fleet
