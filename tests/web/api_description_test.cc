#include "plugin/web/api_description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/pointer.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugin/openapi/api_error.h"
#include "plugin/openapi/operation.h"
#include "proto/session_status.pb.h"

namespace session_status::web {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr absl::string_view kAdminPrefix = "/mosquitto_session_status.v1.SessionStatusService/";

rapidjson::Document Parsed(const ApiFacts& facts) {
  rapidjson::Document document;
  const std::string text = DescribeApi(facts);
  document.Parse(text.c_str());
  EXPECT_FALSE(document.HasParseError()) << text;
  return document;
}

TEST(ApiDescriptionTest, NamesTheFactsItWasGiven) {
  const ErrorFact errors[] = {{"InvalidParameter.%s", 400, "wrong"}};
  const rapidjson::Document d = Parsed({"1.2.3", "post-cn-1", errors});
  EXPECT_STREQ(d["openapi"].GetString(), "3.0.3");
  EXPECT_STREQ(d["info"]["version"].GetString(), "1.2.3");
  EXPECT_STREQ(d["x-instance-id"].GetString(), "post-cn-1");
  const auto& error = d["x-errors"]["openapi"][0];
  EXPECT_STREQ(error["code"].GetString(), "InvalidParameter.%s");
  EXPECT_EQ(error["status"].GetInt(), 400);
  EXPECT_STREQ(error["remedy"].GetString(), std::string(RemedyFor("InvalidParameter.%s")).c_str());
}

TEST(ApiDescriptionTest, OperationsAreUniqueAndComplete) {
  const rapidjson::Document d = Parsed({"1", "m", {}});
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
  const rapidjson::Document d = Parsed({"1", "m", {}});
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
  const rapidjson::Document d = Parsed({"1", "m", {}});
  for (const auto& error : d["x-errors"]["admin"].GetArray()) {
    EXPECT_STRNE(error["remedy"].GetString(), "") << error["code"].GetString();
  }
}

TEST(ApiDescriptionTest, DocumentedOperationsAreThoseThatAreServed) {
  const rapidjson::Document d = Parsed({"1", "m", {}});
  for (const openapi::OperationRow& row : openapi::OperationTable()) {
    EXPECT_TRUE(d["paths"].HasMember(absl::StrCat("/#Action=", row.name).c_str())) << row.name;
  }
  for (const auto& version : d["x-api-versions"].GetArray()) {
    EXPECT_TRUE(openapi::IsKnownVersion(version.GetString()));
  }
}

TEST(ApiDescriptionTest, ReferencesResolve) {
  const std::string text = DescribeApi({"1", "m", {}});
  const rapidjson::Document d = Parsed({"1", "m", {}});
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
