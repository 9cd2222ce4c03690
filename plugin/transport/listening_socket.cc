#include "plugin/transport/listening_socket.h"

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace session_status::transport {
namespace {

constexpr int kBacklog = 1024;
constexpr int kFirstPassedDescriptor = 3;  // sd_listen_fds(3): SD_LISTEN_FDS_START
// Noticing a peer that vanished while a stream had nothing to say: two minutes or so.
constexpr int kKeepAliveIdleS = 60;
constexpr int kKeepAliveIntervalS = 15;
constexpr int kKeepAliveProbes = 4;

absl::Status Failure(absl::string_view option, absl::string_view address, absl::string_view what,
                     int error, absl::string_view remedy) {
  return absl::FailedPreconditionError(absl::StrCat(option, " \"", address, "\": ", what, ": ",
                                                    std::generic_category().message(error), "; ",
                                                    remedy));
}

absl::Status NoSocket(absl::string_view option, absl::string_view address, int error) {
  return Failure(option, address, "cannot make a socket", error,
                 error == EAFNOSUPPORT
                     ? "IPv6 is switched off; give an IPv4 address"
                     : "the broker is out of file descriptors; raise their limit (LimitNOFILE)");
}

// A number, or a name that `look_up` knows.
template <typename Id, typename LookUp>
absl::StatusOr<Id> ParseId(absl::string_view option, const std::string& text, LookUp look_up) {
  Id id = 0;
  if (absl::SimpleAtoi(text, &id)) return id;
  if (look_up(text, &id)) return id;
  return absl::InvalidArgumentError(
      absl::StrCat(option, " \"", text, "\": unknown; give a name of this system or a number"));
}

absl::StatusOr<uid_t> OwnerOf(const ListenerOptions& options) {
  if (options.unix_socket_owner.empty()) return static_cast<uid_t>(-1);
  return ParseId<uid_t>("admin_socket_owner", options.unix_socket_owner,
                        [](const std::string& name, uid_t* id) {
                          const passwd* entry = ::getpwnam(name.c_str());
                          if (entry != nullptr) *id = entry->pw_uid;
                          return entry != nullptr;
                        });
}

absl::StatusOr<gid_t> GroupOf(const ListenerOptions& options) {
  if (options.unix_socket_group.empty()) return static_cast<gid_t>(-1);
  return ParseId<gid_t>("admin_socket_group", options.unix_socket_group,
                        [](const std::string& name, gid_t* id) {
                          const group* entry = ::getgrnam(name.c_str());
                          if (entry != nullptr) *id = entry->gr_gid;
                          return entry != nullptr;
                        });
}

FileDescriptor NewSocket(int family) {
  return FileDescriptor(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void SetOption(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof(value));  // comfort only: failure is no error
}

// Set on the listening socket, inherited by accepted ones: no system call per connection.
void SetTcpOptions(int fd) {
  SetOption(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleS);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalS);
  SetOption(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

// --- descriptors that systemd passed ---

bool IsListening(int fd) {
  int listening = 0;
  socklen_t size = sizeof(listening);
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening == 1;
}

// As bound. Of no family where the system does not tell.
SocketAddress AddressOf(int fd) {
  SocketAddress address;
  if (::getsockname(fd, address.get(), &address.size) != 0) return SocketAddress();
  int v6_only = 1;
  socklen_t size = sizeof(v6_only);
  address.any_family = IsAnyIpv6(address) &&
                       ::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &size) == 0 &&
                       v6_only == 0;
  return address;
}

int PassedDescriptors() {
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  int64_t pid_value = 0;
  int count_value = 0;
  if (pid == nullptr || count == nullptr || !absl::SimpleAtoi(pid, &pid_value) ||
      !absl::SimpleAtoi(count, &count_value) || pid_value != ::getpid()) {
    return 0;
  }
  return count_value;
}

// A duplicate of the passed descriptor listening on `wanted`, so that the plugin can be unloaded
// and loaded again; invalid when there is none.
FileDescriptor TakePassed(const SocketAddress& wanted) {
  const int count = PassedDescriptors();
  for (int fd = kFirstPassedDescriptor; fd < kFirstPassedDescriptor + count; ++fd) {
    if (!IsListening(fd) || !SameAddress(AddressOf(fd), wanted)) continue;
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    return FileDescriptor(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  }
  return FileDescriptor();
}

// --- Unix sockets ---

// Makes sure that nothing is in the way at the path: a socket nobody listens on is removed.
absl::Status ClearPath(const std::string& path, const SocketAddress& address) {
  constexpr absl::string_view kOption = "admin_socket";
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return Failure(kOption, path, "cannot look at it", errno,
                   "give a path in a directory that the broker's user may use");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(kOption, " \"", path,
                     "\": a file that is no socket is in the way; move it or choose another path"));
  }
  const FileDescriptor probe = NewSocket(AF_UNIX);
  if (!probe.valid()) return NoSocket(kOption, path, errno);
  if (::connect(probe.get(), address.get(), address.size) == 0 || errno == EAGAIN) {
    return absl::FailedPreconditionError(absl::StrCat(
        kOption, " \"", path, "\": another process listens there; stop it or choose another path"));
  }
  if (errno != ECONNREFUSED) {
    return Failure(kOption, path, "cannot find out whether it is in use", errno,
                   "remove the file if nobody uses it");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return Failure(kOption, path, "cannot remove the stale socket", errno,
                   "remove it, or let the broker's user write to the directory");
  }
  return absl::OkStatus();
}

absl::Status SetAccess(const std::string& path, const ListenerOptions& options) {
  const absl::StatusOr<uid_t> owner = OwnerOf(options);
  if (!owner.ok()) return owner.status();
  const absl::StatusOr<gid_t> group = GroupOf(options);
  if (!group.ok()) return group.status();
  if (::chmod(path.c_str(), options.unix_socket_mode) != 0) {
    return Failure("admin_socket_mode", path, "cannot set it", errno, "choose another directory");
  }
  if (::chown(path.c_str(), *owner, *group) != 0) {
    return Failure("admin_socket_owner or admin_socket_group", path, "cannot set it", errno,
                   "the broker's user may only give a socket to groups it belongs to");
  }
  return absl::OkStatus();
}

absl::Status LetsInOthers(const std::string& path, absl::string_view what, absl::string_view found,
                          absl::string_view wanted, absl::string_view setting) {
  return absl::FailedPreconditionError(
      absl::StrCat("admin_socket_", what, " ", wanted, ": systemd passed \"", path, "\" with ",
                   what, " ", found, "; set ", setting, "=", wanted, " in the .socket unit"));
}

std::string Octal(mode_t mode) {
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode & 07777));
  return text;
}

// A passed socket has its file from systemd, by default one that every local user can open. It is
// not ours to change, and who set our options must not be left to believe that they hold.
absl::Status CheckAccess(const std::string& path, const ListenerOptions& options) {
  const absl::StatusOr<uid_t> owner = OwnerOf(options);
  if (!owner.ok()) return owner.status();
  const absl::StatusOr<gid_t> group = GroupOf(options);
  if (!group.ok()) return group.status();
  struct stat found;
  if (::stat(path.c_str(), &found) != 0) {
    return Failure("admin_socket", path, "cannot find out who may open what systemd passed", errno,
                   "restart the .socket unit, and let the broker's user enter the directory");
  }
  if ((found.st_mode & 07777 & ~options.unix_socket_mode) != 0) {
    return LetsInOthers(path, "mode", Octal(found.st_mode), Octal(options.unix_socket_mode),
                        "SocketMode");
  }
  if (*owner != static_cast<uid_t>(-1) && found.st_uid != *owner) {
    return LetsInOthers(path, "owner", absl::StrCat(found.st_uid), options.unix_socket_owner,
                        "SocketUser");
  }
  if (*group != static_cast<gid_t>(-1) && found.st_gid != *group) {
    return LetsInOthers(path, "group", absl::StrCat(found.st_gid), options.unix_socket_group,
                        "SocketGroup");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ListeningSocket>> OpenUnix(const ListenerOptions& options) {
  constexpr absl::string_view kOption = "admin_socket";
  const std::string& path = options.unix_socket_path;
  const absl::StatusOr<SocketAddress> address = ParseUnixAddress(path);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(kOption, " ", address.status().message()));
  }
  if (FileDescriptor passed = TakePassed(*address); passed.valid()) {
    if (absl::Status status = CheckAccess(path, options); !status.ok()) return status;
    return std::make_unique<ListeningSocket>(std::move(passed), false);
  }
  if (absl::Status status = ClearPath(path, *address); !status.ok()) return status;
  auto socket = std::make_unique<ListeningSocket>(NewSocket(AF_UNIX), false);
  if (socket->fd() < 0) return NoSocket(kOption, path, errno);
  if (::bind(socket->fd(), address->get(), address->size) != 0) {
    return Failure(kOption, path, "cannot bind", errno,
                   "give a path in a directory that the broker's user may write to");
  }
  socket->OwnFile(path);
  // Mode and owner before listen(): until then nobody can connect.
  if (absl::Status status = SetAccess(path, options); !status.ok()) return status;
  if (::listen(socket->fd(), kBacklog) != 0) {
    return Failure(kOption, path, "cannot listen", errno, "choose another path");
  }
  return socket;
}

// --- TCP ---

absl::StatusOr<std::unique_ptr<ListeningSocket>> OpenTcp(absl::string_view option,
                                                         const std::string& text, bool tls) {
  const absl::StatusOr<SocketAddress> address = ParseTcpAddress(text);
  if (!address.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(option, " ", address.status().message()));
  }
  if (FileDescriptor passed = TakePassed(*address); passed.valid()) {
    if (AddressOf(passed.get()).any_family != address->any_family) {
      return absl::FailedPreconditionError(
          absl::StrCat(option, " \"", text, "\": systemd passed it ",
                       address->any_family ? "for IPv6 alone; set BindIPv6Only=both"
                                           : "for IPv4 as well; set BindIPv6Only=ipv6-only",
                       " in the .socket unit"));
    }
    SetTcpOptions(passed.get());
    return std::make_unique<ListeningSocket>(std::move(passed), tls);
  }
  auto socket = std::make_unique<ListeningSocket>(NewSocket(address->family()), tls);
  if (socket->fd() < 0) return NoSocket(option, text, errno);
  SetOption(socket->fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (address->family() == AF_INET6) {
    SetOption(socket->fd(), IPPROTO_IPV6, IPV6_V6ONLY, address->any_family ? 0 : 1);
  }
  SetTcpOptions(socket->fd());
  if (::bind(socket->fd(), address->get(), address->size) != 0 ||
      ::listen(socket->fd(), kBacklog) != 0) {
    return Failure(option, text, "cannot bind", errno,
                   errno == EADDRINUSE
                       ? "another process, or a listener of this broker, has this port; choose "
                         "another one"
                       : "give an address of this machine and a port above 1023");
  }
  return socket;
}

}  // namespace

ListeningSocket::~ListeningSocket() {
  if (path_.empty()) return;
  struct stat found;
  if (::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

SocketAddress ListeningSocket::address() const { return AddressOf(fd()); }

void ListeningSocket::OwnFile(const std::string& path) {
  struct stat found;
  if (::lstat(path.c_str(), &found) != 0) return;
  path_ = path;
  device_ = found.st_dev;
  inode_ = found.st_ino;
}

absl::StatusOr<ListeningSockets> OpenListeningSockets(const ListenerOptions& options) {
  ListeningSockets sockets;
  if (!options.unix_socket_path.empty()) {
    auto socket = OpenUnix(options);
    if (!socket.ok()) return socket.status();
    sockets.push_back(*std::move(socket));
  }
  for (const bool tls : {false, true}) {
    for (const std::string& text : tls ? options.tls_addresses : options.tcp_addresses) {
      auto socket = OpenTcp(tls ? "admin_listen_tls" : "admin_listen", text, tls);
      if (!socket.ok()) return socket.status();
      sockets.push_back(*std::move(socket));
    }
  }
  if (sockets.empty()) {
    return absl::InvalidArgumentError(
        "admin_socket: nowhere to listen; set it, admin_listen or admin_listen_tls");
  }
  return sockets;
}

}  // namespace session_status::transport
