#include "plugin/topics/flap_control.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "absl/strings/str_cat.h"

namespace session_status::topics {
namespace {

using Verdict = FlapControl::Verdict;
const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kInterval = absl::Seconds(10);

Verdict Offer(FlapControl* control, absl::string_view id, absl::Duration at,
              absl::string_view payload) {
  Message message = {std::string(id), std::string(id), std::string(payload)};
  return control->Offer(kStart + at, &message);
}
std::string Due(FlapControl* control, absl::Duration at) {
  const auto due = control->TakeDue(kStart + at);
  return due.has_value() ? absl::StrCat(due->topic, "=", due->payload) : "none";
}

TEST(FlapControlTest, SoManyPassAndTheLastOfTheRestIsDueWhenTheIntervalEnds) {
  FlapControl control(2, kInterval);
  EXPECT_EQ(Offer(&control, "a", absl::Seconds(0), "1"), Verdict::kPass);
  EXPECT_EQ(Offer(&control, "a", absl::Seconds(1), "2"), Verdict::kPass);
  EXPECT_EQ(Offer(&control, "a", absl::Seconds(2), "3"), Verdict::kHeld);
  EXPECT_EQ(Offer(&control, "a", absl::Seconds(3), "4"), Verdict::kReplaced);
  EXPECT_EQ(Offer(&control, "b", absl::Seconds(3), "1"), Verdict::kPass) << "others do not suffer";
  EXPECT_EQ(Due(&control, absl::Seconds(9)), "none");
  EXPECT_EQ(Due(&control, absl::Seconds(10)), "a=4");
  EXPECT_EQ(Due(&control, absl::Seconds(10)), "none");
  EXPECT_EQ(Offer(&control, "a", absl::Seconds(11), "5"), Verdict::kPass) << "a new interval";
  EXPECT_EQ(Offer(&control, "a", absl::Seconds(12), "6"), Verdict::kHeld)
      << "the one that was due was its first";
}

TEST(FlapControlTest, QuietClientsAreForgotten) {
  FlapControl control(2, kInterval);
  Offer(&control, "a", absl::Seconds(0), "1");
  EXPECT_EQ(control.clients(), 1u);
  EXPECT_EQ(Due(&control, absl::Seconds(10)), "none");
  EXPECT_EQ(control.clients(), 0u);
}

TEST(FlapControlTest, AnIntervalOfZeroLetsEverythingPass) {
  FlapControl control(1, absl::ZeroDuration());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Offer(&control, "a", absl::Seconds(0), "x"), Verdict::kPass);
  }
  EXPECT_EQ(control.clients(), 0u);
}

TEST(FlapControlTest, MoreClientsThanItKnowsEndTheOldestIntervalsEarlyAndLoseNothing) {
  FlapControl control(1, kInterval, /*clients_max=*/3);
  for (const char* id : {"a", "b", "c"}) {
    Offer(&control, id, absl::Seconds(0), "first");
    EXPECT_EQ(Offer(&control, id, absl::Seconds(0), "last"), Verdict::kHeld);
  }
  EXPECT_EQ(Offer(&control, "d", absl::Seconds(1), "first"), Verdict::kPass);
  EXPECT_EQ(Due(&control, absl::Seconds(1)), "a=last");
  EXPECT_EQ(Due(&control, absl::Seconds(1)), "none");
  EXPECT_EQ(control.clients(), 3u);
}

TEST(FlapControlTest, HeldMessagesHaveABoundBeyondWhichMessagesPass) {
  FlapControl control(1, kInterval);
  const std::string big(FlapControl::kHeldBytesMax / 4, 'x');
  int passed = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string id = absl::StrCat("c", i);
    Offer(&control, id, absl::Seconds(0), "first");
    passed += Offer(&control, id, absl::Seconds(0), big) == Verdict::kPass;
  }
  EXPECT_GE(passed, 6);
  EXPECT_LE(control.held_bytes(), FlapControl::kHeldBytesMax);
}

// Whatever comes: at most so many in any interval of a client, and the last one is the last to go.
TEST(FlapControlTest, TheLastStateOfEveryClientComesThrough) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    std::mt19937_64 rng(seed);
    FlapControl control(3, kInterval, 64);
    std::map<std::string, std::string> offered;
    std::map<std::string, std::string> published;
    absl::Duration now;
    for (int i = 0; i < 5'000; ++i) {
      now += absl::Milliseconds(static_cast<int64_t>(rng() % 200));
      while (const auto due = control.TakeDue(kStart + now)) published[due->topic] = due->payload;
      const std::string id = absl::StrCat("c", rng() % 40);
      offered[id] = absl::StrCat(i);
      if (Offer(&control, id, now, offered[id]) == Verdict::kPass) published[id] = offered[id];
    }
    now += kInterval;
    while (const auto due = control.TakeDue(kStart + now)) published[due->topic] = due->payload;
    EXPECT_EQ(published, offered);
    EXPECT_EQ(control.held_bytes(), 0u);
  }
}

}  // namespace
}  // namespace session_status::topics
