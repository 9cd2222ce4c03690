#include "plugin/transport/head_scanner.h"

#include <gtest/gtest.h>

#include <string>

namespace session_status::transport {
namespace {

TEST(HasControlCharacterTest, FindsEachAtEveryPosition) {
  for (int c = 0; c < 256; ++c) {
    const bool want = (c < 0x20 && c != '\t') || c == 0x7f;
    for (size_t at = 0; at < 20; ++at) {
      std::string text(20, 'a');
      text[at] = static_cast<char>(c);
      ASSERT_EQ(HasControlCharacter(text), want) << "character " << c << " at " << at;
    }
  }
}

TEST(HasControlCharacterTest, FindsOneBehindATab) {
  EXPECT_TRUE(HasControlCharacter("a\tbbbbbbbbbbbbbbbbbbbbbbbb\x01"));
  EXPECT_FALSE(HasControlCharacter("a\tbbbbbbbbbbbbbbbbbbbbbbbb\xff"));
}

TEST(HeadScannerTest, FindsTheEndHoweverTheBytesArrive) {
  const std::string block = "first line\r\nA: b\r\nC: d\r\n\r\n";
  for (size_t step = 1; step <= block.size(); ++step) {
    HeadScanner scanner;
    HeadScanner::Result result = HeadScanner::Result::kNeedMore;
    for (size_t size = step; result == HeadScanner::Result::kNeedMore; size += step) {
      result = scanner.Scan((block + "rest").substr(0, size), {100, 100, 10});
    }
    ASSERT_EQ(result, HeadScanner::Result::kComplete) << "step=" << step;
    ASSERT_EQ(scanner.block_bytes(), block.size());
    ASSERT_EQ(scanner.first_line_bytes(), 10u);
  }
}

TEST(HeadScannerTest, ItsLimitsAreExactHoweverTheBytesArrive) {
  struct Case {
    std::string block;
    HeadScanner::Limits limits;
    int status;  // 0: complete
  };
  const std::string block = "first line\r\nA: b\r\nC: d\r\n\r\n";  // 10, and 6 for each of two
  for (const Case& c :
       {Case{block, {10, 12, 10}, 0}, Case{block, {9, 12, 10}, 414}, Case{block, {10, 11, 10}, 431},
        Case{"A: b\r\n\r\n", {0, 6, 10}, 0}, Case{"A: b\r\n\r\n", {0, 5, 10}, 431}}) {
    SCOPED_TRACE(c.limits.first_line_bytes_max);
    for (size_t step = 1; step <= c.block.size(); ++step) {
      HeadScanner scanner;
      HeadScanner::Result result = HeadScanner::Result::kNeedMore;
      for (size_t size = step; result == HeadScanner::Result::kNeedMore; size += step) {
        result = scanner.Scan(c.block.substr(0, size), c.limits);
      }
      EXPECT_EQ(scanner.refusal().status, c.status) << "step=" << step;
    }
  }
}

TEST(HeadScannerTest, TakesABlockWithoutFirstLine) {
  HeadScanner scanner;
  EXPECT_EQ(scanner.Scan("\r\nrest", {0, 100, 10}), HeadScanner::Result::kComplete);
  EXPECT_EQ(scanner.block_bytes(), 2u);
}

}  // namespace
}  // namespace session_status::transport
