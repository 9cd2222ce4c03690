#include "plugin/text/utf8.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace session_status::text {
namespace {

TEST(Utf8Test, IsWhatDecodesToCharacters) {
  for (const char* good : {"", "abc", "éΩ测", "\xF0\x9F\x98\x80", "abcdefgh\xC3\xA9ijklmnop"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC3", "\xC1\x81", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80",
        "\xF0\x80\x80\x80", "\xE6\xB5", "abcdefgh\xFF", "\xF4\x90\x80\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
  EXPECT_TRUE(IsValidUtf8(absl::string_view("a\0b", 3)));
}

// Every character, cut everywhere; and behind it whatever cannot be there.
TEST(Utf8Test, APrefixMayCutTheLastCharacterAndNothingElse) {
  for (const absl::string_view whole :
       {"a", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xE6\xB5\x8B", "\xED\x9F\xBF", "\xEF\xBF\xBF",
        "\xF0\x90\x80\x80", "\xF3\xA0\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    for (size_t size = 0; size <= whole.size(); ++size) {
      const std::string text = "测abcdefgh" + std::string(whole.substr(0, size));
      EXPECT_TRUE(IsUtf8Prefix(text)) << text;
      EXPECT_FALSE(IsUtf8Prefix(text + "\xFF")) << text;
      const bool is_cut = size > 0 && size < whole.size();
      EXPECT_EQ(IsUtf8Prefix(text + "a"), !is_cut) << text;
    }
  }
  for (const char* bad : {"\x80", "\xFF", "\xC1", "\xF5", "\xE0\x80", "\xED\xA0", "\xF0\x80",
                          "\xF4\x90", "\xF0\x8F\xBF", "\xC3\xC3", "\xC3\xA9\x80", "\xE6\xE6\xB5"}) {
    EXPECT_FALSE(IsUtf8Prefix(bad)) << bad;
  }
}

}  // namespace
}  // namespace session_status::text
