#include "plugin/feed/change_ring.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>

namespace session_status::feed {
namespace {

// Everything in the entry follows from the sequence, so that a reader can tell a spoilt copy.
std::string IdFor(uint64_t sequence, size_t bytes_max = 200) {
  return std::string(1 + sequence * 7919 % bytes_max, static_cast<char>('a' + sequence % 26));
}

Change ChangeFor(uint64_t sequence, absl::string_view id) {
  Change c;
  c.sequence = sequence;
  c.incarnation = sequence * 3 & 0xffff'ffff'ffff;
  c.time_ms = static_cast<int64_t>(sequence) * 5;
  c.kind = static_cast<ChangeKind>(1 + sequence % 5);
  c.before = registry::SessionState::kOnline;
  c.after = registry::SessionState::kOfflineSessionKept;
  c.reason = static_cast<registry::EndReason>(sequence % 14);
  c.broker_code = static_cast<uint16_t>(sequence);
  c.listener_port = static_cast<uint16_t>(sequence * 31);
  c.protocol_version = registry::ProtocolVersion::kMqtt5;
  c.transport = registry::Transport::kWebSockets;
  c.client_id = id;
  c.address = sequence % 2 == 0 ? "10.20.30.40" : "";
  return c;
}

void ExpectWhole(const Change& c) {
  const std::string id = IdFor(c.sequence);
  const Change want = ChangeFor(c.sequence, id);
  ASSERT_EQ(c.client_id, want.client_id) << c.sequence;
  ASSERT_EQ(c.address, want.address);
  ASSERT_EQ(c.incarnation, want.incarnation);
  ASSERT_EQ(c.time_ms, want.time_ms);
  ASSERT_EQ(c.kind, want.kind);
  ASSERT_EQ(c.before, want.before);
  ASSERT_EQ(c.after, want.after);
  ASSERT_EQ(c.reason, want.reason);
  ASSERT_EQ(c.broker_code, want.broker_code);
  ASSERT_EQ(c.listener_port, want.listener_port);
  ASSERT_EQ(c.transport, want.transport);
}

void Append(ChangeRing* ring, uint64_t sequence) {
  ring->Append(ChangeFor(sequence, IdFor(sequence)));
}

TEST(ChangeRingTest, GivesBackWhatWasAppended) {
  ChangeRing ring(0);
  ChangeRing::Cursor cursor;
  Change c;
  EXPECT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kUpToDate);
  for (uint64_t s = 1; s <= 100; ++s) Append(&ring, s);
  for (uint64_t s = 1; s <= 100; ++s) {
    ASSERT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kChange);
    ASSERT_EQ(c.sequence, s);
    ExpectWhole(c);
  }
  EXPECT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kUpToDate);
}

TEST(ChangeRingTest, TakesTheLongestIdentifierAndCutsALongAddress) {
  ChangeRing ring(0);
  const std::string id(65'535, 'i');
  const std::string address(300, 'p');
  Change c = ChangeFor(1, id);
  c.address = address;
  for (uint64_t s = 1; s <= 50; ++s) {
    c.sequence = s;
    ring.Append(c);
  }
  ChangeRing::Cursor cursor;
  Change read;
  ASSERT_EQ(ring.SeekAfter(49, &cursor), ChangeRing::Read::kChange);
  ASSERT_EQ(ring.Next(&cursor, &read), ChangeRing::Read::kChange);
  EXPECT_EQ(read.client_id, id);
  EXPECT_EQ(read.address, address.substr(0, 255));
}

TEST(ChangeRingTest, ASlowReaderIsToldThatChangesAreGone) {
  ChangeRing ring(0);
  ChangeRing::Cursor cursor;
  Append(&ring, 1);
  Change c;
  ASSERT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kChange);
  for (uint64_t s = 2; s <= 50'000; ++s) Append(&ring, s);
  EXPECT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kOverrun);
  ring.SeekNewest(&cursor);
  EXPECT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kUpToDate);
  EXPECT_EQ(ring.newest_sequence(), 50'000u);
}

// Every sequence from before the oldest to behind the newest, after several rounds of the ring.
TEST(ChangeRingTest, SeeksToEverySequenceThatItStillHas) {
  ChangeRing ring(0);
  constexpr uint64_t kNewest = 40'000;
  for (uint64_t s = 1; s <= kNewest; ++s) Append(&ring, s);
  uint64_t found = 0;
  for (uint64_t after = 1; after < kNewest; ++after) {
    ChangeRing::Cursor cursor;
    const ChangeRing::Read read = ring.SeekAfter(after, &cursor);
    if (read == ChangeRing::Read::kOverrun) {
      ASSERT_EQ(found, 0u) << "an older one was there";
      continue;
    }
    ++found;
    ASSERT_EQ(read, ChangeRing::Read::kChange);
    Change c;
    ASSERT_EQ(ring.Next(&cursor, &c), ChangeRing::Read::kChange);
    ASSERT_EQ(c.sequence, after + 1);
  }
  EXPECT_GT(found, 5'000u);
  ChangeRing::Cursor cursor;
  EXPECT_EQ(ring.SeekAfter(kNewest, &cursor), ChangeRing::Read::kUpToDate);
}

TEST(ChangeRingTest, ReadersBesideARunningWriterSeeWholeEntriesInOrderOrAnOverrun) {
  ChangeRing ring(0);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t s = 1; !stop.load(); ++s) Append(&ring, s);
  });
  const auto read = [&ring](unsigned seed, uint64_t wanted) {
    std::mt19937 rng(seed);
    ChangeRing::Cursor cursor;
    uint64_t last = 0;
    uint64_t overruns = 0;
    for (uint64_t got = 0; got < wanted;) {
      Change c;
      switch (ring.Next(&cursor, &c)) {
        case ChangeRing::Read::kChange:
          if (last != 0) {
            ASSERT_EQ(c.sequence, last + 1);
          }
          last = c.sequence;
          ExpectWhole(c);
          ++got;
          // Now and then go back some way: the writer is close behind.
          if (rng() % 4096 == 0) {
            const uint64_t back = rng() % 8'000;
            if (ring.SeekAfter(last - std::min(last, back), &cursor) == ChangeRing::Read::kChange) {
              last -= std::min(last, back);
            }
          }
          break;
        case ChangeRing::Read::kOverrun:
          ring.SeekNewest(&cursor);
          last = 0;
          ++overruns;
          break;
        case ChangeRing::Read::kUpToDate:
          std::this_thread::yield();
          break;
      }
    }
  };
  std::thread other([&] { read(2, 50'000); });
  read(1, 50'000);
  other.join();
  stop.store(true);
  writer.join();
}

}  // namespace
}  // namespace session_status::feed
