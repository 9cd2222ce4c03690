// Memory that runs out inside OpenSSL.
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

#include "plugin/auth/access_file.h"
#include "plugin/auth/keyed_mac.h"
#include "tests/plugin/failing_memory.h"
#include "tests/testing/temp_dir.h"

namespace session_status::auth {
namespace {

using testing::FailEachAllocation;

std::string Hex(const KeyedMac& mac) {
  MacBytes bytes;
  if (!mac.Compute("text", &bytes)) return "failed";
  std::string hex;
  AppendLowerHex(absl::MakeConstSpan(bytes).first(MacSize(mac.kind())), &hex);
  return hex;
}

// What the library sets up once it has.
void WarmUp() { KeyedMac(MacKind::kHmacSha1, "key"); }

TEST(KeyedMacMemoryTest, WhatCouldBeMadeCanCompute) {
  WarmUp();
  const std::string want = Hex(KeyedMac(MacKind::kHmacSha256, "key"));
  std::unique_ptr<KeyedMac> mac;
  FailEachAllocation(
      1, [&] { mac = std::make_unique<KeyedMac>(MacKind::kHmacSha256, "key"); },
      [&](bool) {
        if (mac != nullptr) {
          ASSERT_EQ(Hex(*mac), want);
        }
        mac.reset();
      });
}

TEST(KeyedMacMemoryTest, AMacThatFailedForWantOfMemoryComputesWithIt) {
  const KeyedMac mac(MacKind::kHmacSha256, "key");
  const std::string want = Hex(mac);
  MacBytes bytes;
  FailEachAllocation(
      1, [&] { mac.Compute("text", &bytes); }, [&](bool) { ASSERT_EQ(Hex(mac), want); });
}

// The first of this program: also the digest itself is not there yet.
TEST(Sha256MemoryTest, WhatCouldBeMadeCanCompute) {
  WarmUp();
  std::unique_ptr<Sha256> sha256;
  FailEachAllocation(
      1, [&] { sha256 = std::make_unique<Sha256>(); },
      [&](bool) {
        std::string hex;
        if (sha256 != nullptr) {
          ASSERT_TRUE(sha256->AppendHex("", &hex));
          ASSERT_EQ(hex, kSha256HexOfNothing);
        }
        sha256.reset();
      });
  std::string hex;
  EXPECT_TRUE(Sha256().AppendHex("", &hex)) << "with memory back";
  EXPECT_EQ(hex, kSha256HexOfNothing);
}

TEST(AccessStoreMemoryTest, AReloadWithoutMemoryKeepsTheOldFileAndSaysSo) {
  const testing::TempDir dir;
  const std::string path = dir.Write("access", R"({
    "version": 1, "sts": {"secret": "0123456789abcdef0123456789abcdef"},
    "accounts": [{"id": "1", "instances": ["*"],
                  "access_keys": [{"id": "key", "secret": "secretofkey"}]}]})");
  AccessStore store(path);
  ASSERT_TRUE(store.Reload().ok());
  const std::string want_rpc = Hex(store.Current()->FindKey("key")->rpc_mac());
  const std::string want_acs3 = Hex(store.Current()->FindKey("key")->acs3_mac());
  const std::string want_sts = Hex(*store.Current()->sts_mac());
  std::shared_ptr<const AccessFile> before = store.Current();
  absl::Status status;
  int refused = 0;
  FailEachAllocation(
      1, [&] { status = store.Reload(); },
      [&](bool done) {
        ASSERT_TRUE(done) << "one allocation failed: there is memory for the message";
        if (!status.ok()) {
          ++refused;
          ASSERT_EQ(status.message(), path + ": out of memory");
          ASSERT_EQ(store.Current(), before);
        }
        before = store.Current();
        ASSERT_EQ(Hex(before->FindKey("key")->rpc_mac()), want_rpc);
        ASSERT_EQ(Hex(before->FindKey("key")->acs3_mac()), want_acs3);
        ASSERT_EQ(Hex(*before->sts_mac()), want_sts);
      });
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace session_status::auth
