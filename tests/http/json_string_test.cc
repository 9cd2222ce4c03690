#include "plugin/http/json_string.h"

#include <gtest/gtest.h>

#include <random>

#include "plugin/http/json_writer.h"

namespace session_status::http {
namespace {

std::string ByRapidJson(const std::string& text) {
  std::string out;
  JsonWriter(&out).String(text);
  return out;
}

std::string ByUs(const std::string& text) {
  std::string out;
  {
    text::TextRoom room(2, &out);  // too small a guess
    AddJsonString(text, &room);
  }
  return out;
}

TEST(JsonStringTest, WritesWhatRapidJsonWrites) {
  EXPECT_EQ(ByUs(""), "\"\"");
  EXPECT_EQ(ByUs("GID_a@@@1"), "\"GID_a@@@1\"");
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'a', static_cast<char>(c), 'b'};
    EXPECT_EQ(ByUs(text), ByRapidJson(text)) << c;
  }
  std::mt19937_64 rng(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text(rng() % 40, ' ');
    for (char& c : text) c = static_cast<char>(rng());
    EXPECT_EQ(ByUs(text), ByRapidJson(text));
  }
}

}  // namespace
}  // namespace session_status::http
