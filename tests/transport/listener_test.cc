#include "plugin/transport/listener.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kGet = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";

TEST(ListenerTest, AnswersOnUnixSocketAndTcp) {
  TestListener listener;
  for (const std::string& address : listener->addresses()) {
    SCOPED_TRACE(address);
    TestClient client(address);
    const TestReply reply = client.Ask(kGet);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "GET /a?b=c [Host=x] ");
    EXPECT_EQ(reply.header("content-type"), "text/plain");
    EXPECT_THAT(reply.header("date"), HasSubstr(" GMT"));
  }
}

TEST(ListenerTest, KeepsTheConnectionForFurtherRequests) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.Ask(kGet).status, 200);
  EXPECT_EQ(listener->stats().accepted, 1);
  EXPECT_EQ(listener->stats().requests, 100);
}

TEST(ListenerTest, AnswersPipelinedRequestsInOrder) {
  TestListener listener;
  TestClient client(listener.unix_address());
  std::string bytes;
  constexpr int kRequests = 1000;
  for (int i = 0; i < kRequests; ++i) {
    absl::StrAppend(&bytes, "GET /", i, " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(client.Send(bytes));
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_EQ(client.Read().body, absl::StrCat("GET /", i, "? [Host=x] "));
  }
}

TEST(ListenerTest, AfterSoManyPipelinedRequestsOthersHaveTheirTurn) {
  constexpr int kRequests = 10;
  for (const int pipelined_max : {1, 3, 7}) {
    SCOPED_TRACE(pipelined_max);
    ListenerOptions options;
    options.pipelined_max = pipelined_max;
    absl::Notification entered, release;
    absl::Mutex mu;
    std::string order;
    TestListener listener(options, [&](const http::Request& request, http::Reply*) {
      if (request.path == "/hold") {
        entered.Notify();
        release.WaitForNotificationWithTimeout(testing::kPatience);
        return;
      }
      absl::MutexLock lock(&mu);
      absl::StrAppend(&order, request.path.substr(1));
    });
    TestClient holder(listener.tcp_address());
    TestClient many(listener.unix_address());
    TestClient one(listener.unix_address());
    ASSERT_EQ(many.Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 200) << "accepted";
    ASSERT_EQ(one.Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
    ASSERT_TRUE(holder.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
    ASSERT_TRUE(entered.WaitForNotificationWithTimeout(testing::kPatience));
    // The only loop is held, so that its next turn finds both.
    std::string bytes;
    for (int i = 0; i < kRequests; ++i)
      absl::StrAppend(&bytes, "GET /m HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(many.Send(bytes));
    ASSERT_TRUE(one.Send("GET /o HTTP/1.1\r\nHost: x\r\n\r\n"));
    release.Notify();
    for (int i = 0; i < kRequests; ++i) ASSERT_EQ(many.Read().status, 200);
    ASSERT_EQ(one.Read().status, 200);
    absl::MutexLock lock(&mu);
    EXPECT_EQ(order.find('o'), static_cast<size_t>(pipelined_max)) << order;
    EXPECT_EQ(order.size(), kRequests + 1u);
  }
}

TEST(ListenerTest, CallersAnsweredInOneTurnGetTheirOwnReplies) {
  absl::Notification entered, release;
  TestListener listener({}, [&](const http::Request& request, http::Reply* reply) {
    reply->body = std::string(request.path);
    if (request.path != "/hold") return;
    entered.Notify();
    release.WaitForNotificationWithTimeout(testing::kPatience);
  });
  TestClient holder(listener.tcp_address());
  std::vector<TestClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(listener.unix_address());
    ASSERT_EQ(clients.back().Ask(kGet).body, "/a") << "accepted";
  }
  ASSERT_TRUE(holder.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(entered.WaitForNotificationWithTimeout(testing::kPatience));
  // The only loop is held, so that its next turn finds all of these. Replies of one length: a
  // client that got another's would not wait for the rest of it.
  for (size_t i = 0; i < clients.size(); ++i) {
    ASSERT_TRUE(clients[i].Send(absl::StrCat("GET /", i, " HTTP/1.1\r\nHost: x\r\n\r\n")));
  }
  release.Notify();
  EXPECT_EQ(holder.Read().body, "/hold");
  for (size_t i = 0; i < clients.size(); ++i) {
    EXPECT_EQ(clients[i].Read().body, absl::StrCat("/", i));
  }
}

TEST(ListenerTest, TakesABodyByLengthAndInChunks) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  EXPECT_THAT(client.Ask("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").body,
              HasSubstr("] hello"));
  EXPECT_THAT(client
                  .Ask("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: t\r\n\r\n")
                  .body,
              HasSubstr("] hello world"));
  EXPECT_EQ(client.Ask(kGet).status, 200) << "the next request starts where the body ended";
}

TEST(ListenerTest, TakesARequestInSingleBytes) {
  TestListener listener;
  TestClient client(listener.unix_address());
  for (const char c :
       std::string("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")) {
    ASSERT_TRUE(client.Send({&c, 1}));
  }
  EXPECT_THAT(client.Read().body, HasSubstr("] abcdef"));
}

TEST(ListenerTest, TakesALargeBodyThatArrivesInPieces) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  const std::string body(64 * 1024, 'b');
  ASSERT_TRUE(client.Send("POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  for (size_t at = 0; at < body.size(); at += 1000) {
    const std::string piece = body.substr(at, 1000);
    ASSERT_TRUE(client.Send(absl::StrCat(absl::Hex(piece.size()), "\r\n", piece, "\r\n")));
  }
  ASSERT_TRUE(client.Send("0\r\n\r\n"));
  EXPECT_THAT(client.Read().body, HasSubstr(absl::StrCat("] ", body)));
}

TEST(ListenerTest, SaysContinueBeforeTheBodyIsSent) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send(
      "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 100);
  const TestReply reply = client.Ask("ok");
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("] ok"));
}

TEST(ListenerTest, DoesNotSayContinueWhenTheBodyIsAlreadyThere) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  EXPECT_EQ(client
                .Ask("POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     "Content-Length: 2\r\n\r\nok")
                .status,
            200);
}

TEST(ListenerTest, DoesNotSayContinueBecauseAnEarlierCallerAskedForIt) {
  TestListener listener;
  ASSERT_EQ(TestClient(listener.unix_address())
                .Ask("POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                     "Content-Length: 2\r\n\r\nok")
                .status,
            200);
  TestClient client(listener.unix_address());
  const int64_t received = listener->stats().bytes_received;
  ASSERT_TRUE(client.Send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"));
  // The head must have been received for itself.
  ASSERT_TRUE(testing::WaitUntil([&] { return listener->stats().bytes_received != received; }));
  EXPECT_EQ(client.Ask("ok").status, 200);
}

TEST(ListenerTest, AnswersHeadWithTheLengthAndNoBody) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"));
  const TestReply reply = client.Read(/*head_only=*/true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("content-length"), absl::StrCat(std::string("HEAD /a? [Host=x] ").size()));
  EXPECT_EQ(client.Ask(kGet).status, 200) << "no body was in between";
}

TEST(ListenerTest, ClosesWhenTheClientAsksForIt) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  const TestReply reply = client.Ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST(ListenerTest, ClosesAnHttp10ConnectionUnlessItIsToBeKept) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  EXPECT_EQ(client.Ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").header("connection"),
            "keep-alive");
  EXPECT_EQ(client.Ask("GET / HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(client.AtEnd());
}

TEST(ListenerTest, AnswersAClientThatEndedItsSide) {
  TestListener listener;
  TestClient client(listener.unix_address());
  ASSERT_TRUE(client.Send(kGet));
  client.ShutdownWriting();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.AtEnd());
}

TEST(ListenerTest, ClosesAfterAReplyThatAsksForIt) {
  TestListener listener({}, [](const http::Request&, http::Reply* reply) { reply->close = true; });
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send(absl::StrCat(kGet, kGet)));
  EXPECT_EQ(client.Read().header("connection"), "close");
  EXPECT_TRUE(client.AtEnd());
}

TEST(ListenerTest, TellsTheHandlerWhoAsks) {
  TestListener listener({}, [](const http::Request& request, http::Reply* reply) {
    const http::Peer& peer = *request.peer;
    reply->body = absl::StrCat(peer.kind == http::Peer::Kind::kUnixSocket ? "unix" : "tcp", " ",
                               peer.address, " loopback=", peer.loopback, " uid=", peer.uid,
                               " gid=", peer.gid, " pid=", peer.pid);
  });
  EXPECT_EQ(
      TestClient(listener.unix_address()).Ask(kGet).body,
      absl::StrCat("unix  loopback=0 uid=", ::getuid(), " gid=", ::getgid(), " pid=", ::getpid()));
  EXPECT_THAT(TestClient(listener.tcp_address()).Ask(kGet).body,
              HasSubstr("tcp 127.0.0.1 loopback=1"));
}

TEST(ListenerTest, ListensOnSeveralAddressesOfBothFamilies) {
  ListenerOptions options;
  options.tcp_addresses = {"127.0.0.1:0", "[::1]:0", "*:0"};
  TestListener listener(options);
  ASSERT_EQ(listener->addresses().size(), 4u);
  const std::string any = listener->addresses()[3];
  for (const std::string& address : {listener->addresses()[1], listener->addresses()[2],
                                     "127.0.0.1" + any.substr(1), "[::1]" + any.substr(1)}) {
    EXPECT_EQ(TestClient(address).Ask(kGet).status, 200) << address;
  }
}

TEST(ListenerTest, ServesFromSeveralThreads) {
  ListenerOptions options;
  options.threads = 3;
  TestListener listener(options);
  std::vector<TestClient> clients;
  for (int i = 0; i < 30; ++i) clients.emplace_back(listener.unix_address());
  for (TestClient& client : clients) EXPECT_EQ(client.Ask(kGet).status, 200);
}

TEST(ListenerTest, StopsWithOpenConnectionsAndStartsAgain) {
  TestListener listener;
  TestClient client(listener.unix_address());
  ASSERT_EQ(client.Ask(kGet).status, 200);
  const std::string path = listener.unix_address();
  listener->Stop();
  EXPECT_TRUE(client.AtEnd());
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "the socket file is removed";
  ASSERT_TRUE(listener->Start().ok());
  EXPECT_EQ(TestClient(path).Ask(kGet).status, 200);
}

TEST(ListenerTest, RefusesWithABodyOfTheHandlerAndCloses) {
  TestListener listener;
  TestClient client(listener.tcp_address());
  const TestReply reply = client.Ask("GET /x?y HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.body, "more than one Host");
  EXPECT_EQ(reply.header("refused-path"), "/x");
  EXPECT_EQ(reply.header("connection"), "close");
  client.ShutdownWriting();
  EXPECT_TRUE(client.AtEnd());
}

}  // namespace
}  // namespace session_status::transport
