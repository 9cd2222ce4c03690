// Brings our own changes into the engine: a ShardWriter for each shard, and the commands that carry
// its batches.
//
// Threads:   one (the fleet's).
// Ownership: what the constructor is given outlives the writer.
// Errors:    what the engine refuses stays, is counted, and is tried again after a pause.
#ifndef SESSION_STATUS_PLUGIN_FLEET_OWN_WRITER_H_
#define SESSION_STATUS_PLUGIN_FLEET_OWN_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/local_sessions.h"
#include "plugin/fleet/round.h"
#include "plugin/fleet/shard_look.h"
#include "plugin/fleet/shard_writer.h"

namespace session_status::fleet {

class OwnWriter {
 public:
  // A connection of ours is stale: of that client a newer one than this epoch exists elsewhere.
  using OnStale = std::function<void(const ClientHash&, Epoch)>;
  // `local` says what is to be sent when a shard is sent again.
  OwnWriter(Round& round, const Joined& as, const LocalSessions& local, OnStale on_stale)
      : round_(round),
        as_(as),
        local_(local),
        on_stale_(std::move(on_stale)),
        writers_(as.shape.shards) {}

  void Add(const Event& event) { writers_[as_.shape.ShardOf(event.hash)].Add(event); }
  // Queues what each shard has to send next.
  void AddBatches();
  // Queues a question to each engine whether it takes writes. What it holds is read as ever if it
  // takes none, and nothing in it changes any more.
  void AddWriteQuestions();
  // Queues what makes our rows dead at once.
  void AddFarewell();

  // Does the engine hold what it should? Only of a shard of which nothing was under way when it was
  // looked at. What does not agree is sent again.
  bool settled(uint32_t shard) const { return writers_[shard].settled(); }
  void Check(uint32_t shard, const ShardLook& look);
  void SendAgain(uint32_t shard) { writers_[shard].Unsync(); }
  void SendAllAgain() noexcept;

  // Everything is in the engine.
  bool idle() const;
  size_t queued() const;  // changes

 private:
  Generation NewGeneration();
  void AddBatch(uint32_t shard, const ShardWriter::Batch& batch);
  void OnBatchReply(uint32_t shard, const Reply& reply);

  Round& round_;
  const Joined& as_;
  const LocalSessions& local_;
  const OnStale on_stale_;
  std::vector<ShardWriter> writers_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_OWN_WRITER_H_
