#include "plugin/auth/keyed_mac.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace session_status::auth {
namespace {

std::string Hex(const KeyedMac& mac, absl::string_view text) {
  MacBytes bytes;
  if (!mac.Compute(text, &bytes)) return "failed";
  std::string hex;
  AppendLowerHex(absl::MakeConstSpan(bytes).first(MacSize(mac.kind())), &hex);
  return hex;
}

TEST(KeyedMacTest, GivesThePublishedAnswers) {
  // RFC 2202 case 2 and RFC 4231 case 2.
  const KeyedMac sha1(MacKind::kHmacSha1, "Jefe");
  EXPECT_EQ(Hex(sha1, "what do ya want for nothing?"), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  const KeyedMac sha256(MacKind::kHmacSha256, "Jefe");
  EXPECT_EQ(Hex(sha256, "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(KeyedMacTest, AnEmptyKeyIsAKey) {
  const KeyedMac mac(MacKind::kHmacSha1, "");
  EXPECT_EQ(Hex(mac, ""), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

TEST(KeyedMacTest, GivesTheSameAnswerAgainAndAgainFromManyThreads) {
  const KeyedMac mac(MacKind::kHmacSha256, "key");
  const std::string want_a = Hex(mac, "a");
  const std::string want_b = Hex(mac, std::string(1000, 'b'));
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 12; ++t) {  // more than the slots
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        wrong += Hex(mac, "a") != want_a;
        wrong += Hex(mac, std::string(1000, 'b')) != want_b;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Base64Test, AcceptsOnlyWhatItWrites) {
  for (size_t size = 0; size < 40; ++size) {
    std::vector<uint8_t> bytes(size, static_cast<uint8_t>(size * 7 + 1));
    std::string text;
    AppendBase64(bytes, &text);
    std::string back;
    ASSERT_TRUE(DecodeBase64(text, &back)) << text;
    EXPECT_EQ(back, std::string(bytes.begin(), bytes.end()));
  }
  std::string out;
  for (const char* bad : {"A", "AB", "ABC", "AB=C", "A===", "====", "AB==AB==", " ABC", "ABC\n",
                          "AB-_", "AR==", "AAB="}) {
    EXPECT_FALSE(DecodeBase64(bad, &out)) << bad;
  }
}

TEST(EqualInConstantTimeTest, ComparesLengthAndBytes) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("abc", "abc"));
  EXPECT_FALSE(EqualInConstantTime("abc", "abd"));
  EXPECT_FALSE(EqualInConstantTime("abc", "ab"));
}

}  // namespace
}  // namespace session_status::auth
