#include "plugin/http/http_message.h"

#include <gtest/gtest.h>

namespace session_status::http {
namespace {

TEST(RequestTest, FindsAHeaderWhateverItsCaseAndTheFirstOfTwo) {
  const Header headers[] = {{"Host", "a"}, {"X-Acs-Date", "b"}, {"x-acs-date", "c"}};
  Request request;
  request.headers = headers;
  ASSERT_NE(request.FindHeader("x-acs-date"), nullptr);
  EXPECT_EQ(request.FindHeader("x-acs-date")->value, "b");
  EXPECT_EQ(request.FindHeader("HOST")->value, "a");
  EXPECT_EQ(request.FindHeader("hos"), nullptr);
  EXPECT_EQ(request.FindHeader(""), nullptr);
}

TEST(HeaderNameTest, IsATokenThatIsLeftToHandlers) {
  for (const char* good : {"Allow", "x-acs-request-id", "X", "a.b_c~1"}) {
    EXPECT_TRUE(IsReplyHeaderName(good)) << good;
  }
  for (const char* bad : {"", "A B", "A:", "A\r\nB", "A\x7f", "\xc3\xa4", "Content-Length",
                          "content-type", "transfer-encoding", "Connection", "DATE"}) {
    EXPECT_FALSE(IsReplyHeaderName(bad)) << bad;
  }
}

TEST(ReplyHeadersTest, HoldsWhatWasAddedSinceTheLastClear) {
  Reply reply;
  reply.headers.emplace_back("a", "1");
  reply.headers.emplace_back("b", "2");
  reply.Clear();
  EXPECT_EQ(reply.headers.size(), 0u);
  EXPECT_EQ(reply.headers.begin(), reply.headers.end());
  reply.headers.emplace_back("c", "a value that is longer than a small string");
  std::string all;
  for (const auto& [name, value] : reply.headers) all += std::string(name) + "=" + value + ";";
  EXPECT_EQ(all, "c=a value that is longer than a small string;");
  EXPECT_EQ(reply.headers[0].first, "c");
}

}  // namespace
}  // namespace session_status::http
