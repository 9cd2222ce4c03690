#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "plugin/os/mutex.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_certificates.h"
#include "tests/transport/test_client.h"
#include "tests/transport/test_handler.h"

namespace session_status::transport {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kGet = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

// Takes the records that a client makes from now on, so that the test decides in which pieces they
// arrive.
class Records {
 public:
  explicit Records(const TestClient& client) : fd_(client.fd()), bio_(BIO_new(BIO_s_mem())) {
    SSL_set0_wbio(client.ssl(), bio_);
  }

  // Sends all that there are, but for the last `kept` bytes.
  bool Send(size_t kept = 0) {
    std::string more(BIO_ctrl_pending(bio_), '\0');
    BIO_read(bio_, more.data(), static_cast<int>(more.size()));
    unsent_ += more;
    const size_t size = unsent_.size() - kept;
    const ssize_t sent = ::send(fd_, unsent_.data(), size, MSG_NOSIGNAL);
    unsent_.erase(0, size);
    return sent == static_cast<ssize_t>(size);
  }

 private:
  const int fd_;
  BIO* const bio_;  // the client's
  std::string unsent_;
};

// Has nothing to say, and no end.
class SilentStream : public http::BodyStream {
 public:
  void Start(std::function<void()>) override {}
  Progress Next(size_t, std::string*) override { return Progress::kWaiting; }
};

// A client that stops in the middle of its handshake: it has the server's part and owes its own.
class HalfHandshake {
 public:
  HalfHandshake(absl::string_view address, SSL_CTX* context)
      : client_(address), ssl_(SSL_new(context), SSL_free) {
    std::signal(SIGPIPE, SIG_IGN);  // the server may have closed by the time it is written to
    // What it reads from stays empty: the server's answer, however soon it comes, waits in the
    // socket.
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new_socket(client_.fd(), BIO_NOCLOSE));
    EXPECT_EQ(SSL_connect(ssl_.get()), -1);  // says hello
    pollfd answer = {client_.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&answer, 1, static_cast<int>(testing::kPatience / absl::Milliseconds(1))), 1);
    SSL_set_fd(ssl_.get(), client_.fd());
  }
  // All that comes.
  std::string FinishAndAsk(absl::string_view request) {
    std::string received;
    if (SSL_connect(ssl_.get()) != 1) return received;
    SSL_write(ssl_.get(), request.data(), static_cast<int>(request.size()));
    char bytes[1024];
    int size;
    while ((size = SSL_read(ssl_.get(), bytes, sizeof bytes)) > 0) {
      received.append(bytes, static_cast<size_t>(size));
    }
    return received;
  }

 private:
  TestClient client_;
  const std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
};

// Asks once and ends as the protocol has it, so that what is left can be resumed.
struct Resumption {
  Resumption(absl::string_view address, SSL_CTX* context, SSL_SESSION* offered)
      : session(nullptr, SSL_SESSION_free) {
    const TestClient client(address);
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(SSL_new(context), SSL_free);
    SSL_set_fd(ssl.get(), client.fd());
    if (offered != nullptr) SSL_set_session(ssl.get(), offered);
    char bytes[1024];
    answered = SSL_connect(ssl.get()) == 1 &&
               SSL_write(ssl.get(), kGet.data(), static_cast<int>(kGet.size())) > 0 &&
               SSL_read(ssl.get(), bytes, sizeof bytes) > 0;  // with TLS 1.3 tickets come before
    resumed = SSL_session_reused(ssl.get()) == 1;
    session.reset(SSL_get1_session(ssl.get()));
    SSL_shutdown(ssl.get());
  }
  bool answered = false;
  bool resumed = false;
  std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> session;
};

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() : directory_(MakeTemporaryDirectory()), certificates_(directory_) {
    for (const char* name : {"server", "client"}) certificates_.Make(name);
    options_.tls_addresses = {"127.0.0.1:0"};
    options_.tls_certificate_file = certificates_.certificate_file("server");
    options_.tls_private_key_file = certificates_.key_file("server");
  }
  ~TlsTest() override { std::filesystem::remove_all(directory_); }

  void Start(EchoHandler::Answer answer = nullptr,
             FailedHandshakeObserver on_failed_handshake = nullptr) {
    listener_ =
        std::make_unique<TestListener>(options_, std::move(answer), std::move(on_failed_handshake));
    address_ = (*listener_)->addresses()[2];
  }
  std::string ServerName(const TestClient& client) {
    char name[100] = "";
    X509* certificate = SSL_get0_peer_certificate(client.ssl());
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                              sizeof(name));
    return name;
  }

  const std::string directory_;
  TestCertificates certificates_;
  ListenerOptions options_;
  std::unique_ptr<TestListener> listener_;
  std::string address_;
};

TEST_F(TlsTest, AnswersWithEveryVersionSince12) {
  Start([](const http::Request& request, http::Reply* reply) {
    reply->body = absl::StrCat(request.body.size(), request.peer->tls ? " tls" : " plain");
  });
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto context = certificates_.ClientContext();
    SSL_CTX_set_max_proto_version(context.get(), version);
    TestClient client(address_, context.get());
    ASSERT_TRUE(client.connected());
    for (int i = 0; i < 10; ++i) EXPECT_EQ(client.Ask(kGet).body, "0 tls");
    const std::string body(60000, 'b');  // several records
    EXPECT_EQ(client
                  .Ask(absl::StrCat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ", body.size(),
                                    "\r\n\r\n", body))
                  .body,
              "60000 tls");
  }
}

TEST_F(TlsTest, RefusesVersionsBefore12) {
  Start();
  const auto context = certificates_.ClientContext();
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  EXPECT_FALSE(TestClient(address_, context.get()).connected());
  EXPECT_TRUE(TestClient(address_, certificates_.ClientContext().get()).connected());
}

TEST_F(TlsTest, AnswersPipelinedRequestsAndLargeReplies) {
  Start([](const http::Request&, http::Reply* reply) { reply->body.assign(100'000, 'r'); });
  const auto context = certificates_.ClientContext();
  TestClient client(address_, context.get());
  std::string bytes;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&bytes, kGet);
  ASSERT_TRUE(client.Send(bytes));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.Read().body.size(), 100'000u) << i;
}

TEST_F(TlsTest, RefusalsReachTheClient) {
  Start();
  const auto context = certificates_.ClientContext();
  TestClient client(address_, context.get());
  EXPECT_EQ(client.Ask("nonsense\r\n\r\n").status, 400);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(TlsTest, APlainRequestOnATlsPortIsClosed) {
  Start();
  TestClient client(address_);
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_THAT(client.ReadAll(), ::testing::Not(HasSubstr("HTTP/")));
}

TEST_F(TlsTest, AHandshakeThatStallsIsClosed) {
  options_.first_byte_timeout = absl::Milliseconds(50);
  Start();
  TestClient client(address_);
  ASSERT_TRUE(client.Send("\x16\x03\x01"));
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(TlsTest, APeerThatSendsRecordsWithoutDataIsClosed) {
  Start();
  const auto context = certificates_.ClientContext();
  TestClient client(address_, context.get());
  ASSERT_TRUE(client.connected());
  Records records(client);
  const auto update_keys = [&client](int times) {
    for (int i = 0; i < times; ++i) {
      EXPECT_EQ(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
      EXPECT_EQ(SSL_do_handshake(client.ssl()), 1);
    }
  };
  for (int i = 0; i < 4; ++i) {
    update_keys(30);
    client.Send(kGet);
    ASSERT_TRUE(records.Send());
    ASSERT_EQ(client.Read().status, 200) << "they count only in a row";
  }
  update_keys(40);
  client.Send(kGet);
  ASSERT_TRUE(records.Send());
  EXPECT_EQ(client.Read().status, 0);
  EXPECT_TRUE(testing::WaitUntil([&] { return (*listener_)->stats().connections == 0; }));
}

TEST_F(TlsTest, ARequestInManyRecordsThatArriveTogetherIsAnswered) {
  Start();
  const auto context = certificates_.ClientContext();
  TestClient client(address_, context.get());
  ASSERT_TRUE(client.connected());
  Records records(client);
  for (int i = 0; i < 3; ++i) {
    for (const char c : kGet) client.Send({&c, 1});
  }
  ASSERT_TRUE(records.Send());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.Read().status, 200) << i;
}

TEST_F(TlsTest, ARequestThatTakesTooLongIsRefusedHoweverItsRecordsAreCut) {
  options_.header_timeout = options_.body_timeout = absl::Milliseconds(200);
  Start();
  const auto context = certificates_.ClientContext();
  for (const char* begin : {"GET /slow HTTP/1.1\r\nA: ",
                            "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"}) {
    SCOPED_TRACE(begin);
    TestClient client(address_, context.get());
    ASSERT_TRUE(client.connected());
    Records records(client);
    const int64_t timeouts = (*listener_)->stats().timeouts;
    client.Send(begin);
    EXPECT_TRUE(testing::WaitUntil([&] {
      client.Send("a");
      records.Send(10);  // the rest of one record and a part of the next
      return (*listener_)->stats().timeouts > timeouts;
    }));
    EXPECT_EQ(client.Read().status, 408);
  }
}

// The loop has to forget it, although it had a turn coming; the address sanitizer sees it if not.
TEST_F(TlsTest, AConnectionThatIsLateWhileItsRecordsWaitIsEnded) {
  options_.header_timeout = absl::Milliseconds(200);
  struct Gate {
    absl::Notification entered, release;
  };
  const auto gate = std::make_shared<Gate>();  // the listener outlives this test's body
  Start([gate](const http::Request& request, http::Reply*) {
    if (request.path != "/hold") return;
    gate->entered.Notify();
    gate->release.WaitForNotificationWithTimeout(testing::kPatience);
  });
  const auto context = certificates_.ClientContext();
  TestClient holder(address_, context.get()), late(address_, context.get());
  ASSERT_TRUE(holder.connected() && late.connected());
  ASSERT_TRUE(late.Send("GET /late"));
  ASSERT_TRUE(testing::WaitUntil([&] { return (*listener_)->stats().bytes_received > 0; }));
  const absl::Time begin = absl::Now();
  ASSERT_TRUE(holder.Send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(gate->entered.WaitForNotificationWithTimeout(testing::kPatience));
  // The only loop is held. Its next turn finds these, each a read of its own, and the time over.
  Records records(late);
  for (int i = 0; i < 300; ++i) late.Send("a");
  ASSERT_TRUE(records.Send());
  late.ShutdownWriting();
  ASSERT_TRUE(
      testing::WaitUntil([&] { return absl::Now() - begin > options_.header_timeout * 1.5; }));
  gate->release.Notify();
  EXPECT_EQ(holder.Read().status, 200);
  EXPECT_EQ(late.Read().status, 408);
  EXPECT_TRUE(testing::WaitUntil([&] { return (*listener_)->stats().connections == 1; }));
  EXPECT_EQ(holder.Ask(kGet).status, 200);
}

TEST_F(TlsTest, SpeaksHttp11WithClientsThatOfferItAmongOthersAndRefusesThoseThatDoNot) {
  Start();
  struct Case {
    std::string offered;
    bool want;
  };
  for (const Case& c : {Case{"\x2h2", false}, Case{"\x8http/1.0", false},
                        Case{"\x2h2\x8http/1.0\x8http/1.1", true}, Case{"", true}}) {
    SCOPED_TRACE(c.offered);
    const auto context = certificates_.ClientContext();
    ASSERT_EQ(SSL_CTX_set_alpn_protos(context.get(),
                                      reinterpret_cast<const unsigned char*>(c.offered.data()),
                                      static_cast<unsigned>(c.offered.size())),
              0);
    TestClient client(address_, context.get());
    EXPECT_EQ(client.connected(), c.want);
    if (!c.want) continue;
    const unsigned char* selected = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &selected, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(selected), size),
              c.offered.empty() ? "" : "http/1.1");
    EXPECT_EQ(client.Ask(kGet).status, 200);
  }
}

TEST_F(TlsTest, KnowsClientCertificates) {
  options_.tls_client_ca_file = certificates_.ca_file();
  Start([](const http::Request& request, http::Reply* reply) {
    reply->body = request.peer->client_certificate ? "certified" : "anonymous";
  });
  const auto with = certificates_.ClientContext("client");
  EXPECT_EQ(TestClient(address_, with.get()).Ask(kGet).body, "certified");
  const auto without = certificates_.ClientContext();
  EXPECT_EQ(TestClient(address_, without.get()).Ask(kGet).body, "anonymous");
}

// OpenSSL looks at a certificate in a full handshake only.
TEST_F(TlsTest, ResumesNoSessionWhereClientCertificatesAreAskedFor) {
  for (const bool with_client_ca : {true, false}) {
    options_.tls_client_ca_file = with_client_ca ? certificates_.ca_file() : "";
    Start();
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      SCOPED_TRACE(absl::StrCat(with_client_ca, " ", version));
      const auto context = certificates_.ClientContext("client");
      SSL_CTX_set_max_proto_version(context.get(), version);
      const Resumption first(address_, context.get(), nullptr);
      EXPECT_TRUE(first.answered);
      const Resumption second(address_, context.get(), first.session.get());
      EXPECT_TRUE(second.answered);
      EXPECT_EQ(second.resumed, !with_client_ca);
    }
  }
}

// Else what is remembered of strangers is in no limit.
TEST_F(TlsTest, RemembersNoSessionOfClientsThatTakeNoTicket) {
  Start();
  const auto context = certificates_.ClientContext();
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  const Resumption first(address_, context.get(), nullptr);
  EXPECT_TRUE(first.answered);
  const Resumption second(address_, context.get(), first.session.get());
  EXPECT_TRUE(second.answered);
  EXPECT_FALSE(second.resumed);
}

TEST_F(TlsTest, APeerOverItsLimitIsTold) {
  options_.connections_per_peer_max = 1;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SCOPED_TRACE(version);
    Start();
    const auto context = certificates_.ClientContext();
    SSL_CTX_set_max_proto_version(context.get(), version);
    TestClient first(address_, context.get());
    ASSERT_EQ(first.Ask(kGet).status, 200);
    TestClient second(address_, context.get());
    ASSERT_TRUE(second.connected());
    const TestReply reply = second.Ask(kGet);
    EXPECT_EQ(reply.status, 503);
    EXPECT_THAT(reply.body, HasSubstr("too many connections from this peer"));
    EXPECT_TRUE(second.AtEnd());
    EXPECT_EQ((*listener_)->stats().refused_connections, 1);
    EXPECT_EQ(first.Ask(kGet).status, 200);
  }
}

// They would hold what others need to be told.
TEST_F(TlsTest, PeersOverTheirLimitThatDoNotShakeHandsMakeRoomAndAreClosed) {
  options_.connections_per_peer_max = 1;
  options_.connections_max = 40;  // ten may be told at a time
  options_.linger_timeout = absl::Seconds(1);
  options_.first_byte_timeout = testing::kPatience * 2;
  Start();
  const auto context = certificates_.ClientContext();
  TestClient first(address_, context.get());
  ASSERT_EQ(first.Ask(kGet).status, 200);
  std::vector<TestClient> silent;
  for (int i = 0; i < 30; ++i) silent.emplace_back(address_);
  ASSERT_TRUE(testing::WaitUntil([&] { return (*listener_)->stats().refused_connections == 30; }));
  EXPECT_LE((*listener_)->stats().connections, 11);
  EXPECT_EQ(TestClient(address_, context.get()).Ask(kGet).status, 503);
  EXPECT_TRUE(testing::WaitUntil([&] { return (*listener_)->stats().connections == 1; }));
  EXPECT_EQ(first.Ask(kGet).status, 200);
}

// Nor one that was begun when they were not asked for yet.
TEST_F(TlsTest, ASessionOfBeforeTheClientCaIsNotResumed) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SCOPED_TRACE(version);
    options_.tls_client_ca_file = "";
    Start();
    const auto context = certificates_.ClientContext("client");
    SSL_CTX_set_max_proto_version(context.get(), version);
    const Resumption before(address_, context.get(), nullptr);
    ASSERT_TRUE(before.answered);
    options_.tls_client_ca_file = certificates_.ca_file();
    Start();
    const Resumption after(address_, context.get(), before.session.get());
    EXPECT_TRUE(after.answered);
    EXPECT_FALSE(after.resumed);
  }
}

TEST_F(TlsTest, CanInsistOnAClientCertificateOfItsCa) {
  options_.tls_client_ca_file = certificates_.ca_file();
  options_.tls_client_certificate_required = true;
  Start();
  const auto with = certificates_.ClientContext("client");
  EXPECT_EQ(TestClient(address_, with.get()).Ask(kGet).status, 200);
  const auto without = certificates_.ClientContext();
  EXPECT_EQ(TestClient(address_, without.get()).Ask(kGet).status, 0);

  const std::string elsewhere = MakeTemporaryDirectory();
  TestCertificates strangers(elsewhere);
  strangers.Make("client");
  const auto strange = strangers.ClientContext("client");
  SSL_CTX_set_verify(strange.get(), SSL_VERIFY_NONE, nullptr);
  EXPECT_EQ(TestClient(address_, strange.get()).Ask(kGet).status, 0);
  std::filesystem::remove_all(elsewhere);
}

TEST_F(TlsTest, CertificatesOfOtherNamesCountAsNone) {
  certificates_.Make("device");
  options_.tls_client_ca_file = certificates_.ca_file();
  for (const auto& names : std::vector<std::vector<std::string>>{
           {"client"}, {"Client.Example.com"}, {"another", "client"}}) {
    options_.tls_client_names = names;
    Start([](const http::Request& request, http::Reply* reply) {
      reply->body = request.peer->client_certificate ? "certified" : "anonymous";
    });
    const auto listed = certificates_.ClientContext("client");
    EXPECT_EQ(TestClient(address_, listed.get()).Ask(kGet).body, "certified") << names[0];
    const auto other = certificates_.ClientContext("device");
    EXPECT_EQ(TestClient(address_, other.get()).Ask(kGet).body, "anonymous") << names[0];
  }
}

TEST_F(TlsTest, CertificatesWithANameForTheMetricsAreHeldToThese) {
  for (const char* name : {"scraper", "device"}) certificates_.Make(name);
  options_.tls_client_ca_file = certificates_.ca_file();
  struct Case {
    std::vector<std::string> names, metrics_names;
    const char *client, *scraper, *device;
  };
  for (const Case& c :
       {Case{{}, {"scraper"}, "all", "metrics", "all"},
        Case{{"client"}, {"scraper"}, "all", "metrics", "none"},
        Case{{"client"}, {"scraper.example.com", "device"}, "all", "metrics", "metrics"},
        Case{{"client", "scraper"}, {"scraper"}, "all", "all", "none"}}) {
    SCOPED_TRACE(::testing::PrintToString(c.metrics_names));
    options_.tls_client_names = c.names;
    options_.tls_metrics_names = c.metrics_names;
    Start([](const http::Request& request, http::Reply* reply) {
      const http::Peer& peer = *request.peer;
      reply->body = !peer.client_certificate ? "none" : peer.metrics_only ? "metrics" : "all";
    });
    for (const auto& [who, want] :
         {std::pair("client", c.client), {"scraper", c.scraper}, {"device", c.device}}) {
      const auto context = certificates_.ClientContext(who);
      EXPECT_EQ(TestClient(address_, context.get()).Ask(kGet).body, want) << who;
    }
    const auto without = certificates_.ClientContext();
    EXPECT_EQ(TestClient(address_, without.get()).Ask(kGet).body, "none");
  }
}

TEST_F(TlsTest, RefusesRevokedCertificatesFromTheReloadOn) {
  certificates_.Make("other");
  certificates_.WriteRevocations({"other"});
  options_.tls_client_ca_file = certificates_.ca_file();
  options_.tls_client_crl_file = certificates_.crl_file();
  Start();
  const auto client = certificates_.ClientContext("client");
  const auto other = certificates_.ClientContext("other");
  const auto without = certificates_.ClientContext();
  EXPECT_EQ(TestClient(address_, client.get()).Ask(kGet).status, 200);
  EXPECT_EQ(TestClient(address_, other.get()).Ask(kGet).status, 0);
  EXPECT_EQ(TestClient(address_, without.get()).Ask(kGet).status, 200);

  certificates_.WriteRevocations({"other", "client"});
  ASSERT_TRUE((*listener_)->ReloadTls().ok());
  EXPECT_EQ(TestClient(address_, client.get()).Ask(kGet).status, 0);
  EXPECT_EQ(TestClient(address_, without.get()).Ask(kGet).status, 200);
}

TEST_F(TlsTest, AReloadEndsConnectionsWhoseCertificateIsRevokedByNow) {
  certificates_.Make("revoked");
  certificates_.WriteRevocations({});
  options_.tls_client_ca_file = certificates_.ca_file();
  options_.tls_client_crl_file = certificates_.crl_file();
  Start([](const http::Request& request, http::Reply* reply) {
    if (request.path != "/follow") return;
    reply->stream = std::make_unique<SilentStream>();
  });
  const auto client = certificates_.ClientContext("client");
  const auto revoked = certificates_.ClientContext("revoked");
  const auto without = certificates_.ClientContext();
  TestClient kept(address_, client.get());
  TestClient stranger(address_, without.get());
  TestClient idle(address_, revoked.get());
  TestClient half(address_, revoked.get());
  TestClient following(address_, revoked.get());
  for (TestClient* each : {&kept, &stranger, &idle, &half}) EXPECT_EQ(each->Ask(kGet).status, 200);
  EXPECT_TRUE(half.Send("GET / HTTP/1.1\r\nHos"));
  EXPECT_TRUE(following.Send("GET /follow HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_THAT(following.ReadSome(), HasSubstr("200 OK"));

  ASSERT_TRUE((*listener_)->ReloadTls().ok());  // nothing has changed: nobody is ended
  for (TestClient* each : {&kept, &stranger, &idle}) EXPECT_EQ(each->Ask(kGet).status, 200);

  certificates_.WriteRevocations({"revoked"});
  ASSERT_TRUE((*listener_)->ReloadTls().ok());
  for (TestClient* each : {&idle, &half, &following}) EXPECT_EQ(each->ReadAll(), "");
  for (TestClient* each : {&kept, &stranger}) EXPECT_EQ(each->Ask(kGet).status, 200);
}

TEST_F(TlsTest, AHandshakeThatBeganBeforeTheReloadGoesByTheNewListToo) {
  certificates_.WriteRevocations({});
  options_.tls_client_ca_file = certificates_.ca_file();
  options_.tls_client_crl_file = certificates_.crl_file();
  Start();
  const auto client = certificates_.ClientContext("client");
  TestClient before(address_, client.get());
  ASSERT_EQ(before.Ask(kGet).status, 200);
  HalfHandshake late(address_, client.get());

  certificates_.WriteRevocations({"client"});
  ASSERT_TRUE((*listener_)->ReloadTls().ok());
  EXPECT_EQ(before.ReadAll(), "");  // by now all connections were looked at
  EXPECT_EQ(late.FinishAndAsk(kGet), "");
  EXPECT_EQ((*listener_)->stats().failed_handshakes, 1);
}

TEST_F(TlsTest, AcceptsNoClientCertificateByAListThatIsOutOfDate) {
  certificates_.WriteRevocations({}, /*good_for_s=*/-60);
  options_.tls_client_ca_file = certificates_.ca_file();
  options_.tls_client_crl_file = certificates_.crl_file();
  Start();
  const auto client = certificates_.ClientContext("client");
  EXPECT_EQ(TestClient(address_, client.get()).Ask(kGet).status, 0);
  const auto without = certificates_.ClientContext();
  EXPECT_EQ(TestClient(address_, without.get()).Ask(kGet).status, 200);
}

TEST_F(TlsTest, AHandshakeThatFailsIsCountedAndToldWithItsReason) {
  certificates_.Make("ended", -60);
  certificates_.Make("revoked");
  certificates_.WriteRevocations({"revoked"});
  options_.tls_client_ca_file = certificates_.ca_file();
  options_.tls_client_crl_file = certificates_.crl_file();
  os::Mutex mu;
  std::vector<std::string> told;
  Start(nullptr, [&](const http::Peer& peer, absl::string_view reason) {
    os::MutexLock lock(&mu);
    told.push_back(absl::StrCat(peer.address, ": ", reason));
  });
  const auto wait_for = [&](const std::string& want) {
    SCOPED_TRACE(want);
    EXPECT_TRUE(testing::WaitUntil([&] {
      os::MutexLock lock(&mu);
      return !told.empty();
    }));
    os::MutexLock lock(&mu);
    EXPECT_THAT(told, ::testing::ElementsAre(HasSubstr(want)));
    told.clear();
  };
  for (const auto& [name, want] : {std::pair("ended", "(certificate has expired)"),
                                   std::pair("revoked", "(certificate revoked)")}) {
    const auto refused = certificates_.ClientContext(name);
    EXPECT_EQ(TestClient(address_, refused.get()).Ask(kGet).status, 0);
    wait_for(absl::StrCat("127.0.0.1: certificate verify failed ", want));
  }
  const auto distrustful = certificates_.ClientContext();
  SSL_CTX_set_cert_store(distrustful.get(), X509_STORE_new());
  EXPECT_FALSE(TestClient(address_, distrustful.get()).connected());
  wait_for("unknown ca");
  TestClient plain(address_);
  ASSERT_TRUE(plain.Send(kGet));
  wait_for("http request");
  EXPECT_EQ((*listener_)->stats().failed_handshakes, 4);

  // Who only looks whether the port is open has failed at nothing.
  { const TestClient probe(address_); }
  const auto good = certificates_.ClientContext("client");
  EXPECT_EQ(TestClient(address_, good.get()).Ask(kGet).status, 200);
  EXPECT_TRUE(testing::WaitUntil([&] { return (*listener_)->stats().connections == 0; }));
  EXPECT_EQ((*listener_)->stats().failed_handshakes, 4);
}

TEST_F(TlsTest, ReloadsItsCertificateAndKeepsOldConnections) {
  Start();
  const auto context = certificates_.ClientContext();
  TestClient old(address_, context.get());
  ASSERT_EQ(old.Ask(kGet).status, 200);
  EXPECT_EQ(ServerName(old), "server");
  certificates_.Make("renewed");
  std::filesystem::rename(certificates_.certificate_file("renewed"), options_.tls_certificate_file);
  std::filesystem::rename(certificates_.key_file("renewed"), options_.tls_private_key_file);
  ASSERT_TRUE((*listener_)->ReloadTls().ok());
  TestClient fresh(address_, context.get());
  EXPECT_EQ(fresh.Ask(kGet).status, 200);
  EXPECT_EQ(ServerName(fresh), "renewed");
  EXPECT_EQ(old.Ask(kGet).status, 200);
}

TEST_F(TlsTest, KeepsTheOldCertificateWhenTheNewOneIsBad) {
  Start();
  std::filesystem::remove(options_.tls_private_key_file);
  const absl::Status status = (*listener_)->ReloadTls();
  EXPECT_THAT(std::string(status.message()), HasSubstr("tls_private_key_file"));
  const auto context = certificates_.ClientContext();
  EXPECT_EQ(TestClient(address_, context.get()).Ask(kGet).status, 200);
}

TEST_F(TlsTest, SaysWhichFileIsWrong) {
  certificates_.Make("closed", 3600, "secret");
  struct Case {
    std::string ListenerOptions::*file;
    std::string value, want;
  };
  for (const Case& c :
       {Case{&ListenerOptions::tls_certificate_file, "/missing.pem",
             "tls_certificate_file \"/missing.pem\": No such file or directory; give"},
        Case{&ListenerOptions::tls_private_key_file, "/missing.key",
             "tls_private_key_file \"/missing.key\": No such file or directory; give"},
        Case{&ListenerOptions::tls_private_key_file, certificates_.key_file("client"),
             "tls_private_key_file"},
        Case{&ListenerOptions::tls_private_key_file, certificates_.key_file("closed"),
             "bad password read; give a PEM file without pass phrase"},
        Case{&ListenerOptions::tls_client_ca_file, "/missing.ca",
             "tls_client_ca_file \"/missing.ca\": No such file or directory; give"},
        Case{&ListenerOptions::tls_client_crl_file, "/missing.crl",
             "tls_client_crl_file \"/missing.crl\": No such file or directory; give"},
        Case{&ListenerOptions::tls_client_crl_file, certificates_.certificate_file("client"),
             "tls_client_crl_file"}}) {
    ListenerOptions options = options_;
    options.*c.file = c.value;
    EchoHandler handler;
    EXPECT_THAT(std::string(Listener(options, handler).Start().message()), HasSubstr(c.want));
  }
}

}  // namespace
}  // namespace session_status::transport
