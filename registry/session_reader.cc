#include "registry/session_reader.h"

#include <algorithm>
#include <array>
#include <thread>
#include <vector>

#include "registry/client_id_inl.h"
#include "registry/session_details_reader.h"

namespace session_status::registry {

namespace {

// Ids whose cache misses are in flight together. A core has 10 to 24 line fill buffers; more ids
// than that only push each other's lines out.
constexpr size_t kGroup = 16;

// Waits for a writer that is inside an event of the very session that is being read.
class Patience {
 public:
  void Wait() {
    if (++spins_ > kSpins) std::this_thread::yield();
  }

 private:
  static constexpr int kSpins = 100;  // an event's critical part takes some 50 ns
  int spins_ = 0;
};

}  // namespace

SessionStatus SessionReader::Find(absl::string_view client_id) const {
  if (client_id.size() > kClientIdBytesMax) return {};
  PreparedId id;
  table_.hasher.Prepare(client_id, &id);
  uint64_t word;
  if (table_.index.Find(id, &word) == 0) return {};
  return StatusWord(word).now().Unpack();
}

// -- details -------------------------------------------------------------------------------------

bool SessionReader::FindDetails(absl::string_view client_id, SessionDetails* details) const {
  if (client_id.size() > kClientIdBytesMax) return false;
  PreparedId id;
  table_.hasher.Prepare(client_id, &id);
  SessionDetails read;
  for (Patience patience;; patience.Wait()) {
    uint64_t word;
    const Slot slot = table_.index.Find(id, &word);
    if (slot == 0) return false;
    const HotRecord& hot = table_.index.hot(slot);
    const uint32_t life = hot.identity.Load();
    const uint32_t content = hot.content.Load();
    // All in one life, in which the slot holds our id, and between two events.
    if (content % 2 != 0 || !table_.index.Holds(slot, id, &word)) continue;
    const StatusWord status(word);
    ReadDetails(table_, slot, status, &read);
    if (hot.content.Load() != content || hot.identity.Load() != life) continue;
    if (read.status.state == SessionState::kUnknown) return false;
    *details = std::move(read);
    return true;
  }
}

uint64_t SessionReader::ReadPageAt(uint64_t position, std::vector<Entry>* entries) const {
  SessionIndex::PageSlots page;
  do {
    table_.index.ReadPage(position, &page);
    entries->resize(static_cast<size_t>(page.count));
    size_t count = 0;
    for (int i = 0; i < page.count; ++i) {
      Entry& read = (*entries)[count];
      if (!ReadEntry(page.slots[static_cast<size_t>(i)], &read)) continue;
      // A slot that was freed meanwhile may hold a client of another page now.
      if (read.position < page.first_position || read.position > page.last_position) continue;
      // A client that was forgotten and came back during this loop may have been read in two slots;
      // the later one is the younger.
      const auto end = entries->begin() + static_cast<ptrdiff_t>(count);
      const auto earlier =
          std::find_if(entries->begin(), end, [&](const Entry& e) { return e.id == read.id; });
      if (earlier == end) {
        ++count;
      } else {
        std::swap(*earlier, read);
      }
    }
    entries->resize(count);
  } while (!table_.index.StillValid(page));
  return page.last_position + 1;
}

bool SessionReader::ReadEntry(Slot slot, Entry* entry) const {
  const HotRecord& hot = table_.index.hot(slot);
  for (Patience patience;; patience.Wait()) {
    const uint32_t life = hot.identity.Load();
    const uint32_t content = hot.content.Load();
    if (life % 2 == 0) return false;  // removed, or the whole page is not valid any more
    if (content % 2 != 0) continue;
    table_.index.ReadId(slot, &entry->id);
    ReadDetails(table_, slot, StatusWord(hot.status.Load()), &entry->details);
    if (hot.content.Load() == content && hot.identity.Load() == life) break;
  }
  entry->position = PositionOf(entry->id);
  return entry->details.status.state != SessionState::kUnknown;
}

void SessionReader::ForEach(
    const std::function<bool(absl::string_view, const SessionDetails&)>& visit) const {
  std::vector<Entry> entries;
  uint64_t position = 0;
  do {
    const uint64_t next = ReadPageAt(position, &entries);
    for (const Entry& e : entries) {
      // The half behind a page that is being split may still be told as part of the whole.
      if (e.position >= position && !visit(e.id, e.details)) return;
    }
    position = next;
  } while (position != 0);
}

uint64_t SessionReader::VisitFrom(uint64_t position, const SessionRegistry::VisitFn& visit) const {
  std::vector<Entry> entries;
  const uint64_t next = ReadPageAt(position, &entries);
  for (const Entry& e : entries) {
    if (e.position >= position) visit(e.position, e.id, e.details);
  }
  return next;
}

uint64_t SessionReader::PositionOf(absl::string_view client_id) const {
  return table_.hasher.Hash(client_id.data(), client_id.size());
}

// -- snapshot ------------------------------------------------------------------------------------

SnapshotInfo SessionReader::CurrentSnapshot() const {
  SnapshotInfo info;
  while (!table_.epochs.Info(table_.epochs.published(), &info)) {
  }
  return info;
}

SnapshotInfo SessionReader::QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                          absl::Span<SessionStatus> out) const {
  uint64_t epoch = table_.epochs.published();
  for (;;) {
    if (AnswerAt(&epoch, client_ids, out) == Batch::kOvertaken) continue;
    SnapshotInfo info;
    if (table_.epochs.Info(epoch, &info)) return info;
    epoch = table_.epochs.published();
  }
}

SessionReader::Batch SessionReader::AnswerAt(uint64_t* epoch,
                                             absl::Span<const absl::string_view> client_ids,
                                             absl::Span<SessionStatus> out) const {
  bool missed = false;
  for (size_t at = 0; at < client_ids.size(); at += kGroup) {
    if (AnswerGroup(epoch, client_ids.subspan(at, kGroup), out.subspan(at, kGroup), &missed) ==
        Batch::kOvertaken) {
      return Batch::kOvertaken;
    }
  }
  if (!missed) return Batch::kDone;
  // A session leaves its slot only when a published cut says unknown. So "not there" holds for our
  // cut, unless a newer one was published meanwhile.
  const uint64_t published = table_.epochs.published();
  if (published <= *epoch) return Batch::kDone;
  *epoch = published;
  return Batch::kOvertaken;
}

SessionReader::Batch SessionReader::AnswerGroup(uint64_t* epoch,
                                                absl::Span<const absl::string_view> client_ids,
                                                absl::Span<SessionStatus> out, bool* missed) const {
  const SessionIndex& index = table_.index;
  std::array<PreparedId, kGroup> ids;
  std::array<SessionIndex::Probe, kGroup> probes;
  const size_t count = client_ids.size();
  for (size_t i = 0; i < count; ++i) {
    // An id that is too long is unknown; as an empty one it costs nothing, and is not answered.
    const bool valid = client_ids[i].size() <= kClientIdBytesMax;
    table_.hasher.Prepare(valid ? client_ids[i] : absl::string_view(), &ids[i]);
    probes[i] = index.BeginProbe(ids[i].hash);
  }
  for (size_t i = 0; i < count; ++i) index.ProbeSlots(ids[i].hash, &probes[i]);
  for (size_t i = 0; i < count; ++i) {
    uint64_t bits;
    out[i] = SessionStatus();
    if (client_ids[i].size() > kClientIdBytesMax) continue;
    if (index.FinishProbe(ids[i], probes[i], &bits) == 0) {
      *missed = true;
      continue;
    }
    const StatusWord word(bits);
    if (word.epoch() > *epoch + 1) {
      *epoch = word.epoch() - 1;  // complete, because an event of the epoch after it has begun
      table_.epochs.Adopt(*epoch);
      return Batch::kOvertaken;
    }
    out[i] = word.AsOf(*epoch).Unpack();
  }
  return Batch::kDone;
}

}  // namespace session_status::registry
