#include "plugin/api/batch_json.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "plugin/api/json_codec.h"
#include "tests/testing/fake_others.h"

namespace session_status::api {
namespace {

using registry::EndReason;
using registry::SessionEvent;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

std::string Text(const pb::BatchQuerySessionByClientIdsRequest& request) {
  return absl::StrCat("{\"clientIds\":[\"", absl::StrJoin(request.client_ids(), "\",\""), "\"]}");
}

class BatchJsonTest : public ::testing::Test {
 protected:
  // Clients "c0" to "c999": every third unknown, the others online or ended for every reason.
  BatchJsonTest() {
    for (uint64_t i = 0; i < 1000; ++i) {
      if (i % 3 == 0) continue;
      const std::string id = absl::StrCat("c", i);
      SessionEvent event;
      event.client_id = id;
      event.incarnation = i + 1;
      event.time = kStart;
      registry_.Apply(event);
      if (i % 3 == 1) continue;
      event.kind = SessionEvent::Kind::kEnded;
      event.reason = static_cast<EndReason>(1 + i % (registry::kEndReasonCount - 1));
      event.session_kept = i % 2 == 0;
      registry_.Apply(event);
    }
  }
  // By messages and the codec.
  std::string General(const Service& service,
                      const pb::BatchQuerySessionByClientIdsRequest& request, absl::Time now) {
    pb::BatchQuerySessionByClientIdsResponse reply;
    EXPECT_TRUE(service.BatchQuerySessionByClientIds(request, now, &reply).ok());
    std::string out;
    WriteJson(reply, &out);
    return out;
  }
  bool Plain(const std::string& message) {
    std::string out = "before";
    const bool answered = AnswerPlainJsonBatch(service_, message, kStart, &out);
    EXPECT_EQ(out == "before", !answered);
    return answered;
  }

  // Random batches, answered both ways.
  void Compare(const Service& service);

  registry::SessionRegistry registry_;
  const Service service_{registry_, ServerFacts()};
};

void BatchJsonTest::Compare(const Service& service) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    std::mt19937_64 rng(seed);
    if (seed == 20) registry_.PublishSnapshot(kStart);  // before: the empty snapshot
    pb::BatchQuerySessionByClientIdsRequest request;
    const size_t count = 1 + rng() % (seed % 10 == 0 ? 500 : 20);
    for (size_t i = 0; i < count; ++i) {
      std::string id = absl::StrCat("c", rng() % 1000);
      if (rng() % 20 == 0) id = std::string(1 + rng() % registry::kClientIdBytesMax, 'x');
      request.add_client_ids(id);
    }
    const absl::Time now = kStart + absl::Milliseconds(static_cast<int64_t>(rng() % 100'000)) *
                                        static_cast<int64_t>(seed % 3);
    std::string out = "before";
    ASSERT_TRUE(AnswerPlainJsonBatch(service, Text(request), now, &out));
    ASSERT_EQ(out, "before" + General(service, request, now));
  }
}

TEST_F(BatchJsonTest, WritesTheBytesThatTheGeneralWayWrites) { Compare(service_); }

TEST_F(BatchJsonTest, WritesTheBytesThatTheGeneralWayWritesInAFleetToo) {
  testing::FakeOthers others;
  const Service service(registry_, ServerFacts(), &others);
  Compare(service);  // knows nothing of the others yet
  others.as_of = kStart - absl::Milliseconds(250);
  for (int i = 0; i < 1000; i += 2) {
    testing::FakeOthers::Client& client = others.clients[absl::StrCat("c", i)];
    client.status.state = static_cast<registry::SessionState>(i / 2 % registry::kSessionStateCount);
    if (client.status.online()) client.node = i % 16 == 2 ? "" : "node \"two\"";
    if (i % 3 == 0) client.status.reason = static_cast<EndReason>(i % registry::kEndReasonCount);
    client.at = kStart + absl::Seconds(i % 4 - 1);
  }
  Compare(service);
  others.source = registry::AnswerSource::kEngine;
  Compare(service);
}

TEST_F(BatchJsonTest, LeavesWhatIsNotPlainToTheGeneralWay) {
  EXPECT_TRUE(Plain(R"({"clientIds":["c1"]})"));
  EXPECT_TRUE(Plain(R"({"clientIds":["c1","a b:/@#"]})"));
  for (const char* text : {"",
                           "{}",
                           "[]",
                           R"({"clientIds":[]})",
                           R"({"clientIds":[""]})",
                           R"({"clientIds":["c1",]})",
                           R"({"clientIds":["c1"]}x)",
                           R"({"clientIds":["c1"])",
                           R"({"clientIds":["c1})",
                           R"({"clientIds":["c1","]})",
                           R"({"clientIds":["c1""c2"]})",
                           R"({"clientIds":["c1"],"a":1})",
                           R"({"clientIds":["c1"],"clientIds":["c2"]})",
                           R"({"clientIds": ["c1"]})",
                           R"({"clientIds":["c1", "c2"]})",
                           R"({"client_ids":["c1"]})",
                           R"({"clientIds":[1]})",
                           R"({"instanceId":"i","clientIds":["c1"]})",
                           R"({"clientIds":["\u0041"]})",
                           R"({"clientIds":["<"]})",
                           "{\"clientIds\":[\"\xc3\xbc\"]}",
                           "{\"clientIds\":[\"\x01\"]}",
                           "{\"clientIds\":[\"\x7f\"]}"}) {
    EXPECT_FALSE(Plain(text)) << text;
  }
  EXPECT_FALSE(Plain(std::string("{\"clientIds\":[\"\0\"]}", 19))) << "NUL";
  pb::BatchQuerySessionByClientIdsRequest request;
  request.add_client_ids(std::string(registry::kClientIdBytesMax + 1, 'x'));
  EXPECT_FALSE(Plain(Text(request))) << "an identifier too long";
  request.Clear();
  for (size_t i = 0; i <= kBatchIdsMax; ++i) request.add_client_ids("c");
  EXPECT_FALSE(Plain(Text(request))) << "too many";
}

}  // namespace
}  // namespace session_status::api
