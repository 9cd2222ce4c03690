// Twenty-two secrets pass through the broker, right and wrong, in good requests and broken ones:
// none is ever seen in its log (all message types on), in the metrics or in the status.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/broker/scenario.h"
#include "tests/faults/signed_calls.h"
#include "tests/testing/openapi_request.h"
#include "tests/transport/test_client.h"

namespace session_status::testing {
namespace {

using transport::TestClient;

constexpr int kSecrets = 22;

std::string Secret(int n) { return absl::StrFormat("PLANTED-%02d-0123456789abcdef0123456789", n); }

std::string AccessFile(absl::string_view owner, absl::string_view user, absl::string_view sts) {
  return absl::StrCat(R"({"version":1,"sts":{"secret":")", sts,
                      R"("},"accounts":[{"id":"1001","name":"shop",
    "instances":["*"],"access_keys":[{"id":"OWNER","secret":")",
                      owner, R"("}],
    "policies":{"all":{"Version":"1","Statement":[{"Effect":"Allow","Action":"mq:*","Resource":"*"}]}},
    "users":[{"name":"u","policies":["all"],"access_keys":[{"id":"USER","secret":")",
                      user, R"("}]}]}]})");
}

class SecretFault : public ScenarioTest {
 protected:
  void StartWithSecrets() {
    broker_ = BrokerProcess::Start(
        {.line = GetParam(),
         .config = "listener {PORT} 127.0.0.1\nallow_anonymous false\n"
                   "password_file {DIR}/passwords\nplugin {PLUGIN}\n{OPTIONS}\n",
         .plugin = SessionStatusPlugin(),
         .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                            {"access_file", "{DIR}/access.json"},
                            {"api_log", "all"}},
         .files = {{"passwords", PasswordFile("anna", Secret(1))},
                   {"access.json", AccessFile(Secret(3), Secret(4), Secret(5))}}});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }

  void Send(const std::string& bytes) {
    TestClient client(broker_->Expand("{DIR}/admin.sock"));
    ASSERT_TRUE(client.Send(bytes));
    client.ShutdownWriting();
    client.ReadAll();
  }

  void SendSigned(const Credentials& credentials, const std::string& nonce) {
    const ParameterMap parameters = BatchParameters("mosquitto", {"lamp"});
    const absl::Time now = absl::Now();
    ParameterMap rpc = parameters;
    rpc["Action"] = "BatchQuerySessionByClientIds";
    Send(Bytes(SignedRpc(credentials, rpc, now, nonce + "r")));
    Send(Bytes(
        SignedAcs3(credentials, "BatchQuerySessionByClientIds", parameters, now, nonce + "a")));
  }

  // What must not hold any of them.
  static void ExpectClean(const std::string& text, const char* what) {
    ASSERT_FALSE(text.empty()) << what;
    for (int n = 1; n <= kSecrets; ++n) {
      EXPECT_EQ(text.find(Secret(n)), std::string::npos) << "secret " << n << " in " << what;
    }
  }

  // Waits for the nth access file that is refused.
  bool WaitForRefusedFile(int nth) {
    return WaitUntil([&] {
      int refused = 0;
      const std::string log = broker_->Log();
      constexpr char kRefused[] = "access file not reloaded, the old one stays in force";
      for (size_t at = log.find(kRefused); at != std::string::npos;
           at = log.find(kRefused, at + 1)) {
        ++refused;
      }
      return refused >= nth;
    });
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, SecretFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(SecretFault, TwentyTwoPlantedSecretsAreNeverLogged) {
  ASSERT_NO_FATAL_FAILURE(StartWithSecrets());
  RawConnection lamp = RawConnection::Tcp(port());
  ASSERT_EQ(lamp.Connect({.id = "lamp", .username = "anna", .password = Secret(1)}), 0);
  RawConnection refused = RawConnection::Tcp(port());
  EXPECT_NE(refused.Connect({.id = "lamp", .username = "anna", .password = Secret(2)}), 0);

  SendSigned({"OWNER", Secret(3), ""}, "n1");
  SendSigned({"USER", Secret(4), ""}, "n2");
  SendSigned({"OWNER", Secret(6), ""}, "n3");               // wrong secret
  SendSigned({"STS.unknown", Secret(7), Secret(8)}, "n4");  // a token that is none
  SendSigned({"OWNER", Secret(3), Secret(9)}, "n5");
  SendSigned({Secret(21), "OWNER", ""}, "n7");  // taken for each other
  SendSigned({absl::StrCat("STS.", Secret(22)), "OWNER", ""}, "n8");
  const std::string path =
      "/mosquitto_session_status.v1.SessionStatusService/QuerySessionByClientId";
  const auto post = [&](const std::string& headers, const std::string& body) {
    return absl::StrCat("POST ", path,
                        " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
                        headers, "Content-Length: ", body.size(), "\r\n\r\n", body);
  };
  Send(post(absl::StrCat("Authorization: Bearer ", Secret(10), "\r\n"), "{\"clientId\":\"lamp\"}"));
  Send(post(absl::StrCat("Cookie: session=", Secret(11), "\r\n"), "{\"clientId\":\"lamp\"}"));
  Send(post("", absl::StrCat("{\"password\":\"", Secret(12), "\" broken")));
  Send(post(absl::StrCat("X-Secret ", Secret(13), "\r\n"), "{}"));  // no colon
  Send(absl::StrCat("GET /", Secret(14), " HTTP/1.1\r\nHost: x\r\n\r\n"));
  Send(absl::StrCat("GET /?AccessKeySecret=", Secret(15),
                    "&Action=Nothing HTTP/1.1\r\nHost: x\r\n\r\n"));
  Send(absl::StrCat("GET /?Signature=", Secret(16),
                    "&AccessKeyId=OWNER&Action=BatchQuerySessionByClientIds",
                    " HTTP/1.1\r\nHost: x\r\n\r\n"));
  Send(absl::StrCat("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz",
                    Secret(17), "\r\n"));
  Send(absl::StrCat(Secret(18), "\r\n\r\n"));
  // Access files that are refused on reload: broken in the middle of a secret, and of a wrong
  // shape.
  std::string broken = AccessFile(Secret(19), Secret(4), Secret(5));
  broken.insert(broken.find(Secret(19)) + 10, "\n");
  broker_->dir().Write("access.json", broken);
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(WaitForRefusedFile(1)) << broker_->Log();
  broker_->dir().Write("access.json", AccessFile(Secret(3), Secret(4),
                                                 Secret(20).substr(0, 10) + "\"}," + "\"" +
                                                     Secret(20) + "\":{\"x\":\"" + Secret(20)));
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(WaitForRefusedFile(2)) << broker_->Log();
  EXPECT_TRUE(lamp.Ping());
  SendSigned({"OWNER", Secret(3), ""}, "n6");  // answered by the file that was good
  ExpectClean(absl::StrCat(admin_->Get("/metrics").body, admin_->Status().raw,
                           admin_->Get("/healthz").body),
              "a reply");
  EXPECT_EQ(broker_->Stop(), 0);
  ExpectClean(broker_->Log(), "the log");
}

}  // namespace
}  // namespace session_status::testing
