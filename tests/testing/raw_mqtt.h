// MQTT by hand: packets as bytes, a plain socket, TLS, WebSockets. For what a well-behaved library
// will not send, and for thousands of connections at once.
//
// Threads: one per RawConnection.
#ifndef SESSION_STATUS_TESTS_TESTING_RAW_MQTT_H_
#define SESSION_STATUS_TESTS_TESTING_RAW_MQTT_H_

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/testing/wait.h"

namespace session_status::testing {

struct ConnectPacket {
  absl::string_view id{};
  uint8_t version = 4;  // 3, 4, 5
  bool clean = true;
  uint16_t keepalive_s = 60;
  std::optional<std::string> username{};
  std::optional<std::string> password{};
  std::optional<uint32_t> session_expiry_s{};     // version 5
  std::optional<uint32_t> maximum_packet_size{};  // version 5
  std::string will_topic{};                       // empty: no will
  uint32_t will_delay_s = 0;                      // version 5
};

// Packets.
std::string Encode(const ConnectPacket& packet);
std::string EncodeDisconnect();
std::string EncodePing();
// `body` behind a fixed header of type and flags `first_byte`.
std::string EncodePacket(uint8_t first_byte, absl::string_view body);

class RawConnection {
 public:
  RawConnection() = default;
  ~RawConnection() { Close(); }
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&& other) noexcept;

  // Connects to 127.0.0.1. `websocket`: does the handshake too; Send() then frames.
  static RawConnection Tcp(uint16_t port, bool websocket = false);
  // The same by TLS. Believes every certificate.
  static RawConnection Tls(uint16_t port, bool websocket = false);
  static RawConnection Unix(const std::string& path);

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool Send(absl::string_view bytes);
  // The next whole packet, header included. Empty: closed, or nothing within `patience`.
  std::string Receive(absl::Duration patience = kPatience);
  // True when the other side closes within `patience`; what comes before is thrown away.
  bool WaitClosed(absl::Duration patience = kPatience);

  // Sends a CONNECT; returns the CONNACK's code, or -1 when the broker just closed.
  int Connect(const ConnectPacket& packet);
  // PINGREQ and PINGRESP: what was sent before has been handled.
  bool Ping();

  void Close();  // FIN
  void Reset();  // RST

 private:
  bool Fill(absl::Duration patience);
  bool Handshake(uint16_t port);
  std::optional<std::string> TakePacket();

  ssize_t Write(absl::string_view bytes);
  ssize_t Read(char* buffer, size_t size);

  struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  int fd_ = -1;
  std::unique_ptr<SSL, SslFree> ssl_;
  bool websocket_ = false;
  uint8_t version_ = 4;
  std::string in_;      // bytes of packets, frames removed
  std::string frames_;  // WebSockets: bytes not yet unframed
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_RAW_MQTT_H_
