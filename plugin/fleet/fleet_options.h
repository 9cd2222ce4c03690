// The fleet's options. Without `urls` nothing of the fleet runs.
#ifndef SESSION_STATUS_PLUGIN_FLEET_FLEET_OPTIONS_H_
#define SESSION_STATUS_PLUGIN_FLEET_FLEET_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/os/secret_file.h"

namespace session_status::fleet {

// One engine: where it is, or whom to ask where it is.
struct EngineAddress {
  std::string unix_path;  // set: this, nothing else
  struct HostPort {
    std::string host;
    uint16_t port = 6379;
    friend bool operator==(const HostPort& a, const HostPort& b) {
      return a.port == b.port && a.host == b.host;
    }
  };
  std::vector<HostPort> hosts;  // one; with `primary_name`: the Sentinels; of a cluster: any nodes
  std::string primary_name;     // set: ask the Sentinels for this name
  bool cluster = false;         // a Redis Cluster: ask the hosts who holds which slot
  int database = 0;
  std::string text;  // as given, for messages
};

//   redis://HOST[:PORT][/DATABASE]   unix:///PATH[?DATABASE]
//   sentinel://HOST[:PORT][,HOST[:PORT]…]/NAME[/DATABASE]
//   cluster://HOST[:PORT][,HOST[:PORT]…]
// Errors: InvalidArgument that continues the sentence "option NAME: …".
absl::Status ParseEngineUrl(absl::string_view text, EngineAddress* out);
// Can these be the engines of one fleet? A cluster deals out shards itself: it stands alone.
absl::Status CheckEngines(const std::vector<EngineAddress>& engines);

enum class Takeover : uint8_t {
  kKick,    // a client that connects elsewhere loses its older connection here (MQTT 5, 3.1.4-3)
  kReport,  // it is only counted
};

enum class Mode : uint8_t {
  kReplica,  // keep the sessions of the other nodes here: batches stay local
  kDirect,   // keep only our own: every other client is asked for
};

enum class WhenEngineAway : uint8_t {
  kReplica,  // exact queries are answered from what was last known, and say so
  kFail,     // they fail
};

struct Credentials {
  Credentials() = default;
  ~Credentials() { os::WipeSecret(&password); }
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  std::string user;  // empty: the default user
  std::string password;
};
// A file with the password, or "user password", on its first line, closed to other users. Never
// logged.
absl::Status ReadCredentials(const std::string& path, Credentials* out);

struct FleetOptions {
  // Empty: no fleet. Several: shards are dealt out over them. A cluster is the only one.
  std::vector<EngineAddress> engines;
  std::string name;
  std::string instance_id;       // of all brokers of the fleet; compared when joining
  std::string node_id;           // empty: the host's name
  std::string credentials_file;  // empty: none
  absl::Duration lease = absl::Seconds(3);
  Takeover takeover = Takeover::kKick;
  Mode mode = Mode::kReplica;
  WhenEngineAway when_engine_away = WhenEngineAway::kReplica;
  uint32_t capacity = 1'000'000;  // sessions expected in the fleet; chooses the buckets
  absl::Duration snapshot_refresh = absl::Seconds(1);
  int nice_level = 10;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_FLEET_OPTIONS_H_
