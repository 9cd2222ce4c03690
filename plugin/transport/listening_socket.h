// Sockets that accept: bound by us, or handed over by systemd.
//
// A Unix socket file that nobody listens on any more is replaced; one that answers is not touched.
// Of the descriptors systemd passed (LISTEN_PID, LISTEN_FDS) only those are taken whose address is
// the one configured: the broker may have asked for others itself. The file of a passed Unix socket
// is systemd's; where it lets in others than the options say, that is an error.
//
// Threads:   any; one at a time.
// Ownership: the descriptor is closed, and a socket file that we made and that is still ours
// removed,
//            by the destructor.
// Errors:    the status names the option, the address and the remedy.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_LISTENING_SOCKET_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_LISTENING_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "plugin/transport/file_descriptor.h"
#include "plugin/transport/listener_options.h"
#include "plugin/transport/socket_address.h"

namespace session_status::transport {

class ListeningSocket {
 public:
  ListeningSocket(FileDescriptor fd, bool tls) : fd_(std::move(fd)), tls_(tls) {}
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket();

  int fd() const { return fd_.get(); }
  bool tls() const { return tls_; }
  SocketAddress address() const;  // as bound: the port is known even when 0 was asked for

  // The destructor shall remove this file if it is still the one that was bound.
  void OwnFile(const std::string& path);

 private:
  FileDescriptor fd_;
  const bool tls_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

using ListeningSockets = std::vector<std::unique_ptr<ListeningSocket>>;

// Everything that `options` names, listening.
absl::StatusOr<ListeningSockets> OpenListeningSockets(const ListenerOptions& options);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_LISTENING_SOCKET_H_
