// Replies that come in pieces.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "plugin/os/mutex.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// `pieces` pieces of `piece_bytes` each, all at once.
class CountedStream : public http::BodyStream {
 public:
  CountedStream(int pieces, size_t piece_bytes) : left_(pieces), piece_bytes_(piece_bytes) {}
  void Start(std::function<void()>) override {}
  Progress Next(size_t, std::string* out) override {
    if (left_ == 0) return Progress::kDone;
    out->append(piece_bytes_, static_cast<char>('a' + left_ % 26));
    return --left_ == 0 ? Progress::kDone : Progress::kMore;
  }

 private:
  int left_;
  const size_t piece_bytes_;
};

// Fed by the test, from its own thread.
struct Feed {
  os::Mutex mu;
  std::string bytes;
  bool done = false;
  std::function<void()> wake;
  absl::Notification started;
  std::atomic<int> destroyed{0};

  void Push(absl::string_view more, bool last = false) {
    os::MutexLock lock(&mu);
    bytes.append(more.data(), more.size());
    done = last;
    wake();
  }
};

class FedStream : public http::BodyStream {
 public:
  explicit FedStream(Feed& feed) : feed_(feed) {}
  ~FedStream() override { ++feed_.destroyed; }
  void Start(std::function<void()> wake) override {
    os::MutexLock lock(&feed_.mu);
    feed_.wake = std::move(wake);
    feed_.started.Notify();
  }
  Progress Next(size_t, std::string* out) override {
    os::MutexLock lock(&feed_.mu);
    out->append(feed_.bytes);
    feed_.bytes.clear();
    return feed_.done ? Progress::kDone : Progress::kWaiting;
  }

 private:
  Feed& feed_;
};

EchoHandler::Answer AnswerWith(Feed& feed) {
  return [&feed](const http::Request&, http::Reply* reply) {
    reply->stream = std::make_unique<FedStream>(feed);
  };
}

TEST(BodyStreamTest, IsSentInChunksAfterTheBodyAndTheConnectionGoesOn) {
  TestListener listener({}, [](const http::Request& request, http::Reply* reply) {
    reply->body = "first";
    if (request.path == "/s") reply->stream = std::make_unique<CountedStream>(3, 2);
  });
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send(absl::StrCat("GET /s HTTP/1.1\r\nHost: x\r\n\r\n", kGet)));
  const TestReply streamed = client.Read();
  EXPECT_TRUE(streamed.complete);
  EXPECT_EQ(streamed.header("transfer-encoding"), "chunked");
  EXPECT_EQ(streamed.header("content-length"), "");
  EXPECT_EQ(streamed.body, "firstddccbb");
  EXPECT_EQ(client.Read().body, "first") << "the request pipelined behind it";
}

TEST(BodyStreamTest, SendsWhatAnotherThreadHasWhenItWakes) {
  Feed feed;
  TestListener listener({}, AnswerWith(feed));
  TestClient client(listener.unix_address());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(feed.started.WaitForNotificationWithTimeout(testing::kPatience));
  std::thread writer([&feed] {
    for (int i = 0; i < 1000; ++i) feed.Push(absl::StrCat(i, ","));
    feed.Push("end", true);
  });
  const TestReply reply = client.Read();
  writer.join();
  std::string want;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&want, i, ",");
  EXPECT_EQ(reply.body, want + "end");
  EXPECT_TRUE(testing::WaitUntil([&feed] { return feed.destroyed == 1; }));
}

TEST(BodyStreamTest, EndsWhenTheClientGoesAway) {
  Feed feed;
  TestListener listener({}, AnswerWith(feed));
  {
    TestClient client(listener.tcp_address());
    ASSERT_TRUE(client.Send(kGet));
    ASSERT_TRUE(feed.started.WaitForNotificationWithTimeout(testing::kPatience));
  }
  EXPECT_TRUE(testing::WaitUntil([&feed] { return feed.destroyed == 1; }));
  feed.Push("nobody listens");  // a late wake does nothing
}

TEST(BodyStreamTest, EndsWhenTheListenerStopsAndALateWakeDoesNothing) {
  Feed feed;
  TestListener listener({}, AnswerWith(feed));
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(feed.started.WaitForNotificationWithTimeout(testing::kPatience));
  listener->Stop();
  EXPECT_EQ(feed.destroyed, 1);
  feed.Push("too late");
  EXPECT_FALSE(client.Read().complete);
}

TEST(BodyStreamTest, WaitsForASlowReaderWithBoundedMemory) {
  static constexpr int kPieces = 500;
  static constexpr size_t kPieceBytes = 64 * 1024;  // 32 MB in all
  TestListener listener({}, [](const http::Request&, http::Reply* reply) {
    reply->stream = std::make_unique<CountedStream>(kPieces, kPieceBytes);
  });
  TestClient client(listener.unix_address());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(testing::WaitUntil([&] { return listener->stats().buffered_bytes > 0; }))
      << "back-pressure";
  EXPECT_LE(listener->stats().buffered_bytes, 256 * 1024);
  EXPECT_LT(listener->stats().bytes_sent, 4 * 1024 * 1024);
  const TestReply reply = client.Read();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.body.size(), kPieces * kPieceBytes);
}

TEST(BodyStreamTest, IsCutOffWhenTheReaderStops) {
  ListenerOptions options;
  options.write_timeout = absl::Milliseconds(50);
  TestListener listener(options, [](const http::Request&, http::Reply* reply) {
    reply->stream = std::make_unique<CountedStream>(1000, 64 * 1024);
  });
  TestClient client(listener.unix_address());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().timeouts == 1; }));
  EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().connections == 0; }));
  EXPECT_EQ(listener->stats().buffered_bytes, 0);
}

TEST(BodyStreamTest, IsEndedByTheConnectionInHttp10) {
  TestListener listener({}, [](const http::Request&, http::Reply* reply) {
    reply->body = "x";
    reply->stream = std::make_unique<CountedStream>(2, 1);
  });
  TestClient client(listener.tcp_address());
  const TestReply reply = client.Ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(reply.header("transfer-encoding"), "");
  EXPECT_EQ(reply.header("connection"), "close");
  EXPECT_EQ(reply.body, "xcb");
}

TEST(BodyStreamTest, EndsWholeAndTheConnectionWithItWhenThereIsNoMemoryForWhatFollows) {
  ListenerOptions options;
  options.buffered_bytes_max = 1;  // no buffer fits
  TestListener listener(options, [](const http::Request&, http::Reply* reply) {
    reply->stream = std::make_unique<CountedStream>(3, 2);
  });
  TestClient client(listener.unix_address());
  ASSERT_TRUE(client.Send(absl::StrCat(kGet, kGet)));
  const TestReply streamed = client.Read();
  EXPECT_TRUE(streamed.complete);
  EXPECT_EQ(streamed.body, "ddccbb");
  EXPECT_TRUE(client.AtEnd()) << "nothing behind it";
}

TEST(BodyStreamTest, IsNotStartedForHead) {
  TestListener listener({}, [](const http::Request& request, http::Reply* reply) {
    if (request.method == "HEAD") reply->stream = std::make_unique<CountedStream>(2, 1);
  });
  TestClient client(listener.tcp_address());
  ASSERT_TRUE(client.Send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.Read(true).header("content-length"), "");
  EXPECT_EQ(client.Ask(kGet).status, 200);
}

}  // namespace
}  // namespace session_status::transport
