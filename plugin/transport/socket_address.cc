#include "plugin/transport/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace session_status::transport {
namespace {

const sockaddr_in& V4(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& V6(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.storage);
}
const sockaddr_un& Local(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_un&>(address.storage);
}

absl::Status BadAddress(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not an address; write 127.0.0.1:8080, [::1]:8080 or *:8080"));
}

SocketAddress MakeV4(const in_addr& ip, uint16_t port) {
  SocketAddress address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr = ip;
  address.size = sizeof(sockaddr_in);
  return address;
}

SocketAddress MakeV6(const in6_addr& ip, uint16_t port) {
  SocketAddress address;
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = ip;
  address.size = sizeof(sockaddr_in6);
  return address;
}

absl::string_view LocalPath(const SocketAddress& address) {
  const size_t offset = offsetof(sockaddr_un, sun_path);
  if (address.size <= offset) return {};
  const char* path = Local(address).sun_path;
  return {path, strnlen(path, address.size - offset)};
}

}  // namespace

absl::StatusOr<SocketAddress> ParseTcpAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return BadAddress(text);
  absl::string_view host = text.substr(0, colon);
  const absl::string_view port_text = text.substr(colon + 1);
  uint32_t port = 0;
  if (port_text.empty() || port_text.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(port_text, &port) || port > 65535) {
    return BadAddress(text);
  }
  const auto port16 = static_cast<uint16_t>(port);
  if (host == "*") {
    SocketAddress any = MakeV6(in6addr_any, port16);
    any.any_family = true;
    return any;
  }
  if (host == "localhost") host = "127.0.0.1";
  if (absl::ConsumePrefix(&host, "[")) {
    in6_addr ip6;
    if (!absl::ConsumeSuffix(&host, "]") ||
        inet_pton(AF_INET6, std::string(host).c_str(), &ip6) != 1) {
      return BadAddress(text);
    }
    return MakeV6(ip6, port16);
  }
  in_addr ip4;
  if (inet_pton(AF_INET, std::string(host).c_str(), &ip4) != 1) return BadAddress(text);
  return MakeV4(ip4, port16);
}

absl::StatusOr<SocketAddress> ParseUnixAddress(absl::string_view path) {
  SocketAddress address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty() || path.size() >= sizeof(local.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", path,
                                                   "\": the path of a Unix socket has 1 to ",
                                                   sizeof(local.sun_path) - 1, " characters"));
  }
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

std::string HostOf(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    inet_ntop(AF_INET, &V4(address).sin_addr, text, sizeof(text));
  } else if (address.family() == AF_INET6) {
    const in6_addr& ip = V6(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
      inet_ntop(AF_INET, ip.s6_addr + 12, text, sizeof(text));
    } else {
      inet_ntop(AF_INET6, &ip, text, sizeof(text));
    }
  }
  return text;
}

std::string ToString(const SocketAddress& address) {
  switch (address.family()) {
    case AF_INET:
      return absl::StrCat(HostOf(address), ":", ntohs(V4(address).sin_port));
    case AF_INET6: {
      const uint16_t port = ntohs(V6(address).sin6_port);
      if (address.any_family) return absl::StrCat("*:", port);
      return absl::StrCat("[", HostOf(address), "]:", port);
    }
    default:
      return std::string(LocalPath(address));
  }
}

bool IsLoopback(const SocketAddress& address) {
  if (address.family() == AF_INET) return (ntohl(V4(address).sin_addr.s_addr) >> 24) == 127;
  if (address.family() != AF_INET6) return false;
  const in6_addr& ip = V6(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&ip) || (IN6_IS_ADDR_V4MAPPED(&ip) && ip.s6_addr[12] == 127);
}

bool IsAnyIpv6(const SocketAddress& address) {
  return address.family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&V6(address).sin6_addr);
}

bool SameAddress(const SocketAddress& a, const SocketAddress& b) {
  if (a.family() != b.family()) return false;
  switch (a.family()) {
    case AF_INET:
      return V4(a).sin_port == V4(b).sin_port && V4(a).sin_addr.s_addr == V4(b).sin_addr.s_addr;
    case AF_INET6:
      return V6(a).sin6_port == V6(b).sin6_port &&
             std::memcmp(&V6(a).sin6_addr, &V6(b).sin6_addr, sizeof(in6_addr)) == 0;
    default:
      return LocalPath(a) == LocalPath(b);
  }
}

}  // namespace session_status::transport
