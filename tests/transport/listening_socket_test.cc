#include "plugin/transport/listening_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

class ListeningSocketTest : public ::testing::Test {
 protected:
  ListeningSocketTest() : directory_(MakeTemporaryDirectory()) {
    options_.unix_socket_path = directory_ + "/s";
  }
  ~ListeningSocketTest() override { std::filesystem::remove_all(directory_); }

  // A listening socket that this process made but that no option asked for.
  FileDescriptor ListenAt(const std::string& text, mode_t mode = 0660) {
    const SocketAddress address =
        text[0] == '/' ? ParseUnixAddress(text).value() : ParseTcpAddress(text).value();
    FileDescriptor fd(::socket(address.family(), SOCK_STREAM, 0));
    const int v6_only = address.any_family ? 0 : 1;
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
    EXPECT_EQ(::bind(fd.get(), address.get(), address.size), 0);
    EXPECT_EQ(::listen(fd.get(), 10), 0);
    EXPECT_TRUE(text[0] != '/' || ::chmod(text.c_str(), mode) == 0);
    return fd;
  }
  // The error with `fd` passed by systemd, in a child process: see below.
  std::string Passed(int fd) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const int told = ::fcntl(ends[1], F_DUPFD, 100);
      ::dup2(::fcntl(fd, F_DUPFD, 100), 3);
      ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      ::setenv("LISTEN_FDS", "1", 1);
      const std::string error = Error();
      const bool written =
          ::write(told, error.data(), error.size()) == static_cast<ssize_t>(error.size());
      ::_exit(written ? 0 : 1);
    }
    ::close(ends[1]);
    std::string error(4096, '\0');
    const ssize_t size = ::read(ends[0], error.data(), error.size());
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    error.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return error;
  }
  // "80" of "*:80".
  static std::string PortOf(const FileDescriptor& fd) {
    SocketAddress address;
    EXPECT_EQ(::getsockname(fd.get(), address.get(), &address.size), 0);
    const std::string text = ToString(address);
    return text.substr(text.rfind(':') + 1);
  }
  std::string Error() { return std::string(OpenListeningSockets(options_).status().message()); }

  const std::string directory_;
  ListenerOptions options_;
};

TEST_F(ListeningSocketTest, GivesTheSocketFileItsMode) {
  for (const mode_t mode : {0600u, 0660u, 0666u}) {
    options_.unix_socket_mode = mode;
    const auto sockets = OpenListeningSockets(options_);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    struct stat found;
    ASSERT_EQ(::stat(options_.unix_socket_path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 07777, mode);
  }
  EXPECT_NE(::access(options_.unix_socket_path.c_str(), F_OK), 0) << "removed with the socket";
}

TEST_F(ListeningSocketTest, GivesTheSocketFileItsOwnerByNumber) {
  options_.unix_socket_owner = absl::StrCat(::getuid());
  options_.unix_socket_group = absl::StrCat(::getgid());
  const auto sockets = OpenListeningSockets(options_);
  ASSERT_TRUE(sockets.ok()) << sockets.status();
}

TEST_F(ListeningSocketTest, SaysWhichOwnerOrGroupIsUnknown) {
  options_.unix_socket_owner = "nobody-of-that-name";
  EXPECT_THAT(Error(), HasSubstr("admin_socket_owner \"nobody-of-that-name\": unknown"));
  options_.unix_socket_owner.clear();
  options_.unix_socket_group = "no-such-group";
  EXPECT_THAT(Error(), HasSubstr("admin_socket_group \"no-such-group\": unknown"));
  EXPECT_NE(::access(options_.unix_socket_path.c_str(), F_OK), 0) << "nothing is left behind";
}

TEST_F(ListeningSocketTest, ReplacesAStaleSocketFile) {
  { const FileDescriptor gone = ListenAt(options_.unix_socket_path); }
  ASSERT_EQ(::access(options_.unix_socket_path.c_str(), F_OK), 0);
  const auto sockets = OpenListeningSockets(options_);
  EXPECT_TRUE(sockets.ok()) << sockets.status();
}

TEST_F(ListeningSocketTest, DoesNotTouchALiveSocketFile) {
  const FileDescriptor live = ListenAt(options_.unix_socket_path);
  EXPECT_THAT(Error(), HasSubstr("another process listens there"));
  EXPECT_TRUE(TestClient(options_.unix_socket_path).connected());
}

TEST_F(ListeningSocketTest, DoesNotTouchAFileThatIsNoSocket) {
  std::ofstream(options_.unix_socket_path) << "precious";
  EXPECT_THAT(Error(), HasSubstr("no socket is in the way"));
  EXPECT_EQ(std::filesystem::file_size(options_.unix_socket_path), 8u);
}

TEST_F(ListeningSocketTest, DoesNotRemoveAFileThatTookItsPlace) {
  auto sockets = OpenListeningSockets(options_);
  ASSERT_TRUE(sockets.ok());
  ASSERT_EQ(::unlink(options_.unix_socket_path.c_str()), 0);
  const FileDescriptor successor = ListenAt(options_.unix_socket_path);
  sockets->clear();
  EXPECT_TRUE(TestClient(options_.unix_socket_path).connected());
}

TEST_F(ListeningSocketTest, EveryIpv6AddressIsNoIpv4AddressAndAStarIsBoth) {
  for (const bool star : {false, true}) {
    options_.tcp_addresses = {star ? "*:0" : "[::]:0"};
    const auto sockets = OpenListeningSockets(options_);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    const std::string text = ToString(sockets->back()->address());
    EXPECT_EQ(text.substr(0, text.rfind(':')), star ? "*" : "[::]");
    const std::string port = text.substr(text.rfind(':'));
    EXPECT_TRUE(TestClient("[::1]" + port).connected());
    EXPECT_EQ(TestClient("127.0.0.1" + port).connected(), star);
  }
}

TEST_F(ListeningSocketTest, EveryIpv4AddressAndEveryIpv6AddressMayHaveOnePort) {
  std::string port;
  {
    options_.tcp_addresses = {"[::]:0"};
    const auto sockets = OpenListeningSockets(options_);
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    const std::string text = ToString(sockets->back()->address());
    port = text.substr(text.rfind(':'));
  }
  options_.tcp_addresses = {"0.0.0.0" + port, "[::]" + port};
  EXPECT_EQ(Error(), "");
}

TEST_F(ListeningSocketTest, RefusesAPassedSocketOfOtherFamiliesThanConfigured) {
  for (const bool star : {false, true}) {
    const FileDescriptor passed = ListenAt(star ? "*:0" : "[::]:0");
    const std::string port = PortOf(passed);
    options_.tcp_addresses = {(star ? "*:" : "[::]:") + port};
    EXPECT_EQ(Passed(passed.get()), "");
    options_.tcp_addresses = {(star ? "[::]:" : "*:") + port};
    EXPECT_THAT(
        Passed(passed.get()),
        HasSubstr(star ? "\": systemd passed it for IPv4 as well; set BindIPv6Only=ipv6-only"
                       : "\": systemd passed it for IPv6 alone; set BindIPv6Only=both"));
  }
}

// The path is good, and another one would not help.
TEST_F(ListeningSocketTest, WithoutDescriptorsItSaysThatAndBlamesNoAddress) {
  const std::string path = options_.unix_socket_path;
  const std::string no_descriptors =
      "cannot make a socket: Too many open files; the broker is out of file descriptors; raise";
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  { const FileDescriptor gone = ListenAt(path); }  // a stale file has to be looked at
  const rlimit none = {0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const std::string stale = Error();
  ::unlink(path.c_str());
  const std::string fresh = Error();
  options_.unix_socket_path.clear();
  options_.tcp_addresses = {"127.0.0.1:0"};
  const std::string tcp = Error();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(stale, HasSubstr(absl::StrCat("admin_socket \"", path, "\": ", no_descriptors)));
  EXPECT_THAT(fresh, HasSubstr(absl::StrCat("admin_socket \"", path, "\": ", no_descriptors)));
  EXPECT_THAT(tcp, HasSubstr(absl::StrCat("admin_listen \"127.0.0.1:0\": ", no_descriptors)));
}

TEST_F(ListeningSocketTest, SaysWhatIsWrongWithAnAddress) {
  struct Case {
    std::string address, want;
  };
  const FileDescriptor taken = ListenAt("127.0.0.1:0");
  SocketAddress address;
  ASSERT_EQ(::getsockname(taken.get(), address.get(), &address.size), 0);
  for (const Case& c : {Case{"nonsense", "admin_listen \"nonsense\" is not an address"},
                        Case{ToString(address), "choose another one"},
                        Case{"192.0.2.1:80", "give an address of this machine"}}) {
    options_.tcp_addresses = {c.address};
    EXPECT_THAT(Error(), HasSubstr(c.want));
  }
  options_ = ListenerOptions();
  EXPECT_THAT(Error(), HasSubstr("nowhere to listen"));
  options_.unix_socket_path = directory_ + "/missing/s";
  EXPECT_THAT(Error(), HasSubstr("a directory that the broker's user may write to"));
}

TEST_F(ListeningSocketTest, SaysWhichNumberIsOutOfRange) {
  EchoHandler handler;
  options_.threads = 0;
  EXPECT_THAT(std::string(Listener(options_, handler).Start().message()),
              HasSubstr("listener_threads is 0; give a number from 1 to 64"));
}

// Descriptors as systemd passes them: from 3 on, named by LISTEN_PID and LISTEN_FDS. In a child
// process, because both are properties of the whole process.
TEST_F(ListeningSocketTest, TakesPassedDescriptorsThatMatchAndLeavesTheOthers) {
  const FileDescriptor unix_fd = ListenAt(options_.unix_socket_path);
  const FileDescriptor tcp_fd = ListenAt("127.0.0.1:0");
  const FileDescriptor foreign_fd = ListenAt(directory_ + "/foreign");
  SocketAddress tcp;
  ASSERT_EQ(::getsockname(tcp_fd.get(), tcp.get(), &tcp.size), 0);
  options_.tcp_addresses = {ToString(tcp)};
  const pid_t child = ::fork();
  if (child == 0) {
    // Far from 3, 4, 5 first: one may be the other's target.
    const int parked[] = {::fcntl(foreign_fd.get(), F_DUPFD, 100),
                          ::fcntl(tcp_fd.get(), F_DUPFD, 100),
                          ::fcntl(unix_fd.get(), F_DUPFD, 100)};
    for (int i = 0; i < 3; ++i) ::dup2(parked[i], 3 + i);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "3", 1);
    int result = 0;
    for (int round = 0; round < 2; ++round) {  // a plugin may be unloaded and loaded again
      EchoHandler handler;
      options_.nice_level = 0;
      Listener listener(options_, handler);
      if (!listener.Start().ok()) result |= 1;
      if (TestClient(options_.unix_socket_path).Ask(kGet).status != 200) result |= 2;
      if (TestClient(options_.tcp_addresses[0]).Ask(kGet).status != 200) result |= 4;
      listener.Stop();
      if (::access(options_.unix_socket_path.c_str(), F_OK) != 0) result |= 8;  // not ours
    }
    if ((::fcntl(3, F_GETFD) & FD_CLOEXEC) != 0) result |= 16;  // not asked for: untouched
    ::_exit(result);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// systemd made the file, by its unit's rules: who wrote ours must not be told that they hold.
TEST_F(ListeningSocketTest, RefusesAPassedUnixSocketThatLetsInMoreThanConfigured) {
  const std::string owner = absl::StrCat(::getuid()), group = absl::StrCat(::getgid());
  struct Case {
    mode_t mode, wanted_mode;
    std::string owner, group, want;  // empty: it starts
  };
  const Case cases[] = {
      {0660, 0660, "", "", ""},
      {0600, 0660, owner, group, ""},
      {0666, 0666, "", "", ""},
      {0666, 0660, "", "",
       absl::StrCat("admin_socket_mode 0660: systemd passed \"", options_.unix_socket_path,
                    "\" with mode 0666; set SocketMode=0660 in the .socket unit")},
      {0660, 0600, "", "", "with mode 0660; set SocketMode=0600"},
      {0606, 0660, "", "", "with mode 0606; set SocketMode=0660"},
      {0660, 0660, "12345", "", absl::StrCat("with owner ", owner, "; set SocketUser=12345 in")},
      {0660, 0660, "", "12345", absl::StrCat("with group ", group, "; set SocketGroup=12345 in")},
      {0660, 0660, "nobody-of-that-name", "", "unknown; give a name of this system"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(&c - cases);
    options_.unix_socket_mode = c.wanted_mode;
    options_.unix_socket_owner = c.owner;
    options_.unix_socket_group = c.group;
    const FileDescriptor passed = ListenAt(options_.unix_socket_path, c.mode);
    const std::string told = Passed(passed.get());
    if (c.want.empty()) {
      EXPECT_EQ(told, "");
    } else {
      EXPECT_THAT(told, HasSubstr(c.want));
    }
    EXPECT_EQ(::unlink(options_.unix_socket_path.c_str()), 0) << "it is systemd's";
  }
}

TEST_F(ListeningSocketTest, RefusesAPassedUnixSocketWhoseFileIsGone) {
  const FileDescriptor passed = ListenAt(options_.unix_socket_path);
  ASSERT_EQ(::unlink(options_.unix_socket_path.c_str()), 0);
  EXPECT_THAT(Passed(passed.get()), HasSubstr("No such file or directory; "));
}

TEST_F(ListeningSocketTest, IgnoresDescriptorsPassedToAnotherProcess) {
  const FileDescriptor live = ListenAt(options_.unix_socket_path);
  ::setenv("LISTEN_PID", "1", 1);
  ::setenv("LISTEN_FDS", "100", 1);
  EXPECT_THAT(Error(), HasSubstr("another process listens there"));
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
}

}  // namespace
}  // namespace session_status::transport
