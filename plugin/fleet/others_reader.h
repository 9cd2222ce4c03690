// Follows what the others write, shard by shard: looks whether the engine's data is the one that is
// known, loads a shard whose data is another or whose changes have a gap, and reads the changes of
// those that are loaded. What it reads goes to the table of the others' sessions, and to those
// whose clients it concerns.
//
// Each Add…() queues questions for this round; the answers are dealt with as they come.
//
// Threads:   one (the fleet's).
// Ownership: what the constructor is given outlives the reader.
// Errors:    what is refused is noted in the round, and asked again in the next.
#ifndef SESSION_STATUS_PLUGIN_FLEET_OTHERS_READER_H_
#define SESSION_STATUS_PLUGIN_FLEET_OTHERS_READER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/node_directory.h"
#include "plugin/fleet/others_table.h"
#include "plugin/fleet/own_writer.h"
#include "plugin/fleet/read_pace.h"
#include "plugin/fleet/round.h"
#include "plugin/fleet/shard_look.h"
#include "plugin/fleet/takeovers.h"

namespace session_status::fleet {

// An engine that lost data gets it again from the nodes within a few looks. To load before would
// show what is still missing as offline.
inline constexpr absl::Duration kSettleDelay = absl::Milliseconds(600);

class OthersReader {
 public:
  OthersReader(Round& round, const Joined& as, ReadPace& pace, OthersTable& table,
               NodeDirectory& directory, OwnWriter& writer, Takeovers& takeovers);

  // A shard's engine was connected anew, or, in a cluster, is another one.
  void NoticeNewEngines();

  void AddLooks();
  void AddReads();
  void AddLoads();
  // Tells queries how far each shard has been followed.
  void TellFollowed();
  // The next time all, whatever has changed.
  void TellAllFollowed();

  // So many shards are to be loaded, or being loaded.
  size_t loading() const;
  // Whatever was being loaded, from its beginning.
  void LoadAgain() noexcept;

 private:
  static constexpr char kStreamStart[] = "0-0";
  // How far one shard has been read.
  struct Reading {
    enum class Load : uint8_t { kNone, kLook, kBuckets };
    std::string position = kStreamStart;  // stream id of the last entry read
    // Entries up to this one are in what was loaded. They are read all the same: a connection of
    // ours may have been taken over by one of which nothing else is left.
    std::string loaded_to = kStreamStart;
    std::string birth;  // of the shard's data
    Load load = Load::kLook;
    absl::Duration load_at;
    uint32_t next_bucket = 0;
    size_t rows = 0;       // in the buckets before that
    uint64_t opening = 0;  // of the engine, when it was last looked at
    bool refilling = false;
    bool to_tell = true;  // to queries
  };

  void OnLook(uint32_t shard, bool settled, const Reply& reply);
  // `known`: the stream was read up to there.
  bool IsOtherData(uint32_t shard, const ShardLook& look, absl::string_view known) const;
  void AwaitRefill(uint32_t shard, const ShardLook& look);

  void OnRead(const Reply& reply);

  void ScheduleLoad(uint32_t shard, absl::Duration delay);
  void OnLoadLook(uint32_t shard, const Reply& reply);
  void OnBucket(uint32_t shard, uint32_t bucket, const Reply& reply);
  void OnBucketsRead(uint32_t shard, const Reply& reply);
  void OnLoaded(uint32_t shard);

  Round& round_;
  const Joined& as_;
  ReadPace& pace_;
  OthersTable& table_;
  NodeDirectory& directory_;
  OwnWriter& writer_;
  Takeovers& takeovers_;
  std::vector<Reading> readings_;
  std::map<std::string, uint32_t, std::less<>> shard_of_stream_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_OTHERS_READER_H_
