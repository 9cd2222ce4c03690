#include "plugin/fleet/engine_lookup.h"

#include <utility>

#include "absl/cleanup/cleanup.h"

namespace session_status::fleet {
namespace {
constexpr size_t kAnswerBytes = 10;  // epoch, node
}

absl::Status EngineLookup::Find(const Directions& directions,
                                absl::Span<const absl::string_view> client_ids, absl::Duration now,
                                absl::Span<Holder> holders) {
  os::MutexLock lock(&mutex_);
  if (now < retry_at_) return last_error_;
  absl::Status status = Ask(directions, client_ids, now, holders);
  // The engine may have closed an idle connection, or a slot of the cluster be elsewhere now: that
  // is worth one more try. A slot on the move is not: there is nothing to wait for, nor to avoid.
  if (absl::IsUnavailable(status)) status = Ask(directions, client_ids, now, holders);
  if (absl::IsUnavailable(status)) {
    retry_at_ = now + kPauseAfterError;
    last_error_ = status;
  }
  return status;
}

absl::Status EngineLookup::OpenAll(const std::vector<ClientHash>& hashes, const Shape& shape,
                                   absl::Duration now) {
  engines_.SetShards(shape.shards);
  if (absl::Status s = engines_.Refresh(now); !s.ok()) return s;
  for (const ClientHash& hash : hashes) {
    const Place place = PlaceOf(shape.ShardOf(hash));
    if (engines_.IsOpen(place)) continue;
    Engines::Engine* engine = engines_.Of(place);
    if (engine == nullptr) return absl::UnavailableError("no primary of the cluster has the slot");
    if (absl::Status s = engines_.Open(*engine, now); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status EngineLookup::Ask(const Directions& directions,
                               absl::Span<const absl::string_view> client_ids, absl::Duration now,
                               absl::Span<Holder> holders) {
  std::vector<ClientHash> hashes;
  for (absl::string_view id : client_ids) hashes.push_back(directions.hasher.Hash(id));
  if (absl::Status s = OpenAll(hashes, directions.shape, now); !s.ok()) return s;
  absl::Status refused;
  absl::Status lost;
  // Handlers refer to this call: should memory run out, none may be left behind.
  absl::Cleanup forget = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { engines_.Close(); };
  for (size_t i = 0; i < hashes.size(); ++i) {
    const uint32_t shard = directions.shape.ShardOf(hashes[i]);
    Holder* holder = &holders[i];
    engines_.Add(PlaceOf(shard),
                 {"FCALL_RO", "ss1_find", "2", keys_.Owners(shard),
                  keys_.Bucket(shard, directions.shape.BucketOf(hashes[i])), hashes[i].view()},
                 [holder, &refused](const Reply& reply) {
                   *holder = Holder();
                   if (reply.is_error()) {
                     refused = MeansTryLater(reply.text()) ? absl::AbortedError(reply.text())
                                                           : absl::UnavailableError(reply.text());
                   } else if (reply.text().size() == kAnswerBytes) {
                     holder->epoch = DecodeEpoch(reply.text());
                     holder->node = DecodeNode(reply.text().substr(8));
                   }
                 });
  }
  const bool complete = engines_.Execute([&lost](const absl::Status& s) { lost = s; });
  std::move(forget).Cancel();
  if (!lost.ok()) return lost;
  if (!refused.ok()) return refused;
  return complete ? absl::OkStatus() : absl::UnavailableError("the cluster is moving its slots");
}

}  // namespace session_status::fleet
