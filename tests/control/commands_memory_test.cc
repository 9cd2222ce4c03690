// Memory that runs out while commands are read and answered.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/control/commands.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::control {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'767'323'045);

TEST(CommandsMemoryTest, AnAnswerIsWholeOrThereIsNone) {
  registry::SessionRegistry registry;
  registry.PublishSnapshot(kNow);
  const api::Service service(registry, {});
  std::string payload =
      R"({"commands":[{"command":"nothing"},{"command":"batchQuery","clientIds":[)";
  for (int i = 0; i < 200; ++i) absl::StrAppend(&payload, i == 0 ? "" : ",", "\"a lamp ", i, "\"");
  payload += R"(]},{"command":"query","clientId":"lamp","correlationData":"7"}]})";
  const std::string want = AnswerCommands(service, payload, kNow);
  std::string answer;
  for (const uint64_t burst : {uint64_t{1}, testing::kForEver}) {
    testing::FailEachAllocation(
        burst, [&] { answer = AnswerCommands(service, payload, kNow); },
        [&](bool done) {
          if (done) {
            ASSERT_EQ(answer, want);
          }
        });
  }
}

}  // namespace
}  // namespace session_status::control
