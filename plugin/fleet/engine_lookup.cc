#include "plugin/fleet/engine_lookup.h"

namespace session_status::fleet {
namespace {
constexpr size_t kAnswerBytes = 10;  // epoch, node
}

EngineLookup::EngineLookup(const FleetOptions& options) : keys_(options.name) {
  for (const EngineAddress& address : options.engines) {
    engines_.push_back(
        std::make_unique<EngineConnection>(address, options.credentials_file, kLookupTimeout));
  }
}

absl::Status EngineLookup::Find(const Directions& directions,
                                absl::Span<const absl::string_view> client_ids, absl::Duration now,
                                absl::Span<Holder> holders) {
  os::MutexLock lock(&mutex_);
  if (now < retry_at_) return last_error_;
  absl::Status status = Ask(directions, client_ids, holders);
  // The engine may have closed an idle connection: one new one is worth a try.
  if (!status.ok()) status = Ask(directions, client_ids, holders);
  if (!status.ok()) {
    retry_at_ = now + kPauseAfterError;
    last_error_ = status;
  }
  return status;
}

absl::Status EngineLookup::Ask(const Directions& directions,
                               absl::Span<const absl::string_view> client_ids,
                               absl::Span<Holder> holders) {
  absl::Status refused;
  std::vector<bool> used(engines_.size(), false);
  for (size_t i = 0; i < client_ids.size(); ++i) {
    const ClientHash hash = directions.hasher.Hash(client_ids[i]);
    const uint32_t shard = directions.shape.ShardOf(hash);
    EngineConnection& engine = *engines_[shard % engines_.size()];
    if (!engine.open()) {
      if (absl::Status s = engine.Open(); !s.ok()) {
        for (auto& e : engines_) e->Close();
        return s;
      }
    }
    used[shard % engines_.size()] = true;
    Holder* holder = &holders[i];
    engine.Add({"FCALL_RO", "ss1_find", "2", keys_.Owners(shard),
                keys_.Bucket(shard, directions.shape.BucketOf(hash)), hash.view()},
               [holder, &refused](const Reply& reply) {
                 *holder = Holder();
                 if (reply.is_error()) {
                   refused = absl::UnavailableError(std::string(reply.text()));
                 } else if (reply.text().size() == kAnswerBytes) {
                   holder->epoch = DecodeEpoch(reply.text());
                   holder->node = DecodeNode(reply.text().substr(8));
                 }
               });
  }
  for (size_t i = 0; i < engines_.size() && refused.ok(); ++i) {
    if (used[i]) refused = engines_[i]->Send();
  }
  for (size_t i = 0; i < engines_.size() && refused.ok(); ++i) {
    if (!used[i]) continue;
    absl::Status s = engines_[i]->Receive();
    if (refused.ok()) refused = s;
  }
  // Handlers refer to this call: none may be left behind.
  if (!refused.ok()) {
    for (auto& e : engines_) e->Close();
  }
  return refused;
}

}  // namespace session_status::fleet
