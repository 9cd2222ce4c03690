#include "plugin/http/bytes16.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace session_status::http {
namespace {

TEST(Bytes16Test, FindsAByteAtEveryPlaceOfEveryLengthAndNothingBeside) {
  const auto is_x = [](Bytes16 c) -> Bytes16 { return c == 'x'; };
  for (size_t size = 0; size < 70; ++size) {
    // Neighbours that the test would find, were they read.
    std::string text = "x" + std::string(size, 'a') + "x";
    const auto inside = [&text, size] { return absl::string_view(text).substr(1, size); };
    EXPECT_FALSE(AnyByteOf(inside(), is_x)) << size;
    for (size_t at = 1; at <= size; ++at) {
      text[at] = 'x';
      EXPECT_TRUE(AnyByteOf(inside(), is_x)) << at << " of " << size;
      text[at] = 'a';
    }
  }
}

TEST(Bytes16Test, KnowsTheFirstOfSixteen) {
  for (size_t first = 0; first < 16; ++first) {
    std::string text(16, '\0');
    text[first] = text[15] = '\x80';
    EXPECT_EQ(FirstByte(LoadBytes16(text.data())), first);
  }
}

TEST(Bytes16Test, WritesHexadecimal) {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes.push_back(static_cast<char>(c));
  std::string lower(512, '?');
  std::string upper(512, '?');
  for (size_t at = 0; at < bytes.size(); at += 16) {
    WriteHex(LoadBytes16(&bytes[at]), 'a', &lower[2 * at]);
    WriteHex(LoadBytes16(&bytes[at]), 'A', &upper[2 * at]);
  }
  EXPECT_EQ(lower, absl::BytesToHexString(bytes));
  for (char& c : lower) c = static_cast<char>(c >= 'a' ? c - 'a' + 'A' : c);
  EXPECT_EQ(upper, lower);
}

}  // namespace
}  // namespace session_status::http
