// Sockets of this process, by whom they are connected to.
#ifndef SESSION_STATUS_TESTS_TESTING_OPEN_SOCKETS_H_
#define SESSION_STATUS_TESTS_TESTING_OPEN_SOCKETS_H_

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

namespace session_status::testing {

// Descriptors connected to a TCP port of the loopback interface.
inline std::vector<int> SocketsTo(uint16_t port) {
  std::vector<int> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) {
      found.push_back(fd);
    }
  }
  return found;
}

// A program that another plugin starts does not get it.
inline bool ClosesOnExec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_OPEN_SOCKETS_H_
