#include "plugin/transport/reply_writer.h"

#include <gmock/gmock.h>

#include <string>

namespace session_status::transport {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Body = ReplyWriter::Body;

class ReplyWriterTest : public ::testing::Test {
 protected:
  ReplyWriterTest() { writer_.SetNow(absl::FromUnixSeconds(784111777)); }
  std::string Written(const ReplyWriter::Framing& framing = {}) {
    std::string out;
    sound_ = writer_.Append(reply_, framing, &out);
    return out;
  }

  ReplyWriter writer_;
  http::Reply reply_;
  bool sound_ = false;
};

TEST_F(ReplyWriterTest, WritesAWholeReply) {
  reply_.body = "{}";
  reply_.headers.emplace_back("X-Request-Id", "7");
  EXPECT_EQ(Written(),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "X-Content-Type-Options: nosniff\r\nContent-Type: application/json\r\nContent-Length: "
            "2\r\nX-Request-Id: 7\r\n\r\n{}");
  EXPECT_TRUE(sound_);
}

TEST_F(ReplyWriterTest, WritesEveryFraming) {
  struct Case {
    int status;
    ReplyWriter::Framing framing;
    const char* want;
  };
  for (const Case& c :
       {Case{404, {Body::kWhole, true, false}, "Content-Length: 1\r\nConnection: close\r\n\r\nx"},
        Case{200, {Body::kNone, false, false}, "Content-Length: 1\r\n\r\n"},
        Case{200, {Body::kNoneOfStream, false, false}, "application/json\r\n\r\n"},
        Case{200, {Body::kChunked, false, false}, "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"},
        Case{200, {Body::kUntilClose, true, false}, "json\r\nConnection: close\r\n\r\nx"},
        Case{200, {Body::kWhole, false, true}, "1\r\nConnection: keep-alive\r\n\r\nx"},
        Case{204, {Body::kWhole, false, false}, "application/json\r\n\r\n"},
        Case{304, {Body::kWhole, false, false}, "application/json\r\n\r\n"},
        Case{304, {Body::kNone, false, false}, "application/json\r\n\r\n"}}) {
    reply_.status = c.status;
    reply_.body = "x";
    const std::string written = Written(c.framing);
    EXPECT_THAT(written, ::testing::EndsWith(c.want));
    EXPECT_THAT(written, ::testing::StartsWith("HTTP/1.1 " + std::to_string(c.status) + " "));
    EXPECT_THAT(written, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  }
}

TEST_F(ReplyWriterTest, RefusesWhatWouldSplitTheReply) {
  for (const std::string& value :
       {std::string("b\r\nC: d"), std::string("b\nC"), std::string("b\rC"), std::string("\nb"),
        std::string("b\0c", 3), std::string(1, '\x7f'), std::string(40, 'b') + "\r"}) {
    reply_.Clear();
    reply_.body = "secret";
    reply_.headers.emplace_back("A", value);
    const std::string written = Written();
    EXPECT_FALSE(sound_) << value;
    EXPECT_THAT(written, ::testing::StartsWith("HTTP/1.1 500 "));
    EXPECT_THAT(written, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(written, Not(HasSubstr("secret")));
  }
}

TEST_F(ReplyWriterTest, RefusesAStatusThatEndsNothing) {
  for (const int status : {0, 100, 199, 600}) {
    reply_.status = status;
    Written();
    EXPECT_FALSE(sound_) << status;
  }
}

TEST_F(ReplyWriterTest, WritesChunks) {
  std::string out;
  ReplyWriter::AppendChunk("", &out);
  EXPECT_EQ(out, "") << "an empty chunk would end the body";
  ReplyWriter::AppendChunk(std::string(26, 'a'), &out);
  ReplyWriter::AppendLastChunk(&out);
  EXPECT_EQ(out, "1a\r\n" + std::string(26, 'a') + "\r\n0\r\n\r\n");
}

}  // namespace
}  // namespace session_status::transport
