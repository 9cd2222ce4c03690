#include "plugin/text/text_room.h"

#include <gtest/gtest.h>

#include <string>

namespace session_status::text {
namespace {

TEST(TextRoomTest, HoldsWhatWasAddedWhateverWasExpected) {
  for (const size_t expected : {0u, 1u, 5u, 100u, 5000u}) {
    std::string out = "before ";
    std::string want = out;
    {
      TextRoom room(expected, &out);
      for (int i = 0; i < 300; ++i) {
        room.Add("abc");
        room.Add("");
        room.Add(absl::string_view());
        room.Add('-');
        want += "abc-";
      }
      room.Add(std::string(2000, 'z'));
      want += std::string(2000, 'z');
    }
    EXPECT_EQ(out, want) << expected;
  }
}

}  // namespace
}  // namespace session_status::text
