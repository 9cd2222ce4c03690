// Memory that runs out during a call, also inside pugixml.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/openapi/test_server.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::openapi {
namespace {

using testing::FailEachAllocation;

// It is another each time. Of XML and JSON.
std::string WithoutRequestId(std::string body) {
  const size_t at = body.find("RequestId");
  return at == std::string::npos ? body : body.erase(at, body.find_first_of("/,", at) - at);
}

class OpenApiMemoryTest : public ::testing::TestWithParam<const char*> {
 protected:
  OpenApiMemoryTest() {
    source_.online[kInstance] = {"a lamp that is online"};
    source_.scope = Scope::kStale;
    local_.kind = http::Peer::Kind::kUnixSocket;
    OpenApiSurface::Parts parts;
    parts.source = &source_;
    parts.instances = &instances_;
    parts.meter = &meter_;
    surface_ = std::make_unique<OpenApiSurface>(SurfaceOptions(), parts);
    request_.method = "GET";
    request_.target = absl::StrCat("/?Version=2020-04-20&InstanceId=", kInstance, GetParam());
  }
  // Throws std::bad_alloc when there is no memory for an error either: the connection is closed.
  void Call() {
    reply_ = {};
    request_.With(kNow, local_, [this](const http::Request& r) { surface_->Handle(r, &reply_); });
  }

  const InstanceMap instances_{InstanceMap::Options{kInstance, false, {}}};
  FakeSource source_;
  FakeMeter meter_;
  http::Peer local_;
  std::unique_ptr<OpenApiSurface> surface_;
  testing::OwnedRequest request_;
  http::Reply reply_;
};
constexpr const char* kCalls[] = {
    "&Action=QuerySessionByClientId&ClientId=a%20lamp%20that%20is%20online",
    "&Action=QuerySessionByClientId&ClientId=a%20lamp%20that%20is%20online&Format=XML",
    "&Action=BatchQuerySessionByClientIds&ClientIdList.1=a%20lamp%20that%20is%20online"
    "&ClientIdList.2=one%20that%20is%20not",
    "&Action=BatchQuerySessionByClientIds&Format=XML&ClientIdList.1=a%20lamp%20that%20is%20online"
    "&ClientIdList.2=one%20that%20is%20not",
};
INSTANTIATE_TEST_SUITE_P(Calls, OpenApiMemoryTest, ::testing::ValuesIn(kCalls));

TEST_P(OpenApiMemoryTest, AnAnswerIsWholeAndOnlyAnswersAreCounted) {
  Call();
  ASSERT_EQ(reply_.status, 200) << reply_.body;
  const std::string want = WithoutRequestId(reply_.body);
  const size_t headers = reply_.headers.size();
  int answers = 0;
  int errors = 0;
  for (const uint64_t burst : {uint64_t{1}, uint64_t{3}}) {
    meter_.counted.clear();
    FailEachAllocation(
        burst, [&] { Call(); },
        [&](bool done) {
          const bool answered = done && reply_.status == 200;
          if (answered) {
            ++answers;
            ASSERT_EQ(WithoutRequestId(reply_.body), want);
            ASSERT_EQ(reply_.headers.size(), headers);
          } else {
            ++errors;
          }
          ASSERT_EQ(meter_.counted.size(), answered ? 1u : 0u);
          meter_.counted.clear();
        });
  }
  EXPECT_GT(answers, 0);
  EXPECT_GT(errors, 5);
}

// An identifier of 32 KiB and more needs a page of pugixml's for itself.
TEST(ReplyWriterMemoryTest, XmlIsWholeOrNotAtAll) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < 40; ++i) texts.push_back(std::string(i * 997, 'x'));
  const std::vector<absl::string_view> ids(texts.begin(), texts.end());
  const auto online = std::make_unique<bool[]>(ids.size());
  const absl::Span<const bool> all(online.get(), ids.size());
  std::string want;
  WriteBatchReply(Format::kXml, ListShape::kFlat, "id", ids, all, &want);
  std::string out;
  for (const uint64_t burst : {uint64_t{1}, testing::kForEver}) {
    FailEachAllocation(
        burst,
        [&] {
          out.clear();
          WriteBatchReply(Format::kXml, ListShape::kFlat, "id", ids, all, &out);
        },
        [&](bool done) {
          if (done) {
            ASSERT_EQ(out, want);
          }
        });
  }
}

}  // namespace
}  // namespace session_status::openapi
