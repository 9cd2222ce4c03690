#include "plugin/fleet/local_sessions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "registry/session_registry.h"

namespace session_status::fleet {
namespace {

const absl::Time kWall = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kMonotonic = absl::Hours(3);
constexpr absl::Duration kBegun = absl::Hours(2);

class LocalSessionsTest : public ::testing::Test {
 protected:
  LocalSessionsTest() : sessions_(Shape{1, 1}, ClientHasher()) {
    clock_.Sync(absl::FromUnixSeconds(1'700'000'000), kMonotonic, kMonotonic);
  }
  void Connect(const std::string& id, absl::Time time, bool told) {
    registry::SessionEvent event;
    event.client_id = id;
    event.incarnation = ++incarnation_;
    event.time = time;
    registry_.Apply(event);
    if (told) sessions_.Apply({id, incarnation_, kMonotonic, true, {}}, clock_);
  }
  void DisconnectUntold(const std::string& id) {
    registry::SessionEvent event;
    event.kind = registry::SessionEvent::Kind::kEnded;
    event.client_id = id;
    event.incarnation = incarnation_;
    event.time = kWall;
    event.reason = registry::EndReason::kClientDisconnect;
    registry_.Apply(event);
  }
  std::vector<Event> Rebuild() {
    return sessions_.Rebuild(registry_, clock_, kWall, kMonotonic, kBegun);
  }
  Epoch EpochOf(const std::string& id) {
    const LocalSession* session = sessions_.Find(ClientHasher().Hash(id));
    return session == nullptr ? 0 : session->epoch;
  }

  registry::SessionRegistry registry_;
  EpochClock clock_;
  LocalSessions sessions_;
  uint64_t incarnation_ = 0;
};

std::string Kinds(const std::vector<Event>& events) {
  std::string kinds;
  for (const Event& event : events) kinds += static_cast<char>(event.kind);
  return kinds;
}

TEST_F(LocalSessionsTest, ARebuildTellsWhatWasNotToldAndNothingElse) {
  Connect("stays", kWall, /*told=*/true);
  Connect("lamp", kWall, /*told=*/false);
  EXPECT_EQ(Kinds(Rebuild()), "U");
  EXPECT_EQ(Kinds(Rebuild()), "");
  DisconnectUntold("lamp");
  EXPECT_EQ(Kinds(Rebuild()), "D");
  EXPECT_EQ(Kinds(Rebuild()), "");
  EXPECT_EQ(sessions_.size(), 1u);
}

TEST_F(LocalSessionsTest, AConnectionThatEndedUntoldIsSentAgainAsAnEnd) {
  Connect("lamp", kWall, /*told=*/true);
  const Epoch epoch = EpochOf("lamp");
  DisconnectUntold("lamp");
  Rebuild();
  const std::vector<Event> resend = sessions_.Resend(0);
  ASSERT_EQ(Kinds(resend), "D");
  EXPECT_EQ(resend[0].epoch, epoch);
}

TEST_F(LocalSessionsTest, AConnectionReadFromTheRegistryIsNewerThanTheOneItFollowed) {
  Connect("lamp", kWall, /*told=*/true);
  const Epoch before = EpochOf("lamp");
  DisconnectUntold("lamp");
  Connect("lamp", kWall, /*told=*/false);
  const std::vector<Event> news = Rebuild();
  ASSERT_EQ(Kinds(news), "DU");
  EXPECT_EQ(news[0].epoch, before);
  EXPECT_EQ(news[1].epoch, before + 1);
  EXPECT_EQ(EpochOf("lamp"), before + 1);
}

// The registry knows the moment of a connect to the millisecond only.
TEST_F(LocalSessionsTest, AClientThatCameBackUntoldIsNewerThanItsOwnEnd) {
  Connect("lamp", kWall, /*told=*/true);
  const Epoch ended = EpochOf("lamp");
  DisconnectUntold("lamp");
  ASSERT_EQ(Kinds(Rebuild()), "D");
  Connect("lamp", kWall, /*told=*/false);
  const std::vector<Event> news = Rebuild();
  ASSERT_EQ(Kinds(news), "U");
  EXPECT_EQ(news[0].epoch, ended + 1);
  EXPECT_EQ(EpochOf("lamp"), ended + 1);
}

TEST_F(LocalSessionsTest, AWallClockThatWasSetBackMakesNoConnectionOfTheFuture) {
  Connect("lamp", kWall + absl::Minutes(10), /*told=*/false);
  Connect("fan", kWall - absl::Minutes(10), /*told=*/false);
  Rebuild();
  EXPECT_EQ(EpochOf("lamp"), clock_.At(kMonotonic));
  EXPECT_EQ(EpochOf("fan"), clock_.At(kMonotonic - absl::Minutes(10)));
}

TEST_F(LocalSessionsTest, AWallClockThatWasSetForwardMakesNoConnectionOlderThanTheProcess) {
  Connect("lamp", kWall - absl::Hours(9), /*told=*/false);
  Rebuild();
  EXPECT_EQ(EpochOf("lamp"), clock_.At(kBegun));
}

TEST_F(LocalSessionsTest, UnderAnotherKeyAndShapeConnectionsKeepTheirEpochs) {
  for (int i = 0; i < 1000; ++i) Connect(std::to_string(i), kWall, /*told=*/true);
  Connect("lamp", kWall, /*told=*/true);
  const Epoch epoch = EpochOf("lamp");
  ASSERT_EQ(Kinds(Rebuild()), "");
  const ClientHasher hasher(std::string(32, 'k'));
  LocalSessions next(Shape{4, 7}, hasher);
  next.TakeSessionsOf(sessions_);
  EXPECT_EQ(next.size(), 1001u);
  EXPECT_EQ(sessions_.size(), 0u);
  ASSERT_NE(next.Find(hasher.Hash("lamp")), nullptr);
  EXPECT_EQ(next.Find(hasher.Hash("lamp"))->epoch, epoch);
  EXPECT_EQ(Kinds(next.Rebuild(registry_, clock_, kWall + absl::Hours(5), kMonotonic, kBegun)), "");
  LocalSessions last(Shape{1, 1}, hasher);
  last.TakeSessionsOf(next);
  DisconnectUntold("lamp");
  EXPECT_EQ(Kinds(last.Rebuild(registry_, clock_, kWall, kMonotonic, kBegun)), "D");
}

}  // namespace
}  // namespace session_status::fleet
