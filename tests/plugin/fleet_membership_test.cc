#include "plugin/fleet_membership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registry/session_registry.h"
#include "tests/testing/fake_broker.h"

namespace session_status {
namespace {

using ::testing::ElementsAre;
using testing::FakeBroker;
using ::testing::IsEmpty;

class FleetMembershipTest : public ::testing::Test {
 protected:
  FleetMembershipTest() {
    fleet::FleetOptions options;
    options.engines.resize(1);  // never started, so never looked for
    membership_ = FleetMembership::IfConfigured(options, registry_, {}, log_);
  }

  // What the log says once these others are known, by name and whether they live.
  std::vector<std::string> After(std::initializer_list<std::pair<const char*, bool>> others) {
    registry::FleetStatus status;
    status.fleet = "f";
    status.nodes.resize(1);
    status.nodes[0].name = "me";
    status.nodes[0].self = true;
    for (const auto& [name, alive] : others) {
      registry::FleetNode& node = status.nodes.emplace_back();
      node.name = name;
      node.alive = alive;
    }
    return Told(status);
  }
  std::vector<std::string> Told(const registry::FleetStatus& status) {
    const size_t before = fake_.log.size();
    membership_->LogChanges(status, absl::UnixEpoch());
    return {fake_.log.begin() + static_cast<std::ptrdiff_t>(before), fake_.log.end()};
  }

  FakeBroker fake_{FakeBroker::k21};
  broker::BrokerLog log_;
  registry::SessionRegistry registry_;
  std::unique_ptr<FleetMembership> membership_;
};

TEST_F(FleetMembershipTest, ANodeIsLostOnceAndBackOnce) {
  EXPECT_THAT(After({{"a", true}, {"b", true}}), IsEmpty());
  EXPECT_THAT(After({{"a", false}, {"b", true}}),
              ElementsAre("session-status: fleet f: node a is lost; its clients count as offline"));
  EXPECT_THAT(After({{"a", false}, {"b", true}}), IsEmpty());
  EXPECT_THAT(After({{"a", true}, {"b", true}}),
              ElementsAre("session-status: fleet f: node a is no longer lost"));
  EXPECT_THAT(After({{"a", true}, {"b", true}}), IsEmpty());
}

TEST_F(FleetMembershipTest, ThatTheEngineRefusesToBeReadAndThatItMayEvictIsSaidOnce) {
  registry::FleetStatus status;
  status.fleet = "f";
  status.node = "me";
  status.engine = "engine";
  status.state = "joined";
  Told(status);
  status.state = "cannot read what the others write: NOPERM";
  status.warning = "engine may evict";
  EXPECT_THAT(
      Told(status),
      ElementsAre("session-status: fleet f: node me cannot read what the others write: NOPERM",
                  "session-status: fleet f: engine may evict"));
  EXPECT_THAT(Told(status), IsEmpty());
  status.state = "joined";
  status.warning = "";
  EXPECT_THAT(Told(status), ElementsAre("session-status: fleet f: node me joined at engine"));
}

TEST_F(FleetMembershipTest, ALostNodeThatIsForgottenIsNotBack) {
  After({{"a", false}});
  EXPECT_THAT(After({}),
              ElementsAre("session-status: fleet f: node a, which was lost, is listed no longer"));
  EXPECT_THAT(After({{"a", false}}),
              ElementsAre("session-status: fleet f: node a is lost; its clients count as offline"));
}

TEST_F(FleetMembershipTest, ANodeThatWasStoppedInOrderIsNotLost) {
  registry::FleetStatus status;
  status.fleet = "f";
  registry::FleetNode& node = status.nodes.emplace_back();
  node.name = "a";
  node.left = true;
  EXPECT_THAT(Told(status), ElementsAre("session-status: fleet f: node a was stopped in order"));
  EXPECT_THAT(Told(status), IsEmpty());
  EXPECT_THAT(
      After({}),
      ElementsAre("session-status: fleet f: node a, which was stopped, is listed no longer"));
  Told(status);
  EXPECT_THAT(After({{"a", true}}), ElementsAre("session-status: fleet f: node a is back"));
  Told(status);
  EXPECT_THAT(After({{"a", false}}),
              ElementsAre("session-status: fleet f: node a is lost; its clients count as offline"))
      << "it was started again, and died before anybody saw it alive";
}

TEST_F(FleetMembershipTest, WhileThisNodeIsNotJoinedNobodyIsBack) {
  After({{"a", false}});
  registry::FleetStatus not_joined;
  not_joined.fleet = "f";
  EXPECT_THAT(Told(not_joined), IsEmpty());
  EXPECT_THAT(After({{"a", false}}), IsEmpty());
}

}  // namespace
}  // namespace session_status
