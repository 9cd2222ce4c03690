// Every documented error code by name: what provokes it, and that the reply has the documented
// form in JSON and in XML.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <regex>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "plugin/openapi/api_error.h"
#include "tests/openapi/test_server.h"

namespace session_status::openapi {
namespace {

using ::session_status::testing::Credentials;
using ::session_status::testing::OwnedRequest;
using ::session_status::testing::ParameterMap;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct ErrorCase {
  const char* name;  // as on the wire
  int status;
  ErrorCode row;  // of the table, so that none is forgotten
  // Sends what provokes it. `format` is "JSON" or "XML" and goes into the request as Format.
  std::function<Answer(const std::string& format)> provoke;
};

Answer RefusedBy(TestServer& server, int status, const std::string& target = "/",
                 const std::string& host = "mqtt.example.net:8080") {
  http::Reply reply;
  OwnedRequest request;
  request.target = target;
  request.headers.emplace_back("Host", host);
  request.With(kNow, server.peer, [&](const http::Request& view) {
    server.surface().HandleRefused(view, status, "why", &reply);
  });
  Answer answer;
  answer.status = reply.status;
  answer.content_type = std::string(reply.content_type);
  for (const auto& [name, value] : reply.headers) answer.headers[std::string(name)] = value;
  answer.body = reply.body;
  return answer;
}

Answer Refused(int status, const std::string& format = "") {
  TestServer server;
  return RefusedBy(server, status, "/?Action=x&Format=" + format);
}

// A batch of the reader with parameters changed before it is signed.
Answer Changed(ParameterMap more, const std::string& user = "reader") {
  TestServer server;
  return server.Send(server.Batch(TestServer::Key(user), more));
}

// The same with the signed request changed afterwards.
Answer Tampered(const std::string& format, const std::string& from, const std::string& to) {
  TestServer server;
  OwnedRequest request = server.Batch(TestServer::Key("reader"), {{"Format", format}});
  const std::string before = request.target;
  request.target = absl::StrReplaceAll(request.target, {{from, to}});
  EXPECT_NE(request.target, before) << from;
  return server.Send(request);
}

std::vector<ErrorCase> Cases() {
  using E = ErrorCode;
  return {
      {"CheckAccountInfoFailed", 400, E::kCheckAccountInfoFailed,
       [](const std::string& format) {
         TestServer server;
         const Credentials key = server.TemporaryKey("reader");
         server.WriteAccessFile(absl::StrReplaceAll(kAccessFile, {{"\"reader\"", "\"amy\""}}));
         EXPECT_TRUE(server.access().Reload().ok());
         return server.Send(server.Batch(key, {{"Format", format}}));
       }},
      {"InstancePermissionCheckFailed", 400, E::kInstancePermissionCheckFailed,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"InstanceId", "post-cn-unknown"}});
       }},
      {"ParameterCheckFailed", 400, E::kParameterCheckFailed,
       [](const std::string& format) {
         ParameterMap eleven{{"Format", format}};
         for (int i = 1; i <= 11; ++i) eleven[absl::StrCat("ClientIdList.", i)] = "x";
         return Changed(eleven);
       }},
      {"PermissionCheckFailed", 400, E::kPermissionCheckFailed,
       [](const std::string& format) {
         TestServer server;
         return server.Send(server.Query(TestServer::Key("batcher"), {{"Format", format}}));
       }},
      {"InvalidParameter.ClientIdList", 400, E::kInvalidParameter,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"ClientIdList.2", ""}});
       }},
      {"InternalError", 500, E::kInternalError,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"ClientIdList.2", "throw"}});
       }},
      {"SystemOverFlow", 500, E::kSystemOverFlow,
       [](const std::string& format) {
         TestServer server;
         server.meter.full = true;
         return server.Send(server.Batch(TestServer::Key("reader"), {{"Format", format}}));
       }},
      {"ApiNotSupport", 404, E::kApiNotSupport,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"Action", "ApplyToken"}});
       }},
      {"InvalidApi.NotFound", 404, E::kApiNotFound,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"Action", "batchQuerySessionByClientIds"}});
       }},
      {"InvalidVersion", 400, E::kInvalidVersion,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"Version", "2021-01-01"}});
       }},
      {"MissingTimestamp", 400, E::kMissingParameter,
       [](const std::string& format) { return Tampered(format, "Timestamp=", "Time="); }},
      {"InvalidSignatureVersion", 400, E::kInvalidValue,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"SignatureVersion", "2.0"}});
       }},
      {"InvalidParameter.Format", 400, E::kInvalidFormat,
       [](const std::string&) {
         return Changed({{"Format", "YAML"}});
       }},
      {"UnsupportedHTTPMethod", 400, E::kUnsupportedMethod,
       [](const std::string& format) {
         TestServer server;
         OwnedRequest request = server.Batch(TestServer::Key("reader"), {{"Format", format}});
         request.method = "PUT";
         return server.Send(request);
       }},
      {"InvalidAccessKeyId.NotFound", 404, E::kAccessKeyNotFound,
       [](const std::string& format) {
         return Changed({{"Format", format}}, "missing");
       }},
      {"InvalidAccessKeyId.Inactive", 400, E::kAccessKeyInactive,
       [](const std::string& format) {
         return Changed({{"Format", format}}, "inactive");
       }},
      {"InvalidTimeStamp.Format", 400, E::kTimestampFormat,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"Timestamp", "yesterday"}});
       }},
      {"InvalidTimeStamp.Expired", 400, E::kTimestampExpired,
       [](const std::string& format) {
         TestServer server;
         return server.Send(server.Batch(TestServer::Key("reader"), {{"Format", format}},
                                         kNow - absl::Minutes(16)));
       }},
      {"SignatureNonceUsed", 400, E::kNonceUsed,
       [](const std::string& format) {
         TestServer server;
         const OwnedRequest request = server.Batch(TestServer::Key("reader"), {{"Format", format}});
         EXPECT_EQ(server.Send(request).status, 200);
         return server.Send(request);
       }},
      {"InvalidSignatureMethod", 400, E::kInvalidSignatureMethod,
       [](const std::string& format) {
         return Changed({{"Format", format}, {"SignatureMethod", "HMAC-MD5"}});
       }},
      {"SignatureDoesNotMatch", 400, E::kSignatureDoesNotMatch,
       [](const std::string& format) {
         TestServer server;
         Credentials wrong = TestServer::Key("reader");
         wrong.access_key_secret = "secret-wrong";
         return server.Send(server.Batch(wrong, {{"Format", format}}));
       }},
      {"IncompleteSignature", 400, E::kIncompleteSignature,
       [](const std::string& format) {
         TestServer server;
         ParameterMap parameters = session_status::testing::BatchParameters(kInstance, {"x"});
         parameters["Format"] = format;
         OwnedRequest request = SignedAcs3(TestServer::Key("reader"),
                                           "BatchQuerySessionByClientIds", parameters, kNow, "n");
         request.headers.emplace_back("x-acs-unsigned", "1");
         return server.Send(request);
       }},
      {"MissingSecurityToken", 400, E::kMissingSecurityToken,
       [](const std::string& format) {
         TestServer server;
         Credentials key = server.TemporaryKey("reader");
         key.security_token.clear();
         return server.Send(server.Batch(key, {{"Format", format}}));
       }},
      {"InvalidSecurityToken.Expired", 400, E::kTokenExpired,
       [](const std::string& format) {
         TestServer server;
         const Credentials key =
             server.TemporaryKey("reader", absl::nullopt, kNow - absl::Hours(1));
         return server.Send(server.Batch(key, {{"Format", format}}));
       }},
      {"InvalidSecurityToken.Malformed", 400, E::kTokenMalformed,
       [](const std::string& format) {
         TestServer server;
         Credentials key = server.TemporaryKey("reader");
         key.security_token = "AAAA" + key.security_token;
         return server.Send(server.Batch(key, {{"Format", format}}));
       }},
      {"InvalidSecurityToken.MismatchWithAccessKey", 400, E::kTokenMismatch,
       [](const std::string& format) {
         TestServer server;
         Credentials key = server.TemporaryKey("reader");
         key.security_token = server.TemporaryKey("reader").security_token;
         return server.Send(server.Batch(key, {{"Format", format}}));
       }},
      {"NoPermission", 403, E::kNoPermission,
       [](const std::string& format) {
         TestServerOptions options;
         options.surface.gateway_errors = true;
         TestServer server(options);
         return server.Send(server.Batch(TestServer::Key("nobody"), {{"Format", format}}));
       }},
      {"Throttling.User", 400, E::kThrottlingUser,
       [](const std::string& format) {
         TestServer server;
         for (int i = 0; i < 100; ++i) {
           EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"))).status, 200);
         }
         return server.Send(server.Batch(TestServer::Key("reader"), {{"Format", format}}));
       }},
      {"Throttling.Api", 400, E::kThrottlingApi,
       [](const std::string& format) {
         TestServerOptions options;
         options.surface.nonces_max = 16;
         options.surface.batch_limit = {};
         options.surface.address_limit = {};
         TestServer server(options);
         Answer answer;
         for (int i = 0; i < 20'000; ++i) {
           answer = server.Send(server.Batch(TestServer::Key("reader"), {{"Format", format}}));
           if (answer.status != 200) break;
         }
         return answer;
       }},
      {"Throttling", 400, E::kThrottling,
       [](const std::string& format) {
         TestServerOptions options;
         options.surface.batch_limit = {};
         TestServer server(options);
         for (int i = 0; i < 300; ++i) {
           EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"))).status, 200);
         }
         return server.Send(server.Batch(TestServer::Key("reader"), {{"Format", format}}));
       }},
      {"ServiceUnavailable", 503, E::kServiceUnavailable,
       [](const std::string& format) { return Refused(503, format); }},
      {"InvalidProtocol.NeedSsl", 404, E::kNeedSsl,
       [](const std::string& format) {
         TestServerOptions options;
         options.surface.require_tls = true;
         TestServer server(options);
         return server.Send(server.Batch(TestServer::Key("reader"), {{"Format", format}}));
       }},
      {"InvalidRequest", 400, E::kBadRequest,
       [](const std::string& format) { return Refused(400, format); }},
      {"RequestTimeout", 408, E::kRequestTimeout,
       [](const std::string& format) { return Refused(408, format); }},
      {"RequestEntityTooLarge", 413, E::kRequestTooLarge,
       [](const std::string& format) { return Refused(413, format); }},
      {"RequestURITooLong", 414, E::kUriTooLong,
       [](const std::string& format) { return Refused(414, format); }},
      {"RequestHeaderFieldsTooLarge", 431, E::kHeadersTooLarge,
       [](const std::string& format) { return Refused(431, format); }},
  };
}

bool IsThrottling(const std::string& name) { return absl::StartsWith(name, "Throttling"); }

constexpr char kUuid[] = "[0-9A-F]{8}-[0-9A-F]{4}-4[0-9A-F]{3}-[89AB][0-9A-F]{3}-[0-9A-F]{12}";

TEST(ErrorCodesTest, EachIsAnsweredInJsonInTheDocumentedForm) {
  for (const ErrorCase& c : Cases()) {
    SCOPED_TRACE(c.name);
    const Answer answer = c.provoke("JSON");
    EXPECT_EQ(answer.status, c.status);
    EXPECT_EQ(answer.content_type, "application/json;charset=utf-8");
    const rapidjson::Document json = answer.Json();
    for (const char* member : {"RequestId", "HostId", "Code", "Message"}) {
      ASSERT_TRUE(json.HasMember(member)) << answer.body;
      EXPECT_TRUE(json[member].IsString()) << member;
    }
    EXPECT_STREQ(json["Code"].GetString(), c.name) << answer.body;
    EXPECT_TRUE(std::regex_match(json["RequestId"].GetString(), std::regex(kUuid)));
    EXPECT_EQ(answer.headers.at("x-acs-request-id"), json["RequestId"].GetString());
    EXPECT_EQ(answer.headers.count("x-acs-retry-after"), IsThrottling(c.name) ? 1u : 0u);
    EXPECT_THAT(answer.body, Not(HasSubstr("secret-")));
    EXPECT_THAT(std::string(json["HostId"].GetString()), Not(HasSubstr(":8080")));
  }
}

// As of a request that is refused for it.
TEST(ErrorCodesTest, AHostThatIsNoTextIsNotRepeated) {
  for (const char* host : {"\xEDlocalhost", "local host", "\x01"}) {
    TestServer server;
    EXPECT_STREQ(RefusedBy(server, 400, "/", host).Json()["HostId"].GetString(), "") << host;
  }
  TestServer server;
  EXPECT_STREQ(RefusedBy(server, 400).Json()["HostId"].GetString(), "mqtt.example.net");
}

TEST(ErrorCodesTest, EachIsAnsweredInXmlWhenXmlWasAskedFor) {
  for (const ErrorCase& c : Cases()) {
    if (c.row == ErrorCode::kInvalidFormat) continue;  // nothing that is known was asked for
    SCOPED_TRACE(c.name);
    const Answer answer = c.provoke("XML");
    EXPECT_EQ(answer.status, c.status);
    EXPECT_EQ(answer.content_type, "text/xml;charset=utf-8");
    EXPECT_THAT(answer.body,
                StartsWith("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><RequestId>"));
    EXPECT_THAT(answer.body, HasSubstr(absl::StrCat("<Code>", c.name, "</Code><Message>")));
    EXPECT_THAT(answer.body,
                HasSubstr(absl::StrCat("<RequestId>", answer.headers.at("x-acs-request-id"),
                                       "</RequestId>")));
    EXPECT_THAT(answer.body, Not(HasSubstr("secret-")));
  }
}

TEST(ErrorCodesTest, NoRowOfTheTableIsWithoutACase) {
  std::set<ErrorCode> covered;
  for (const ErrorCase& c : Cases()) covered.insert(c.row);
  for (const ErrorRow& row : ErrorTable()) EXPECT_EQ(covered.count(row.code), 1u) << row.name;
}

TEST(ErrorCodesTest, WhatTheHttpLayerRefusesHasTheCodeOfItsStatus) {
  struct Case {
    int status;
    const char* code;
  };
  for (const Case& c : {Case{400, "InvalidRequest"}, Case{404, "InvalidApi.NotFound"},
                        Case{405, "UnsupportedHTTPMethod"}, Case{408, "RequestTimeout"},
                        Case{413, "RequestEntityTooLarge"}, Case{414, "RequestURITooLong"},
                        Case{417, "InvalidRequest"}, Case{429, "Throttling"},
                        Case{431, "RequestHeaderFieldsTooLarge"}, Case{500, "InternalError"},
                        Case{501, "InvalidRequest"}, Case{503, "ServiceUnavailable"}}) {
    const Answer answer = Refused(c.status);
    EXPECT_EQ(answer.Code(), c.code) << c.status;
    EXPECT_EQ(answer.status, c.status);
    EXPECT_THAT(answer.Message(), ::testing::EndsWith(" why"));
  }
}

TEST(ErrorCodesTest, AnErrorBeforeTheParametersAreReadIsXmlWhenTheQueryClearlySaysSo) {
  struct Case {
    const char* query;
    bool xml;
  };
  TestServer server;
  for (const Case& c :
       {Case{"Format=XML", true}, Case{"a=b&Format=xml&c=%zz", true}, Case{"Format=JSON", false},
        Case{"", false}, Case{"format=XML", false}, Case{"Format=XML&Format=XML", false},
        Case{"Format=XML&Format=JSON", false}, Case{"XFormat=XML", false},
        Case{"Format=%58ML", false}, Case{"Format", false}}) {
    SCOPED_TRACE(c.query);
    const char* const want = c.xml ? "text/xml;charset=utf-8" : "application/json;charset=utf-8";
    EXPECT_EQ(RefusedBy(server, 413, absl::StrCat("/?", c.query)).content_type, want);
    OwnedRequest other;
    other.target = absl::StrCat("/other?", c.query);
    EXPECT_EQ(server.Send(other).content_type, want);
    OwnedRequest malformed;
    malformed.target = absl::StrCat("/?bad=%zz&", c.query);
    EXPECT_EQ(server.Send(malformed).content_type, want);
  }
}

TEST(ErrorCodesTest, WhatTheHttpLayerRefusesIsObservedLikeEveryCall) {
  TestServer server;
  const Answer answer = RefusedBy(server, 413);
  ASSERT_EQ(server.observer.lines.size(), 1u);
  EXPECT_EQ(server.observer.lines[0],
            absl::StrCat(answer.headers.at("x-acs-request-id"),
                         " RequestEntityTooLarge 413      203.0.113.9 0"));
}

TEST(ErrorCodesTest, TheErrorPagesUrlHasTheCodeEncoded) {
  TestServerOptions options;
  options.surface.error_page_url = "https://help.example.net/?code=";
  TestServer server(options);
  EXPECT_STREQ(
      server.Send(server.Batch(TestServer::Key("missing"))).Json()["Recommend"].GetString(),
      "https://help.example.net/?code=InvalidAccessKeyId.NotFound");
  OwnedRequest twice;
  twice.target = "/?a%26b%2F%22=1&a%26b%2F%22=2";
  const Answer answer = server.Send(twice);
  EXPECT_EQ(answer.Code(), "InvalidParameter.a&b/\"");
  EXPECT_STREQ(answer.Json()["Recommend"].GetString(),
               "https://help.example.net/?code=InvalidParameter.a%26b%2F%22");
  EXPECT_FALSE(Refused(400).Json().HasMember("Recommend"));
}

TEST(ErrorCodesTest, TheLogLineOfTheCallHasItsRequestIdAndNoSecret) {
  TestServer server;
  Credentials wrong = TestServer::Key("reader");
  wrong.access_key_secret = "secret-wrong";
  const Credentials temporary = server.TemporaryKey("reader");
  const Answer bad = server.Send(server.Batch(wrong));
  const Answer good = server.Send(server.Batch(temporary));
  EXPECT_EQ(good.status, 200) << good.body;
  ASSERT_EQ(server.observer.lines.size(), 2u);
  EXPECT_THAT(server.observer.lines[0], StartsWith(bad.headers.at("x-acs-request-id")));
  EXPECT_THAT(server.observer.lines[0], HasSubstr("SignatureDoesNotMatch 400"));
  EXPECT_THAT(server.observer.lines[1], StartsWith(good.headers.at("x-acs-request-id")));
  for (const std::string& line : server.observer.lines) {
    EXPECT_THAT(line, Not(HasSubstr("secret-")));
    EXPECT_THAT(line, Not(HasSubstr(temporary.access_key_secret)));
    EXPECT_THAT(line, Not(HasSubstr(temporary.security_token)));
  }
}

TEST(ErrorCodesTest, TheServersStringToSignEndsTheMessageAndNothingFollows) {
  const std::string marker = "server string to sign is:";
  TestServer server;
  Credentials wrong = TestServer::Key("reader");
  wrong.access_key_secret = "secret-wrong";
  const std::string v1 = server.Send(server.Batch(wrong)).Message();
  ASSERT_NE(v1.find(marker), std::string::npos);
  const std::string text = v1.substr(v1.find(marker) + marker.size());
  EXPECT_THAT(text, StartsWith("GET&%2F&AccessKeyId%3D"));
  EXPECT_EQ(text.find_first_of(": "), std::string::npos) << "the classic Python SDK splits here";
  const OwnedRequest v3 =
      SignedAcs3(wrong, "BatchQuerySessionByClientIds",
                 session_status::testing::BatchParameters(kInstance, {"x"}), kNow, "nonce-x");
  EXPECT_THAT(server.Send(v3).Message(),
              ::testing::MatchesRegex(".*server string to sign is:ACS3-HMAC-SHA256\n[0-9a-f]+"));
}

// What stands behind the message's first colon, as the classic Python SDK takes it.
std::string StringToSignOf(const std::string& message) {
  const std::string marker = "server string to sign is:";
  EXPECT_EQ(message.find(':'), message.find(marker) + marker.size() - 1) << message;
  return message.substr(message.find(marker) + marker.size());
}

TEST(ErrorCodesTest, ALongStringToSignIsCutAndTheMessageSaysSo) {
  TestServer server;
  Credentials wrong = TestServer::Key("reader");
  wrong.access_key_secret = "secret-wrong";
  const Answer answer = server.Send(server.Batch(wrong, {{"Zzz", std::string(100'000, '/')}}));
  EXPECT_EQ(answer.Code(), "SignatureDoesNotMatch");
  EXPECT_LT(answer.body.size(), 20'000u);
  EXPECT_THAT(answer.Message(),
              ::testing::MatchesRegex("Specified signature is not matched with our calculation. "
                                      "Of its 500[0-9]+ bytes the first 16384 follow. server "
                                      "string to sign is:GET&.*"));
  EXPECT_EQ(StringToSignOf(answer.Message()).size(), 16'384u);
}

TEST(ErrorCodesTest, TheStringToSignOfTheLongestRealCallIsWhole) {
  TestServer server;
  // Ten identifiers of 64 characters that take three bytes each, and a token with a long policy.
  ParameterMap ids;
  for (int i = 1; i <= 10; ++i) {
    std::string id;
    for (int c = 0; c < 64; ++c) id += "\u6e2c";
    ids[absl::StrCat("ClientIdList.", i)] = id;
  }
  std::string policy = R"({"Version":"1","Statement":[)";
  while (policy.size() < 1900) {
    policy += R"({"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local0001"},)";
  }
  policy.back() = ']';
  Credentials key = server.TemporaryKey("reader", policy + "}");
  key.access_key_secret = "secret-wrong";
  const std::string message = server.Send(server.Batch(key, ids)).Message();
  EXPECT_THAT(message, HasSubstr("calculation. server string to sign is:GET&"));
  EXPECT_GT(StringToSignOf(message).size(), 12'000u);
  EXPECT_THAT(message, ::testing::EndsWith("Version%3D2020-04-20"));
}

TEST(ErrorCodesTest, ABodyThatIsNotTheOneWhoseHashWasSignedIsSaidToBeThat) {
  TestServer server;
  OwnedRequest request =
      SignedAcs3(TestServer::Key("reader"), "BatchQuerySessionByClientIds",
                 session_status::testing::BatchParameters(kInstance, {"x"}), kNow, "nonce-x");
  request.method = "GET";  // signed as POST
  const Answer method = server.Send(request);
  EXPECT_THAT(method.Message(), HasSubstr("our calculation. server string to sign is:ACS3"));
  request.method = "POST";
  request.body = "not what was signed";
  const Answer body = server.Send(request);
  EXPECT_EQ(body.Code(), "SignatureDoesNotMatch");
  EXPECT_THAT(body.Message(), HasSubstr("x-acs-content-sha256 is not the hash of the body"));
  EXPECT_THAT(StringToSignOf(body.Message()),
              ::testing::MatchesRegex("ACS3-HMAC-SHA256\n[0-9a-f]+"));
}

TEST(ErrorCodesTest, OnlyFailedAuthenticationsCountAsSuch) {
  TestServerOptions options;
  options.surface.failure_limit = {1, 1};
  const Credentials reader = TestServer::Key("reader");
  Credentials wrong = reader;
  wrong.access_key_secret = "secret-wrong";
  const auto with = [](OwnedRequest request, const std::string& from, const std::string& to) {
    request.target = absl::StrReplaceAll(request.target, {{from, to}});
    return request;
  };
  {
    TestServer server(options);
    OwnedRequest put = server.Batch(reader);
    put.method = "PUT";
    const std::vector<std::pair<OwnedRequest, const char*>> calls = {
        {put, "UnsupportedHTTPMethod"},
        {with(server.Batch(reader), "/?", "/other?"), "InvalidApi.NotFound"},
        {with(server.Batch(reader), "/?", "/?Action=x&"), "InvalidParameter.Action"},
        {server.Batch(reader, {{"Format", "YAML"}}), "InvalidParameter.Format"},
        {server.Batch(reader, {{"Action", "Nope"}}), "InvalidApi.NotFound"},
        {server.Batch(reader, {{"Action", "ApplyToken"}}), "ApiNotSupport"},
        {server.Batch(reader, {{"Version", "1"}}), "InvalidVersion"},
    };
    for (const auto& [request, code] : calls) EXPECT_EQ(server.Send(request).Code(), code);
    EXPECT_EQ(server.Send(server.Batch(reader, {{"ClientIdList.1", ""}})).Code(),
              "InvalidParameter.ClientIdList");
    EXPECT_EQ(server.Send(server.Batch(TestServer::Key("nobody"))).Code(),
              "InstancePermissionCheckFailed");
    EXPECT_EQ(server.Send(server.Batch(wrong)).Code(), "SignatureDoesNotMatch");
    EXPECT_EQ(server.Send(server.Batch(wrong)).Code(), "Throttling");
    for (const auto& [request, code] : calls) EXPECT_EQ(server.Send(request).Code(), code);
  }
  TestServer maker(options);  // of requests only
  OwnedRequest malformed;
  malformed.headers = {{"host", "x"}, {"Authorization", "ACS3-HMAC-SHA256 Credential=k"}};
  Credentials mismatched = reader;
  mismatched.security_token = "x";
  const std::vector<std::pair<OwnedRequest, const char*>> failures = {
      {OwnedRequest(), "MissingAccessKeyId"},
      {with(maker.Batch(reader), "&Signature=", "&Sig="), "MissingSignature"},
      {malformed, "IncompleteSignature"},
      {maker.Batch(reader, {{"SignatureMethod", "x"}}), "InvalidSignatureMethod"},
      {maker.Batch(TestServer::Key("missing")), "InvalidAccessKeyId.NotFound"},
      {maker.Batch(TestServer::Key("inactive")), "InvalidAccessKeyId.Inactive"},
      {maker.Batch(reader, {{"Timestamp", "x"}}), "InvalidTimeStamp.Format"},
      {maker.Batch(wrong), "SignatureDoesNotMatch"},
      {maker.Batch(mismatched), "InvalidSecurityToken.MismatchWithAccessKey"}};
  for (const auto& [request, code] : failures) {
    TestServer server(options);
    EXPECT_EQ(server.Send(request).Code(), code);
    EXPECT_EQ(server.Send(request).Code(), "Throttling") << code;
  }
}

TEST(ErrorCodesTest, WhereNobodySignsNothingCountsAsAFailedAuthentication) {
  TestServerOptions options;
  options.with_access_file = false;
  options.surface.failure_limit = {1, 1};
  TestServer server(options);
  http::Peer local;
  local.kind = http::Peer::Kind::kUnixSocket;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(server.SendFrom(local, OwnedRequest()).Code(), "MissingAction");
  }
  EXPECT_EQ(server.Send(OwnedRequest()).Code(), "MissingAccessKeyId") << "a stranger";
  EXPECT_EQ(server.Send(OwnedRequest()).Code(), "Throttling");
}

TEST(ErrorCodesTest, EachUserAtTheUnixSocketHasFailuresOfHisOwn) {
  TestServerOptions options;
  options.surface.failure_limit = {1, 1};
  TestServer server(options);
  Credentials wrong = TestServer::Key("reader");
  wrong.access_key_secret = "secret-wrong";
  for (const uid_t uid : {1000u, 1001u}) {
    http::Peer local;
    local.kind = http::Peer::Kind::kUnixSocket;
    local.uid = uid;
    EXPECT_EQ(server.SendFrom(local, server.Batch(wrong)).Code(), "SignatureDoesNotMatch") << uid;
    EXPECT_EQ(server.SendFrom(local, server.Batch(wrong)).Code(), "Throttling") << uid;
  }
}

TEST(ErrorCodesTest, ALongCallOfAnAddressWithoutFailuresLeftIsNotWorkedOn) {
  TestServerOptions options;
  options.surface.failure_limit = {1, 1};
  TestServer server(options);
  const Credentials reader = TestServer::Key("reader");
  Credentials wrong = reader;
  wrong.access_key_secret = "secret-wrong";
  const auto long_one = [&] {
    return server.Batch(reader, {{"Zzz", std::string(CallLimits::kShortBytesMax, 'z')}});
  };
  EXPECT_EQ(server.Send(long_one()).Code(), "");
  EXPECT_EQ(server.Send(server.Batch(wrong)).Code(), "SignatureDoesNotMatch");
  const OwnedRequest good = long_one();
  const Answer refused = server.Send(good);
  EXPECT_EQ(refused.Code(), "Throttling");
  EXPECT_EQ(refused.headers.at("x-acs-retry-after"), "1000");
  OwnedRequest unreadable = good;
  unreadable.target += "&bad=%zz";
  EXPECT_EQ(server.Send(unreadable).Code(), "Throttling") << "before its parameters are read";
  EXPECT_EQ(server.Send(server.Batch(reader)).Code(), "") << "a short one";
  http::Peer other = server.peer;
  other.address = "203.0.113.10";
  EXPECT_EQ(server.SendFrom(other, long_one()).Code(), "");
  EXPECT_EQ(server.Send(good, kNow + absl::Seconds(1)).Code(), "");
}

TEST(ErrorCodesTest, AFailureFloodOfOneAddressIsThrottledAndItsGoodCallsAreNot) {
  TestServer server;
  Credentials wrong = TestServer::Key("reader");
  wrong.access_key_secret = "secret-wrong";
  int detailed = 0;
  std::string last;
  for (int i = 0; i < 400; ++i) {
    last = server.Send(server.Batch(wrong)).Code();
    detailed += last == "SignatureDoesNotMatch";
  }
  EXPECT_EQ(detailed, 200);
  EXPECT_EQ(last, "Throttling");
  EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"))).status, 200);
  http::Peer other = server.peer;
  other.address = "203.0.113.10";
  EXPECT_EQ(server.SendFrom(other, server.Batch(wrong)).Code(), "SignatureDoesNotMatch");
}

}  // namespace
}  // namespace session_status::openapi
