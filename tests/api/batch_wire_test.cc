#include "plugin/api/batch_wire.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_others.h"

namespace session_status::api {
namespace {

using registry::EndReason;
using registry::SessionEvent;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class BatchWireTest : public ::testing::Test {
 protected:
  // Clients "c0" to "c999": every third unknown, the others online or ended for every reason.
  BatchWireTest() {
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
  // By protobuf's own messages.
  std::string General(const Service& service,
                      const pb::BatchQuerySessionByClientIdsRequest& request, absl::Time now) {
    pb::BatchQuerySessionByClientIdsResponse reply;
    EXPECT_TRUE(service.BatchQuerySessionByClientIds(request, now, &reply).ok());
    return reply.SerializeAsString();
  }
  bool Plain(const std::string& message) {
    std::string out = "before";
    const bool answered = AnswerPlainBatch(service_, message, kStart, &out);
    EXPECT_EQ(out == "before", !answered);
    return answered;
  }

  // Random batches, answered both ways.
  void Compare(const Service& service);

  registry::SessionRegistry registry_;
  const Service service_{registry_, ServerFacts()};
};

void BatchWireTest::Compare(const Service& service) {
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
    ASSERT_TRUE(AnswerPlainBatch(service, request.SerializeAsString(), now, &out));
    ASSERT_EQ(out, "before" + General(service, request, now));
  }
}

TEST_F(BatchWireTest, WritesTheBytesThatProtobufWrites) { Compare(service_); }

TEST_F(BatchWireTest, WritesTheBytesThatProtobufWritesInAFleetToo) {
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

TEST_F(BatchWireTest, LeavesWhatIsNotPlainToTheGeneralWay) {
  const std::string plain(
      "\x12\x02"
      "c1");
  EXPECT_TRUE(Plain(plain));
  EXPECT_FALSE(Plain("")) << "no identifier";
  EXPECT_FALSE(Plain(plain + std::string("\x12\x00", 2))) << "an empty identifier";
  EXPECT_FALSE(Plain("\x0a\x01i" + plain)) << "an instance";
  EXPECT_FALSE(Plain("\x12\x02\xc3\xbc")) << "beyond ASCII";
  EXPECT_FALSE(Plain(plain + "\x1a\x01x")) << "an unknown field";
  EXPECT_FALSE(Plain(plain + "\x10\x01")) << "another wire type";
  EXPECT_FALSE(Plain(plain + "\x12\x05"
                             "c1"))
      << "cut short";
  EXPECT_FALSE(Plain(plain + "\x12\xff\xff\xff\xff\x0f"
                             "c1"))
      << "a length beyond the message";
  EXPECT_FALSE(Plain(plain + "\x12")) << "no length";
  EXPECT_FALSE(Plain(plain + std::string("\0", 1))) << "tag zero";
  EXPECT_FALSE(Plain(plain + "\x80")) << "half a tag";
  pb::BatchQuerySessionByClientIdsRequest request;
  request.add_client_ids(std::string(registry::kClientIdBytesMax + 1, 'x'));
  EXPECT_FALSE(Plain(request.SerializeAsString())) << "an identifier too long";
  request.Clear();
  for (size_t i = 0; i <= kBatchIdsMax; ++i) request.add_client_ids("c");
  EXPECT_FALSE(Plain(request.SerializeAsString())) << "too many";
}

}  // namespace
}  // namespace session_status::api
