// In the steady state a request allocates nothing: not in the listener, and not in a handler that
// reuses the reply it is given. And what happens when an allocation fails.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/transport/wake_queue.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace {

// Allocations of the thread that set `counting`: the listener's, once its handler ran.
thread_local bool counting = false;
std::atomic<int64_t> allocations{0};  // relaxed: read when the thread is idle
// No memory for this thread.
thread_local bool failing = false;

void* Allocate(std::size_t size) {
  if (failing) throw std::bad_alloc();
  if (counting) allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace session_status::transport {
namespace {

void AnswerAndCount(const http::Request& request, http::Reply* reply) {
  counting = true;
  reply->body.append("a reply that is longer than a small string: ");
  reply->body.append(request.body.data(), request.body.size());
}

void AnswerWastefully(const http::Request& request, http::Reply* reply) {
  AnswerAndCount(request, reply);
  reply->headers.emplace_back("A-Header", std::string(100, 'x'));
}

int64_t AllocationsOf(int requests, absl::string_view first, absl::string_view second,
                      EchoHandler::Answer answer = AnswerAndCount) {
  TestListener listener({}, answer);
  TestClient client(listener.unix_address());
  const auto ask = [&] {
    const int64_t received = listener->stats().bytes_received;
    client.Send(first);
    if (!second.empty()) {
      // The first part must have been received for itself.
      EXPECT_TRUE(testing::WaitUntil([&] { return listener->stats().bytes_received != received; },
                                     testing::kPatience, absl::Milliseconds(1)));
      client.Send(second);
    }
    EXPECT_EQ(client.Read().status, 200);
  };
  for (int i = 0; i < 20; ++i) ask();  // until every buffer has its size
  allocations = 0;
  for (int i = 0; i < requests; ++i) ask();
  return allocations;
}

TEST(AllocationTest, ARequestInOnePieceAllocatesNothing) {
  const std::string request = absl::StrCat(
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n", std::string(500, 'b'));
  // The Date header is formatted anew every second.
  EXPECT_LE(AllocationsOf(1000, request, ""), 20);
}

TEST(AllocationTest, SeesWhatAHandlerAllocates) {
  EXPECT_GE(AllocationsOf(100, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", AnswerWastefully), 100);
}

TEST(AllocationTest, AChunkedRequestInTwoPiecesAllocatesNothing) {
  EXPECT_LE(AllocationsOf(300, "POST /p HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
                          "5\r\nhello\r\n0\r\n\r\n"),
            20);
}

TEST(AllocationTest, PipelinedRequestsAllocateNothing) {
  TestListener listener({}, AnswerAndCount);
  TestClient client(listener.tcp_address());
  std::string many;
  for (int i = 0; i < 64; ++i) absl::StrAppend(&many, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto ask = [&] {
    client.Send(many);
    for (int i = 0; i < 64; ++i) ASSERT_EQ(client.Read().status, 200);
  };
  for (int i = 0; i < 5; ++i) ask();
  allocations = 0;
  for (int i = 0; i < 50; ++i) ask();
  EXPECT_LE(allocations, 20);
}

TEST(AllocationTest, AStreamThatCouldNotBeWokenForLackOfMemoryCanBeWokenLater) {
  const auto queue = std::make_shared<WakeQueue>();
  StreamWaker waker(queue, 7);
  bool failed = false;
  failing = true;
  try {
    waker.Wake();
  } catch (const std::bad_alloc&) {
    failed = true;
  }
  failing = false;
  ASSERT_TRUE(failed);
  waker.Wake();
  std::vector<uint64_t> woken;
  queue->Take(&woken);
  EXPECT_EQ(woken, std::vector<uint64_t>{7});
}

}  // namespace
}  // namespace session_status::transport
