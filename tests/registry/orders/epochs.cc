// The clock of cuts (registry/snapshot_epochs.h) with the word of one session.
#include <optional>

#include "registry/session_record.h"
#include "registry/snapshot_epochs.h"
#include "tests/registry/orders/checks.h"

namespace session_status::orders {
namespace {

using registry::PackedStatus;
using registry::SnapshotEpochs;
using registry::SnapshotInfo;
using registry::StatusWord;

// The time of the cut that ends `epoch`.
int64_t SteadyMs(uint64_t epoch) { return static_cast<int64_t>(epoch) * 10; }

// Event n gives the session status n, and gets the sequence number n: an answer is right if it is
// the sequence number of the cut that it is said to be of.
class Epochs : public Check {
 public:
  int threads() const override { return 3; }

  void Begin() override {
    epochs_.emplace();
    word_.emplace();
    word_->Store(0);
  }

  void Thread(int thread) override {
    switch (thread) {
      case 0:
        return Write();
      case 1:
        return Refresh();
      default:
        return Read();
    }
  }

 private:
  void Write() {
    for (uint64_t n = 1; n <= 2; ++n) {
      const uint64_t epoch = epochs_->BeginEvent();
      word_->Store(StatusWord(word_->Own()).Changed(epoch, PackedStatus::FromBits(n), 0).bits());
      epochs_->EndEvent(/*counts=*/true);
    }
  }

  void Refresh() {
    for (uint64_t epoch = 1; epoch <= 2; ++epoch) {
      Expect(epochs_->Publish(absl::UnixEpoch(), SteadyMs(epoch)) == epoch,
             "an epoch was left out");
    }
  }

  void Read() {
    uint64_t last_epoch = 0, last_sequence = 0;
    for (int round = 0; round < 2; ++round) {
      uint64_t epoch = epochs_->published();
      SnapshotInfo info;
      uint64_t answer = 0;
      do {  // as SessionReader::QuerySnapshot
        StatusWord word(word_->Load());
        while (word.epoch() > epoch + 1) {
          epoch = word.epoch() - 1;
          epochs_->Adopt(epoch);
          word = StatusWord(word_->Load());
        }
        answer = word.AsOf(epoch).bits();
      } while (!epochs_->Info(epoch, &info));
      Expect(answer == info.sequence, "an answer is not that of its cut");
      Expect(epoch == 0 || info.steady_ms == SteadyMs(epoch), "a cut has the time of another");
      Expect(epoch >= last_epoch && info.sequence >= last_sequence, "cuts ran backwards");
      last_epoch = epoch;
      last_sequence = info.sequence;
    }
    // Live: who reads the number of events sees what they did.
    const uint64_t sequence = epochs_->sequence();
    Expect(StatusWord(word_->Load()).now().bits() >= sequence, "a counted event is not seen");
  }

  std::optional<SnapshotEpochs> epochs_;
  std::optional<registry::Word> word_;
};

// The entries of all cuts that are remembered are full; two more refreshes reuse two of them.
class ReusedCuts : public Check {
 public:
  int threads() const override { return 2; }

  void Begin() override {
    epochs_.emplace();
    for (uint64_t epoch = 1; epoch <= kCutsKept; ++epoch) {
      epochs_->BeginEvent();
      epochs_->EndEvent(/*counts=*/true);
      epochs_->Publish(absl::FromUnixNanos(SteadyMs(epoch)), SteadyMs(epoch));
    }
  }

  void Thread(int thread) override {
    if (thread == 0) {
      epochs_->BeginEvent();
      epochs_->EndEvent(/*counts=*/true);
      for (uint64_t epoch = kCutsKept + 1; epoch <= kCutsKept + 2; ++epoch) {
        epochs_->Publish(absl::FromUnixNanos(SteadyMs(epoch)), SteadyMs(epoch));
      }
      epochs_->BeginEvent();
      epochs_->EndEvent(/*counts=*/true);
      return;
    }
    // Again and again: the writer and the refresher have a long way to the first reuse.
    for (uint64_t i = 0; i < 6; ++i) {
      const uint64_t epoch = 2 + i % 2;
      SnapshotInfo info;
      if (!epochs_->Info(epoch, &info)) continue;
      Expect(info.steady_ms == SteadyMs(epoch) &&
                 info.taken_at == absl::FromUnixNanos(SteadyMs(epoch)),
             "a cut has the time of another");
      Expect(info.sequence == epoch, "a cut has the number of another");
    }
  }

 private:
  static constexpr uint64_t kCutsKept = 128;
  std::optional<SnapshotEpochs> epochs_;
};

}  // namespace

std::unique_ptr<Check> MakeEpochs() { return std::make_unique<Epochs>(); }
std::unique_ptr<Check> MakeReusedCuts() { return std::make_unique<ReusedCuts>(); }

}  // namespace session_status::orders
