// Memory that runs out inside RapidJSON.
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cstring>
#include <string>

#include "plugin/http/json_allocator.h"
#include "plugin/http/json_writer.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::http {
namespace {

using testing::FailEachAllocation;

TEST(JsonAllocatorTest, ThrowsAndLeavesTheOldMemoryAsItWas) {
  JsonAllocator allocator;
  EXPECT_EQ(allocator.Malloc(0), nullptr);
  char* text = static_cast<char*>(allocator.Malloc(8));
  std::strcpy(text, "lamp");
  {
    const testing::FailingMemory failing(1, testing::kForEver);
    EXPECT_THROW(allocator.Malloc(1), std::bad_alloc);
    EXPECT_THROW(allocator.Realloc(text, 8, 1 << 20), std::bad_alloc);
  }
  EXPECT_STREQ(text, "lamp");
  text = static_cast<char*>(allocator.Realloc(text, 8, 1 << 20));
  EXPECT_STREQ(text, "lamp");
  EXPECT_EQ(allocator.Realloc(text, 1 << 20, 0), nullptr);
}

constexpr int kDeep = 100;  // deeper than the level stack begins

std::string Nested() {
  std::string out;
  JsonWriter json(&out);
  for (int i = 0; i < kDeep; ++i) json.StartArray();
  json.String("a string that is not short enough to fit into its object");
  for (int i = 0; i < kDeep; ++i) json.EndArray();
  return out;
}

TEST(JsonMemoryTest, AWriterWritesAllOrThrows) {
  const std::string want = Nested();
  std::string out;
  for (const uint64_t burst : {uint64_t{1}, testing::kForEver}) {
    FailEachAllocation(
        burst, [&] { out = Nested(); },
        [&](bool done) {
          if (done) {
            ASSERT_EQ(out, want);
          }
        });
  }
}

TEST(JsonMemoryTest, ADocumentHoldsAllOrThrows) {
  std::string text = "[";
  for (int i = 0; i < 300; ++i) text += "\"a string that is not short enough\",{\"a\":[[1],[2]]},";
  text.back() = ']';
  for (const uint64_t burst : {uint64_t{1}, testing::kForEver}) {
    size_t elements = 0;
    FailEachAllocation(
        burst,
        [&] {
          JsonDocument document;
          document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
          elements = document.HasParseError() ? 0 : document.Size();
        },
        [&](bool done) {
          if (done) {
            ASSERT_EQ(elements, 600u);
          }
        });
  }
}

}  // namespace
}  // namespace session_status::http
