#include "plugin/listing/lister.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace session_status::listing {
namespace {

// Steps per call: some 30,000 sessions, a few milliseconds. A page whose filter finds less is
// shorter.
constexpr int kStepsPerCall = 1'000;

bool HasFilter(const pb::ListSessionsRequest& r) {
  return r.states_size() > 0 || !r.client_id_prefix().empty() || !r.group().empty() ||
         !r.address().empty() || !r.protocol_version().empty() || r.listener_port() != 0 ||
         r.end_reasons_size() > 0 || r.has_connected_from_ms() || r.has_connected_until_ms() ||
         r.has_disconnected_from_ms() || r.has_disconnected_until_ms() || r.fields_size() > 0;
}

}  // namespace

// "1.EPOCH.LISTING.PAGE" (the first number is the format's).
std::string Lister::FormatCursor(const Cursor& cursor) const {
  return absl::StrCat("1.", epoch_, ".", cursor.listing, ".", cursor.page);
}

absl::StatusOr<Lister::Cursor> Lister::ParseCursor(absl::string_view text) const {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  Cursor cursor;
  int64_t epoch = 0;
  if (parts.size() != 4 || parts[0] != "1" || !absl::SimpleAtoi(parts[1], &epoch) ||
      !absl::SimpleAtoi(parts[2], &cursor.listing) || !absl::SimpleAtoi(parts[3], &cursor.page)) {
    return absl::InvalidArgumentError("cursor is not one of ours");
  }
  if (epoch != epoch_) {
    return absl::FailedPreconditionError(
        "the cursor is from before the broker's last start; start the listing over");
  }
  return cursor;
}

// Streams are in no table: their connections end them, a slow one after ten seconds.
bool Lister::MakeRoom() {
  std::shared_ptr<Listing> dropped;  // destroyed after the lock
  os::MutexLock lock(&mu_);
  auto first_to_go = listings_.end();
  absl::Duration idle_longest = kGivesWayAfter;
  for (auto it = listings_.begin(); it != listings_.end(); ++it) {
    Listing& listing = *it->second;
    if (!listing.mu.TryLock()) continue;  // in use
    const bool finished = listing.finished;
    listing.mu.Unlock();
    const absl::Duration idle = finished ? absl::InfiniteDuration() : listing.walk->cut()->idle();
    if (idle <= idle_longest) continue;
    first_to_go = it;
    idle_longest = idle;
  }
  if (first_to_go == listings_.end()) return false;
  dropped = std::move(first_to_go->second);
  listings_.erase(first_to_go);
  return true;
}

// What nobody went on with: so that the table stays as short as the list of open cuts.
void Lister::DropGivenUp() {
  std::vector<std::shared_ptr<Listing>> dropped;
  os::MutexLock lock(&mu_);
  for (auto it = listings_.begin(); it != listings_.end();) {
    if (it->second->walk->cut()->open()) {
      ++it;
    } else {
      dropped.push_back(std::move(it->second));
      it = listings_.erase(it);
    }
  }
}

void Lister::Drop(uint64_t number) {
  std::shared_ptr<Listing> dropped;
  os::MutexLock lock(&mu_);
  const auto it = listings_.find(number);
  if (it == listings_.end()) return;
  dropped = std::move(it->second);
  listings_.erase(it);
}

std::shared_ptr<Lister::Listing> Lister::Find(uint64_t number) {
  os::MutexLock lock(&mu_);
  const auto it = listings_.find(number);
  return it == listings_.end() ? nullptr : it->second;
}

absl::StatusOr<std::unique_ptr<SessionWalk>> Lister::Open(const pb::ListSessionsRequest& request,
                                                          absl::Time now) {
  auto filter = SessionFilter::Make(request);
  if (!filter.ok()) return filter.status();
  auto fields = SessionFields::Make(request.fields());
  if (!fields.ok()) return fields.status();
  auto cut = cuts_.Open(now);
  while (!cut.ok() && MakeRoom()) cut = cuts_.Open(now);
  if (!cut.ok()) return cut.status();
  return std::make_unique<SessionWalk>(
      *std::move(cut),
      SessionWalk::What{*std::move(filter), *std::move(fields), keepalive_check_grain_});
}

absl::Status Lister::StartListing(const pb::ListSessionsRequest& request, absl::Time now,
                                  Cursor* cursor) {
  DropGivenUp();
  auto walk = Open(request, now);
  if (!walk.ok()) return walk.status();
  auto listing = std::make_shared<Listing>();
  {
    os::MutexLock lock(&listing->mu);
    listing->walk = *std::move(walk);
    if (request.page_size() != 0) listing->page_size = request.page_size();
  }
  os::MutexLock lock(&mu_);
  cursor->listing = next_number_++;
  listings_.emplace(cursor->listing, std::move(listing));
  return absl::OkStatus();
}

absl::Status Lister::FillPage(Listing* listing, uint64_t page, pb::ListSessionsResponse* reply,
                              bool* last) {
  if (page + 1 == listing->page) {
    listing->start = listing->previous_start;  // that page once more
  } else if (page != listing->page || (listing->finished && page > 0)) {
    return absl::FailedPreconditionError(
        "the cursor is spent; only the latest page can be repeated");
  } else {
    listing->previous_start = listing->start;
  }
  listing->page = page + 1;
  const uint32_t page_size = listing->page_size;
  uint64_t position = listing->start;
  bool full = false;
  for (int step = 0; step < kStepsPerCall && !full; ++step) {
    const absl::Status status = listing->walk->Step(
        position, listing->previous_start,
        [&](pb::QuerySessionByClientIdResponse& session) {
          reply->add_sessions()->Swap(&session);
          full = static_cast<uint32_t>(reply->sessions_size()) >= page_size;
          return !full;
        },
        &position);
    if (!status.ok()) return status;
    if (position == 0) break;
  }
  *last = position == 0;
  listing->finished = *last;
  listing->start = position;
  return absl::OkStatus();
}

absl::Status Lister::ListSessions(const pb::ListSessionsRequest& request, absl::Time now,
                                  pb::ListSessionsResponse* reply) {
  if (request.page_size() > kPageSizeMax) {
    return absl::InvalidArgumentError(absl::StrCat("pageSize: at most ", kPageSizeMax));
  }
  if (request.close_cursor() && request.cursor().empty()) {
    return absl::InvalidArgumentError("closeCursor: there is no cursor to close");
  }
  Cursor cursor;
  if (request.cursor().empty()) {
    if (absl::Status s = StartListing(request, now, &cursor); !s.ok()) return s;
  } else {
    if (HasFilter(request)) {
      return absl::InvalidArgumentError("the filter is the cursor's; send the cursor alone");
    }
    auto parsed = ParseCursor(request.cursor());
    if (!parsed.ok()) return parsed.status();
    cursor = *parsed;
  }
  if (request.close_cursor()) {
    Drop(cursor.listing);  // already gone: as well
    return absl::OkStatus();
  }
  const std::shared_ptr<Listing> listing = Find(cursor.listing);
  if (listing == nullptr) {
    return absl::AbortedError(
        "the listing of this cursor has ended, or made room for another because nobody read it; "
        "start over");
  }
  bool last = false;
  absl::Status status;
  {
    os::MutexLock lock(&listing->mu);
    if (request.page_size() != 0) listing->page_size = request.page_size();
    reply->set_sequence(listing->walk->cut()->sequence());
    reply->set_feed_epoch(epoch_);
    reply->set_taken_at_ms(absl::ToUnixMillis(listing->walk->cut()->taken_at()));
    status = FillPage(&*listing, cursor.page, reply, &last);
  }
  if (absl::IsAborted(status) || absl::IsDataLoss(status)) Drop(cursor.listing);
  // A listing of one page has no cursor that could be repeated.
  if (last && cursor.page == 0) Drop(cursor.listing);
  if (status.ok() && !last) reply->set_next_cursor(FormatCursor({cursor.listing, cursor.page + 1}));
  return status;
}

}  // namespace session_status::listing
