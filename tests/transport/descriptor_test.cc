// Running out of file descriptors: the listener waits, comes back, and does not spin.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "plugin/transport/file_descriptor.h"
#include "plugin/transport/socket_address.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

absl::Duration CpuTime() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower = {soft, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

// The listener's end of a client's connection, which is in this process as well; -1: not found.
int OtherEndOf(const TestClient& client) {
  SocketAddress own;
  ::getsockname(client.fd(), own.get(), &own.size);
  for (int fd = 0; fd < 1000; ++fd) {
    SocketAddress peer;
    if (::getpeername(fd, peer.get(), &peer.size) != 0) continue;
    if (ToString(peer) == ToString(own)) return fd;
  }
  return -1;
}

// How many epoll instances of this process watch what was opened as `fd` (proc(5), fdinfo).
int WatchersOf(int fd) {
  int watchers = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fdinfo")) {
    std::ifstream info(entry.path());
    for (std::string line; std::getline(info, line);) {
      int watched = -1;
      if (!absl::StartsWith(line, "tfd:")) continue;
      const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
      if (words.size() > 1 && absl::SimpleAtoi(words[1], &watched)) watchers += watched == fd;
    }
  }
  return watchers;
}

TEST(DescriptorTest, AClosedConnectionIsNotWatchedAlthoughACopyOfItsDescriptorIsOpen) {
  TestListener listener;
  int fd = -1;
  FileDescriptor copy;
  {
    TestClient client(listener.tcp_address());
    ASSERT_EQ(client.Ask(kGet).status, 200);
    fd = OtherEndOf(client);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(WatchersOf(fd), 1);
    // As in the table of another thread of RefuseWaiting(). By its number: the thread sanitizer
    // takes dup() for a race with the close, because it does not see that the latter waits for the
    // client.
    copy = FileDescriptor(static_cast<int>(::syscall(SYS_dup, fd)));
    ASSERT_TRUE(copy.valid());
  }
  ASSERT_TRUE(testing::WaitUntil([&] { return listener->stats().connections == 0; }));
  EXPECT_EQ(WatchersOf(fd), 0);
  EXPECT_EQ(TestClient(listener.unix_address()).Ask(kGet).status, 200);
}

TEST(DescriptorTest, ComesBackAfterTheProcessRanOut) {
  TestListener listener;
  TestClient before(listener.unix_address());
  ASSERT_EQ(before.Ask(kGet).status, 200);
  const DescriptorLimit limit(200);
  // The client ends are made first: connecting needs no accept.
  std::vector<TestClient> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back(listener.tcp_address());
    ASSERT_TRUE(waiting.back().connected());
    ASSERT_EQ(waiting.back().Ask(kGet).status, 200);
  }
  std::vector<FileDescriptor> hogs;
  for (;;) {
    FileDescriptor hog(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!hog.valid()) break;
    hogs.push_back(std::move(hog));
  }
  ASSERT_GT(hogs.size(), 4u);
  hogs.pop_back();
  TestClient refused(listener.tcp_address());  // takes the descriptor that was left
  ASSERT_TRUE(refused.connected());
  EXPECT_TRUE(refused.AtEnd()) << "accepted and closed";
  EXPECT_EQ(before.Ask(kGet).status, 200) << "old connections go on";

  const absl::Duration cpu = CpuTime();
  absl::SleepFor(absl::Seconds(1));  // what is measured: that nothing happens meanwhile
  EXPECT_LT(CpuTime() - cpu, absl::Milliseconds(50)) << "5 %: no busy loop";

  hogs.clear();
  EXPECT_EQ(TestClient(listener.tcp_address()).Ask(kGet).status, 200);
}

TEST(DescriptorTest, PeersAreRefusedAlthoughOthersTakeEveryDescriptorThatComesFree) {
  TestListener listener;
  const DescriptorLimit limit(200);
  std::atomic<bool> stop{false};
  std::vector<FileDescriptor> stolen;
  // As the broker does, which accepts its own clients meanwhile.
  const auto steal = [&] {
    FileDescriptor fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return false;
    stolen.push_back(std::move(fd));
    return true;
  };
  while (steal()) {
  }
  std::thread thief([&] {
    while (!stop.load()) steal();
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(10);  // a peer that is left waiting is killed by it
      ::close(0);   // room for one in the child's own table
      TestClient peer(listener.unix_address());
      ::_exit(peer.connected() && peer.AtEnd() ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "peer " << i << " was left waiting";
  }
  stop.store(true);
  thief.join();
  stolen.clear();
  EXPECT_EQ(TestClient(listener.unix_address()).Ask(kGet).status, 200);
}

TEST(DescriptorTest, TakesNoMoreThanItsShareOfTheLimit) {
  const DescriptorLimit limit(400);
  ListenerOptions options;
  options.unix_socket_path = MakeTemporaryDirectory() + "/s";
  options.descriptors_percent_max = 10;
  EchoHandler handler;
  Listener listener(options, handler);
  ASSERT_TRUE(listener.Start().ok());
  EXPECT_EQ(listener.connections_max(), 40);
}

TEST(DescriptorTest, LeavesNoneBehind) {
  const auto open_descriptors = [] {
    int count = 0;
    for (int fd = 0; fd < 1000; ++fd) count += ::fcntl(fd, F_GETFD) != -1 ? 1 : 0;
    return count;
  };
  const int before = open_descriptors();
  for (int i = 0; i < 50; ++i) {
    TestListener listener;
    TestClient client(listener.unix_address());
    ASSERT_EQ(client.Ask(kGet).status, 200);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace session_status::transport
