// The ring of changes (plugin/feed/word_ring.h, change_ring.h): followers beside the writer, one at
// the newest change, one at an old one that is being overwritten.
#include "plugin/feed/change_ring.h"
#include "tests/registry/orders/checks.h"

namespace session_status::orders {
namespace {

using feed::Change;
using feed::ChangeRing;
using feed::WordRing;

// Change n of the feed has n everywhere.
Change ChangeOf(uint64_t n) {
  Change c;
  c.sequence = n;
  c.incarnation = n;
  c.time_ms = static_cast<int64_t>(n);
  c.listener_port = static_cast<uint16_t>(n);
  c.broker_code = static_cast<uint16_t>(n);
  return c;
}

class Ring : public Check {
 public:
  int threads() const override { return 2; }

  // Two small changes, then long ones until the ring is full: the next small ones overwrite the
  // first two.
  void Begin() override {
    ring_ = std::make_unique<ChangeRing>(WordRing::kBytesMin, kFirst - 1);
    last_ = kFirst - 1;
    AppendSmall();
    AppendSmall();
    const std::string filler(registry::kClientIdBytesMax, 'x');
    uint64_t words = WordRing::kBytesMin / 8 - 2 * kSmallWords;
    while (words > 0) {
      // What is left over goes into the last one, which is never too short for its five words.
      uint64_t take = std::min<uint64_t>(words, 8000);
      if (words - take < 10) take = words;
      Change c = ChangeOf(++last_);
      c.client_id = absl::string_view(filler).substr(0, (take - kSmallWords) * 8);
      ring_->Append(c);
      words -= take;
    }
  }

  void Thread(int thread) override {
    if (thread == 0) {
      for (int i = 0; i < 3; ++i) AppendSmall();
      return;
    }
    // The newest, live.
    ChangeRing::Cursor newest, oldest, sought;
    const uint64_t known = ring_->newest_sequence();
    ring_->SeekNewest(&newest);
    Change c;
    uint64_t next = 0;
    for (int i = 0; i < 2; ++i) {
      if (ring_->Next(&newest, &c) != ChangeRing::Read::kChange) continue;
      ExpectWhole(c);
      Expect(next == 0 || c.sequence == next, "a change was left out");
      next = c.sequence + 1;
      Expect(ring_->newest_sequence() >= c.sequence, "a change is newer than the newest");
    }
    (void)known;
    // The oldest, which may be gone.
    for (int i = 0; i < 2; ++i) {
      if (ring_->Next(&oldest, &c) != ChangeRing::Read::kChange) break;
      ExpectWhole(c);
      Expect(c.sequence == kFirst + static_cast<uint64_t>(i), "an old change is another");
    }
    // By its number, through the index.
    if (ring_->SeekAfter(kFirst, &sought) == ChangeRing::Read::kChange &&
        ring_->Next(&sought, &c) == ChangeRing::Read::kChange) {
      ExpectWhole(c);
      Expect(c.sequence == kFirst + 1, "another change than the one that was sought");
    }
  }

 private:
  static constexpr uint64_t kFirst = 64;  // has its position in the index
  static constexpr uint64_t kSmallWords = 5;

  void AppendSmall() { ring_->Append(ChangeOf(++last_)); }
  static void ExpectWhole(const Change& c) {
    Expect(c.incarnation == c.sequence && c.time_ms == static_cast<int64_t>(c.sequence) &&
               c.listener_port == c.sequence && c.broker_code == c.sequence && c.client_id.empty(),
           "a change is mixed from two");
  }

  std::unique_ptr<ChangeRing> ring_;
  uint64_t last_ = 0;
};

}  // namespace

std::unique_ptr<Check> MakeRing() { return std::make_unique<Ring>(); }

}  // namespace session_status::orders
