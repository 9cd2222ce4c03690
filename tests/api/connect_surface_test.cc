// The rows of the Connect protocol that a unary server must or should answer, one case each.
#include "plugin/api/connect_surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace session_status::api {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr char kBatch[] = "BatchQuerySessionByClientIds";
constexpr char kQuery[] = "QuerySessionByClientId";

class ConnectSurfaceTest : public ::testing::Test {
 protected:
  ConnectSurfaceTest() {
    registry::SessionEvent e;
    e.client_id = "a";
    e.incarnation = 1;
    e.time = now_;
    registry_.Apply(e);
    registry_.PublishSnapshot(now_);
  }

  http::Reply Send(absl::string_view method, absl::string_view target,
                   const std::vector<http::Header>& headers, absl::string_view body) {
    const std::string full = absl::StrCat(ConnectSurface::kPathPrefix, target);
    http::Request request;
    request.method = method;
    request.target = full;
    request.path = absl::string_view(full).substr(0, full.find('?'));
    if (request.path.size() < full.size()) {
      request.query = absl::string_view(full).substr(request.path.size() + 1);
    }
    request.headers = headers;
    request.body = body;
    request.now = now_;
    http::Reply reply;
    surface_.Handle(request, &reply);
    return reply;
  }
  http::Reply PostJson(absl::string_view method, absl::string_view body,
                       std::vector<http::Header> more = {}) {
    more.push_back({"Content-Type", "application/json"});
    return Send("POST", method, more, body);
  }
  std::string Binary(const std::string& id) {
    pb::QuerySessionByClientIdRequest request;
    request.set_client_id(id);
    return request.SerializeAsString();
  }

  const absl::Time now_ = absl::FromUnixMillis(1'700'000'000'000);
  registry::SessionRegistry registry_;
  Service service_{registry_,
                   {"1", "mosquitto 2.1", "i", now_, absl::Seconds(1), absl::ZeroDuration()}};
  ConnectSurface surface_{service_};
};

TEST_F(ConnectSurfaceTest, APostInJsonIsAnsweredInJson) {
  const http::Reply reply = PostJson(kBatch, R"({"clientIds":["a","b"]})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "application/json");
  EXPECT_EQ(reply.body, R"({"snapshot":{"sequence":"1","takenAtMs":"1700000000000"},"sessions":[)"
                        R"({"clientId":"a","online":true,"state":"SESSION_STATE_ONLINE"},)"
                        R"({"clientId":"b","online":false}]})");
}

TEST_F(ConnectSurfaceTest, APostInBinaryIsAnsweredInBinary) {
  const http::Reply reply =
      Send("POST", kQuery,
           {{"content-type", "application/proto"}, {"connect-protocol-version", "1"}}, Binary("a"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.content_type, "application/proto");
  pb::QuerySessionByClientIdResponse message;
  ASSERT_TRUE(message.ParseFromString(reply.body));
  EXPECT_TRUE(message.online());
}

TEST_F(ConnectSurfaceTest, ContentTypeIsComparedAsAMediaType) {
  for (const char* type :
       {"application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"}) {
    SCOPED_TRACE(type);
    EXPECT_EQ(Send("POST", kQuery, {{"Content-Type", type}}, R"({"clientId":"a"})").status, 200);
  }
}

TEST_F(ConnectSurfaceTest, AGetCarriesItsMessageInTheQuery) {
  EXPECT_THAT(Send("GET",
                   absl::StrCat(kQuery,
                                "?connect=v1&encoding=json&message=%7B%22clientId%22%3A%22a"
                                "%22%7D"),
                   {}, "")
                  .body,
              HasSubstr("\"online\":true"));
}

TEST_F(ConnectSurfaceTest, AGetInBinaryIsBase64WithOrWithoutPadding) {
  std::string padded;
  absl::Base64Escape(Binary("a"), &padded);  // "EgFh"; "EgJhYg==" for two letters
  absl::Base64Escape(Binary("ab"), &padded);
  ASSERT_EQ(padded, "EgJhYg==");
  for (const char* message : {"EgJhYg", "EgJhYg%3D%3D"}) {
    SCOPED_TRACE(message);
    const http::Reply reply = Send(
        "GET", absl::StrCat(kQuery, "?message=", message, "&base64=1&encoding=proto&x=y"), {}, "");
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.content_type, "application/proto");
    EXPECT_THAT(reply.body, HasSubstr("ab"));
  }
}

TEST_F(ConnectSurfaceTest, AnAbsentGetMessageIsAllDefaultsInBinaryAndASyntaxErrorInJson) {
  EXPECT_EQ(Send("GET", "GetServerStatus?encoding=proto", {}, "").status, 200);
  EXPECT_EQ(Send("GET", "GetServerStatus?encoding=json", {}, "").status, 400);
}

// The library's own line about it would be in the broker's stderr as often as anybody likes.
TEST_F(ConnectSurfaceTest, TextThatIsNotUtf8IsRefusedInSilence) {
  ::testing::internal::CaptureStderr();
  const auto reply = Send("POST", kQuery, {{"Content-Type", "application/proto"}}, "\x0a\x01\xff");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(reply.status, 400) << reply.body;
}

struct Refusal {
  const char* what;
  const char* method;
  std::string target;
  std::vector<http::Header> headers;
  std::string body;
  int status;
  const char* code;
};

TEST_F(ConnectSurfaceTest, RefusesWithTheDocumentedStatusAndATypedBody) {
  const http::Header json = {"Content-Type", "application/json"};
  const http::Header proto = {"Content-Type", "application/proto"};
  const std::string good = R"({"clientId":"a"})";
  const Refusal kRefusals[] = {
      {"unknown method", "POST", "Nothing", {json}, good, 404, "unimplemented"},
      {"wrong case", "POST", "querysessionbyclientid", {json}, good, 404, "unimplemented"},
      {"DELETE", "DELETE", kQuery, {json}, "", 405, "unimplemented"},
      {"PUT", "PUT", kQuery, {json}, good, 405, "unimplemented"},
      {"HEAD", "HEAD", kQuery, {}, "", 405, "unimplemented"},
      {"no content type", "POST", kQuery, {}, good, 415, "unimplemented"},
      {"streaming",
       "POST",
       kQuery,
       {{"Content-Type", "application/connect+proto"}},
       "",
       415,
       "unimplemented"},
      {"gRPC", "POST", kQuery, {{"Content-Type", "application/grpc"}}, "", 415, "unimplemented"},
      {"form",
       "POST",
       kQuery,
       {{"Content-Type", "application/x-www-form-urlencoded"}},
       "a=b",
       415,
       "unimplemented"},
      {"GET without encoding",
       "GET",
       absl::StrCat(kQuery, "?message=x"),
       {},
       "",
       415,
       "unimplemented"},
      {"GET with unknown encoding",
       "GET",
       absl::StrCat(kQuery, "?encoding=xml"),
       {},
       "",
       415,
       "unimplemented"},
      {"gzip body",
       "POST",
       kQuery,
       {json, {"Content-Encoding", "gzip"}},
       "x",
       501,
       "unimplemented"},
      {"gzip in GET",
       "GET",
       absl::StrCat(kQuery, "?encoding=proto&compression=gzip"),
       {},
       "",
       501,
       "unimplemented"},
      {"protocol version 2",
       "POST",
       kQuery,
       {json, {"Connect-Protocol-Version", "2"}},
       good,
       400,
       "invalid_argument"},
      {"GET version v2",
       "GET",
       absl::StrCat(kQuery, "?encoding=proto&connect=v2"),
       {},
       "",
       400,
       "invalid_argument"},
      {"time-out not a number",
       "POST",
       kQuery,
       {json, {"Connect-Timeout-Ms", "1s"}},
       good,
       400,
       "invalid_argument"},
      {"time-out too long",
       "POST",
       kQuery,
       {json, {"Connect-Timeout-Ms", "12345678901"}},
       good,
       400,
       "invalid_argument"},
      {"empty JSON body", "POST", kQuery, {json}, "", 400, "invalid_argument"},
      {"JSON type error", "POST", kQuery, {json}, R"({"clientId":1})", 400, "invalid_argument"},
      {"binary that does not parse", "POST", kQuery, {proto}, "\xff\xff", 400, "invalid_argument"},
      {"bad base64",
       "GET",
       absl::StrCat(kQuery, "?encoding=proto&base64=1&message=%21%21"),
       {},
       "",
       400,
       "invalid_argument"},
      {"bad escape",
       "GET",
       absl::StrCat(kQuery, "?encoding=proto&message=%4"),
       {},
       "",
       400,
       "invalid_argument"},
      {"empty id", "POST", kQuery, {json}, "{}", 400, "invalid_argument"},
      {"other instance",
       "POST",
       kQuery,
       {json},
       R"({"clientId":"a","instanceId":"x"})",
       404,
       "not_found"},
  };
  for (const Refusal& r : kRefusals) {
    SCOPED_TRACE(r.what);
    const http::Reply reply = Send(r.method, r.target, r.headers, r.body);
    EXPECT_EQ(reply.status, r.status);
    EXPECT_EQ(reply.content_type, "application/json");
    EXPECT_THAT(reply.body, HasSubstr(absl::StrCat("\"code\":\"", r.code, "\"")));
  }
}

TEST_F(ConnectSurfaceTest, EveryMethodThatTakesAnInstanceRefusesAnotherOne) {
  for (const char* method : {kBatch, kQuery, "ListSessions", "GetHistory", "ListFlappers"}) {
    SCOPED_TRACE(method);
    const auto ask = [&](absl::string_view instance) {
      const absl::string_view whom = method == absl::string_view(kBatch) ? R"("clientIds":["a"],)"
                                     : absl::StartsWith(method, "List")  ? ""
                                                                         : R"("clientId":"a",)";
      return PostJson(method, absl::StrCat("{", whom, R"("instanceId":")", instance, "\"}"));
    };
    const http::Reply other = ask("x");
    EXPECT_EQ(other.status, 404);
    EXPECT_THAT(other.body, HasSubstr("\"code\":\"not_found\""));
    EXPECT_THAT(other.body, Not(HasSubstr("online")));
    for (const char* own : {"i", ""}) EXPECT_NE(ask(own).status, 404) << own;
  }
}

TEST_F(ConnectSurfaceTest, RefusalsSayWhatWouldBeRight) {
  EXPECT_THAT(Send("PUT", kQuery, {}, "").headers, Contains(Pair("Allow", "GET, POST")));
  EXPECT_THAT(Send("POST", kQuery, {}, "").headers,
              Contains(Pair("Accept-Post", "application/json, application/proto")));
  EXPECT_THAT(PostJson(kQuery, "x", {{"Content-Encoding", "br"}}).headers,
              Contains(Pair("Accept-Encoding", "identity")));
}

TEST_F(ConnectSurfaceTest, AcceptsIdentityEncodingAndAnyTimeoutOfTenDigits) {
  for (const char* timeout : {"0", "1", "9999999999"}) {
    EXPECT_EQ(PostJson(kQuery, R"({"clientId":"a"})",
                       {{"Connect-Timeout-Ms", timeout}, {"Content-Encoding", "identity"}})
                  .status,
              200);
  }
}

TEST_F(ConnectSurfaceTest, ARefusalOfTheHttpLayerHasTheConnectShape) {
  http::Reply reply;
  surface_.HandleRefused(http::Request(), 413, "the body is too long", &reply);
  EXPECT_EQ(reply.status, 413);
  EXPECT_EQ(reply.body, R"({"code":"resource_exhausted","message":"the body is too long"})");
}

}  // namespace
}  // namespace session_status::api
