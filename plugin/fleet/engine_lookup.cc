#include "plugin/fleet/engine_lookup.h"

#include <utility>

#include "absl/cleanup/cleanup.h"

namespace session_status::fleet {
namespace {
constexpr size_t kAnswerBytes = 10;  // epoch, node
}

absl::StatusOr<EngineLookup::Answer> EngineLookup::Find(
    const Directions& directions, absl::Span<const absl::string_view> client_ids,
    absl::Duration now) {
  os::MutexLock lock(&mutex_);
  if (now < retry_at_) return last_error_;
  absl::StatusOr<Answer> answer = Ask(directions, client_ids, now);
  // The engine may have closed an idle connection, or a slot of the cluster be elsewhere now: that
  // is worth one more try. A slot on the move is not: there is nothing to wait for, nor to avoid.
  if (absl::IsUnavailable(answer.status())) answer = Ask(directions, client_ids, now);
  if (absl::IsUnavailable(answer.status())) {
    retry_at_ = now + kPauseAfterError;
    last_error_ = answer.status();
  }
  return answer;
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

absl::StatusOr<EngineLookup::Answer> EngineLookup::Ask(
    const Directions& directions, absl::Span<const absl::string_view> client_ids,
    absl::Duration now) {
  std::vector<ClientHash> hashes;
  for (absl::string_view id : client_ids) hashes.push_back(directions.hasher.Hash(id));
  if (absl::Status s = OpenAll(hashes, directions.shape, now); !s.ok()) return s;
  Answer answer;
  answer.holders.resize(hashes.size());
  absl::Status refused;
  absl::Status lost;
  const auto note_refusal = [&refused](const Reply& reply) {
    refused = MeansTryLater(reply.text()) ? absl::AbortedError(reply.text())
                                          : absl::UnavailableError(reply.text());
  };
  // Handlers refer to this call: should memory run out, none may be left behind.
  absl::Cleanup forget = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { engines_.Close(); };
  for (size_t i = 0; i < hashes.size(); ++i) {
    const uint32_t shard = directions.shape.ShardOf(hashes[i]);
    answer.shards.try_emplace(shard);
    Holder* holder = &answer.holders[i];
    engines_.Add(PlaceOf(shard),
                 {"FCALL_RO", "ss1_find", "2", keys_.Owners(shard),
                  keys_.Bucket(shard, directions.shape.BucketOf(hashes[i])), hashes[i].view()},
                 [holder, note_refusal](const Reply& reply) {
                   *holder = Holder();
                   if (reply.is_error()) {
                     note_refusal(reply);
                   } else if (reply.text().size() == kAnswerBytes) {
                     holder->epoch = DecodeEpoch(reply.text());
                     holder->node = DecodeNode(reply.text().substr(8));
                   }
                 });
  }
  // After the clients: what was lost before they were looked for shows here.
  for (auto& [shard, look] : answer.shards) {
    engines_.Add(PlaceOf(shard),
                 {"FCALL_RO", "ss1_look", "2", keys_.Owners(shard), keys_.Changes(shard)},
                 [look = &look, note_refusal](const Reply& reply) {
                   if (reply.size() != 2) return note_refusal(reply);
                   *look = ParseLook(reply);
                 });
  }
  const bool complete = engines_.Execute([&lost](const absl::Status& s) { lost = s; });
  std::move(forget).Cancel();
  if (!lost.ok()) return lost;
  if (!refused.ok()) return refused;
  if (!complete) return absl::UnavailableError("the cluster is moving its slots");
  return answer;
}

}  // namespace session_status::fleet
