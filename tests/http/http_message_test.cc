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

TEST(ReplyHeadersTest, HoldsWhatWasAddedSinceTheLastClear) {
  Reply reply;
  reply.headers.emplace_back("a", "1");
  reply.headers.emplace_back("b", "2");
  reply.Clear();
  EXPECT_EQ(reply.headers.size(), 0u);
  EXPECT_EQ(reply.headers.begin(), reply.headers.end());
  reply.headers.emplace_back("c", "a value that is longer than a small string");
  std::string all;
  for (const auto& [name, value] : reply.headers) all += name + "=" + value + ";";
  EXPECT_EQ(all, "c=a value that is longer than a small string;");
  EXPECT_EQ(reply.headers[0].first, "c");
}

}  // namespace
}  // namespace session_status::http
