// The log of lost connections (registry/loss_grace.h) beside cuts.
#include "registry/loss_grace.h"
#include "tests/registry/orders/checks.h"

namespace session_status::orders {
namespace {

using registry::ApplyResult;
using registry::EndReason;
using registry::LossGrace;
using registry::SessionEvent;
using registry::SessionRegistry;
using registry::SessionStatus;
using registry::SnapshotInfo;

constexpr int64_t kGraceMs = 1000;

// A registry with grace, as the plugin puts them together.
class Graced {
 public:
  explicit Graced(size_t losses_max)
      : registry_({.sessions_max = 64}),
        grace_(registry_, absl::Milliseconds(kGraceMs), losses_max) {}

  void Connect(absl::string_view id, uint64_t incarnation) {
    SessionEvent e;
    e.client_id = id;
    e.incarnation = incarnation;
    e.time = absl::FromUnixSeconds(1);
    registry_.Apply(e);
  }
  ApplyResult Lose(absl::string_view id, uint64_t incarnation, int64_t steady_ms) {
    SessionEvent e;
    e.kind = SessionEvent::Kind::kEnded;
    e.client_id = id;
    e.incarnation = incarnation;
    e.time = absl::FromUnixSeconds(1);
    e.reason = EndReason::kNetworkError;
    grace_.BeginLoss(e, steady_ms);
    const ApplyResult result = registry_.Apply(e);
    grace_.EndLoss(result.outcome);
    return result;
  }
  void Publish(int64_t steady_ms) { registry_.PublishSnapshot(absl::UnixEpoch(), steady_ms); }
  SnapshotInfo Ask(absl::string_view id, SessionStatus* status) const {
    return grace_.QuerySnapshot(absl::MakeConstSpan(&id, 1), absl::MakeSpan(status, 1));
  }

 private:
  SessionRegistry registry_;
  LossGrace grace_;
};

// A loss; then one that the registry refuses, whose number another event gets.
class Losses : public Check {
 public:
  int threads() const override { return 3; }

  void Begin() override {
    graced_ = std::make_unique<Graced>(16);
    graced_->Connect("lamp", 1);
    graced_->Publish(0);
  }

  void Thread(int thread) override {
    switch (thread) {
      case 0:
        Expect(graced_->Lose("lamp", 1, kLostMs).sequence == kLoss, "the loss has another number");
        Expect(graced_->Lose("lamp", 1, kRefusedMs).outcome == ApplyResult::Outcome::kStale,
               "an end was applied twice");
        graced_->Connect("door", 2);
        return;
      case 1:
        graced_->Publish(kLostMs + 1);
        graced_->Publish(kRefusedMs + 1);
        return;
      default:
        for (int round = 0; round < 2; ++round) {
          SessionStatus status;
          const SnapshotInfo cut = graced_->Ask("lamp", &status);
          const bool lost = cut.sequence >= kLoss;
          const bool expected = !lost || cut.steady_ms < kLostMs + kGraceMs;
          Expect(status.online() == expected,
                 expected ? "offline within the grace" : "online after the grace");
        }
    }
  }

 private:
  static constexpr uint64_t kLoss = 2;
  static constexpr int64_t kLostMs = 100;
  static constexpr int64_t kRefusedMs = 5000;
  std::unique_ptr<Graced> graced_;
};

// A log of two entries, in which both are overwritten.
class LossesRing : public Check {
 public:
  int threads() const override { return 2; }

  void Begin() override {
    overwriting_ = false;
    graced_ = std::make_unique<Graced>(2);
    for (uint64_t i = 0; i < 4; ++i) graced_->Connect(kIds[i], i + 1);
    graced_->Lose(kIds[0], 1, 100);
    graced_->Lose(kIds[1], 2, 200);
    graced_->Publish(300);
  }

  void Thread(int thread) override {
    if (thread == 0) {
      graced_->Publish(1150);
      overwriting_ = true;
      graced_->Lose(kIds[2], 3, 1250);
      graced_->Lose(kIds[3], 4, 1260);
      graced_->Publish(1300);
      return;
    }
    for (size_t i = 0; i < 2; ++i) {
      SessionStatus status;
      const SnapshotInfo cut = graced_->Ask(kIds[i], &status);
      const int64_t lost_ms = i == 0 ? 100 : 200;
      const bool expected = cut.steady_ms < lost_ms + kGraceMs;
      Expect(!status.online() || expected, "online after the grace");
      Expect(status.online() || !expected || overwriting_, "offline within the grace");
    }
  }

 private:
  static constexpr absl::string_view kIds[4] = {"lamp", "door", "bell", "lock"};
  std::unique_ptr<Graced> graced_;
  bool overwriting_ = false;
};

}  // namespace

std::unique_ptr<Check> MakeLosses() { return std::make_unique<Losses>(); }
std::unique_ptr<Check> MakeLossesRing() { return std::make_unique<LossesRing>(); }

}  // namespace session_status::orders
