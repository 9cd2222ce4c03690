// A real redis-server (or Sentinel) as a child process on a free loopback port, without persistence
// unless asked for.
//
// Threads:   one.
// Ownership: the child dies with this object, or with the test process.
#ifndef SESSION_STATUS_TESTS_FLEET_REDIS_PROCESS_H_
#define SESSION_STATUS_TESTS_FLEET_REDIS_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

class RedisProcess {
 public:
  // `arguments` are appended to the command line ("--replicaof", …).
  explicit RedisProcess(std::vector<std::string> arguments = {});
  // One whose wall clock can be set; `library` is tests/fleet/engine_clock.cc.
  static std::unique_ptr<RedisProcess> WithClock(const std::string& library);
  // A Sentinel that watches the primary on `primary_port` under the name "fleet".
  static std::unique_ptr<RedisProcess> Sentinel(uint16_t primary_port);
  // A node of a cluster that it has yet to join. It keeps its place in it over Kill() and Start(),
  // but no data.
  static std::unique_ptr<RedisProcess> ClusterNode();
  ~RedisProcess();
  RedisProcess(const RedisProcess&) = delete;
  RedisProcess& operator=(const RedisProcess&) = delete;

  uint16_t port() const { return port_; }
  uint16_t cluster_port() const { return cluster_port_; }
  bool running() const { return pid_ > 0; }
  void Start();  // returns when it answers; what dump.rdb holds is loaded
  void Kill();   // SIGKILL
  void Signal(int signal);
  // It differs from the system's by so much. REQUIRES: made by WithClock.
  void SetClock(absl::Duration ahead);
  // Writes dump.rdb now.
  void Save();

  // One command, words separated by blanks; the reply as text (integers too, arrays joined by
  // blanks), errors too.
  std::string Command(const std::string& words);
  uint64_t UsedMemory();

 private:
  TempDir dir_;
  uint16_t port_;
  uint16_t cluster_port_ = 0;  // on which the nodes of a cluster talk to each other
  std::vector<std::string> arguments_;
  bool sentinel_ = false;
  std::string clock_library_;  // preloaded, if set
  pid_t pid_ = -1;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FLEET_REDIS_PROCESS_H_
