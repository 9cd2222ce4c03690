#include "plugin/http/lone_surrogate.h"

#include <gtest/gtest.h>

namespace session_status::http {
namespace {

TEST(LoneSurrogateTest, IsASecondHalfWithoutItsFirst) {
  EXPECT_EQ(FindLoneSurrogate(R"("\ude00")"), 1u);
  EXPECT_EQ(FindLoneSurrogate(R"({"a":"x\uDFFFy"})"), 7u);
  EXPECT_EQ(FindLoneSurrogate(R"("\ud66d\udc00")"), 7u);         // U+D66D is a character
  EXPECT_EQ(FindLoneSurrogate(R"("\ud83d\ude00\ude00")"), 13u);  // one pair, and a half
  EXPECT_EQ(FindLoneSurrogate(R"("\\\ude00")"), 3u);             // after a backslash
}

TEST(LoneSurrogateTest, IsNothingElse) {
  for (const char* json :
       {R"("")", R"("\ud83d\ude00")", R"("\uD83D\uDE00x\ud83d\ude00")", R"("\\ude00")",
        R"("\\\\ude00\n")", R"("\u00e9\ue000\ud7ff\n\"")", R"("udE00")", R"(["\u0041"])"}) {
    EXPECT_EQ(FindLoneSurrogate(json), absl::string_view::npos) << json;
  }
}

}  // namespace
}  // namespace session_status::http
