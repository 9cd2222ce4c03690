// The hand-written JSON of the feed, held to what protobuf itself would write.
#include "plugin/feed/change_json.h"

#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <random>

namespace session_status::feed {
namespace {

std::string ByProtobuf(const google::protobuf::Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

TEST(ChangeJsonTest, AgreesWithJsonUtilForAnyChange) {
  for (unsigned seed = 1; seed <= 2'000; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 rng(seed);
    const auto sometimes = [&rng](uint64_t limit) { return rng() % 3 == 0 ? 0 : rng() % limit; };
    const std::string id = sometimes(2) != 0 ? "g@@@\"quoted\"\\ \xC3\xA4" : "plain";
    Change c;
    c.sequence = sometimes(UINT64_MAX);
    c.incarnation = sometimes(uint64_t{1} << 48);
    c.time_ms = static_cast<int64_t>(sometimes(2'000'000'000'000));
    c.kind = static_cast<ChangeKind>(sometimes(kChangeKindCount));
    c.before = static_cast<registry::SessionState>(sometimes(4));
    c.after = static_cast<registry::SessionState>(sometimes(4));
    c.reason = static_cast<registry::EndReason>(sometimes(registry::kEndReasonCount));
    c.protocol_version = sometimes(2) != 0 ? registry::ProtocolVersion::kMqtt311
                                           : registry::ProtocolVersion::kUnknown;
    c.transport = static_cast<registry::Transport>(sometimes(3));
    c.broker_code = static_cast<uint16_t>(sometimes(65'536));
    c.listener_port = static_cast<uint16_t>(sometimes(65'536));
    c.client_id = id;
    c.address = sometimes(2) != 0 ? "2001:db8::1" : "";
    pb::SessionChange message;
    FillChange(c, &message);
    std::string ours;
    WriteChangeJson(c, &ours);
    ASSERT_EQ(ours, ByProtobuf(message));
  }
}

TEST(ChangeJsonTest, PositionsAndGapsToo) {
  pb::FeedPosition position;
  position.set_sequence(7);
  position.set_feed_epoch(8);
  std::string ours;
  WritePositionJson(7, 8, &ours);
  EXPECT_EQ(ours, ByProtobuf(position));
  position.set_heartbeat_ms(15'000);
  ours.clear();
  WritePositionJson(7, 8, &ours, 15'000);
  EXPECT_EQ(ours, ByProtobuf(position));
  pb::FeedGap gap;
  gap.set_restart_sequence(9);
  gap.set_feed_epoch(8);
  ours.clear();
  WriteGapJson(0, 9, 8, &ours);
  EXPECT_EQ(ours, ByProtobuf(gap));
}

}  // namespace
}  // namespace session_status::feed
