// Requests to a real broker's admin socket that end anywhere, or stand at and over every limit.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/broker/scenario.h"
#include "tests/transport/test_client.h"

namespace session_status::testing {
namespace {

using transport::TestClient;

constexpr char kService[] = "/mosquitto_session_status.v1.SessionStatusService/";
// Defaults of docs/options.md.
constexpr size_t kRequestLineMax = 32768;
constexpr size_t kHeaderBytesMax = 32768;
constexpr int kHeadersMax = 64;
constexpr size_t kBodyMax = 1048576;
constexpr int kIdsMax = 10'000;
constexpr size_t kIdBytesMax = 65'535;

std::string Post(absl::string_view method, absl::string_view body, absl::string_view headers = "") {
  return absl::StrCat("POST ", kService, method, " HTTP/1.1\r\nHost: localhost\r\n", headers,
                      "Content-Type: application/json\r\nContent-Length: ", body.size(), "\r\n\r\n",
                      body);
}

std::string QueryOf(absl::string_view id) { return absl::StrCat("{\"clientId\":\"", id, "\"}"); }

class RequestFault : public ScenarioTest {
 protected:
  std::string Socket() { return broker_->Expand("{DIR}/admin.sock"); }
  int StatusOf(const std::string& request) { return TestClient(Socket()).Ask(request).status; }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, RequestFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(RequestFault, ARequestCutAtEveryByteHarmsNobody) {
  Start();
  auto lamp = Online({.id = "lamp"});
  const std::string request =
      Post("QuerySessionByClientId", QueryOf("lamp"), "Expect: 100-continue\r\n");
  for (size_t cut = 0; cut < request.size(); ++cut) {
    SCOPED_TRACE(absl::StrCat("cut at ", cut));
    TestClient client(Socket());
    ASSERT_TRUE(client.connected());
    ASSERT_TRUE(client.Send(absl::string_view(request).substr(0, cut)));
    if (cut % 2 == 0) continue;  // just gone
    client.ShutdownWriting();
    const std::string reply = client.ReadAll();
    EXPECT_EQ(reply.find("HTTP/1.1 200"), std::string::npos) << reply;
  }
  ExpectOnline("lamp");
  EXPECT_TRUE(lamp->RoundTrip());
}

TEST_P(RequestFault, AtEveryLimitItIsAnsweredAndOverItRefused) {
  Start();
  auto lamp = Online({.id = "lamp"});
  const std::string query = QueryOf("lamp");
  const auto padded = [](size_t bytes) {
    return absl::StrCat("{\"clientId\":\"lamp\"", std::string(bytes - 19, ' '), "}");
  };
  ASSERT_EQ(padded(100).size(), 100u);
  EXPECT_EQ(StatusOf(Post("QuerySessionByClientId", padded(kBodyMax))), 200);
  EXPECT_EQ(StatusOf(Post("QuerySessionByClientId", padded(kBodyMax + 1))), 413);

  const auto with_headers = [&](int count) {  // three are always there
    std::string headers;
    for (int i = 3; i < count; ++i) absl::StrAppend(&headers, "X-H", i, ": v\r\n");
    return Post("QuerySessionByClientId", query, headers);
  };
  EXPECT_EQ(StatusOf(with_headers(kHeadersMax)), 200);
  EXPECT_EQ(StatusOf(with_headers(kHeadersMax + 1)), 431);

  const auto with_header_of = [&](size_t bytes) {  // all lines together, each with its end
    const std::string first = "GET /healthz HTTP/1.1\r\n", host = "Host: x\r\n", name = "X-Long: ";
    return absl::StrCat(first, host, name, std::string(bytes - host.size() - name.size() - 2, 'h'),
                        "\r\n\r\n");
  };
  EXPECT_EQ(StatusOf(with_header_of(kHeaderBytesMax)), 200);
  EXPECT_EQ(StatusOf(with_header_of(kHeaderBytesMax + 1)), 431);

  const auto with_line_of = [&](size_t bytes) {
    const std::string before = "GET /healthz?", behind = " HTTP/1.1";
    return absl::StrCat(before, std::string(bytes - before.size() - behind.size(), 'q'), behind,
                        "\r\nHost: x\r\n\r\n");
  };
  EXPECT_EQ(StatusOf(with_line_of(kRequestLineMax)), 200);
  EXPECT_EQ(StatusOf(with_line_of(kRequestLineMax + 1)), 414);

  const auto batch = [](int ids) {
    std::vector<std::string> words(static_cast<size_t>(ids), "\"lamp\"");
    return Post("BatchQuerySessionByClientIds",
                absl::StrCat("{\"clientIds\":[", absl::StrJoin(words, ","), "]}"));
  };
  EXPECT_EQ(StatusOf(batch(kIdsMax)), 200);
  EXPECT_EQ(StatusOf(batch(kIdsMax + 1)), 400);
  EXPECT_EQ(StatusOf(batch(0)), 400);

  EXPECT_EQ(StatusOf(Post("QuerySessionByClientId", QueryOf(std::string(kIdBytesMax, 'i')))), 200);
  EXPECT_EQ(StatusOf(Post("QuerySessionByClientId", QueryOf(std::string(kIdBytesMax + 1, 'i')))),
            400);
  EXPECT_EQ(StatusOf(Post("QuerySessionByClientId", QueryOf(""))), 400);
  ExpectOnline("lamp");
  EXPECT_TRUE(lamp->RoundTrip());
}

}  // namespace
}  // namespace session_status::testing
