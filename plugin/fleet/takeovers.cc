#include "plugin/fleet/takeovers.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "plugin/fleet/engines.h"

namespace session_status::fleet {
namespace {

// The end of a newer connection is heard at once; this is for those of a node that died or
// restarted, and for what was missed.
constexpr absl::Duration kRecheckInterval = absl::Seconds(2);
constexpr int kRechecksPerRoundMax = 64;

}  // namespace

void Takeovers::OnTakenOver(const ClientHash& hash, Epoch newer) {
  LocalSession* session = local_.Find(hash);
  if (session == nullptr || session->taken_over || session->epoch > newer) return;
  // Before it is marked: should memory run out here, it is found unmarked, and kicked, later.
  if (round_.options.takeover == Takeover::kKick) {
    kicks_.Add({session->client_id, session->incarnation});
  } else {
    superseded_.insert(hash);
  }
  session->taken_over = true;
  ++round_.status.taken_over;
}

void Takeovers::OnEventOf(NodeNumber node, const Event& event) {
  round_.clock.Saw(event.epoch);
  const LocalSession* session = local_.Find(event.hash);
  if (session == nullptr) return;
  if (session->epoch < event.epoch || (session->epoch == event.epoch && node > as_.number)) {
    OnTakenOver(event.hash, event.epoch);
    const bool ended = event.kind == Event::Kind::kDown;
    if (ended && round_.options.takeover == Takeover::kReport) to_recheck_.push_front(event.hash);
  }
}

bool Takeovers::HasOlder(const ClientHash& hash, Epoch epoch) const {
  const LocalSession* session = local_.Find(hash);
  return session != nullptr && session->epoch < epoch;
}

void Takeovers::AddRechecks() {
  if (to_recheck_.empty() && !superseded_.empty() &&
      round_.Due(&round_.next_recheck, kRecheckInterval)) {
    to_recheck_.assign(superseded_.begin(), superseded_.end());
  }
  for (int i = 0; i < kRechecksPerRoundMax && !to_recheck_.empty(); ++i) {
    const ClientHash hash = to_recheck_.front();
    to_recheck_.pop_front();
    const LocalSession* const session = local_.Find(hash);
    if (session == nullptr || !session->taken_over) {
      superseded_.erase(hash);
      continue;
    }
    const uint32_t shard = as_.shape.ShardOf(hash);
    const Place place = PlaceOf(shard);
    if (!round_.engines.IsOpen(place)) continue;  // the next time
    const std::string bucket = round_.keys.Bucket(shard, as_.shape.BucketOf(hash));
    // The row even if it is nobody's, and then whether it counts.
    const auto row_epoch = std::make_shared<Epoch>(0);
    round_.engines.Add(place, {"HGET", bucket, hash.view()}, [row_epoch](const Reply& reply) {
      if (reply.is_error()) return;
      if (const std::optional<Row> row = DecodeRow(reply.text())) *row_epoch = row->epoch;
    });
    round_.engines.Add(
        place, {"FCALL_RO", "ss1_find", "2", round_.keys.Owners(shard), bucket, hash.view()},
        [this, hash, row_epoch](const Reply& reply) { OnRecheck(hash, *row_epoch, reply); });
  }
}

void Takeovers::OnRecheck(const ClientHash& hash, Epoch row_epoch, const Reply& holder) {
  if (holder.is_error()) return;
  const absl::string_view row = holder.text();  // epoch and node, or nothing
  if (row.size() == sizeof(Epoch) + sizeof(NodeNumber)) {
    const NodeNumber node = DecodeNode(row.substr(sizeof(Epoch)));
    const NodeDirectory::Node* const known = directory_.Find(node);
    if (node != as_.number && (known == nullptr || !known->lost)) return;  // it is connected there
    row_epoch = std::max(row_epoch, DecodeEpoch(row));
  }
  LocalSession* const session = local_.Find(hash);
  if (session == nullptr || !session->taken_over) return;
  const Epoch epoch = std::max(session->epoch, row_epoch + 1);
  writer_.Add({Event::Kind::kUp, hash, epoch, registry::EndReason::kNone});
  round_.clock.Saw(epoch);
  session->epoch = epoch;
  session->taken_over = false;
  superseded_.erase(hash);
}

}  // namespace session_status::fleet
