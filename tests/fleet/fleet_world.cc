#include "tests/fleet/fleet_world.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "registry/whole_view.h"
#include "tests/testing/wait.h"

namespace session_status::testing {

using registry::SessionEvent;

namespace {
constexpr absl::Duration kReconnectTime = absl::Milliseconds(5);
}

FleetNode::FleetNode(std::string name, fleet::FleetOptions options, absl::Duration clock_skew)
    : name_(std::move(name)), options_(std::move(options)), skew_(clock_skew) {
  options_.node_id = name_;
  Start();
}

FleetNode::~FleetNode() = default;

absl::Time FleetNode::Now() const {
  return absl::Now() + skew_ + absl::Milliseconds(clock_set_by_ms_.load());
}

void FleetNode::Start() {
  connections_.clear();
  registry_ = std::make_unique<registry::SessionRegistry>();
  registry_->PublishSnapshot(Now());
  // Wall and monotonic clocks of different hosts have nothing in common.
  fleet::Clocks clocks = fleet::SystemClocks();
  clocks.wall = [this] { return Now(); };
  clocks.monotonic = [steady = clocks.monotonic, skew = skew_] {
    return steady() + skew + absl::Hours(1);
  };
  fleet_ = std::make_unique<fleet::Fleet>(
      options_, *registry_, registry::RegistryOptions(),
      [this](const std::string& id) { Disconnect(id, registry::EndReason::kKicked); }, clocks);
  ASSERT_TRUE(fleet_->Start().ok());
}

void FleetNode::Stop() {
  fleet_->Stop();
  fleet_.reset();
  connections_.clear();
}

void FleetNode::Kill() {
  fleet_->AbandonForTest();
  fleet_.reset();
  connections_.clear();
}

void FleetNode::Apply(const SessionEvent& event) {
  const registry::ApplyResult result = registry_->Apply(event);
  if (result.outcome == registry::ApplyResult::Outcome::kApplied) fleet_->OnChange(event, result);
}

void FleetNode::Connect(const std::string& id) {
  SessionEvent event;
  event.client_id = id;
  event.incarnation = connections_[id] = next_incarnation_++;
  event.time = Now();
  Apply(event);
}

void FleetNode::Disconnect(const std::string& id, registry::EndReason reason) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  SessionEvent event;
  event.kind = SessionEvent::Kind::kEnded;
  event.client_id = it->first;
  event.incarnation = it->second;
  event.reason = reason;
  event.time = Now();
  Apply(event);
  connections_.erase(it);
}

void FleetNode::Tick() {
  fleet_->OnTick(Now());
  fleet_->PublishSnapshot(Now());
  registry_->PublishSnapshot(Now());
}

bool FleetNode::OnlineInSnapshot(const std::string& id) const {
  const absl::string_view ids[] = {id};
  registry::SessionStatus status[1];
  registry::WholeView(*registry_, &*fleet_).QuerySnapshot(ids, absl::MakeSpan(status));
  return status[0].online();
}

bool FleetNode::OnlineExactly(const std::string& id, std::string* node) const {
  registry::WholeSession session;
  const registry::WholeView view(*registry_, &*fleet_);
  if (!view.Find(id, Now(), &session).ok()) return false;
  if (node != nullptr) *node = session.elsewhere ? session.other.node : name_;
  return session.status().online();
}

bool FleetNode::SaysOffline(const std::string& id) const {
  const absl::string_view ids[] = {id};
  registry::SessionStatus status[1];
  const registry::WholeView view(*registry_, &*fleet_);
  const registry::WholeCut cut = view.QuerySnapshot(ids, absl::MakeSpan(status));
  if (!status[0].online() && cut.others.as_of > absl::InfinitePast()) return true;
  registry::WholeSession session;
  return view.Find(id, Now(), &session).ok() && !session.status().online() &&
         session.other.as_of > absl::InfinitePast();
}

FleetWorld::FleetWorld(const WorldOptions& options) : random_(options.seed) {
  if (options.url.empty()) engine_ = std::make_unique<RedisProcess>(options.engine_arguments);
  if (options.second_engine) second_engine_ = std::make_unique<RedisProcess>();
  for (size_t i = 0; i < options.clients; ++i) clients_.push_back(absl::StrCat("client-", i));
  for (size_t i = 0; i < options.nodes; ++i) {
    fleet::FleetOptions fleet;
    std::string url = options.url;
    if (url.empty()) {
      links_.push_back(std::make_unique<TcpProxy>(engine_->port()));
      url = absl::StrCat("redis://127.0.0.1:", links_.back()->port());
    }
    fleet.engines.emplace_back();
    EXPECT_TRUE(fleet::ParseEngineUrl(url, &fleet.engines.back()).ok());
    if (second_engine_ != nullptr) {
      fleet.engines.emplace_back();
      EXPECT_TRUE(fleet::ParseEngineUrl(absl::StrCat("redis://127.0.0.1:", second_engine_->port()),
                                        &fleet.engines.back())
                      .ok());
    }
    fleet.name = "test";
    fleet.lease = options.lease;
    fleet.takeover = options.takeover;
    fleet.mode = options.mode;
    fleet.when_engine_away = options.when_engine_away;
    fleet.capacity = options.capacity;
    fleet.nice_level = 0;
    nodes_.push_back(std::make_unique<FleetNode>(absl::StrCat("node-", i), fleet,
                                                 options.clock_skew * static_cast<double>(i)));
  }
  EXPECT_TRUE(WaitUntil([this] {
    for (auto& n : nodes_) {
      if (!n->fleet().Status().ready) return false;
    }
    return true;
  })) << Describe();
  for (size_t i = 0; i < options.residents * options.nodes; ++i) {
    const size_t home = i % options.nodes;
    residents_.push_back(absl::StrCat("resident-", i));
    nodes_[home]->Connect(residents_.back());
    truth_[residents_.back()] = static_cast<int>(home);
  }
}

void FleetWorld::Act() {
  const std::string& id = clients_[random_() % clients_.size()];
  // A client needs a round trip to connect again; the order of connects is known to that.
  absl::Time& acted = acted_at_[id];
  if (absl::Now() - acted < kReconnectTime) return;
  acted = absl::Now();
  const auto where = truth_.find(id);
  if (where == truth_.end() || random_() % 3 == 0) {
    // Connects, often while its older connection is still open elsewhere.
    const size_t i = random_() % nodes_.size();
    if (!nodes_[i]->running()) return;
    nodes_[i]->Connect(id);
    truth_[id] = static_cast<int>(i);
  } else {
    nodes_[static_cast<size_t>(where->second)]->Disconnect(id,
                                                           registry::EndReason::kClientDisconnect);
    truth_.erase(where);
  }
}

void FleetWorld::Churn(size_t events, absl::Duration duration) {
  const size_t rounds = std::max<size_t>(1, static_cast<size_t>(duration / absl::Milliseconds(10)));
  for (size_t round = 0; round < rounds; ++round) {
    for (size_t i = events * round / rounds; i < events * (round + 1) / rounds; ++i) Act();
    Tick();
    absl::SleepFor(absl::Milliseconds(10));  // the pace of the churn, not a wait for anything
  }
}

void FleetWorld::Tick() {
  for (auto& n : nodes_) {
    if (n->running()) n->Tick();
  }
  if (watching_) AskForResidents();
}

void FleetWorld::WatchResidents() {
  // A node that was never seen alive is lost as soon as its lease is missing.
  EXPECT_TRUE(WaitUntil([this] {
    for (auto& n : nodes_) {
      for (const registry::FleetNode& other : n->fleet().Status().nodes) {
        if (other.last_alive == absl::InfinitePast()) return false;
      }
    }
    return true;
  })) << Describe();
  watching_ = true;
}

void FleetWorld::AskForResidents() {
  for (auto& n : nodes_) {
    if (!n->running()) continue;
    for (const std::string& id : residents_) {
      if (!TrulyOnline(id)) continue;  // went with its node
      if (!n->SaysOffline(id)) continue;
      forgotten_.push_back(absl::StrCat(n->name(), " about ", id, " of ",
                                        nodes_[static_cast<size_t>(truth_[id])]->name(), "\n",
                                        Describe()));
    }
  }
}

void FleetWorld::KillNode(size_t i) {
  nodes_[i]->Kill();
  for (auto it = truth_.begin(); it != truth_.end();) {
    if (it->second != static_cast<int>(i)) {
      ++it;
      continue;
    }
    // A client that had just moved here may still have its older connection open elsewhere, and the
    // fleet may never have heard of the newer one: then that is the truth.
    const std::string id = it->first;
    it = truth_.erase(it);
    for (size_t n = 0; n < nodes_.size(); ++n) {
      if (nodes_[n]->running() && nodes_[n]->Holds(id))
        nodes_[n]->Disconnect(id, registry::EndReason::kNetworkError);
    }
  }
}

bool FleetWorld::TrulyOnline(const std::string& id) const { return truth_.contains(id); }

size_t FleetWorld::Wrong(std::string* example) {
  size_t wrong = 0;
  for (auto& n : nodes_) {
    if (!n->running()) continue;
    std::vector<std::string> everybody = clients_;
    everybody.insert(everybody.end(), residents_.begin(), residents_.end());
    for (const std::string& id : everybody) {
      const bool truly = TrulyOnline(id);
      std::string holder;
      const bool batch = n->OnlineInSnapshot(id);
      const bool exact = n->OnlineExactly(id, &holder);
      const bool wrong_holder =
          truly && exact && holder != nodes_[static_cast<size_t>(truth_[id])]->name();
      if (batch == truly && exact == truly && !wrong_holder) continue;
      ++wrong;
      *example = absl::StrCat(n->name(), " about ", id, ": batch ", batch, ", exact ", exact,
                              " at ", holder, ", truth ", truly, " at ",
                              truly ? nodes_[static_cast<size_t>(truth_[id])]->name() : "-");
    }
  }
  return wrong;
}

void FleetWorld::ExpectTruthEverywhere(absl::Duration patience) {
  size_t wrong = 0;
  std::string example;
  const bool right = WaitUntil(
      [&] {
        Tick();
        wrong = Wrong(&example);
        return wrong == 0;
      },
      patience, absl::Milliseconds(20));
  EXPECT_TRUE(right) << wrong << " wrong answers, for example " << example << "\n" << Describe();
}

std::string FleetWorld::Describe() {
  std::string out;
  for (auto& n : nodes_) {
    if (!n->running()) continue;
    const registry::FleetStatus s = n->fleet().Status();
    absl::StrAppend(&out, n->name(), ": ", s.state, " ready ", s.ready, " own ", s.own_sessions,
                    " others ", s.other_sessions, " queued ", s.queued, " loading ",
                    s.shards_loading, " resends ", s.resends, " loads ", s.loads, " taken over ",
                    s.taken_over, " kicks ", s.kicks, " errors ", s.engine_errors, "/",
                    s.write_errors, " ", s.last_error, "\n");
    for (const registry::FleetNode& other : s.nodes) {
      absl::StrAppend(&out, "    ", other.number, " ", other.name, " alive ", other.alive,
                      " online ", other.online, "\n");
    }
  }
  return out;
}

}  // namespace session_status::testing
