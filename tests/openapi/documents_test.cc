// The documents say what the tables say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "plugin/auth/access_file.h"
#include "plugin/openapi/api_error.h"
#include "plugin/openapi/operation.h"

namespace session_status::openapi {
namespace {

using ::testing::HasSubstr;

std::string Document(const std::string& name) {
  std::ifstream in(absl::StrCat(SESSION_STATUS_SOURCE_DIR, "/docs/", name));
  EXPECT_TRUE(in) << name;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(DocumentsTest, EveryErrorIsDocumentedWithItsStatus) {
  const std::string text = Document("api.md");
  for (const ErrorRow& row : ErrorTable()) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat("| ", row.http_status, " | ", row.name, " | ")));
  }
}

TEST(DocumentsTest, EveryOperationAndActionIsDocumented) {
  const std::string api = Document("api.md");
  const std::string access = Document("access.md");
  for (const OperationRow& row : OperationTable()) {
    EXPECT_THAT(api, HasSubstr(absl::StrCat("### ", row.name)));
    for (const absl::string_view action : row.actions)
      EXPECT_THAT(access, HasSubstr(std::string(action)));
  }
  for (const absl::string_view name : auth::ConditionOperatorNames()) {
    EXPECT_THAT(access, HasSubstr(std::string(name)));
  }
}

TEST(DocumentsTest, TheExampleOfAnAccessFileIsAnAccessFile) {
  const std::string text = Document("access.md");
  const std::string fence = "```json access-file\n";
  const size_t begin = text.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const size_t body = begin + fence.size();
  const auto file = auth::AccessFile::Parse(text.substr(body, text.find("```", body) - body));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->keys(), 3u);
  EXPECT_EQ((*file)->sts_mac(), nullptr) << "a secret that everybody reads here";
}

}  // namespace
}  // namespace session_status::openapi
