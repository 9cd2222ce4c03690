#include "plugin/transport/peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <vector>

namespace session_status::transport {
namespace {

// The kernel's own limit is 65,536 groups; nobody has more than a few, and a peer whose groups do
// not fit is judged by its primary group alone.
constexpr size_t kGroupsMax = 1024;

std::vector<gid_t> GroupsOf(int fd, gid_t primary) {
  std::vector<gid_t> groups(kGroupsMax);
  auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) bytes = 0;
  groups.resize(bytes / sizeof(gid_t));
  groups.push_back(primary);
  return groups;
}

}  // namespace

http::Peer PeerOf(int fd, const SocketAddress& address, std::string* address_text) {
  http::Peer peer;
  if (address.family() == AF_UNIX) {
    peer.kind = http::Peer::Kind::kUnixSocket;
    ucred credentials = {};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.uid = credentials.uid;
      peer.gid = credentials.gid;
      peer.pid = credentials.pid;
    }
    return peer;
  }
  peer.kind = http::Peer::Kind::kTcp;
  peer.loopback = IsLoopback(address);
  *address_text = HostOf(address);
  peer.address = *address_text;
  return peer;
}

bool IsAllowed(int fd, const http::Peer& peer, const ListenerOptions& options) {
  if (peer.kind != http::Peer::Kind::kUnixSocket) return true;
  if (options.unix_allowed_uids.empty() && options.unix_allowed_gids.empty()) return true;
  if (peer.uid == 0) return true;
  const auto& uids = options.unix_allowed_uids;
  if (std::find(uids.begin(), uids.end(), peer.uid) != uids.end()) return true;
  if (options.unix_allowed_gids.empty()) return false;
  const std::vector<gid_t> groups = GroupsOf(fd, peer.gid);
  return std::any_of(groups.begin(), groups.end(), [&options](gid_t group) {
    const auto& gids = options.unix_allowed_gids;
    return std::find(gids.begin(), gids.end(), group) != gids.end();
  });
}

}  // namespace session_status::transport
