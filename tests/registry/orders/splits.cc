// Look-ups and walks beside splits of pages and of a segment, the doubling of a directory, and
// packing (registry/session_index.h).
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
using registry::Segment;
using registry::SessionIndex;
using registry::Slot;

constexpr uint64_t kStatus = 77;

// A full page whose sessions agree in more bits than splits of pages tell apart. To make room the
// writer splits it four times in vain, moves all of it to another page, splits the segment, for
// which it doubles the directory, and splits the page at last, after which its other half is
// packed. One session, the wanted one, is looked up meanwhile: it moves with the fifth split, and
// as the last of its chunk when the page is packed. The others only fill the page: their records
// are not simulated.
class Splits : public Check {
 public:
  explicit Splits(bool walks) : walks_(walks) {
    // Of the first chunk's four only the wanted one stays in the lower half, then every second one,
    // and the one that finds no room goes there.
    for (int i = 0; ids_.size() < Page::kSlots + 1; ++i) {
      std::string id = absl::StrCat("client-", i);
      const bool upper = ids_.size() < Page::kSlotsPerChunk ? !ids_.empty() : ids_.size() % 2 == 1;
      if (hasher_.Hash(id.data(), id.size()) >> (63 - kCommonBits) == (upper ? 3 : 2)) {
        ids_.push_back(id);
      }
    }
    prepared_.resize(ids_.size());
    for (size_t i = 0; i < ids_.size(); ++i) hasher_.Prepare(ids_[i], &prepared_[i]);
    // Where the others will be: the same in every execution.
    Build();
    Split();
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
    // pages, and the second where it is packed.
    for (const int segment : {0, kShards, kShards + 1}) {
      for (int i = 0; i < Segment::kPages; ++i) {
        const Page& p = first_page_[segment * Segment::kPages + i];
        Exclude(&p.tags[1], sizeof p.tags - sizeof p.tags[0]);
        Exclude(&p.chunks[2], sizeof p.chunks - 2 * sizeof p.chunks[0]);
      }
    }
  }

  void Thread(int thread) override {
    if (thread == 0) {
      Split();
      return Expect(wanted_slots_.size() == 3, "the wanted session was not moved twice");
    }
    return walks_ ? Walk() : LookUp();
  }

 private:
  void LookUp() {
    uint64_t status = 0;
    Expect(index_->Find(wanted(), &status) != 0, "a session that is there was missed");
    Expect(status == kStatus, "a session has another's status");
  }

  void Walk() {
    // As SessionReader::ReadPageAt, which takes a client that it saw in two slots of a page for
    // one: while a page is packed both hold the same.
    SessionIndex::PageSlots page;
    bool found = false;
    do {
      index_->ReadPage(wanted().hash, &page);
      found = false;
      for (int i = 0; i < page.count; ++i) {
        uint64_t status = 0;
        found |= index_->Holds(page.slots[static_cast<size_t>(i)], wanted(), &status);
      }
    } while (!index_->StillValid(page));
    Expect(found, "a walk missed a session");
    const uint64_t position = wanted().hash;
    Expect(page.first_position <= position && position <= page.last_position,
           "a page covers other positions");
  }

  static constexpr int kShards = 64;      // whose segments come first
  static constexpr int kCommonBits = 11;  // six choose the shard, five the slice

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
    // Of its segment, wherever in it the page itself is.
    const auto page = reinterpret_cast<uintptr_t>(index_->BeginProbe(wanted().hash).page);
    first_page_ = reinterpret_cast<const Page*>(page & ~(Segment::kPages * sizeof(Page) - 1));
  }

  void Split() {
    Slot at = wanted_slots_[0];
    index_->Reserve(prepared_[Page::kSlots].hash, [&](Slot from, Slot to) {
      if (from != at) return;
      at = to;
      wanted_slots_.push_back(to);
    });
  }

  const bool walks_;
  const ClientIdHasher hasher_;
  std::vector<std::string> ids_;
  std::vector<PreparedId> prepared_;
  std::optional<LineStore> lines_;
  std::unique_ptr<SessionIndex> index_;
  const Page* first_page_ = nullptr;
  std::vector<Slot> wanted_slots_;  // one after the other
  std::vector<Slot> other_slots_;
};

}  // namespace

std::unique_ptr<Check> MakeSplits() { return std::make_unique<Splits>(/*walks=*/false); }
std::unique_ptr<Check> MakeWalks() { return std::make_unique<Splits>(/*walks=*/true); }

}  // namespace session_status::orders
