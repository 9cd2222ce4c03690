// A real Mosquitto as a child process, on free loopback ports, in a folder of its own.
//
//   auto broker = BrokerProcess::Start({.line = GetParam(), .config = R"(
//     listener {PORT} 127.0.0.1
//     allow_anonymous true
//     plugin {PLUGIN}
//     {OPTIONS}
//   )", .plugin = SessionStatusPlugin(), .plugin_options = {{"admin_socket",
//   "{DIR}/admin.sock"}}}); ASSERT_TRUE(broker->running()) << broker->Log();
//
// In the configuration these are replaced: {PORT}, {PORT2} … {PORT9} free ports, {DIR} the folder,
// {PLUGIN} the plugin's path, {OPTIONS} one plugin_opt_ line per option, {USER} the running user's
// name, {LIB} the folder of the broker's own plugins, {OBSERVE} on 2.0 the option that allows the
// compatibility mode and nothing on 2.1.
//
// Threads:   one.
// Ownership: the child dies with this object, or with the test process, whatever happens to it.
#ifndef SESSION_STATUS_TESTS_TESTING_BROKER_PROCESS_H_
#define SESSION_STATUS_TESTS_TESTING_BROKER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

// Which broker. A parameter of every broker-level test; the test's name says On20 or On21.
enum class BrokerLine : uint8_t { k20, k21 };
inline constexpr BrokerLine kBothLines[] = {BrokerLine::k20, BrokerLine::k21};
std::string LineName(BrokerLine line);  // "On20", "On21"

// INSTANTIATE_TEST_SUITE_P(OnBroker, MyTest, ValuesIn(kBothLines), NameOfLine);
template <typename ParamInfo>
std::string NameOfLine(const ParamInfo& info) {
  return LineName(info.param);
}

// Path of the broker: $SESSION_STATUS_BROKER_20 / _21, else as CMake found it.
std::string BrokerPath(BrokerLine line);
// The folder with the broker's own plugins (mosquitto_dynamic_security.so) and tools.
std::string BrokerPluginDir(BrokerLine line);
std::string BrokerTool(BrokerLine line, absl::string_view name);  // mosquitto_ctrl, …

// Path of mosquitto_session_status.so: $SESSION_STATUS_PLUGIN, else as CMake builds it.
std::string SessionStatusPlugin();

struct BrokerOptions {
  BrokerLine line = BrokerLine::k21;
  std::string config{};
  std::string plugin{};
  std::vector<std::pair<std::string, std::string>> plugin_options{};
  std::vector<std::pair<std::string, std::string>> files{};  // written to {DIR}; replaced likewise
  std::map<std::string, std::string> environment{};
  uint64_t descriptors_max = 0;    // RLIMIT_NOFILE; 0: as ours
  uint64_t address_space_max = 0;  // RLIMIT_AS; 0: as ours
  // Listening sockets handed over as systemd does it: from descriptor 3 on, with LISTEN_FDS and
  // LISTEN_PID.
  std::vector<int> passed_sockets{};
};

// One anonymous listener and the plugin: what most tests need.
inline constexpr char kPlainConfig[] = R"(
listener {PORT} 127.0.0.1
allow_anonymous true
plugin {PLUGIN}
{OPTIONS}
)";

class BrokerProcess {
 public:
  // Starts and waits until the broker says that it runs, or has ended. Always returns an object.
  static std::unique_ptr<BrokerProcess> Start(const BrokerOptions& options);
  ~BrokerProcess();
  BrokerProcess(const BrokerProcess&) = delete;
  BrokerProcess& operator=(const BrokerProcess&) = delete;

  bool running();
  pid_t pid() const { return pid_; }
  BrokerLine line() const { return options_.line; }
  // index 1: {PORT}; 2: {PORT2}, …
  uint16_t port(int index = 1) const { return ports_.at(static_cast<size_t>(index) - 1); }
  const TempDir& dir() const { return dir_; }

  // SIGTERM; waits. Returns the exit status, or 128 + signal. A second call returns the same.
  int Stop();
  // SIGKILL; waits.
  void Kill();
  void Signal(int signal);
  // Starts again with the same configuration, folder and ports.
  void Restart();
  // The end of a process that ends by itself (a refused start). -1: it did not within `kPatience`.
  int WaitExit();

  // What broker and plugin wrote to log and standard error, of all starts.
  std::string Log() const;
  bool WaitForLog(absl::string_view text) const;
  // Applies the {…} replacements.
  std::string Expand(absl::string_view text) const;

 private:
  explicit BrokerProcess(const BrokerOptions& options);
  void ChoosePorts();
  void Launch();
  bool EndOnSignal();
  void Reap(int wait_status);
  void PassSockets() const;
  [[noreturn]] void RunChild() const;
  bool ReportsRunning() const;
  std::string SanitizerReports() const;

  BrokerOptions options_;
  TempDir dir_;
  std::vector<uint16_t> ports_;
  pid_t pid_ = -1;
  int exit_status_ = -1;
  size_t log_offset_ = 0;  // where the current start's log begins
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_BROKER_PROCESS_H_
