#include "plugin/metrics/health_surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/fake_others.h"

namespace session_status::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class HealthSurfaceTest : public ::testing::Test {
 protected:
  static http::Reply Ask(HealthSurface& surface, absl::string_view path, absl::Time now,
                         absl::string_view method = "GET") {
    http::Request request;
    request.method = method;
    request.path = path;
    request.now = now;
    http::Reply reply;
    surface.Handle(request, &reply);
    return reply;
  }
  http::Reply Get(absl::string_view path, absl::Time now) { return Ask(surface_, path, now); }
  const absl::Time start_ = absl::FromUnixSeconds(1'767'323'000);
  registry::SessionRegistry registry_;
  HealthSurface surface_{registry_, absl::Seconds(1)};
};

TEST_F(HealthSurfaceTest, TheProcessIsHealthyWhateverTheSnapshot) {
  const http::Reply reply = Get("/healthz", start_);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "ok\n");
}

TEST_F(HealthSurfaceTest, ReadyDependsOnTheAgeOfTheSnapshot) {
  EXPECT_EQ(Get("/readyz", start_).status, 503);
  EXPECT_THAT(Get("/readyz", start_).body, HasSubstr("none was taken yet"));
  registry_.PublishSnapshot(start_);
  EXPECT_EQ(Get("/readyz", start_ + absl::Seconds(5)).status, 200);
  EXPECT_THAT(Get("/readyz", start_ + absl::Seconds(5)).body, StartsWith("snapshot: ok, 5s old"));
  EXPECT_EQ(Get("/readyz", start_ + absl::Seconds(6)).status, 503);
  EXPECT_EQ(Get("/readyz", start_ + absl::Seconds(6)).body,
            "snapshot: not ready, 6s old, at most 5s\n");
}

TEST_F(HealthSurfaceTest, InAFleetNobodyIsReadyBeforeTheOthersSessionsWereRead) {
  testing::FakeOthers others;
  others.status.state = "joined";
  others.status.shards = 16;
  others.status.shards_loading = 3;
  HealthSurface in_fleet(registry_, absl::Seconds(1), &others);
  registry_.PublishSnapshot(start_);
  const http::Reply loading = Ask(in_fleet, "/readyz", start_);
  EXPECT_EQ(loading.status, 503);
  EXPECT_THAT(loading.body, HasSubstr("fleet: not ready, joined, 3 of 16 shards still to load"));
  others.status.ready = true;
  const http::Reply ready = Ask(in_fleet, "/readyz", start_);
  EXPECT_EQ(ready.status, 200);
  EXPECT_THAT(ready.body, HasSubstr("fleet: ok, joined"));
}

TEST_F(HealthSurfaceTest, InAFleetASnapshotThatIsTooOldIsNotReadyEither) {
  testing::FakeOthers others;
  others.status.state = "joined";
  others.status.ready = true;
  HealthSurface in_fleet(registry_, absl::Seconds(1), &others);
  registry_.PublishSnapshot(start_);
  const http::Reply reply = Ask(in_fleet, "/readyz", start_ + absl::Seconds(6));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "snapshot: not ready, 6s old, at most 5s\nfleet: ok, joined\n");
}

TEST_F(HealthSurfaceTest, HeadIsAnsweredLikeGet) {
  registry_.PublishSnapshot(start_);
  for (const absl::string_view path : {HealthSurface::kHealthPath, HealthSurface::kReadyPath}) {
    EXPECT_EQ(Ask(surface_, path, start_, "HEAD").status, 200) << path;
  }
  EXPECT_EQ(Ask(surface_, "/readyz", start_ + absl::Seconds(6), "HEAD").status, 503);
}

TEST_F(HealthSurfaceTest, OnlyReadsAreAnswered) {
  const http::Reply reply = Ask(surface_, "/healthz", start_, "POST");
  EXPECT_EQ(reply.status, 405);
  ASSERT_EQ(reply.headers.size(), 1u);
  EXPECT_EQ(reply.headers[0].second, "GET, HEAD");
}

}  // namespace
}  // namespace session_status::metrics
