// Look-ups and walks beside splits, the doubling of a directory, and the reuse of a page
// (registry/session_index.h).
#include <optional>

#include "registry/client_id_inl.h"
#include "registry/session_index.h"
#include "tests/registry/orders/checks.h"

namespace session_status::orders {
namespace {

using registry::ClientIdHasher;
using registry::Details;
using registry::HotRecord;
using registry::LineStore;
using registry::Page;
using registry::PreparedId;
using registry::ReservedMemory;
using registry::SessionIndex;
using registry::Slot;

constexpr uint64_t kStatus = 77;

// A full page whose sessions agree in more bits than one split tells apart: to make room, the
// writer doubles the directory and splits more than once, and the page that the first split retired
// is one of the second one's halves. One session, the wanted one, is looked up meanwhile. The
// others only fill the page: their records are not simulated.
class Splits : public Check {
 public:
  explicit Splits(bool walks) : walks_(walks) {
    for (int i = 0; ids_.size() < Page::kSlots + 1; ++i) {
      std::string id = absl::StrCat("client-", i);
      if (hasher_.Hash(id.data(), id.size()) >> (64 - kCommonBits) == 0) ids_.push_back(id);
    }
    prepared_.resize(ids_.size());
    for (size_t i = 0; i < ids_.size(); ++i) hasher_.Prepare(ids_[i], &prepared_[i]);
    // Where the others will be, and which life of a page covers what: the same in every execution.
    Build();
    NoteLife();
    Split([this] { NoteLife(); });
    uint64_t status = 0;
    const Slot last = index_->Find(wanted(), &status);
    for (Slot s = 1; s < last + 1000; ++s) {
      bool is_wanted = false;
      for (const Slot w : wanted_slots_) is_wanted |= s == w;
      if (!is_wanted) other_slots_.push_back(s);
    }
  }
  int threads() const override { return 2; }

  void Begin() override {
    Build();
    // Neighbours in runs, so that few ranges are asked.
    for (size_t i = 0; i < other_slots_.size();) {
      size_t n = 1;
      while (i + n < other_slots_.size() && other_slots_[i + n] == other_slots_[i] + n) ++n;
      Exclude(&index_->hot(other_slots_[i]), n * sizeof(HotRecord));
      Exclude(&index_->details(other_slots_[i]), n * sizeof(registry::DetailRecord));
      i += n;
    }
    // Nor are the words of a page that do not lead to the wanted one, the first of each of its
    // pages.
    for (const ptrdiff_t number : {0, 256, 257, 258, 259, 260}) {
      const Page& p = first_page_[number];
      Exclude(&p.tags[1], sizeof p.tags - sizeof p.tags[0]);
      Exclude(&p.chunk_low[1], sizeof p.chunk_low - sizeof p.chunk_low[0]);
      Exclude(&p.chunk_high[1], sizeof p.chunk_high - sizeof p.chunk_high[0]);
    }
  }

  void Thread(int thread) override {
    if (thread == 0) return Split([] {});
    return walks_ ? Walk() : LookUp();
  }

 private:
  void LookUp() {
    uint64_t status = 0;
    Expect(index_->Find(wanted(), &status) != 0, "a session that is there was missed");
    Expect(status == kStatus, "a session has another's status");
  }

  void Walk() {
    // As SessionReader::ReadPageAt.
    SessionIndex::PageSlots page;
    int found = 0;
    do {
      index_->ReadPage(wanted().hash, &page);
      found = 0;
      for (int i = 0; i < page.count; ++i) {
        uint64_t status = 0;
        if (index_->Holds(page.slots[static_cast<size_t>(i)], wanted(), &status)) ++found;
      }
    } while (!index_->StillValid(page));
    Expect(found == 1, "a walk missed a session, or saw it twice");
    bool known = false;
    for (const Life& life : lives_) known |= life == LifeOf(page);
    Expect(known, "a page covers other positions");
  }

  static constexpr int kCommonBits = 10;  // eight choose the shard, two are split by

  const PreparedId& wanted() const { return prepared_[0]; }

  void Build() {
    index_.reset();
    lines_.emplace(64, ReservedMemory::Pages::kSmall);
    index_ = std::make_unique<SessionIndex>(256, ReservedMemory::Pages::kSmall, hasher_, *lines_);
    wanted_slots_.clear();
    for (size_t i = 0; i < Page::kSlots; ++i) {
      const PreparedId& id = prepared_[i];
      const SessionIndex::Place place = index_->Reserve(id.hash, [](Slot, Slot) {});
      index_->BeginLife(place.slot, id, id.words[0], 1, i == 0 ? kStatus : i, Details());
      index_->Link(place);
      if (i == 0) wanted_slots_.push_back(place.slot);
    }
    SessionIndex::PageSlots p;
    index_->ReadPage(wanted().hash, &p);
    first_page_ = p.page;
  }

  // A page's life, and the positions it covers.
  struct Life {
    ptrdiff_t page;
    uint32_t version;
    uint64_t first_position;
    uint64_t last_position;
    bool operator==(const Life&) const = default;
  };
  Life LifeOf(const SessionIndex::PageSlots& p) const {
    return {p.page - first_page_, p.version, p.first_position, p.last_position};
  }
  void NoteLife() {
    SessionIndex::PageSlots p;
    index_->ReadPage(wanted().hash, &p);
    lives_.push_back(LifeOf(p));
  }

  template <typename Fn>
  void Split(Fn moved) {
    Slot at = wanted_slots_[0];
    index_->Reserve(prepared_[Page::kSlots].hash, [&](Slot from, Slot to) {
      if (from != at) return;
      at = to;
      wanted_slots_.push_back(to);
      moved();
    });
  }

  const bool walks_;
  const ClientIdHasher hasher_;
  std::vector<std::string> ids_;
  std::vector<PreparedId> prepared_;
  std::optional<LineStore> lines_;
  std::unique_ptr<SessionIndex> index_;
  const Page* first_page_ = nullptr;
  std::vector<Life> lives_;
  std::vector<Slot> wanted_slots_;  // one after the other
  std::vector<Slot> other_slots_;
};

}  // namespace

std::unique_ptr<Check> MakeSplits() { return std::make_unique<Splits>(/*walks=*/false); }
std::unique_ptr<Check> MakeWalks() { return std::make_unique<Splits>(/*walks=*/true); }

}  // namespace session_status::orders
