// Memory that runs out while a message is read from JSON or written as JSON.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/api/json_codec.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::api {
namespace {

using testing::FailEachAllocation;

constexpr int kClients = 200;  // more than ReadJson() has room for on its stack

TEST(JsonCodecMemoryTest, ARequestIsReadAsAWholeOrNotAtAll) {
  std::string json = "{\"clientIds\":[";
  for (int i = 0; i < kClients; ++i)
    absl::StrAppend(&json, i == 0 ? "" : ",", "\"a lamp ", i, "\"");
  json += "]}";
  for (const uint64_t burst : {uint64_t{1}, testing::kForEver}) {
    pb::BatchQuerySessionByClientIdsRequest request;
    absl::Status status;
    FailEachAllocation(
        burst,
        [&] {
          request = {};
          status = ReadJson(json, &request);
        },
        [&](bool done) {
          if (!done) return;
          ASSERT_TRUE(status.ok()) << status;
          ASSERT_EQ(request.client_ids_size(), kClients);
          ASSERT_EQ(request.client_ids(kClients - 1), absl::StrCat("a lamp ", kClients - 1));
        });
  }
}

// Of every length, so that each byte is the one for which the text has to grow.
TEST(JsonCodecMemoryTest, AReplyIsWrittenAsAWholeOrNotAtAll) {
  for (size_t length = 1; length <= 64; ++length) {
    pb::QuerySessionByClientIdResponse reply;
    reply.set_client_id(std::string(length, 'x'));
    reply.set_incarnation(7);
    reply.mutable_fleet()->set_node("n");
    std::string want;
    WriteJson(reply, &want);
    std::string out;
    for (const uint64_t burst : {uint64_t{1}, testing::kForEver}) {
      FailEachAllocation(
          burst,
          [&] {
            out = {};
            WriteJson(reply, &out);
          },
          [&](bool done) {
            if (done) {
              ASSERT_EQ(out, want);
            }
          });
    }
  }
}

}  // namespace
}  // namespace session_status::api
