// Memory that runs out while flap control takes or gives a message.
#include <gtest/gtest.h>

#include <map>
#include <new>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "plugin/topics/flap_control.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::topics {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kInterval = absl::Seconds(10);
constexpr char kLong[] = " of more letters than fit into the object";

// Each call finds no memory now and then and is made again: who calls it has what it offered yet.
TEST(FlapControlMemoryTest, TheLastStateOfEveryClientComesThrough) {
  int failures = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    std::mt19937_64 rng(seed);
    FlapControl control(2, kInterval, 64);
    std::map<std::string, std::string> offered;
    std::map<std::string, std::string> published;
    const auto with_failures = [&](auto call) {
      for (;;) {
        try {
          const testing::FailingMemory failing(1 + rng() % 6);
          return call();
        } catch (const std::bad_alloc&) {
          ++failures;
        }
      }
    };
    absl::Duration now;
    const auto publish_due = [&] {
      while (const std::optional<Message> due =
                 with_failures([&] { return control.TakeDue(kStart + now); })) {
        published[due->topic] = due->payload;
      }
    };
    for (int i = 0; i < 5'000; ++i) {
      now += absl::Milliseconds(static_cast<int64_t>(rng() % 200));
      publish_due();
      const std::string id = absl::StrCat("c", rng() % 100, kLong);
      offered[id] = absl::StrCat(i, kLong);
      Message message = {id, id, offered[id]};
      const FlapControl::Verdict verdict =
          with_failures([&] { return control.Offer(kStart + now, &message); });
      if (verdict == FlapControl::Verdict::kPass) published[id] = message.payload;
    }
    for (int i = 0; i < 2; ++i) {
      now += kInterval;
      publish_due();
    }
    EXPECT_EQ(published, offered);
    EXPECT_EQ(control.held_bytes(), 0u);
    EXPECT_EQ(control.clients(), 0u);
  }
  EXPECT_GT(failures, 100);
}

}  // namespace
}  // namespace session_status::topics
