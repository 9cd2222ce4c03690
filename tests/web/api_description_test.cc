#include "plugin/web/api_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugin/http/error_body.h"
#include "plugin/openapi/api_error.h"
#include "plugin/openapi/operation.h"
#include "proto/session_status.pb.h"

namespace session_status::web {
namespace {

using ::testing::HasSubstr;

namespace pb = ::mosquitto_session_status::v1;

constexpr absl::string_view kAdminPrefix = "/mosquitto_session_status.v1.SessionStatusService/";

// What DescribeApi() must be told by others.
ApiFacts SomeFacts() {
  ApiFacts facts;
  facts.version = "1";
  facts.instance_id = "m";
  facts.api_versions = openapi::VersionTable();
  facts.batch_ids_max = 7;
  facts.service_path = kAdminPrefix;
  facts.service_batch_ids_max = 2'000;
  return facts;
}

rapidjson::Document Parsed(const ApiFacts& facts) {
  rapidjson::Document document;
  const std::string text = DescribeApi(facts);
  document.Parse(text.c_str());
  EXPECT_FALSE(document.HasParseError()) << text;
  return document;
}

TEST(ApiDescriptionTest, NamesTheFactsItWasGiven) {
  const ErrorFact errors[] = {{"InvalidParameter.%s", 400, "wrong"}};
  const absl::string_view versions[] = {"2030-01-01", "2029-01-01"};
  ApiFacts facts = SomeFacts();
  facts.version = "1.2.3";
  facts.instance_id = "post-cn-1";
  facts.api_versions = versions;
  facts.errors = errors;
  const rapidjson::Document d = Parsed(facts);
  EXPECT_STREQ(d["openapi"].GetString(), "3.0.3");
  EXPECT_STREQ(d["info"]["version"].GetString(), "1.2.3");
  EXPECT_STREQ(d["x-instance-id"].GetString(), "post-cn-1");
  ASSERT_EQ(d["x-api-versions"].Size(), 2u);
  EXPECT_STREQ(d["x-api-versions"][0].GetString(), "2030-01-01");
  const auto& error = d["x-errors"]["openapi"][0];
  EXPECT_STREQ(error["code"].GetString(), "InvalidParameter.%s");
  EXPECT_EQ(error["status"].GetInt(), 400);
  EXPECT_STREQ(error["remedy"].GetString(), std::string(RemedyFor("InvalidParameter.%s")).c_str());
}

// The page's form takes as many identifiers as this says.
TEST(ApiDescriptionTest, AListTakesAsManyElementsAsItsServerAllows) {
  const rapidjson::Document d = Parsed(SomeFacts());
  const auto& documented =
      d["paths"]["/#Action=BatchQuerySessionByClientIds"]["post"]["parameters"][1];
  EXPECT_STREQ(documented["name"].GetString(), "ClientIdList");
  EXPECT_EQ(documented["schema"]["maxItems"].GetInt(), 7);
  EXPECT_THAT(documented["description"].GetString(), HasSubstr("At most 7."));
  const std::string admin =
      absl::StrCat("/paths/~1", kAdminPrefix.substr(1, kAdminPrefix.size() - 2),
                   "~1BatchQuerySessionByClientIds/post/requestBody/content/application~1json/"
                   "schema/properties/clientIds");
  const rapidjson::Value* ids = rapidjson::Pointer(admin.c_str()).Get(d);
  ASSERT_NE(ids, nullptr);
  EXPECT_EQ((*ids)["maxItems"].GetInt(), 2'000);
  EXPECT_THAT((*ids)["description"].GetString(), HasSubstr("At most 2000."));
}

// Each status that an error of the admin service comes with is told, once.
TEST(ApiDescriptionTest, AdminErrorsHaveTheirStatus) {
  const rapidjson::Document d = Parsed(SomeFacts());
  std::set<std::pair<std::string, int>> told;
  for (const auto& error : d["x-errors"]["admin"].GetArray()) {
    EXPECT_TRUE(told.emplace(error["code"].GetString(), error["status"].GetInt()).second)
        << error["code"].GetString();
  }
  std::set<std::pair<std::string, int>> sent;
  const auto add = [&sent](absl::StatusCode code, int status) {
    sent.emplace(http::ConnectCodeName(code), status);
  };
  // By the service itself, and of calls that throw.
  for (const auto code : {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
                          absl::StatusCode::kInternal}) {
    add(code, http::ConnectHttpStatus(code));
  }
  // By the surface: tests/api/connect_surface_test.cc.
  for (const int status : {404, 405, 415, 501}) add(absl::StatusCode::kUnimplemented, status);
  // By router and listener.
  for (const int status : {400, 403, 405, 408, 413, 414, 431, 501, 503}) {
    add(http::ConnectCodeForHttpStatus(status), status);
  }
  EXPECT_EQ(told, sent);
}

TEST(ApiDescriptionTest, OperationsAreUniqueAndComplete) {
  const rapidjson::Document d = Parsed(SomeFacts());
  std::set<std::string> ids;
  int described = 0;
  for (const auto& path : d["paths"].GetObject()) {
    SCOPED_TRACE(path.name.GetString());
    const auto& post = path.value["post"];
    EXPECT_TRUE(ids.insert(post["operationId"].GetString()).second);
    EXPECT_TRUE(post.HasMember("parameters") || post.HasMember("requestBody"));
    EXPECT_GT(post["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
                  .MemberCount(),
              0u);
    ++described;
  }
  EXPECT_EQ(described, 5);
}

// The admin service's members must be those of the .proto, in its JSON spelling.
TEST(ApiDescriptionTest, AdminOperationsAreThoseOfTheProto) {
  const auto* service =
      pb::GetServerStatusRequest::descriptor()->file()->FindServiceByName("SessionStatusService");
  ASSERT_NE(service, nullptr);
  const rapidjson::Document d = Parsed(SomeFacts());
  for (const auto& path : d["paths"].GetObject()) {
    absl::string_view name(path.name.GetString());
    if (!absl::ConsumePrefix(&name, kAdminPrefix)) continue;
    SCOPED_TRACE(std::string(name));
    const auto* method = service->FindMethodByName(std::string(name));
    ASSERT_NE(method, nullptr);
    const auto& post = path.value["post"];
    const auto& request =
        post["requestBody"]["content"]["application/json"]["schema"]["properties"];
    for (const auto& member : request.GetObject()) {
      const auto* field = method->input_type()->FindFieldByCamelcaseName(member.name.GetString());
      ASSERT_NE(field, nullptr) << member.name.GetString();
      EXPECT_EQ(field->is_repeated(),
                absl::string_view(member.value["type"].GetString()) == "array");
    }
    EXPECT_EQ(static_cast<int>(request.MemberCount()), method->input_type()->field_count());
    for (const auto& member :
         post["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
             .GetObject()) {
      EXPECT_NE(method->output_type()->FindFieldByCamelcaseName(member.name.GetString()), nullptr)
          << member.name.GetString();
    }
  }
}

TEST(ApiDescriptionTest, ForEveryErrorThereIsSomethingToDo) {
  for (const openapi::ErrorRow& row : openapi::ErrorTable()) {
    EXPECT_NE(RemedyFor(row.name), "") << row.name;
  }
  const rapidjson::Document d = Parsed(SomeFacts());
  for (const auto& error : d["x-errors"]["admin"].GetArray()) {
    EXPECT_STRNE(error["remedy"].GetString(), "") << error["code"].GetString();
  }
}

TEST(ApiDescriptionTest, DocumentedOperationsAreThoseThatAreServed) {
  const rapidjson::Document d = Parsed(SomeFacts());
  for (const openapi::OperationRow& row : openapi::OperationTable()) {
    EXPECT_TRUE(d["paths"].HasMember(absl::StrCat("/#Action=", row.name).c_str())) << row.name;
  }
}

TEST(ApiDescriptionTest, ReferencesResolve) {
  const std::string text = DescribeApi(SomeFacts());
  const rapidjson::Document d = Parsed(SomeFacts());
  const std::string marker = "\"$ref\":\"#";
  int found = 0;
  for (size_t at = text.find(marker); at != std::string::npos; at = text.find(marker, at + 1)) {
    const size_t begin = at + marker.size();
    const std::string pointer = text.substr(begin, text.find('"', begin) - begin);
    EXPECT_NE(rapidjson::Pointer(pointer.c_str()).Get(d), nullptr) << pointer;
    ++found;
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace session_status::web
