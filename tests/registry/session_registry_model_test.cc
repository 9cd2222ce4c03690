// The registry against a plain map, one thread: the same random steps, compared after every one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "registry/session_registry.h"
#include "tests/registry/registry_model.h"

namespace session_status::registry {
namespace {

#ifdef SESSION_STATUS_SANITIZED
constexpr int kScale = 1;
#else
constexpr int kScale = 10;
#endif

void ExpectSameSession(const SessionRegistry& real, const RegistryModel& model,
                       const std::string& id) {
  const SessionStatus live = model.Find(id);
  ASSERT_EQ(real.Find(id).state, live.state);
  ASSERT_EQ(real.Find(id).reason, live.reason);
  SessionDetails details;
  const auto found = model.sessions().find(id);
  ASSERT_EQ(real.FindDetails(id, &details), found != model.sessions().end());
  if (found == model.sessions().end()) return;
  ASSERT_EQ(Difference(details, found->second), "");
}

void ExpectSameSnapshot(const SessionRegistry& real, const RegistryModel& model,
                        const std::vector<std::string>& ids) {
  std::vector<absl::string_view> views(ids.begin(), ids.end());
  std::vector<SessionStatus> answers(ids.size());
  const SnapshotInfo info = real.QuerySnapshot(views, absl::MakeSpan(answers));
  ASSERT_EQ(info.sequence, model.snapshot().sequence);
  ASSERT_EQ(info.taken_at, model.snapshot().taken_at);
  for (size_t i = 0; i < ids.size(); ++i) {
    const SessionStatus want = model.FindInSnapshot(ids[i]);
    ASSERT_EQ(answers[i].state, want.state) << ids[i].substr(0, 50);
    ASSERT_EQ(answers[i].reason, want.reason) << ids[i].substr(0, 50);
  }
}

void ExpectSameCounts(const SessionRegistry& real, const RegistryModel& model) {
  const RegistryCounts a = real.Counts(), b = model.counts();
  ASSERT_EQ(a.by_state, b.by_state);
  ASSERT_EQ(a.ends_by_reason, b.ends_by_reason);
  ASSERT_EQ(a.online_by_protocol, b.online_by_protocol);
  ASSERT_EQ(a.connects, b.connects);
  ASSERT_EQ(a.takeovers, b.takeovers);
  ASSERT_EQ(a.stale_events, b.stale_events);
  ASSERT_EQ(a.forgotten, b.forgotten);
  ASSERT_EQ(a.out_of_memory, 0u);
}

void ExpectSameWhole(const SessionRegistry& real, const RegistryModel& model) {
  real.CheckInvariantsForTest();
  std::set<std::string> seen;
  real.ForEach([&](absl::string_view id, const SessionDetails& details) {
    EXPECT_TRUE(seen.insert(std::string(id)).second) << "twice: " << id;
    const auto found = model.sessions().find(std::string(id));
    EXPECT_NE(found, model.sessions().end()) << id;
    if (found != model.sessions().end()) {
      EXPECT_EQ(Difference(details, found->second), "") << id;
    }
    return true;
  });
  ASSERT_EQ(seen.size(), model.sessions().size());
  auto want = model.CountsByGroup();
  for (const GroupCounts& g : real.CountsByGroup()) {
    ASSERT_EQ(g.by_state, want[g.group]) << g.group;
    want.erase(g.group);
  }
  ASSERT_TRUE(want.empty());
}

struct Shape {
  size_t ids;
  int steps;
  int seeds;
};

class SessionRegistryModelTest : public testing::TestWithParam<Shape> {};

TEST_P(SessionRegistryModelTest, AgreesWithAPlainMapAfterEveryStep) {
  const Shape shape = GetParam();
  for (int seed = 1; seed <= shape.seeds; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));  // one number replays the failure
    RegistryOptions options;
    options.ended_max = shape.ids / 4 + 1;
    options.ended_ttl = absl::Seconds(seed % 5 + 1);
    options.sessions_max = 100'000;
    SessionRegistry real(options);
    RegistryModel model(options);
    RandomEvents random(static_cast<uint64_t>(seed), TrickyIds(shape.ids));
    for (int step = 0; step < shape.steps; ++step) {
      SCOPED_TRACE(absl::StrCat("step=", step));
      const uint64_t dice = random.Below(100);
      if (dice < 5 && (shape.ids < 1000 || random.Below(50) == 0)) {
        real.PublishSnapshot(random.now());
        model.PublishSnapshot(random.now());
      } else if (dice < 10) {
        const size_t budget = random.Below(4);
        ASSERT_EQ(real.Maintain(random.now(), budget), model.Maintain(random.now(), budget));
      }
      RandomEvent event;
      random.Next(model, &event);
      const ApplyResult a = real.Apply(event.event), b = model.Apply(event.event);
      ASSERT_EQ(a.outcome, b.outcome);
      ASSERT_EQ(a.sequence, b.sequence);
      ASSERT_EQ(a.before, b.before);
      ASSERT_EQ(a.after, b.after);
      ASSERT_EQ(real.sequence(), model.sequence());
      ASSERT_NO_FATAL_FAILURE(ExpectSameSession(real, model, event.id));
      ASSERT_NO_FATAL_FAILURE(ExpectSameCounts(real, model));
      if (dice < (shape.ids < 1000 ? 15 : 1) || shape.ids < 40) {
        ASSERT_NO_FATAL_FAILURE(ExpectSameSnapshot(real, model, random.ids()));
      }
      if (step % (shape.steps / 4) == 0) {
        ASSERT_NO_FATAL_FAILURE(ExpectSameWhole(real, model));
      }
    }
    ASSERT_NO_FATAL_FAILURE(ExpectSameWhole(real, model));
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, SessionRegistryModelTest,
                         testing::Values(Shape{4, 500, 4 * kScale}, Shape{23, 500, kScale},
                                         Shape{300, 2000, kScale / 2 + 1},
                                         Shape{20'000, 6'000 * kScale, 1}),
                         [](const auto& test) { return absl::StrCat(test.param.ids, "Ids"); });

}  // namespace
}  // namespace session_status::registry
