#include "plugin/webhook/http_post.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/temp_dir.h"
#include "tests/transport/test_certificates.h"

namespace session_status::webhook {
namespace {

using transport::TestCertificates;

// Answers one request of each connection, over TLS, and closes it.
class TlsReceiver {
 public:
  explicit TlsReceiver(const TestCertificates& certificates)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_.get(),
                                                 certificates.certificate_file("receiver").c_str()),
              1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), certificates.key_file("receiver").c_str(),
                                          SSL_FILETYPE_PEM),
              1);
    listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listen_fd_, 8), 0);
    socklen_t size = sizeof address;
    getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~TlsReceiver() {
    stop_ = true;
    thread_.join();
    close(listen_fd_);
  }

  std::string url() const { return absl::StrCat("https://127.0.0.1:", port_, "/"); }

 private:
  void Run() {
    while (!stop_) {
      pollfd listening = {listen_fd_, POLLIN, 0};
      if (poll(&listening, 1, 10) <= 0) continue;
      const int fd = accept(listen_fd_, nullptr, nullptr);
      const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), SSL_free);
      SSL_set_fd(ssl.get(), fd);
      char request[4096];
      if (SSL_accept(ssl.get()) == 1 && SSL_read(ssl.get(), request, sizeof request) > 0) {
        const std::string reply =
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        SSL_write(ssl.get(), reply.data(), static_cast<int>(reply.size()));
        SSL_shutdown(ssl.get());
      }
      close(fd);
    }
  }

  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  int listen_fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

decltype(Libcurl::easy_setopt) true_setopt = nullptr;
std::map<CURLoption, const void*> options_set;

// Numbers and pointers come alike here.
CURLcode NoteOption(CURL* easy, CURLoption option, ...) {
  va_list arguments;
  va_start(arguments, option);
  void* const value = va_arg(arguments, void*);
  va_end(arguments);
  options_set[option] = value;
  return true_setopt(easy, option, value);
}

// The system's CAs cannot be replaced for a test: libcurl is looked at instead.
TEST(HttpPostTest, ACaFileIsTrustedAloneAndWithoutOneTheSystemsCas) {
  const testing::TempDir dir;
  TestCertificates certificates(dir.File(""));
  certificates.Make("receiver");
  const TlsReceiver receiver(certificates);
  absl::StatusOr<Libcurl> curl = Libcurl::Load();
  ASSERT_TRUE(curl.ok()) << curl.status();
  true_setopt = curl->easy_setopt;
  curl->easy_setopt = NoteOption;
  const os::StopSignal stop;

  options_set.clear();
  HttpPost with(*curl, {receiver.url(), certificates.ca_file(), absl::Seconds(10)}, stop);
  EXPECT_EQ(with.Post({}, "[]").status, 200);
  ASSERT_EQ(options_set.count(CURLOPT_CAPATH), 1u);
  EXPECT_EQ(options_set[CURLOPT_CAPATH], nullptr);

  options_set.clear();
  HttpPost without(*curl, {receiver.url(), "", absl::Seconds(10)}, stop);
  EXPECT_EQ(without.Post({}, "[]").status, 0);
  EXPECT_EQ(options_set.count(CURLOPT_CAINFO) + options_set.count(CURLOPT_CAPATH), 0u);
}

TEST(HttpPostTest, ACaFileThatIsReplacedCountsFromTheNextConnectionOn) {
  const testing::TempDir dir;
  std::filesystem::create_directory(dir.File("old"));
  std::filesystem::create_directory(dir.File("new"));
  TestCertificates before(dir.File("old"));
  TestCertificates after(dir.File("new"));
  after.Make("receiver");
  const TlsReceiver receiver(after);
  const std::string ca_file = dir.File("ca.pem");
  std::filesystem::copy_file(before.ca_file(), ca_file);

  const auto curl = Libcurl::Load();
  ASSERT_TRUE(curl.ok()) << curl.status();
  const os::StopSignal stop;
  HttpPost post(*curl, {receiver.url(), ca_file, absl::Seconds(10)}, stop);
  EXPECT_EQ(post.Post({}, "[]").status, 0);

  std::filesystem::copy_file(after.ca_file(), ca_file,
                             std::filesystem::copy_options::overwrite_existing);
  const HttpPost::Outcome taken = post.Post({}, "[]");
  EXPECT_EQ(taken.status, 200) << taken.error;
}

}  // namespace
}  // namespace session_status::webhook
