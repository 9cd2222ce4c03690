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

bool Holds(const std::vector<uid_t>& list, uid_t id) {
  return std::find(list.begin(), list.end(), id) != list.end();
}

bool HoldsOneOf(const std::vector<gid_t>& list, const std::vector<gid_t>& groups) {
  return std::any_of(groups.begin(), groups.end(), [&](gid_t group) { return Holds(list, group); });
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

Access AccessOfUser(int fd, const http::Peer& peer, const ListenerOptions& options) {
  if (peer.kind != http::Peer::Kind::kUnixSocket || peer.uid == 0) return Access::kAll;
  const auto& uids = options.unix_allowed_uids;
  const auto& gids = options.unix_allowed_gids;
  const auto& metrics_uids = options.unix_metrics_uids;
  const auto& metrics_gids = options.unix_metrics_gids;
  std::vector<gid_t> groups;
  if (!gids.empty() || !metrics_gids.empty()) groups = GroupsOf(fd, peer.gid);
  return AccessBy(Holds(uids, peer.uid) || HoldsOneOf(gids, groups),
                  Holds(metrics_uids, peer.uid) || HoldsOneOf(metrics_gids, groups),
                  !uids.empty() || !gids.empty());
}

Access AccessOfCertificate(const Socket& socket, const ListenerOptions& options) {
  if (!socket.has_client_certificate()) return Access::kNone;
  return AccessBy(socket.ClientBears(options.tls_client_names),
                  socket.ClientBears(options.tls_metrics_names), !options.tls_client_names.empty());
}

}  // namespace session_status::transport
