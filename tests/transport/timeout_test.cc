// Every wait has an end.
#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
constexpr absl::Duration kShort = absl::Milliseconds(50);

TEST(TimeoutTest, AConnectionThatSaysNothingIsClosed) {
  ListenerOptions options;
  options.first_byte_timeout = kShort;
  TestListener listener(options);
  TestClient client(listener.tcp_address());
  EXPECT_TRUE(client.AtEnd());
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().timeouts == 1; }));
}

TEST(TimeoutTest, AnIdleConnectionIsClosed) {
  ListenerOptions options;
  options.idle_timeout = kShort;
  TestListener listener(options);
  TestClient client(listener.tcp_address());
  ASSERT_EQ(client.Ask(kGet).status, 200);
  EXPECT_TRUE(client.AtEnd());
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().connections == 0; }));
  EXPECT_EQ(listener->stats().timeouts, 0) << "who asks nothing more is not slow";
}

TEST(TimeoutTest, AHeaderThatTakesTooLongIsRefusedHoweverItDrips) {
  ListenerOptions options;
  options.header_timeout = absl::Milliseconds(200);
  TestListener listener(options);
  TestClient client(listener.tcp_address());
  const absl::Time start = absl::Now();
  ASSERT_TRUE(client.Send("GET /slow HTTP/1.1\r\n"));
  while (listener->stats().timeouts == 0 && absl::Now() - start < testing::kPatience) {
    client.Send("a");  // a byte now and then does not help
    absl::SleepFor(absl::Milliseconds(5));
  }
  const TestReply reply = client.Read();
  EXPECT_EQ(reply.status, 408);
  EXPECT_LT(absl::Now() - start, testing::kPatience);
}

TEST(TimeoutTest, TheRefusalOfALateHeaderKnowsWhatWasAskedOnceItsLineIsThere) {
  ListenerOptions options;
  options.header_timeout = kShort;
  TestListener listener(options);
  struct Case {
    absl::string_view bytes, path;
  };
  for (const auto& [bytes, path] :
       {Case{"GET /slow?a HTTP/1.1\r\nHost: x\r\nAcc", "/slow"},
        Case{"\r\nPOST /slow HTTP/1.1\r\n", "/slow"}, Case{"GET /slo", ""},
        Case{"GET /slow HTTP/1.1", ""}, Case{"nothing of ours\r\n", ""}}) {
    TestClient client(listener.unix_address());
    // A request before it: the late one begins somewhere within what has arrived.
    ASSERT_TRUE(client.Send(absl::StrCat(kGet, bytes)));
    EXPECT_EQ(client.Read().status, 200) << bytes;
    const TestReply reply = client.Read();
    EXPECT_EQ(reply.status, 408) << bytes;
    EXPECT_EQ(reply.header("refused-path"), path) << bytes;
  }
  TestClient client(listener.unix_address());
  ASSERT_TRUE(client.Send("HEAD /slow HTTP/1.1\r\nHost"));
  EXPECT_EQ(client.Read(/*head_only=*/true).status, 408);
  client.ShutdownWriting();
  EXPECT_TRUE(client.AtEnd());
}

TEST(TimeoutTest, ABodyThatTakesTooLongIsRefused) {
  ListenerOptions options;
  options.body_timeout = kShort;
  TestListener listener(options);
  TestClient client(listener.unix_address());
  const TestReply reply =
      client.Ask("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
  EXPECT_EQ(reply.status, 408);
  EXPECT_EQ(reply.header("refused-path"), "/slow");
  client.ShutdownWriting();
  EXPECT_TRUE(client.AtEnd());
}

TEST(TimeoutTest, TheNextRequestHasItsOwnTime) {
  ListenerOptions options;
  options.header_timeout = absl::Milliseconds(300);
  TestListener listener(options);
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send("GET / HTTP/1.1\r\n"));
  for (int i = 0; i < 4; ++i) {
    absl::SleepFor(absl::Milliseconds(150));  // half of the time of one request
    // Ends one request and begins the next in the same read.
    ASSERT_TRUE(client.Send("Host: x\r\n\r\nGET / HTTP/1.1\r\n"));
    ASSERT_EQ(client.Read().status, 200) << i;
  }
}

TEST(TimeoutTest, ARefusedConnectionIsNotDrainedForEver) {
  ListenerOptions options;
  options.linger_timeout = kShort;
  TestListener listener(options);
  TestClient client(listener.tcp_address());
  ASSERT_EQ(client.Ask("bad\r\n\r\n").status, 400);
  const absl::Time start = absl::Now();
  while (client.Send("more") && absl::Now() - start < testing::kPatience) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_LT(absl::Now() - start, testing::kPatience);
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().connections == 0; }));
}

}  // namespace
}  // namespace session_status::transport
