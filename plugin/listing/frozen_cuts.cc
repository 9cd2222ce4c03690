#include "plugin/listing/frozen_cuts.h"

#include <sched.h>

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::listing {
namespace {

using feed::WordRing;
using registry::SessionDetails;

// A note in words: header, the change's sequence, lengths, and if the session existed the details;
// then the strings.
//   lengths: identifier | address << 16 | user name << 32
constexpr uint64_t kHeadWords = 3;
constexpr uint64_t kDetailWords = 7;
// The broker's own limits are lower; longer ones would not fit the ring beside the identifier.
constexpr size_t kAddressBytesMax = 255;
constexpr size_t kUsernameBytesMax = 65'535;
static_assert(kHeadWords + kDetailWords +
                  (registry::kClientIdBytesMax + kAddressBytesMax + kUsernameBytesMax + 7) / 8 <
              WordRing::kEntryWordsMax);

// Tags.
constexpr uint32_t kNew = 0;      // the session did not exist
constexpr uint32_t kExisted = 1;  // … or it did, and looked like this
constexpr uint32_t kLost = 2;     // memory ran out: what should stand here is not known

// What a note costs beside its bytes: tree, strings, details.
constexpr size_t kNoteOverheadBytes = 256;

uint64_t Millis(absl::Time t) {
  return static_cast<uint64_t>(t == absl::InfinitePast() ? INT64_MIN : absl::ToUnixMillis(t));
}

absl::Time FromMillis(uint64_t ms) {
  const auto value = static_cast<int64_t>(ms);
  return value == INT64_MIN ? absl::InfinitePast() : absl::FromUnixMillis(value);
}

void PutDetails(const SessionDetails& d, WordRing* ring) {
  ring->Put(d.incarnation << 16 | d.broker_code);
  ring->Put(uint64_t{d.connects} << 32 | uint64_t{d.listener_port} << 16 | d.keepalive_s);
  ring->Put(static_cast<uint64_t>(d.status.state) | static_cast<uint64_t>(d.status.reason) << 8 |
            static_cast<uint64_t>(d.protocol_version) << 16 |
            static_cast<uint64_t>(d.transport) << 24 | uint64_t{d.clean_start} << 32 |
            uint64_t{d.restored} << 33);
  ring->Put(Millis(d.connected_at));
  ring->Put(Millis(d.disconnected_at));
  ring->Put(Millis(d.session_created_at));
  ring->Put(Millis(d.ended_not_before));
}

void TakeDetails(const uint64_t* w, SessionDetails* d) {
  d->incarnation = w[0] >> 16;
  d->broker_code = static_cast<uint16_t>(w[0]);
  d->connects = static_cast<uint32_t>(w[1] >> 32);
  d->listener_port = static_cast<uint16_t>(w[1] >> 16);
  d->keepalive_s = static_cast<uint16_t>(w[1]);
  d->status.state = static_cast<registry::SessionState>(w[2] & 0xff);
  d->status.reason = static_cast<registry::EndReason>(w[2] >> 8 & 0xff);
  d->protocol_version = static_cast<registry::ProtocolVersion>(w[2] >> 16 & 0xff);
  d->transport = static_cast<registry::Transport>(w[2] >> 24 & 0xff);
  d->clean_start = (w[2] >> 32 & 1) != 0;
  d->connected_at = FromMillis(w[3]);
  d->disconnected_at = FromMillis(w[4]);
  d->session_created_at = FromMillis(w[5]);
  d->restored = (w[2] >> 33 & 1) != 0;
  d->ended_not_before = FromMillis(w[6]);
}

}  // namespace

// -- the writer's side ----------------------------------------------------------------------------

void FrozenCuts::BeginChange(absl::string_view client_id) noexcept {
  in_flight_.store(++begun_and_ended_, std::memory_order_seq_cst);              // (c1)
  if (open_.load(std::memory_order_seq_cst) == 0 || client_id.empty()) return;  // (c2)
  try {
    SessionDetails details;
    const bool existed = registry_.FindDetails(client_id, &details);
    Note(client_id, existed ? &details : nullptr);
  } catch (const std::bad_alloc&) {
    ring_->Begin(kHeadWords, kLost);
    ring_->Put(registry_.sequence() + 1);
    ring_->Put(0);
    ring_->Commit();
  }
}

void FrozenCuts::Forgetting(absl::string_view client_id, const SessionDetails& details) noexcept {
  if (open_.load(std::memory_order_seq_cst) == 0) return;  // (c2), within a BeginChange()
  Note(client_id, &details);
}

void FrozenCuts::Note(absl::string_view client_id, const SessionDetails* details) {
  absl::string_view address;
  absl::string_view username;
  if (details != nullptr) {
    address = absl::string_view(details->address).substr(0, kAddressBytesMax);
    username = absl::string_view(details->username).substr(0, kUsernameBytesMax);
  }
  const uint64_t fixed = kHeadWords + (details != nullptr ? kDetailWords : 0);
  ring_->Begin(fixed + WordRing::WordsFor(client_id.size() + address.size() + username.size()),
               details != nullptr ? kExisted : kNew);
  ring_->Put(registry_.sequence() + 1);
  ring_->Put(client_id.size() | uint64_t{address.size()} << 16 | uint64_t{username.size()} << 32);
  if (details != nullptr) PutDetails(*details, ring_.get());
  ring_->PutBytes(client_id, address, username);
  ring_->Commit();
}

absl::StatusOr<std::shared_ptr<FrozenCut>> FrozenCuts::Open(absl::Time now) {
  uint64_t position = 0;
  {
    os::MutexLock lock(&mu_);
    if (open() >= options_.cuts_max) {
      return absl::ResourceExhaustedError(
          absl::StrCat(options_.cuts_max,
                       " listings are being read (listings_max); try again when one has "
                       "ended, in a few seconds"));
    }
    if (ring_ == nullptr) ring_ = std::make_unique<WordRing>(options_.ring_bytes);
    position = ring_->head();
    open_.fetch_add(1, std::memory_order_seq_cst);  // (c3)
  }
  // An event that began before it could see us may note nothing: its change must be in the cut.
  const uint64_t in_flight = in_flight_.load(std::memory_order_seq_cst);  // after (c3)
  if (in_flight % 2 == 1) {
    // Acquire; pairs with (c4).
    while (in_flight_.load(std::memory_order_acquire) == in_flight) sched_yield();
  }
  std::unique_ptr<FrozenCut> made(new (std::nothrow)
                                      FrozenCut(*this, position, registry_.sequence(), now));
  if (made == nullptr) {  // nobody else would count it back
    Closed();
    return absl::ResourceExhaustedError("");  // a message would need memory
  }
  std::shared_ptr<FrozenCut> cut(std::move(made));
  poller_.Add(cut.get());
  return cut;
}

// -- a cut ----------------------------------------------------------------------------------------

FrozenCut::FrozenCut(FrozenCuts& cuts, uint64_t ring_position, uint64_t sequence,
                     absl::Time taken_at)
    : cuts_(cuts), sequence_(sequence), taken_at_(taken_at), ring_position_(ring_position) {}

FrozenCut::~FrozenCut() {
  cuts_.poller_.Remove(this);
  os::MutexLock lock(&mu_);
  if (open_) cuts_.Closed();
}

absl::Duration FrozenCut::idle() {
  os::MutexLock lock(&mu_);
  return used_ ? absl::ZeroDuration() : looked_at_ - idle_since_;
}

void FrozenCut::GiveUp(absl::Status why) {
  status_ = std::move(why);
  open_ = false;
  notes_.clear();
  cuts_.Closed();
}

void FrozenCut::TakeNote(const std::vector<uint64_t>& words) {
  if (words[1] <= sequence_) return;  // of an event that is in the cut
  const bool existed = WordRing::TagOf(words[0]) == kExisted;
  const char* bytes =
      reinterpret_cast<const char*>(words.data() + kHeadWords + (existed ? kDetailWords : 0));
  const absl::string_view id(bytes, words[2] & 0xffff);
  const uint64_t position = cuts_.registry_.PositionOf(id);
  if (position < keep_from_) return;
  const auto [at, added] = notes_.try_emplace(Key(position, std::string(id)));
  if (!added) return;  // the first note since the cut counts
  notes_bytes_ += kNoteOverheadBytes + id.size();
  at->second.existed = existed;
  if (!existed) return;
  SessionDetails& details = at->second.details;
  TakeDetails(words.data() + kHeadWords, &details);
  const size_t address_length = words[2] >> 16 & 0xffff;
  details.address.assign(bytes + id.size(), address_length);
  details.username.assign(bytes + id.size() + address_length, words[2] >> 32 & 0xffff);
  notes_bytes_ += details.address.size() + details.username.size();
}

// Without memory for a note the cut is not whole any more.
void FrozenCut::Drain() {
  try {
    TakeNotes();
  } catch (const std::bad_alloc&) {
    GiveUpWithoutMemory();
  }
}

void FrozenCut::GiveUpWithoutMemory() {
  if (!open_) return;
  cuts_.given_up_.Add();
  GiveUp(absl::DataLossError(""));  // a message would need memory
}

void FrozenCut::TakeNotes() {
  while (open_) {
    switch (cuts_.ring_->Next(&ring_position_, &words_)) {
      case WordRing::Read::kUpToDate:
        return;
      case WordRing::Read::kOverrun:
        cuts_.given_up_.Add();
        return GiveUp(
            absl::AbortedError("too much changed at once during the listing; start over"));
      case WordRing::Read::kEntry:
        break;
    }
    if (WordRing::TagOf(words_[0]) == kLost) {
      cuts_.given_up_.Add();
      return GiveUp(absl::DataLossError("the broker ran out of memory during the listing"));
    }
    TakeNote(words_);
    if (notes_bytes_ > cuts_.options_.notes_bytes_max) {
      cuts_.given_up_.Add();
      return GiveUp(absl::AbortedError(
          "too much changed during the listing; start over, and read it faster or by parts"));
    }
  }
}

void FrozenCut::Poll(absl::Duration now) {
  if (!mu_.TryLock()) return;  // somebody reads: that drains as well
  if (open_) {
    if (used_) idle_since_ = now;
    used_ = false;
    looked_at_ = now;
    Drain();
    if (open_ && now - idle_since_ > cuts_.options_.idle_max) GiveUpIdle();
  }
  mu_.Unlock();
}

void FrozenCut::GiveUpIdle() {
  try {
    absl::Status why = absl::AbortedError(
        absl::StrCat("the listing was not read for ", absl::FormatDuration(cuts_.options_.idle_max),
                     "; start over"));
    cuts_.given_up_.Add();
    GiveUp(std::move(why));
  } catch (const std::bad_alloc&) {
    GiveUpWithoutMemory();
  }
}

absl::Status FrozenCut::Read(uint64_t position, uint64_t keep_from, const VisitFn& visit,
                             uint64_t* next) {
  os::MutexLock lock(&mu_);
  used_ = true;
  if (!open_) return status_;
  found_.clear();
  *next = cuts_.registry_.VisitFrom(
      position, [this](uint64_t at, absl::string_view id, const SessionDetails& details) {
        mu_.AssertHeld();
        found_.push_back({at, std::string(id), details});
      });
  Drain();  // after the live sessions were read
  if (!open_) return status_;
  // Live sessions that have no note, and the notes of the range.
  const auto begin = notes_.lower_bound(Key(position, std::string()));
  const auto end = *next == 0 ? notes_.end() : notes_.lower_bound(Key(*next, std::string()));
  for (const Found& session : found_) {
    if (notes_.find(Key(session.position, session.client_id)) == notes_.end()) {
      visit(session.position, session.client_id, session.details);
    }
  }
  for (auto note = begin; note != end; ++note) {
    if (note->second.existed) visit(note->first.first, note->first.second, note->second.details);
  }
  keep_from_ = keep_from;
  for (auto note = notes_.begin(); note != notes_.end() && note->first.first < keep_from;) {
    notes_bytes_ -= std::min(notes_bytes_, kNoteOverheadBytes + note->first.second.size() +
                                               note->second.details.address.size() +
                                               note->second.details.username.size());
    note = notes_.erase(note);
  }
  return absl::OkStatus();
}

}  // namespace session_status::listing
