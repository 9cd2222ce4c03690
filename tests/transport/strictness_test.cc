// Every case of the table over a real connection: the right status, and no second request smuggled.
#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/transport/strictness_cases.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

ListenerOptions StrictOptions() {
  ListenerOptions options;
  options.request_line_bytes_max = 1000;
  options.header_bytes_max = 2000;
  options.header_count_max = 20;
  options.body_bytes_max = 100;
  options.chunk_extension_bytes_max = 50;
  options.trailer_bytes_max = 200;
  options.connections_per_peer_max = 1000;
  return options;
}

TEST(StrictnessTest, EveryRequestGetsTheStatusItDeserves) {
  TestListener listener(StrictOptions());
  for (const StrictnessCase& c : StrictnessCases()) {
    SCOPED_TRACE(c.name);
    TestClient client(listener.tcp_address());
    const TestReply reply = client.Ask(c.request);
    EXPECT_EQ(reply.status, c.status) << reply.body;
    EXPECT_TRUE(reply.complete);
    if (c.status == 200) {
      EXPECT_TRUE(absl::EndsWith(reply.body, absl::StrCat(" ", c.body))) << reply.body;
    } else {
      EXPECT_EQ(reply.header("connection"), "close");
      EXPECT_FALSE(reply.body.empty()) << "the reason";
      client.ShutdownWriting();
      EXPECT_TRUE(client.AtEnd()) << "nothing follows a refusal";
    }
  }
}

TEST(StrictnessTest, NothingAfterARefusedRequestIsAnswered) {
  TestListener listener(StrictOptions());
  for (const StrictnessCase& c : StrictnessCases()) {
    if (c.status == 200 || absl::StrContains(c.name, "endless")) continue;
    SCOPED_TRACE(c.name);
    TestClient client(listener.unix_address());
    client.Send(absl::StrCat(c.request, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"));
    client.ShutdownWriting();
    const std::string all = client.ReadAll();
    EXPECT_THAT(all, ::testing::Not(::testing::HasSubstr("smuggled")));
    EXPECT_THAT(all, ::testing::StartsWith(absl::StrCat("HTTP/1.1 ", c.status)));
  }
}

TEST(StrictnessTest, ARequestAfterAnAnsweredOneStartsWhereThatEnded) {
  TestListener listener(StrictOptions());
  for (const StrictnessCase& c : StrictnessCases()) {
    if (c.status != 200 || absl::StrContains(c.request, "HTTP/1.0")) continue;
    SCOPED_TRACE(c.name);
    TestClient client(listener.unix_address());
    ASSERT_TRUE(client.Send(absl::StrCat(c.request, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n")));
    EXPECT_EQ(client.Read().status, 200);
    EXPECT_EQ(client.Read().body, "GET /next? [Host=x] ");
  }
}

TEST(StrictnessTest, ARefusalKnowsThePathWhenTheRequestLineWasSound) {
  TestListener listener(StrictOptions());
  TestClient client(listener.tcp_address());
  const TestReply reply = client.Ask(
      absl::StrCat("GET /where?q HTTP/1.1\r\nHost: x\r\nA: ", std::string(3000, 'a'), "\r\n\r\n"));
  EXPECT_EQ(reply.status, 431);
  EXPECT_EQ(reply.header("refused-path"), "/where");
}

}  // namespace
}  // namespace session_status::transport
