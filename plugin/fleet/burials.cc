#include "plugin/fleet/burials.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/engines.h"

namespace session_status::fleet {
namespace {

// One bucket: a millionth of the engine's time; all buckets of a million sessions in ten minutes.
constexpr absl::Duration kSweepInterval = absl::Milliseconds(100);

}  // namespace

void Burials::AddBurials() {
  if (due_.empty() || !round_.engines.AllOpen()) return;  // the whole of it, or nothing yet
  const auto ignore = [](const Reply&) {};
  for (NodeNumber number : due_) {
    const std::string node = EncodeNode(number);
    for (uint32_t shard = 0; shard < as_.shape.shards; ++shard) {
      round_.engines.Add(
          PlaceOf(shard),
          {"HDEL", round_.keys.Owners(shard), absl::StrCat("s", node), absl::StrCat("g", node)},
          ignore);
    }
    round_.AddHome({"HDEL", round_.keys.Nodes(), absl::StrCat(number)}, ignore);
  }
  due_.clear();
}

void Burials::AddSweep() {
  if (!round_.Due(&next_sweep_, kSweepInterval)) return;
  if (++sweep_bucket_ >= as_.shape.buckets_per_shard) {
    // Nodes start at different places and shards, so that they share the work.
    sweep_bucket_ = 0;
    sweep_shard_ = static_cast<uint32_t>(round_.random()) & (as_.shape.shards - 1);
  }
  round_.engines.Add(PlaceOf(sweep_shard_),
                     {"FCALL", "ss1_sweep", "2", round_.keys.Owners(sweep_shard_),
                      round_.keys.Bucket(sweep_shard_, sweep_bucket_)},
                     [](const Reply&) {});
}

}  // namespace session_status::fleet
