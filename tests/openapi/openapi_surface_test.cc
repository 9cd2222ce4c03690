#include "plugin/openapi/openapi_surface.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/openapi/test_server.h"

namespace session_status::openapi {
namespace {

using ::session_status::testing::BatchParameters;
using ::session_status::testing::Credentials;
using ::session_status::testing::LoadSignatureVectors;
using ::session_status::testing::OwnedRequest;
using ::session_status::testing::ParameterMap;
using ::session_status::testing::SignatureVector;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kBatch[] = "BatchQuerySessionByClientIds";
constexpr char kQuery[] = "QuerySessionByClientId";

std::vector<std::string> ListOf(const Answer& answer) {
  std::vector<std::string> list;
  const rapidjson::Document json = answer.Json();
  for (const auto& item : json["OnlineStatusList"].GetArray()) {
    list.push_back(absl::StrCat(item["ClientId"].GetString(), "=",
                                item["OnlineStatus"].GetBool() ? "on" : "off"));
  }
  return list;
}

TEST(OpenApiSurfaceTest, ABatchIsAnsweredInRequestOrderWithTheSnapshotsAge) {
  TestServer server;
  ParameterMap ids;
  for (int i = 1; i <= 10; ++i) ids[absl::StrCat("ClientIdList.", i)] = absl::StrCat("GID_a@@@", i);
  ids["ClientIdList.9"] = "GID_a@@@1";  // twice is answered twice
  const Answer answer = server.Send(server.Batch(TestServer::Key("reader"), ids));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.content_type, "application/json;charset=utf-8");
  EXPECT_THAT(ListOf(answer),
              ElementsAre("GID_a@@@1=on", "GID_a@@@2=off", "GID_a@@@3=on", "GID_a@@@4=off",
                          "GID_a@@@5=off", "GID_a@@@6=off", "GID_a@@@7=off", "GID_a@@@8=off",
                          "GID_a@@@1=on", "GID_a@@@10=off"));
  const rapidjson::Document json = answer.Json();
  EXPECT_EQ(answer.headers.at("x-acs-request-id"), json["RequestId"].GetString());
  EXPECT_FALSE(json.HasMember("Code"));
  EXPECT_EQ(answer.headers.at("x-session-status-sequence"), "42");
  EXPECT_EQ(answer.headers.at("x-session-status-age-ms"), "350");
  EXPECT_THAT(server.meter.counted,
              ElementsAre("1001/reader/post-cn-local0001/BatchQuerySessionByClientIds"));
}

TEST(OpenApiSurfaceTest, AQueryIsAnsweredFromTheLiveRegistry) {
  TestServer server;
  const Answer on = server.Send(server.Query(TestServer::Key("reader")));
  ASSERT_EQ(on.status, 200) << on.body;
  EXPECT_TRUE(on.Json()["OnlineStatus"].GetBool());
  EXPECT_EQ(on.headers.at("x-session-status-sequence"), "77");
  const Answer off =
      server.Send(server.Query(TestServer::Key("reader"), {{"ClientId", "never seen"}}));
  EXPECT_FALSE(off.Json()["OnlineStatus"].GetBool());
  EXPECT_NE(on.headers.at("x-acs-request-id"), off.headers.at("x-acs-request-id"));
}

TEST(OpenApiSurfaceTest, TheAgeOfAFleetsBatchIsThatOfItsOlderPart) {
  struct Case {
    Scope scope;
    absl::Duration others_age;
    const char* scope_name;
    const char* age_ms;  // this node's part is 350 ms old
  };
  for (const Case& c : {Case{Scope::kFleet, absl::Milliseconds(100), "fleet", "350"},
                        Case{Scope::kFleet, absl::Milliseconds(900), "fleet", "900"},
                        Case{Scope::kStale, absl::Seconds(9), "stale", "9000"},
                        Case{Scope::kLocal, absl::ZeroDuration(), "local", "350"}}) {
    TestServer server;
    server.source.scope = c.scope;
    server.source.others_age = c.others_age;
    const Answer answer = server.Send(server.Batch(TestServer::Key("reader")));
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.headers.at("x-session-status-scope"), c.scope_name);
    EXPECT_EQ(answer.headers.at("x-session-status-age-ms"), c.age_ms);
  }
}

TEST(OpenApiSurfaceTest, AQueryThatTheFleetCannotAnswerIsRefusedAndNotCounted) {
  TestServer server;
  server.source.available = false;
  const Answer answer = server.Send(server.Query(TestServer::Key("reader")));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.Code(), "ServiceUnavailable");
  EXPECT_TRUE(server.meter.counted.empty());
}

TEST(OpenApiSurfaceTest, XmlRepliesRepeatTheListElement) {
  TestServer server;
  const Answer batch = server.Send(server.Batch(TestServer::Key("reader"), {{"Format", "xml"}}));
  EXPECT_EQ(batch.content_type, "text/xml;charset=utf-8");
  EXPECT_EQ(batch.body,
            absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
                         "<BatchQuerySessionByClientIdsResponse><RequestId>",
                         batch.headers.at("x-acs-request-id"),
                         "</RequestId><OnlineStatusList><OnlineStatus>true</OnlineStatus>"
                         "<ClientId>GID_a@@@1</ClientId></OnlineStatusList><OnlineStatusList>"
                         "<OnlineStatus>false</OnlineStatus><ClientId>GID_a@@@2</ClientId>"
                         "</OnlineStatusList></BatchQuerySessionByClientIdsResponse>"));
  const Answer query = server.Send(
      server.Query(TestServer::Key("reader"), {{"Format", "XML"}, {"ClientId", "<&\"\x01>"}}));
  EXPECT_THAT(query.body, HasSubstr("<QuerySessionByClientIdResponse><RequestId>"));
  const Answer odd = server.Send(server.Batch(
      TestServer::Key("reader"), {{"Format", "XML"}, {"ClientIdList.1", "<&\x01\r>"}}));
  EXPECT_THAT(odd.body, HasSubstr("<ClientId>&lt;&amp;??&gt;</ClientId>"));
}

TEST(OpenApiSurfaceTest, TheClassicCppSdkGetsTheNestedListItReads) {
  TestServer server;
  OwnedRequest request = server.Batch(TestServer::Key("reader"), {{"ClientIdList.0", "GID_a@@@3"}});
  request.headers.emplace_back("x-sdk-client", "CPP/1.36.0");
  EXPECT_THAT(server.Send(request).body,
              HasSubstr("\"OnlineStatusList\":{\"OnlineStatusListItem\":[{\"OnlineStatus\":true,"
                        "\"ClientId\":\"GID_a@@@3\"}"));
}

TEST(OpenApiSurfaceTest, TheNestedListOfTheClassicCppSdkCanBeTurnedOff) {
  TestServerOptions options;
  options.surface.cpp_sdk_lists = false;
  TestServer server(options);
  OwnedRequest request = server.Batch(TestServer::Key("reader"), {{"ClientIdList.0", "GID_a@@@3"}});
  request.headers.emplace_back("x-sdk-client", "CPP/1.36.0");
  EXPECT_THAT(ListOf(server.Send(request)),
              ElementsAre("GID_a@@@3=on", "GID_a@@@1=on", "GID_a@@@2=off"));
}

TEST(OpenApiSurfaceTest, EveryVectorOfThePublishedSdksIsAnsweredWithItsOwnInput) {
  for (const char* file : {"v1.jsonl", "v3.jsonl"}) {
    for (const SignatureVector& vector : LoadSignatureVectors(file)) {
      if (!vector.security_token.empty()) continue;  // another server's token: below
      SCOPED_TRACE(absl::StrCat(vector.id, " ", vector.note));
      TestServerOptions options;
      options.instances.default_instance = vector.instance_id;
      options.access_file = absl::StrCat(
          R"({"version":1,"accounts":[{"id":"1","instances":["*"],"access_keys":[{"id":")",
          vector.access_key_id, R"(","secret":")", vector.access_key_secret, R"("}]}]})");
      TestServer server(options);
      const Answer answer = server.Send(vector.request, vector.timestamp);
      bool has_empty = false;
      for (const std::string& id : vector.client_ids) has_empty = has_empty || id.empty();
      if (has_empty) {  // signed correctly, and then refused for what it asks
        EXPECT_THAT(answer.Code(), ::testing::StartsWith("InvalidParameter.ClientId"));
        continue;
      }
      ASSERT_EQ(answer.status, 200) << answer.body;
      const rapidjson::Document json = answer.Json();
      if (vector.operation == kQuery) {
        EXPECT_TRUE(json["OnlineStatus"].IsBool());
        continue;
      }
      ASSERT_EQ(json["OnlineStatusList"].Size(), vector.client_ids.size());
      for (rapidjson::SizeType i = 0; i < json["OnlineStatusList"].Size(); ++i) {
        const auto& id = json["OnlineStatusList"][i]["ClientId"];
        EXPECT_EQ(std::string(id.GetString(), id.GetStringLength()), vector.client_ids[i]);
      }
    }
  }
}

TEST(OpenApiSurfaceTest, AReplayedRequestIsRefusedUntilItsTimestampExpires) {
  TestServer server;
  const OwnedRequest request = server.Batch(TestServer::Key("reader"));
  EXPECT_EQ(server.Send(request).status, 200);
  EXPECT_EQ(server.Send(request).Code(), "SignatureNonceUsed");
  EXPECT_EQ(server.Send(request, kNow + absl::Minutes(15)).Code(), "SignatureNonceUsed");
  EXPECT_EQ(server.Send(request, kNow + absl::Minutes(15) + absl::Seconds(1)).Code(),
            "InvalidTimeStamp.Expired");
  // The same nonce from a clock that runs ahead: remembered for as long as that request is good.
  const OwnedRequest ahead = SignedRpc(
      TestServer::Key("reader"),
      [] {
        ParameterMap p = BatchParameters(kInstance, {"x"});
        p["Action"] = kBatch;
        return p;
      }(),
      kNow + absl::Minutes(14), "ahead");
  EXPECT_EQ(server.Send(ahead).status, 200);
  EXPECT_EQ(server.Send(ahead, kNow + absl::Minutes(29)).Code(), "SignatureNonceUsed");
}

TEST(OpenApiSurfaceTest, ANonceIsUsedUpForItsOwnKeyAlone) {
  TestServer server;
  ParameterMap parameters = BatchParameters(kInstance, {"x"});
  parameters["Action"] = kBatch;
  for (const char* user : {"reader", "batcher"}) {
    SCOPED_TRACE(user);
    const Credentials key = TestServer::Key(user);
    EXPECT_EQ(server.Send(SignedRpc(key, parameters, kNow, "same")).Code(), "");
    EXPECT_EQ(server.Send(SignedAcs3(key, kBatch, BatchParameters(kInstance, {"y"}), kNow, "same"))
                  .Code(),
              "SignatureNonceUsed")
        << "in either scheme";
  }
}

TEST(OpenApiSurfaceTest, ABadSignatureUsesUpNobodysNonce) {
  TestServer server;
  OwnedRequest forged = server.Batch(TestServer::Key("reader"));
  const OwnedRequest good = forged;
  forged.target = absl::StrReplaceAll(forged.target, {{"%40%40%401", "%40%40%407"}});
  EXPECT_EQ(server.Send(forged).Code(), "SignatureDoesNotMatch");
  EXPECT_EQ(server.Send(good).status, 200);
}

TEST(OpenApiSurfaceTest, NotOneOfAThousandRequestsWithOneFlippedByteIsAccepted) {
  TestServerOptions options;
  options.surface.batch_limit = {};
  options.surface.address_limit = {};
  options.surface.failure_limit = {};
  TestServer server(options);
  std::mt19937_64 rng(7);
  for (int i = 0; i < 1000; ++i) {
    OwnedRequest request;
    if (i % 2 == 0) {
      request = server.Batch(TestServer::Key("reader"));
    } else {
      request = SignedAcs3(TestServer::Key("reader"), kBatch,
                           BatchParameters(kInstance, {"GID_a@@@1", "GID b*~"}), kNow,
                           absl::StrCat("v3-", i));
    }
    // The request as it is meant arrives first; one byte of a copy of it is changed on the way.
    ASSERT_EQ(server.Send(request).status, 200) << i;
    std::vector<std::string*> places{&request.method, &request.target};
    if (i % 2 == 1) {
      for (auto& [name, value] : request.headers) places.push_back(&value);
    }
    size_t total = 0;
    for (const std::string* place : places) total += place->size();
    size_t at = rng() % total;
    auto place = places.begin();
    while (at >= (*place)->size()) at -= (*place++)->size();
    (**place)[at] = static_cast<char>((**place)[at] ^ (1 + rng() % 255));
    const Answer answer = server.Send(request);
    EXPECT_GE(answer.status, 400) << i << " byte " << at << " of " << **place;
    EXPECT_NE(answer.Code(), "");
  }
  EXPECT_EQ(server.meter.counted.size(), 1000u);
}

TEST(OpenApiSurfaceTest, ParametersMayComeFromQueryFormOrHeader) {
  TestServer server;
  ParameterMap parameters = BatchParameters(kInstance, {"GID_a@@@1"});
  parameters["Action"] = kBatch;
  const Credentials key = TestServer::Key("reader");
  EXPECT_EQ(server.Send(SignedRpc(key, parameters, kNow, "a", "GET")).status, 200);
  EXPECT_EQ(server.Send(SignedRpc(key, parameters, kNow, "b", "POST")).status, 200);
  OwnedRequest form = SignedRpc(key, parameters, kNow, "c", "POST", /*in_body=*/true);
  form.SetHeader("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
  EXPECT_EQ(server.Send(form).status, 200);
  form = SignedRpc(key, parameters, kNow, "d", "POST", /*in_body=*/true);
  form.SetHeader("content-type", "application/json");
  EXPECT_EQ(server.Send(form).Code(), "MissingAccessKeyId");
  // Half in the query, half in the form.
  OwnedRequest split = SignedRpc(key, parameters, kNow, "e", "POST");
  const size_t cut = split.target.find("&InstanceId=");
  const size_t end = split.target.find("&SignatureMethod=");
  split.body = split.target.substr(cut + 1, end - cut - 1);
  split.target.erase(cut, end - cut);
  split.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  EXPECT_EQ(server.Send(split).status, 200);
  // V1 headers of some SDKs name the action too; only parameters count.
  OwnedRequest both = SignedRpc(key, parameters, kNow, "f");
  both.headers.emplace_back("x-acs-action", "somethingElse");
  both.headers.emplace_back("x-acs-version", "1999-01-01");
  EXPECT_EQ(server.Send(both).status, 200);
  EXPECT_EQ(server
                .Send(SignedAcs3(key, kBatch, BatchParameters(kInstance, {"x"}), kNow, "g",
                                 {{"accept", "application/json"},
                                  {"user-agent", "Python/3 TeaDSL/2"},
                                  {"x-acs-credentials-provider", "static_ak"}}))
                .status,
            200);
}

struct OrderCase {
  const char* what;
  ParameterMap more;
  const char* user;
  const char* want;
};

TEST(OpenApiSurfaceTest, TheFirstFailingCheckInTheDocumentedOrderDecides) {
  // clang-format off
  for (const OrderCase& c : {
           OrderCase{"format before scheme", {{"Format", "YAML"}, {"SignatureMethod", "x"}}, "missing", "InvalidParameter.Format"},
           OrderCase{"scheme before operation", {{"SignatureMethod", "x"}, {"Action", "Nope"}}, "missing", "InvalidSignatureMethod"},
           OrderCase{"operation before key", {{"Action", "Nope"}}, "missing", "InvalidApi.NotFound"},
           OrderCase{"version before key", {{"Version", "1"}}, "missing", "InvalidVersion"},
           OrderCase{"key before timestamp", {{"Timestamp", "x"}}, "missing", "InvalidAccessKeyId.NotFound"},
           OrderCase{"inactive before timestamp", {{"Timestamp", "x"}}, "inactive", "InvalidAccessKeyId.Inactive"},
           OrderCase{"signature before input", {{"ClientIdList.2", ""}}, "wrong", "SignatureDoesNotMatch"},
           OrderCase{"input before permission", {{"ClientIdList.2", ""}}, "nobody", "InvalidParameter.ClientIdList"},
           OrderCase{"instance before policy", {{"InstanceId", "x"}}, "nobody", "InstancePermissionCheckFailed"},
       }) {
    // clang-format on
    SCOPED_TRACE(c.what);
    TestServer server;
    Credentials key = TestServer::Key(c.user);
    if (key.access_key_id == "key-wrong") key.access_key_id = "key-reader";
    EXPECT_EQ(server.Send(server.Batch(key, c.more)).Code(), c.want);
    EXPECT_TRUE(server.meter.counted.empty());
  }
}

TEST(OpenApiSurfaceTest, MissingCommonParametersAreNamed) {
  for (const char* name : {"AccessKeyId", "Action", "Version", "Timestamp", "SignatureNonce",
                           "SignatureMethod", "SignatureVersion"}) {
    TestServer server;
    EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"), {{name, ""}})).Code(),
              absl::StrCat("Missing", name));
  }
  TestServer server;
  OwnedRequest no_signature = server.Batch(TestServer::Key("reader"));
  const size_t begin = no_signature.target.find("&Signature=");
  const size_t end = no_signature.target.find('&', begin + 1);
  no_signature.target.erase(begin, end - begin);
  EXPECT_EQ(server.Send(no_signature).Code(), "MissingSignature");
  OwnedRequest nothing;
  EXPECT_EQ(server.Send(nothing).Code(), "MissingAccessKeyId");
  for (const auto& [header, code] : std::vector<std::pair<const char*, const char*>>{
           {"x-acs-action", "MissingAction"},
           {"x-acs-version", "MissingVersion"},
           {"x-acs-date", "MissingTimestamp"},
           {"x-acs-signature-nonce", "MissingSignatureNonce"}}) {
    OwnedRequest request =
        SignedAcs3(TestServer::Key("reader"), kBatch, BatchParameters(kInstance, {"x"}), kNow, "n");
    request.RemoveHeader(header);
    EXPECT_EQ(server.Send(request).Code(), code);
  }
}

TEST(OpenApiSurfaceTest, OtherOperationsOfTheProductAreKnownButNotSupported) {
  TestServer server;
  for (const char* action :
       {"ApplyToken", "CloseConnection", "DisasterDowngrade", "DisasterRecovery", "ListInstances",
        "ListTagResources", "SendMessage", "SetSniConfig", "TagResources", "UntagResources"}) {
    const Answer answer =
        server.Send(server.Batch(TestServer::Key("reader"), {{"Action", action}}));
    EXPECT_EQ(answer.Code(), "ApiNotSupport") << action;
    EXPECT_EQ(answer.status, 404);
  }
  EXPECT_EQ(
      server.Send(server.Batch(TestServer::Key("reader"), {{"Action", "TagResource"}})).Code(),
      "InvalidApi.NotFound");
}

TEST(OpenApiSurfaceTest, ForeignSchemesGetATypedError) {
  TestServer server;
  for (const char* authorization : {"ACS3-HMAC-SM3 Credential=a,SignedHeaders=b,Signature=c",
                                    "ACS3-RSA-SHA256 Credential=a,SignedHeaders=b,Signature=c",
                                    "ACS3-HMAC-SHA256X Credential=a,SignedHeaders=b,Signature=c",
                                    "ACS4-HMAC-SHA256 Credential=a,SignedHeaders=b,Signature=c"}) {
    OwnedRequest request;
    request.headers.emplace_back("Authorization", authorization);
    EXPECT_EQ(server.Send(request).Code(), "InvalidSignatureMethod") << authorization;
  }
  OwnedRequest bearer;
  bearer.target = "/?Action=x&BearerToken=t&SignatureType=BEARERTOKEN&Signature=x";
  EXPECT_EQ(server.Send(bearer).Code(), "InvalidSignatureMethod");
  OwnedRequest bearer3;
  bearer3.headers.emplace_back("x-acs-bearer-token", "t");
  EXPECT_EQ(server.Send(bearer3).Code(), "InvalidSignatureMethod");
}

TEST(OpenApiSurfaceTest, AnEmptyFormatOrBearerTokenSaysNothing) {
  TestServer server;
  const Credentials reader = TestServer::Key("reader");
  const Answer answer = server.Send(server.Batch(reader, {{"Format", ""}, {"BearerToken", ""}}));
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.content_type, "application/json;charset=utf-8");
  OwnedRequest header = server.Batch(reader);
  header.headers.emplace_back("x-acs-bearer-token", "");
  EXPECT_EQ(server.Send(header).status, 200);
}

TEST(OpenApiSurfaceTest, ClientIdListsAreReadByNumber) {
  struct Case {
    ParameterMap ids;
    const char* want;  // "" is success
  };
  for (const Case& c : {
           Case{{{"ClientIdList.1", "a"}}, ""},
           Case{{{"ClientIdList.0", "a"}}, ""},
           Case{{{"ClientIdList.10", "b"}, {"ClientIdList.2", "a"}}, ""},
           Case{{}, "ParameterCheckFailed"},
           Case{{{"ClientIdList", "a"}}, "ParameterCheckFailed"},
           Case{{{"ClientIdList.1", ""}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.01", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.+1", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.-1", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.11", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.x", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.99999999999999999999", "a"}}, "InvalidParameter.ClientIdList"},
           Case{{{"ClientIdList.1", std::string(65'536, 'x')}}, "InvalidParameter.ClientIdList"},
       }) {
    TestServer server;
    ParameterMap parameters = c.ids;
    parameters["InstanceId"] = kInstance;
    parameters["Action"] = kBatch;
    const Answer answer = server.Send(SignedRpc(TestServer::Key("reader"), parameters, kNow, "n"));
    EXPECT_EQ(answer.Code(), c.want) << (c.ids.empty() ? "" : c.ids.begin()->first);
  }
  TestServer server;
  const Answer answer = server.Send(
      server.Batch(TestServer::Key("reader"), {{"ClientIdList.10", "j"}, {"ClientIdList.5", "e"}}));
  EXPECT_THAT(ListOf(answer), ElementsAre("GID_a@@@1=on", "GID_a@@@2=off", "e=off", "j=off"));
}

TEST(OpenApiSurfaceTest, TheLongestClientIdentifierThatMqttAllowsIsAnswered) {
  TestServer server;
  const Credentials reader = TestServer::Key("reader");
  const std::string longest(65'535, 'x');
  server.source.online[kInstance].insert(longest);
  const Answer query = server.Send(server.Query(reader, {{"ClientId", longest}}));
  ASSERT_EQ(query.status, 200) << query.body;
  EXPECT_TRUE(query.Json()["OnlineStatus"].GetBool());
  const Answer batch = server.Send(server.Batch(reader, {{"ClientIdList.1", longest}}));
  ASSERT_EQ(batch.status, 200) << batch.body;
  EXPECT_THAT(ListOf(batch), ElementsAre(longest + "=on", "GID_a@@@2=off"));
  EXPECT_EQ(server.Send(server.Query(reader, {{"ClientId", longest + "x"}})).Code(),
            "InvalidParameter.ClientId");
}

TEST(OpenApiSurfaceTest, AnInstanceIdIsAsLongAsAnAccessFileTakes) {
  TestServerOptions options;
  options.instances.by_username = true;
  options.access_file = absl::StrReplaceAll(
      kAccessFile,
      {{absl::StrCat(R"("instances": [")", kInstance, R"("])"), R"("instances": ["*"])"}});
  TestServer server(options);
  const auto code = [&server](size_t bytes) {
    const ParameterMap more{{"InstanceId", std::string(bytes, 'i')}};
    return server.Send(server.Query(TestServer::Key("owner"), more)).Code();
  };
  EXPECT_EQ(code(128), "");
  EXPECT_EQ(code(129), "InvalidParameter.InstanceId");
  EXPECT_EQ(code(900'000), "InvalidParameter.InstanceId");
  EXPECT_EQ(server.meter.counted.size(), 1u);
}

TEST(OpenApiSurfaceTest, NamesThatAnAccountMakesUpAreCountedTogetherBeyondAThousand) {
  TestServerOptions options;
  options.instances.by_username = true;
  options.surface.query_limit = options.surface.address_limit = {};
  options.access_file =
      absl::StrReplaceAll(kAccessFile, {{absl::StrCat(R"("instances": [")", kInstance, R"("])"),
                                         R"("instances": ["*", "post-cn-listed"])"}});
  TestServer server(options);
  const auto counted = [&server](const char* user, const std::string& instance,
                                 absl::Time now = kNow) {
    const OwnedRequest request =
        server.Query(TestServer::Key(user), {{"InstanceId", instance}}, now);
    EXPECT_EQ(server.Send(request, now).Code(), "") << instance;
    const std::vector<std::string> parts = absl::StrSplit(server.meter.counted.back(), '/');
    return parts[2];
  };
  for (int i = 0; i < 1000; ++i) {
    const std::string name = absl::StrCat("made-up-", i);
    ASSERT_EQ(counted("owner", name), name);
  }
  EXPECT_EQ(counted("owner", "made-up-1000"), "(other instances)");
  EXPECT_EQ(counted("owner", "made-up-1001"), "(other instances)");
  EXPECT_EQ(counted("owner", "made-up-7"), "made-up-7");
  EXPECT_EQ(counted("owner", "post-cn-listed"), "post-cn-listed") << "the access file names it";
  EXPECT_EQ(counted("stranger", "post-cn-other0001"), "post-cn-other0001") << "another account";
  EXPECT_EQ(counted("owner", "made-up-1000", kNow + absl::Hours(1)), "made-up-1000");
}

TEST(OpenApiSurfaceTest, StrictClientIdentifiersFollowTheDocumentedForm) {
  for (const char* good : {"GID_test@@@0001", "GID-abc@@@x-y_z"}) {
    EXPECT_TRUE(IsDocumentedClientId(good)) << good;
  }
  for (const char* bad : {"GID_test@0001", "GID_te@@@1", "XID_test@@@1", "GID_test@@@",
                          "GID_test@@@a:b", "GID_te:st@@@a", "plain", ""}) {
    EXPECT_FALSE(IsDocumentedClientId(bad)) << bad;
  }
  EXPECT_FALSE(IsDocumentedClientId("GID_test@@@" + std::string(54, 'x')));
  EXPECT_TRUE(IsDocumentedClientId("GID_test@@@" + std::string(53, 'x')));
  TestServerOptions options;
  options.surface.strict_client_ids = true;
  TestServer server(options);
  EXPECT_EQ(server.Send(server.Query(TestServer::Key("reader"), {{"ClientId", "plain"}})).Code(),
            "InvalidParameter.ClientId");
}

TEST(OpenApiSurfaceTest, TheBatchLimitIsAnOption) {
  TestServerOptions options;
  options.surface.batch_ids_max = 200;
  TestServer server(options);
  std::vector<std::string> ids;
  for (int i = 0; i < 200; ++i) ids.push_back(absl::StrCat("c", i));
  ParameterMap parameters = BatchParameters(kInstance, ids);
  parameters["Action"] = kBatch;
  const Answer answer = server.Send(SignedRpc(TestServer::Key("reader"), parameters, kNow, "n"));
  EXPECT_EQ(answer.Json()["OnlineStatusList"].Size(), 200u) << answer.body;
}

TEST(OpenApiSurfaceTest, PermissionsDecideAsDocumented) {
  struct Case {
    const char* user;
    bool batch;
    const char* instance;
    const char* want;
  };
  for (const Case& c : {Case{"owner", true, kInstance, ""}, Case{"owner", false, kInstance, ""},
                        Case{"owner", true, "post-cn-other0001", "InstancePermissionCheckFailed"},
                        Case{"owner", true, "post-cn-unknown", "InstancePermissionCheckFailed"},
                        Case{"reader", true, kInstance, ""}, Case{"reader", false, kInstance, ""},
                        Case{"batcher", true, kInstance, ""},
                        Case{"batcher", false, kInstance, "PermissionCheckFailed"},
                        Case{"nobody", true, kInstance, "InstancePermissionCheckFailed"},
                        Case{"nobody", false, kInstance, "InstancePermissionCheckFailed"},
                        Case{"denied", true, kInstance, "PermissionCheckFailed"},
                        Case{"denied", false, kInstance, ""},
                        Case{"stranger", true, kInstance, "InstancePermissionCheckFailed"},
                        Case{"stranger", true, "post-cn-other0001", ""}}) {
    TestServer server;
    const ParameterMap more{{"InstanceId", c.instance}};
    const Credentials key = TestServer::Key(c.user);
    const Answer answer = server.Send(c.batch ? server.Batch(key, more) : server.Query(key, more));
    EXPECT_EQ(answer.Code(), c.want) << c.user << " " << c.batch << " " << c.instance;
    EXPECT_EQ(server.meter.counted.size(), answer.status == 200 ? 1u : 0u);
  }
}

TEST(OpenApiSurfaceTest, AnAccountIsAnsweredForWhatItOwnsAndTheServerHas) {
  struct Case {
    const char* owned;
    const char* asked;
    const char* want;
  };
  for (const Case& c : {Case{kInstance, kInstance, ""},
                        Case{"post-cn-local", kInstance, "InstancePermissionCheckFailed"},
                        Case{"post-cn-other0001", "post-cn-other0001", ""},
                        Case{"post-cn-unknown", "post-cn-unknown", "InstancePermissionCheckFailed"},
                        Case{"*", kInstance, ""}, Case{"*", "post-cn-other0001", ""},
                        Case{"*", "post-cn-unknown", "InstancePermissionCheckFailed"}}) {
    SCOPED_TRACE(absl::StrCat(c.owned, " ", c.asked));
    TestServerOptions options;
    options.access_file =
        absl::StrReplaceAll(kAccessFile, {{absl::StrCat(R"("instances": [")", kInstance, R"("])"),
                                           absl::StrCat(R"("instances": [")", c.owned, R"("])")}});
    TestServer server(options);
    const Answer answer =
        server.Send(server.Batch(TestServer::Key("owner"), {{"InstanceId", c.asked}}));
    EXPECT_EQ(answer.Code(), c.want);
    EXPECT_EQ(answer.status, *c.want == '\0' ? 200 : 400);
  }
}

TEST(OpenApiSurfaceTest, GatewayErrorsOpenNoInstanceOfAnotherAccount) {
  struct Case {
    const char* user;
    const char* instance;
    const char* want;
  };
  for (const Case& c :
       {Case{"owner", kInstance, ""}, Case{"reader", kInstance, ""},
        Case{"nobody", kInstance, "NoPermission"}, Case{"denied", kInstance, "NoPermission"},
        Case{"reader", "post-cn-other0001", "NoPermission"},
        Case{"owner", "post-cn-other0001", "InstancePermissionCheckFailed"},
        Case{"owner", "post-cn-unknown", "InstancePermissionCheckFailed"},
        Case{"stranger", kInstance, "InstancePermissionCheckFailed"},
        Case{"stranger", "post-cn-other0001", ""}}) {
    SCOPED_TRACE(absl::StrCat(c.user, " ", c.instance));
    TestServerOptions options;
    options.surface.gateway_errors = true;
    TestServer server(options);
    const Answer answer =
        server.Send(server.Batch(TestServer::Key(c.user), {{"InstanceId", c.instance}}));
    EXPECT_EQ(answer.Code(), c.want);
    EXPECT_EQ(answer.Json().HasMember("OnlineStatusList"), *c.want == '\0');
    EXPECT_EQ(server.meter.counted.size(), *c.want == '\0' ? 1u : 0u);
  }
}

TEST(OpenApiSurfaceTest, APolicyNamesRegionAccountAndInstanceInEitherSpelling) {
  struct Case {
    const char* allowed;
    const char* denied;
    const char* want;
  };
  constexpr char kNothing[] = "acs:mq:*:*:no-instance";
  constexpr char kUnseen[] = "InstancePermissionCheckFailed";
  // clang-format off
  for (const Case& c : {
           Case{"acs:mq:local:1001:post-cn-local0001", kNothing, ""},
           Case{"acs:mq:local:1001:instance/post-cn-local0001", kNothing, ""},
           Case{"acs:mq:local:1001:instance/post-cn-local000", kNothing, kUnseen},
           Case{"acs:mq:cn-beijing:1001:*", kNothing, kUnseen},
           Case{"acs:mq:local:1002:*", kNothing, kUnseen},
           Case{"acs:mq:1001:local:*", kNothing, kUnseen},
           Case{"*", "acs:mq:*:*:post-cn-local0001", "PermissionCheckFailed"},
           Case{"*", "acs:mq:*:*:instance/post-cn-local0001", "PermissionCheckFailed"},
           Case{"*", "acs:mq:local:1001:*", "PermissionCheckFailed"},
           Case{"*", "acs:mq:cn-beijing:1001:*", ""},
           Case{"*", "acs:mq:local:1002:*", ""},
           Case{"*", "acs:mq:*:*:instance/post-cn-local000", ""},
       }) {
    // clang-format on
    SCOPED_TRACE(absl::StrCat("allowed ", c.allowed, ", denied ", c.denied));
    TestServerOptions options;
    options.access_file = absl::StrReplaceAll(
        R"({"version": 1, "accounts": [{"id": "1001", "instances": ["post-cn-local0001"], "users": [
          {"name": "reader", "access_keys": [{"id": "key-reader", "secret": "secret-reader"}],
           "policies": [{"Version": "1", "Statement": [
             {"Effect": "Allow", "Action": "mq:*", "Resource": "$allowed"},
             {"Effect": "Deny", "Action": "mq:Batch*", "Resource": "$denied"}]}]}]}]})",
        {{"$allowed", c.allowed}, {"$denied", c.denied}});
    TestServer server(options);
    EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"))).Code(), c.want);
  }
}

TEST(OpenApiSurfaceTest, ADenialSaysWhoWasDeniedWhatAndHow) {
  TestServer server;
  const rapidjson::Document json = server.Send(server.Batch(TestServer::Key("denied"))).Json();
  const auto& detail = json["AccessDeniedDetail"];
  ASSERT_TRUE(detail.IsObject());
  EXPECT_STREQ(detail["AuthAction"].GetString(), "mq:BatchQuerySessionByClientIds");
  EXPECT_STREQ(detail["AuthPrincipalType"].GetString(), "SubUser");
  EXPECT_STREQ(detail["AuthPrincipalOwnerId"].GetString(), "1001");
  EXPECT_STREQ(detail["AuthPrincipalDisplayName"].GetString(), "denied");
  EXPECT_STREQ(detail["NoPermissionType"].GetString(), "ExplicitDeny");
  EXPECT_STREQ(detail["PolicyType"].GetString(), "AccountLevelIdentityBasedPolicy");
  for (const auto& member : detail.GetObject()) EXPECT_TRUE(member.value.IsString());
}

TEST(OpenApiSurfaceTest, BatchMayBeMadeToNeedInstanceAccessToo) {
  TestServerOptions options;
  options.surface.batch_needs_instance_access = true;
  TestServer server(options);
  EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"))).status, 200);
  EXPECT_EQ(server.Send(server.Batch(TestServer::Key("batcher"))).Code(), "PermissionCheckFailed");
}

TEST(OpenApiSurfaceTest, ADenyOfTheBatchStandsWhetherOrNotItNeedsInstanceAccess) {
  for (const bool needs_access : {false, true}) {
    SCOPED_TRACE(needs_access);
    TestServerOptions options;
    options.surface.batch_needs_instance_access = needs_access;
    TestServer server(options);
    const Answer answer = server.Send(server.Batch(TestServer::Key("denied")));
    ASSERT_EQ(answer.Code(), "PermissionCheckFailed");
    const rapidjson::Document json = answer.Json();
    const auto& detail = json["AccessDeniedDetail"];
    EXPECT_STREQ(detail["AuthAction"].GetString(), "mq:BatchQuerySessionByClientIds");
    EXPECT_STREQ(detail["NoPermissionType"].GetString(), "ExplicitDeny");
  }
}

TEST(OpenApiSurfaceTest, ASessionOfTheOwnerObeysItsSessionPolicy) {
  TestServer server;
  const Credentials wide = server.TemporaryKey("root");
  EXPECT_EQ(server.Send(server.Batch(wide)).Code(), "");
  EXPECT_EQ(server.Send(server.Query(wide)).Code(), "");
  const Credentials narrow = server.TemporaryKey(
      "root",
      R"({"Version":"1","Statement":{"Effect":"Allow","Action":"mq:MqttInstanceAccess","Resource":"*"}})");
  EXPECT_EQ(server.Send(server.Query(narrow)).Code(), "");
  const Answer denied = server.Send(server.Batch(narrow));
  ASSERT_EQ(denied.Code(), "PermissionCheckFailed");
  EXPECT_STREQ(denied.Json()["AccessDeniedDetail"]["PolicyType"].GetString(), "SessionPolicy");
}

TEST(OpenApiSurfaceTest, AKeyThatOnlyLooksTemporaryIsNotFound) {
  TestServer server;
  for (const std::string& id :
       {std::string("STS."), std::string("STS.x"), "STS." + std::string(40, '0')}) {
    EXPECT_EQ(server.Send(server.Batch({id, "secret", "token"})).Code(),
              "InvalidAccessKeyId.NotFound")
        << id;
  }
}

TEST(OpenApiSurfaceTest, TemporaryCredentialsWorkInBothSchemesAndOnlyNarrow) {
  TestServer server;
  const Credentials plain = server.TemporaryKey("reader");
  EXPECT_EQ(server.Send(server.Batch(plain)).status, 200);
  EXPECT_EQ(
      server.Send(SignedAcs3(plain, kBatch, BatchParameters(kInstance, {"x"}), kNow, "n")).status,
      200);
  const Credentials narrow = server.TemporaryKey(
      "reader",
      R"({"Version":"1","Statement":{"Effect":"Allow","Action":"mq:MqttInstanceAccess","Resource":"*"}})");
  EXPECT_EQ(server.Send(server.Query(narrow)).status, 200);
  const Answer denied = server.Send(server.Batch(narrow));
  EXPECT_EQ(denied.Code(), "PermissionCheckFailed");
  const rapidjson::Document json = denied.Json();
  EXPECT_STREQ(json["AccessDeniedDetail"]["PolicyType"].GetString(), "SessionPolicy");
  EXPECT_STREQ(json["AccessDeniedDetail"]["AuthPrincipalType"].GetString(), "AssumedRoleUser");
  Credentials mixed = TestServer::Key("reader");
  mixed.security_token = plain.security_token;
  EXPECT_EQ(server.Send(server.Batch(mixed)).Code(), "InvalidSecurityToken.MismatchWithAccessKey");
  // The classic C++ SDK sends an empty token with ordinary keys.
  EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"), {{"SecurityToken", ""}})).status,
            200);
}

TEST(OpenApiSurfaceTest, LimitsAreCountedPerUserAndOperationAndRefill) {
  TestServerOptions options;
  options.surface.address_limit = {};
  TestServer server(options);
  const Credentials reader = TestServer::Key("reader");
  int batches = 0;
  for (int i = 0; i < 150; ++i) batches += server.Send(server.Batch(reader)).status == 200;
  EXPECT_EQ(batches, 100);
  int queries = 0;
  for (int i = 0; i < 600; ++i) queries += server.Send(server.Query(reader)).status == 200;
  EXPECT_EQ(queries, 500);
  EXPECT_EQ(server.Send(server.Batch(TestServer::Key("batcher"))).status, 200) << "another user";
  const Answer refused = server.Send(server.Batch(reader));
  EXPECT_EQ(refused.Code(), "Throttling.User");
  EXPECT_EQ(refused.headers.at("x-acs-retry-after"), "10");
  EXPECT_EQ(refused.headers.at("X-RateLimit-User-API"), "Limit:100,Remain:0,TimeLeft:10");
  const absl::Time later = kNow + absl::Milliseconds(10);
  EXPECT_EQ(server.Send(server.Batch(reader), later).status, 200);
  EXPECT_EQ(server.meter.counted.size(), 602u);
}

TEST(OpenApiSurfaceTest, AThrottledRequestMayBeSentAgainAsItIs) {
  TestServer server;
  const Credentials reader = TestServer::Key("reader");
  for (int i = 0; i < 100; ++i) server.Send(server.Batch(reader));
  const OwnedRequest request = server.Batch(reader);
  EXPECT_EQ(server.Send(request).Code(), "Throttling.User");
  EXPECT_EQ(server.Send(request, kNow + absl::Seconds(1)).status, 200);
  EXPECT_EQ(server.Send(request, kNow + absl::Seconds(2)).Code(), "SignatureNonceUsed");
}

TEST(OpenApiSurfaceTest, AnAccountMayShareItsLimit) {
  TestServerOptions options;
  options.surface.limit_scope = LimitScope::kAccount;
  TestServer server(options);
  int answered = 0;
  for (int i = 0; i < 150; ++i) {
    answered +=
        server.Send(server.Batch(TestServer::Key(i % 2 ? "reader" : "batcher"))).status == 200;
  }
  EXPECT_EQ(answered, 100);
}

TEST(OpenApiSurfaceTest, UsersOfOneNameInTwoAccountsDoNotShareTheirLimit) {
  for (const LimitScope scope : {LimitScope::kUser, LimitScope::kAccount}) {
    SCOPED_TRACE(scope == LimitScope::kUser ? "user" : "account");
    TestServerOptions options;
    options.surface.limit_scope = scope;
    options.surface.batch_limit = {1, 1};
    options.access_file =
        absl::StrReplaceAll(kAccessFile, {{R"("name": "stranger")", R"("name": "reader")"}});
    TestServer server(options);
    const Credentials one = TestServer::Key("reader");
    const Credentials other = TestServer::Key("stranger");
    const ParameterMap others{{"InstanceId", "post-cn-other0001"}};
    EXPECT_EQ(server.Send(server.Batch(one)).Code(), "");
    EXPECT_EQ(server.Send(server.Batch(one)).Code(), "Throttling.User");
    EXPECT_EQ(server.Send(server.Batch(other, others)).Code(), "");
    EXPECT_EQ(server.Send(server.Batch(other, others)).Code(), "Throttling.User");
  }
}

TEST(OpenApiSurfaceTest, AnIPv6NetworkOf64BitsIsOneSourceAndAnIPv4AddressIsOne) {
  struct Case {
    const char* first;
    const char* second;
    bool one_source;
  };
  for (const Case& c :
       {Case{"2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
        Case{"2001:db8:0:1::1", "2001:db8:0:2::1", false},
        Case{"fe80::1%eth0", "fe80::2%eth0", true}, Case{"203.0.113.1", "203.0.113.1", true},
        Case{"203.0.113.1", "203.0.113.2", false},
        Case{"::ffff:203.0.113.1", "::ffff:203.0.113.1", true},
        Case{"::ffff:203.0.113.1", "::ffff:203.0.113.2", false}}) {
    SCOPED_TRACE(absl::StrCat(c.first, " ", c.second));
    TestServerOptions options;
    options.surface.address_limit = {1, 1};
    options.surface.failure_limit = {1, 1};
    TestServer server(options);
    const auto code = [&server](const char* address, const char* secret) {
      http::Peer from = server.peer;
      from.address = address;
      const Credentials key{"key-reader", secret, ""};
      return server.SendFrom(from, server.Batch(key)).Code();
    };
    EXPECT_EQ(code(c.first, "secret-reader"), "");
    EXPECT_EQ(code(c.second, "secret-reader"), c.one_source ? "Throttling" : "");
    EXPECT_EQ(code(c.first, "a guess"), "SignatureDoesNotMatch");
    EXPECT_EQ(code(c.second, "a guess"), c.one_source ? "Throttling" : "SignatureDoesNotMatch");
  }
}

TEST(OpenApiSurfaceTest, WhereTlsIsRequiredOnlyTrustedCallersMayDoWithout) {
  TestServerOptions options;
  options.surface.require_tls = true;
  TestServer server(options);
  http::Peer tls = server.peer;
  tls.tls = true;
  http::Peer loopback = server.peer;
  loopback.loopback = true;
  http::Peer unix_socket;
  unix_socket.kind = http::Peer::Kind::kUnixSocket;
  const auto code = [&server](const http::Peer& from) {
    return server.SendFrom(from, server.Batch(TestServer::Key("reader"))).Code();
  };
  EXPECT_EQ(code(server.peer), "InvalidProtocol.NeedSsl");
  EXPECT_EQ(code(tls), "");
  EXPECT_EQ(code(loopback), "");
  EXPECT_EQ(code(unix_socket), "");
  OwnedRequest passed_on = server.Batch(TestServer::Key("reader"));
  passed_on.headers.emplace_back("X-Forwarded-For", "203.0.113.9");
  EXPECT_EQ(server.SendFrom(loopback, passed_on).Code(), "InvalidProtocol.NeedSsl");
}

TEST(OpenApiSurfaceTest, WithoutAnAccessFileOnlyLocalPeersAreAnsweredAndNeedNoSignature) {
  TestServerOptions options;
  options.with_access_file = false;
  TestServer server(options);
  OwnedRequest plain;
  plain.target = absl::StrCat("/?Action=", kBatch, "&Version=2020-04-20&InstanceId=", kInstance,
                              "&ClientIdList.1=GID_a%40%40%401");
  const OwnedRequest signed_request = server.Batch(TestServer::Key("whoever"));
  const OwnedRequest v3 =
      SignedAcs3(TestServer::Key("whoever"), kBatch, BatchParameters(kInstance, {"x"}), kNow, "n");
  http::Peer unix_socket;
  unix_socket.kind = http::Peer::Kind::kUnixSocket;
  http::Peer loopback = server.peer;
  loopback.loopback = true;
  loopback.address = "127.0.0.1";
  for (const http::Peer& peer : {unix_socket, loopback}) {
    EXPECT_THAT(ListOf(server.SendFrom(peer, plain)), ElementsAre("GID_a@@@1=on"));
    EXPECT_EQ(server.SendFrom(peer, signed_request).status, 200);
    EXPECT_EQ(server.SendFrom(peer, v3).status, 200);
  }
  EXPECT_EQ(server.Send(plain).Code(), "MissingAccessKeyId");
  EXPECT_EQ(server.Send(signed_request).Code(), "InvalidAccessKeyId.NotFound");
  EXPECT_EQ(server.Send(v3).Code(), "InvalidAccessKeyId.NotFound");
  for (const OwnedRequest& refused : {plain, signed_request, v3}) {
    EXPECT_THAT(server.Send(refused).body, HasSubstr("This server has no access file"));
  }
  EXPECT_THAT(server.meter.counted[0], HasSubstr("anonymous/anonymous/post-cn-local0001/Batch"));
  plain.target = absl::StrReplaceAll(plain.target, {{kInstance, "post-cn-unknown"}});
  EXPECT_EQ(server.SendFrom(loopback, plain).Code(), "InstancePermissionCheckFailed");
}

TEST(OpenApiSurfaceTest, WithoutAnAccessFileWhatAPageOrAProxyBringsIsNeitherAnsweredNorCounted) {
  TestServerOptions options;
  options.with_access_file = false;
  TestServer server(options);
  http::Peer unix_socket;
  unix_socket.kind = http::Peer::Kind::kUnixSocket;
  http::Peer loopback = server.peer;
  loopback.loopback = true;
  OwnedRequest plain;
  plain.target = absl::StrCat("/?Action=", kBatch, "&Version=2020-04-20&InstanceId=", kInstance,
                              "&ClientIdList.1=GID_a%40%40%401");
  for (const http::Peer& peer : {unix_socket, loopback}) {
    for (const auto& header : {std::pair("Sec-Fetch-Site", "cross-site"),
                               {"Origin", "http://evil.example"},
                               {"X-Forwarded-For", "203.0.113.9"}}) {
      OwnedRequest brought = plain;
      brought.headers.emplace_back(header);
      EXPECT_EQ(server.SendFrom(peer, brought).Code(), "MissingAccessKeyId") << header.first;
    }
  }
  EXPECT_THAT(server.meter.counted, ::testing::IsEmpty());
}

// The error is what an operator reads who wonders why a stranger is refused.
TEST(OpenApiSurfaceTest, WithoutAnAccessFileACertificateThatTheOptionsLetInIsAnsweredUnsigned) {
  TestServerOptions options;
  options.with_access_file = false;
  TestServer server(options);
  OwnedRequest plain;
  plain.target = absl::StrCat("/?Action=", kBatch, "&Version=2020-04-20&InstanceId=", kInstance,
                              "&ClientIdList.1=GID_a%40%40%401");
  plain.headers.emplace_back("Host", "mqtt.example.net");
  http::Peer certificate = server.peer;
  certificate.tls = true;
  certificate.client_certificate = true;
  EXPECT_THAT(ListOf(server.SendFrom(certificate, plain)), ElementsAre("GID_a@@@1=on"));
  certificate.client_certificate = false;
  const Answer refused = server.SendFrom(certificate, plain);
  EXPECT_EQ(refused.Code(), "MissingAccessKeyId");
  EXPECT_THAT(refused.body, HasSubstr("a client certificate that its options let in"));
}

// Who takes one for the other sends the secret as the key's id.
TEST(OpenApiSurfaceTest, AnUnknownKeyIsObservedByItsBeginningOnly) {
  TestServer server;
  const testing::Credentials swapped{"annsecretSWAPPED0123456789", "key-reader", ""};
  server.Send(server.Batch(swapped));
  server.Send(SignedAcs3(swapped, kBatch, BatchParameters(kInstance, {"x"}), kNow, "nonce"));
  server.Send(server.Batch(TestServer::Key("reader"), {{"Version", "1999-01-01"}}));
  ASSERT_EQ(server.observer.lines.size(), 3u);
  EXPECT_THAT(server.observer.lines[0], HasSubstr(" anns+22 "));
  EXPECT_THAT(server.observer.lines[1], HasSubstr(" anns+22 "));
  EXPECT_THAT(server.observer.lines[2], HasSubstr(" key-reader "))
      << "known, though not yet looked for";
}

TEST(OpenApiSurfaceTest, WithAnAccessFileLocalPeersSignToo) {
  TestServer server;
  server.peer.kind = http::Peer::Kind::kUnixSocket;
  server.peer.address = "";
  OwnedRequest plain;
  plain.target = "/?Action=BatchQuerySessionByClientIds&Version=2020-04-20";
  EXPECT_EQ(server.Send(plain).Code(), "MissingAccessKeyId");
  EXPECT_EQ(server.Send(server.Batch(TestServer::Key("reader"))).status, 200);
}

TEST(OpenApiSurfaceTest, PolicyConditionsSeeTheConnection) {
  TestServerOptions options;
  options.access_file = absl::StrReplaceAll(
      kAccessFile, {{R"("Action": ["mq:BatchQuerySessionByClientIds", "mq:MqttInstanceAccess"])",
                     R"("Action": "mq:*", "Condition": {"Bool": {"acs:SecureTransport": "true"},
           "IpAddress": {"acs:SourceIp": "203.0.113.0/24"}})"}});
  TestServer server(options);
  const Credentials key = TestServer::Key("reader");
  EXPECT_EQ(server.Send(server.Batch(key)).Code(), "InstancePermissionCheckFailed");
  server.peer.tls = true;
  EXPECT_EQ(server.Send(server.Batch(key)).status, 200);
  server.peer.address = "198.51.100.1";
  EXPECT_EQ(server.Send(server.Batch(key)).Code(), "InstancePermissionCheckFailed");
}

TEST(OpenApiSurfaceTest, AReloadTakesEffectAtOnceAndABrokenFileDoesNot) {
  TestServer server;
  const Credentials key = TestServer::Key("reader");
  EXPECT_EQ(server.Send(server.Batch(key)).status, 200);
  server.WriteAccessFile("not json");
  EXPECT_FALSE(server.access().Reload().ok());
  EXPECT_EQ(server.Send(server.Batch(key)).status, 200);
  server.WriteAccessFile(absl::StrReplaceAll(kAccessFile, {{"key-reader", "key-rotated"}}));
  EXPECT_TRUE(server.access().Reload().ok());
  EXPECT_EQ(server.Send(server.Batch(key)).Code(), "InvalidAccessKeyId.NotFound");
}

TEST(OpenApiSurfaceTest, OddParametersAreRefusedByName) {
  TestServer server;
  OwnedRequest request;
  request.target = "/?InstanceId=a&InstanceId=b";
  EXPECT_EQ(server.Send(request).Code(), "InvalidParameter.InstanceId");
  request.target = "/?a=%ff";
  EXPECT_EQ(server.Send(request).Code(), "InvalidParameter.a");
  request.target = "/?%00x=1&%00x=1";
  EXPECT_EQ(server.Send(request).Code(), "InvalidParameter.Query");
  request.target = "/other";
  EXPECT_EQ(server.Send(request).Code(), "InvalidApi.NotFound");
}

}  // namespace
}  // namespace session_status::openapi
