#include "plugin/text/percent_coding.h"

#include <gtest/gtest.h>

#include <string>

namespace session_status::text {
namespace {

TEST(PercentCodingTest, EncodesEveryByteAndDecodesItBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  std::string once;
  AppendPercentEncoded(all, &once);
  std::string back(once.size(), '\0');
  char* end = &back[0];
  bool canonical = true;
  ASSERT_TRUE(FormDecode(once, &end, &canonical));
  back.resize(static_cast<size_t>(end - back.data()));
  EXPECT_EQ(back, all);
  EXPECT_TRUE(canonical);
  std::string of_once;
  AppendPercentEncoded(once, &of_once);
  std::string twice;
  {
    TextRoom room(kTwiceEscapedBytesMax * all.size(), &twice);
    AddTwicePercentEncoded(all, &room);
  }
  EXPECT_EQ(twice, of_once);
  std::string plain;
  AppendPercentEncoded("AZaz09-_.~ *+/%", &plain);
  EXPECT_EQ(plain, "AZaz09-_.~%20%2A%2B%2F%25");
}

TEST(PercentCodingTest, KnowsWhatEncodingWouldSpellOtherwise) {
  for (const absl::string_view text : {"+", "%2f", "%c3%a4", "%41", "%7E"}) {
    std::string decoded(text.size(), '\0');
    char* end = &decoded[0];
    bool canonical = true;
    EXPECT_TRUE(FormDecode(text, &end, &canonical));
    EXPECT_FALSE(canonical) << text;
  }
}

TEST(PercentCodingTest, DecodesFormsAndKeepsEveryByteThatIsNotEscaped) {
  std::string out = "before ";
  EXPECT_TRUE(AppendFormDecoded(absl::string_view("a\0b%00c+%c3%A4", 14), &out));
  EXPECT_EQ(out, std::string("before a\0b\0c \xC3\xA4", 15));
  for (const char* broken : {"%", "x%4", "x%zz", "x%4g", "%%41"}) {
    std::string kept = "kept";
    EXPECT_FALSE(AppendFormDecoded(broken, &kept)) << broken;
    EXPECT_EQ(kept, "kept");
  }
}

}  // namespace
}  // namespace session_status::text
