#include "cli/process_maps.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace session_status::cli {

pid_t ListenerOf(const std::string& socket_path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) return 0;
  socket_path.copy(address.sun_path, socket_path.size());
  // Without waiting: where its backlog is full, others ask enough.
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return 0;
  ucred peer = {};
  socklen_t size = sizeof(peer);
  const bool known =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  close(fd);
  return known ? peer.pid : 0;
}

std::string DeletedMapping(pid_t process, absl::string_view file_name) {
  std::ifstream maps(absl::StrCat("/proc/", process, "/maps"));
  for (std::string text; std::getline(maps, text);) {
    absl::string_view line = text;
    if (!absl::ConsumeSuffix(&line, " (deleted)")) continue;
    const size_t path = line.find('/');
    if (path == absl::string_view::npos) continue;
    line.remove_prefix(path);
    if (absl::EndsWith(line, absl::StrCat("/", file_name))) return std::string(line);
  }
  return "";
}

}  // namespace session_status::cli
