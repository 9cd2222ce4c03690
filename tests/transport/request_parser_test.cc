#include "plugin/transport/request_parser.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/transport/strictness_cases.h"

namespace session_status::transport {
namespace {

constexpr RequestLimits kLimits = {1000, 2000, 20, 100, 50, 200};

struct Outcome {
  int status = 0;  // 0: the parser wants more
  std::string request;
  size_t left = 0;  // bytes behind the request
};

bool operator==(const Outcome& a, const Outcome& b) {
  return a.status == b.status && a.request == b.request && a.left == b.left;
}
std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << o.status << " \"" << o.request << "\" and " << o.left << " bytes";
}

// Feeds the pieces one after the other. The bytes move to new memory each time, so that a view kept
// across two calls is found out by the address sanitizer.
Outcome Feed(const std::vector<absl::string_view>& pieces) {
  RequestParser parser(kLimits);
  std::unique_ptr<char[]> bytes;
  size_t size = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    auto moved = std::make_unique<char[]>(size + pieces[i].size());
    std::copy_n(bytes.get(), size, moved.get());
    std::copy(pieces[i].begin(), pieces[i].end(), moved.get() + size);
    bytes = std::move(moved);
    size += pieces[i].size();
    const RequestParser::Progress progress = parser.Parse(bytes.get(), &size);
    if (progress == RequestParser::Progress::kNeedMore) continue;
    if (progress == RequestParser::Progress::kRefused) return {parser.refusal().status, "", 0};
    Outcome outcome = {200, "", size - parser.consumed()};
    for (size_t rest = i + 1; rest < pieces.size(); ++rest) outcome.left += pieces[rest].size();
    http::Request request;
    std::vector<http::Header> headers;
    parser.Fill(bytes.get(), &headers, &request);
    outcome.request = absl::StrCat(request.method, " ", request.path, "?", request.query);
    for (const http::Header& header : headers) {
      absl::StrAppend(&outcome.request, " [", header.name, "=", header.value, "]");
    }
    absl::StrAppend(&outcome.request, " ", request.body);
    return outcome;
  }
  return {};
}

std::vector<absl::string_view> SingleBytes(absl::string_view text) {
  std::vector<absl::string_view> pieces;
  for (size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
  return pieces;
}

TEST(RequestParserTest, JudgesAlikeInOnePieceInTwoAndInSingleBytes) {
  for (const StrictnessCase& c : StrictnessCases()) {
    SCOPED_TRACE(c.name);
    const absl::string_view text = c.request;
    const Outcome whole = Feed({text});
    EXPECT_EQ(whole.status, c.status);
    EXPECT_EQ(Feed(SingleBytes(text)).status, whole.status);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const Outcome split = Feed({text.substr(0, cut), text.substr(cut)});
      // A refusal may be known before the second piece; an acceptance is the same to the byte.
      if (c.status == 200) {
        ASSERT_EQ(split, whole) << "cut=" << cut;
      } else {
        ASSERT_EQ(split.status, whole.status) << "cut=" << cut;
      }
    }
  }
}

TEST(RequestParserTest, WantsMoreUntilTheLastByte) {
  for (const StrictnessCase& c : StrictnessCases()) {
    if (c.status != 200) continue;
    SCOPED_TRACE(c.name);
    for (size_t cut = 1; cut < c.request.size(); ++cut) {
      ASSERT_EQ(Feed({absl::string_view(c.request).substr(0, cut)}).status, 0) << "cut=" << cut;
    }
  }
}

TEST(RequestParserTest, LeavesTheNextRequestAlone) {
  const std::string next = "GET /next HTTP/1.1\r\n";
  for (const StrictnessCase& c : StrictnessCases()) {
    if (c.status != 200) continue;
    SCOPED_TRACE(c.name);
    const std::string text = c.request + next;
    EXPECT_EQ(Feed({text}).left, next.size());
    for (size_t cut = 1; cut < text.size(); ++cut) {
      const absl::string_view view = text;
      ASSERT_EQ(Feed({view.substr(0, cut), view.substr(cut)}).left, next.size()) << "cut=" << cut;
    }
  }
}

TEST(RequestParserTest, TakesTheTargetApart) {
  struct Case {
    const char* target;
    const char* want;
  };
  for (const Case& c : {Case{"/", "GET /?"}, Case{"/a?b=c?d", "GET /a?b=c?d"},
                        Case{"/a?", "GET /a?"}, Case{"http://x", "GET /?"},
                        Case{"http://x/", "GET /?"}, Case{"https://x/a?b", "GET /a?b"}}) {
    EXPECT_EQ(Feed({absl::StrCat("GET ", c.target, " HTTP/1.1\r\nHost: x\r\n\r\n")}).request,
              absl::StrCat(c.want, " [Host=x] "))
        << c.target;
  }
}

TEST(RequestParserTest, KeepsTheBufferFreeOfChunkFraming) {
  RequestParser parser(kLimits);
  std::string bytes = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const size_t head = bytes.size();
  size_t size = bytes.size();
  for (int i = 0; i < 90; ++i) {
    bytes.resize(size);
    bytes += "1;extension\r\nb\r\n";
    size = bytes.size();
    ASSERT_EQ(parser.Parse(bytes.data(), &size), RequestParser::Progress::kNeedMore);
    ASSERT_LE(size, head + static_cast<size_t>(i) + 1 + 2) << "body and the end of the last chunk";
  }
}

TEST(RequestParserTest, SaysWhenAClientWaitsForContinue) {
  RequestParser parser(kLimits);
  std::string bytes =
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  size_t size = bytes.size();
  ASSERT_EQ(parser.Parse(bytes.data(), &size), RequestParser::Progress::kNeedMore);
  EXPECT_TRUE(parser.wants_continue(size));
  bytes += "a";
  size = bytes.size();
  ASSERT_EQ(parser.Parse(bytes.data(), &size), RequestParser::Progress::kNeedMore);
  EXPECT_FALSE(parser.wants_continue(size));
}

TEST(RequestParserTest, KeepsNothingOfAnyRequestAfterReset) {
  for (const StrictnessCase& c : StrictnessCases()) {
    SCOPED_TRACE(c.name);
    RequestParser parser(kLimits);
    std::string first = c.request;
    size_t size = first.size();
    ASSERT_NE(parser.Parse(first.data(), &size), RequestParser::Progress::kNeedMore);
    parser.Reset();
    std::string second = "POST /q HTTP/1.1\r\nHost: y\r\nContent-Length: 2\r\n\r\n";
    size = second.size();
    ASSERT_EQ(parser.Parse(second.data(), &size), RequestParser::Progress::kNeedMore);
    EXPECT_FALSE(parser.wants_continue(size)) << "only the first may have asked for it";
    second += "ok";
    size = second.size();
    ASSERT_EQ(parser.Parse(second.data(), &size), RequestParser::Progress::kComplete);
    EXPECT_EQ(parser.consumed(), second.size());
    EXPECT_TRUE(parser.keep_alive());
    http::Request request;
    std::vector<http::Header> headers;
    parser.Fill(second.data(), &headers, &request);
    EXPECT_EQ(request.target, "/q");
    EXPECT_EQ(request.body, "ok");
    EXPECT_EQ(headers.size(), 2u);
  }
}

}  // namespace
}  // namespace session_status::transport
