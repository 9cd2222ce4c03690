#include "tests/testing/raw_mqtt.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace session_status::testing {
namespace {

void AppendUint16(uint16_t value, std::string* out) {
  out->push_back(static_cast<char>(value >> 8));
  out->push_back(static_cast<char>(value & 0xFF));
}

void AppendProperty(char identifier, uint32_t value, std::string* out) {
  out->push_back(identifier);
  AppendUint16(static_cast<uint16_t>(value >> 16), out);
  AppendUint16(static_cast<uint16_t>(value & 0xFFFF), out);
}

void AppendString(absl::string_view text, std::string* out) {
  AppendUint16(static_cast<uint16_t>(text.size()), out);
  absl::StrAppend(out, text);
}

}  // namespace

std::string EncodePacket(uint8_t first_byte, absl::string_view body) {
  std::string packet(1, static_cast<char>(first_byte));
  size_t rest = body.size();
  do {
    const auto digit = static_cast<uint8_t>(rest % 128);
    rest /= 128;
    packet.push_back(static_cast<char>(rest > 0 ? digit | 0x80 : digit));
  } while (rest > 0);
  absl::StrAppend(&packet, body);
  return packet;
}

std::string Encode(const ConnectPacket& packet) {
  std::string body;
  AppendString(packet.version == 3 ? "MQIsdp" : "MQTT", &body);
  body.push_back(static_cast<char>(packet.version));
  const bool has_will = !packet.will_topic.empty();
  const int flags = (packet.clean ? 0x02 : 0) | (has_will ? 0x04 : 0) |
                    (packet.username ? 0x80 : 0) | (packet.password ? 0x40 : 0);
  body.push_back(static_cast<char>(flags));
  AppendUint16(packet.keepalive_s, &body);
  if (packet.version == 5) {
    std::string properties;
    if (packet.session_expiry_s) AppendProperty(0x11, *packet.session_expiry_s, &properties);
    if (packet.maximum_packet_size) AppendProperty(0x27, *packet.maximum_packet_size, &properties);
    body.push_back(static_cast<char>(properties.size()));
    absl::StrAppend(&body, properties);
  }
  AppendString(packet.id, &body);
  if (has_will) {
    if (packet.version == 5) {
      std::string properties;
      AppendProperty(0x18, packet.will_delay_s, &properties);
      body.push_back(static_cast<char>(properties.size()));
      absl::StrAppend(&body, properties);
    }
    AppendString(packet.will_topic, &body);
    AppendString("gone", &body);
  }
  if (packet.username) AppendString(*packet.username, &body);
  if (packet.password) AppendString(*packet.password, &body);
  return EncodePacket(0x10, body);
}

std::string EncodeDisconnect() { return EncodePacket(0xE0, ""); }

std::string EncodePing() { return EncodePacket(0xC0, ""); }

RawConnection::RawConnection(RawConnection&& other) noexcept { *this = std::move(other); }

RawConnection& RawConnection::operator=(RawConnection&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    ssl_ = std::move(other.ssl_);
    websocket_ = other.websocket_;
    version_ = other.version_;
    in_ = std::move(other.in_);
    frames_ = std::move(other.frames_);
  }
  return *this;
}

RawConnection RawConnection::Tcp(uint16_t port, bool websocket) {
  RawConnection c;
  c.fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (connect(c.fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    c.Close();
    return c;
  }
  const int on = 1;
  setsockopt(c.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (websocket && !c.Handshake(port)) c.Close();
  return c;
}

RawConnection RawConnection::Tls(uint16_t port, bool websocket) {
  RawConnection c = Tcp(port);
  if (!c.open()) return c;
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  c.ssl_.reset(SSL_new(context));  // shares the context
  SSL_CTX_free(context);
  SSL_set_fd(c.ssl_.get(), c.fd_);
  if (SSL_connect(c.ssl_.get()) != 1 || (websocket && !c.Handshake(port))) c.Close();
  return c;
}

RawConnection RawConnection::Unix(const std::string& path) {
  RawConnection c;
  c.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (connect(c.fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) c.Close();
  return c;
}

bool RawConnection::Handshake(uint16_t port) {
  if (!Send(absl::StrCat("GET /mqtt HTTP/1.1\r\nHost: 127.0.0.1:", port,
                         "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                         "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n"))) {
    return false;
  }
  while (!absl::StrContains(in_, "\r\n\r\n")) {
    if (!Fill(kPatience)) return false;
  }
  const bool upgraded = absl::StartsWith(in_, "HTTP/1.1 101");
  frames_ = in_.substr(in_.find("\r\n\r\n") + 4);
  in_.clear();
  websocket_ = true;
  return upgraded;
}

bool RawConnection::Send(absl::string_view bytes) {
  std::string frame;
  if (websocket_) {
    // One masked binary frame with an all-zero mask. Our packets are short.
    frame.push_back(static_cast<char>(0x82));
    if (bytes.size() < 126) {
      frame.push_back(static_cast<char>(0x80 | bytes.size()));
    } else {
      frame.push_back(static_cast<char>(0x80 | 126));
      AppendUint16(static_cast<uint16_t>(bytes.size()), &frame);
    }
    frame.append(4, '\0');
    absl::StrAppend(&frame, bytes);
    bytes = frame;
  }
  while (!bytes.empty()) {
    const ssize_t n = Write(bytes);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

ssize_t RawConnection::Write(absl::string_view bytes) {
  if (ssl_ == nullptr) return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
}

ssize_t RawConnection::Read(char* buffer, size_t size) {
  if (ssl_ == nullptr) return recv(fd_, buffer, size, 0);
  return SSL_read(ssl_.get(), buffer, static_cast<int>(size));
}

bool RawConnection::Fill(absl::Duration patience) {
  pollfd waiting{fd_, POLLIN, 0};
  const bool decrypted = ssl_ != nullptr && SSL_pending(ssl_.get()) > 0;
  if (!decrypted && poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) <= 0) {
    return false;
  }
  char buffer[65536];
  const ssize_t n = Read(buffer, sizeof(buffer));
  if (n <= 0) {
    Close();
    return false;
  }
  (websocket_ ? frames_ : in_).append(buffer, static_cast<size_t>(n));
  // Frames of the broker are not masked; control frames are skipped.
  while (websocket_ && frames_.size() >= 2) {
    size_t header = 2;
    size_t length = static_cast<uint8_t>(frames_[1]) & 0x7F;
    if (length == 126) {
      if (frames_.size() < 4) break;
      header = 4;
      length = static_cast<size_t>(static_cast<uint8_t>(frames_[2]) << 8 |
                                   static_cast<uint8_t>(frames_[3]));
    }
    if (frames_.size() < header + length) break;
    if ((frames_[0] & 0x08) == 0) in_.append(frames_, header, length);
    frames_.erase(0, header + length);
  }
  return true;
}

std::optional<std::string> RawConnection::TakePacket() {
  size_t length = 0;
  for (size_t i = 1; i < in_.size() && i <= 4; ++i) {
    length |= static_cast<size_t>(in_[i] & 0x7F) << (7 * (i - 1));
    if ((in_[i] & 0x80) != 0) continue;
    const size_t total = 1 + i + length;
    if (in_.size() < total) return std::nullopt;
    std::string packet = in_.substr(0, total);
    in_.erase(0, total);
    return packet;
  }
  return std::nullopt;
}

std::string RawConnection::Receive(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  for (;;) {
    if (std::optional<std::string> packet = TakePacket()) return *packet;
    const absl::Duration left = deadline - absl::Now();
    if (!open() || left <= absl::ZeroDuration() || !Fill(left)) return "";
  }
}

bool RawConnection::WaitClosed(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  while (open()) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return false;
    Fill(left);
    in_.clear();
  }
  return true;
}

int RawConnection::Connect(const ConnectPacket& packet) {
  version_ = packet.version;
  if (!Send(Encode(packet))) return -1;
  const std::string answer = Receive();
  // CONNACK: type, length, flags, code.
  if (answer.size() < 4 || static_cast<uint8_t>(answer[0]) != 0x20) return -1;
  return static_cast<uint8_t>(answer[3]);
}

bool RawConnection::Ping() {
  if (!Send(EncodePing())) return false;
  for (;;) {
    const std::string packet = Receive();
    if (packet.empty()) return false;
    if (static_cast<uint8_t>(packet[0]) == 0xD0) return true;
  }
}

void RawConnection::Close() {
  ssl_.reset();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void RawConnection::Reset() {
  if (fd_ < 0) return;
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  Close();
}

}  // namespace session_status::testing
