#include "tests/testing/broker_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/wait.h"

// From CMake; the environment can say otherwise.
#ifndef SESSION_STATUS_DEFAULT_BROKER_20
#error "tests/testing/CMakeLists.txt defines the brokers' paths"
#endif

namespace session_status::testing {
namespace {

constexpr size_t kPortsPerBroker = 9;
constexpr int kStartAttempts = 5;  // a port can be taken between choosing and binding

std::string FromEnvironment(const char* name, const char* otherwise) {
  const char* value = getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::string UserName() {
  const passwd* user = getpwuid(getuid());
  return user == nullptr ? "root" : user->pw_name;
}

}  // namespace

std::string LineName(BrokerLine line) { return line == BrokerLine::k20 ? "On20" : "On21"; }

std::string BrokerPath(BrokerLine line) {
  return line == BrokerLine::k20
             ? FromEnvironment("SESSION_STATUS_BROKER_20", SESSION_STATUS_DEFAULT_BROKER_20)
             : FromEnvironment("SESSION_STATUS_BROKER_21", SESSION_STATUS_DEFAULT_BROKER_21);
}

std::string BrokerPluginDir(BrokerLine line) {
  const std::filesystem::path prefix =
      std::filesystem::path(BrokerPath(line)).parent_path().parent_path();
  for (const char* dir : {"lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib"}) {
    const std::filesystem::path candidate = prefix / dir;
    if (std::filesystem::exists(candidate / "mosquitto_dynamic_security.so")) return candidate;
  }
  return prefix / "lib";
}

std::string BrokerTool(BrokerLine line, absl::string_view name) {
  const std::filesystem::path prefix =
      std::filesystem::path(BrokerPath(line)).parent_path().parent_path();
  return prefix / "bin" / std::string(name);
}

std::string SessionStatusPlugin() {
  return FromEnvironment("SESSION_STATUS_PLUGIN", SESSION_STATUS_DEFAULT_PLUGIN);
}

std::unique_ptr<BrokerProcess> BrokerProcess::Start(const BrokerOptions& options) {
  std::unique_ptr<BrokerProcess> broker(new BrokerProcess(options));
  for (int attempt = 1;; ++attempt) {
    broker->ChoosePorts();
    broker->Launch();
    const bool port_taken =
        !broker->running() &&
        absl::StrContains(broker->Log().substr(broker->log_offset_), "Address already in use");
    if (!port_taken || attempt == kStartAttempts) return broker;
  }
}

BrokerProcess::BrokerProcess(const BrokerOptions& options) : options_(options) {}

BrokerProcess::~BrokerProcess() {
  if (pid_ > 0 && !EndOnSignal()) Kill();
  const std::string reports = SanitizerReports();
  EXPECT_EQ(reports, "") << "a sanitizer complains";
  if (::testing::Test::HasFailure()) {
    const std::string log = Log();
    const size_t from = log.size() > 6000 ? log.size() - 6000 : 0;
    fprintf(stderr, "---- end of the broker's log (%s)\n%s----\n", LineName(line()).c_str(),
            log.c_str() + from);
  }
}

void BrokerProcess::ChoosePorts() {
  ports_.clear();
  while (ports_.size() < kPortsPerBroker) ports_.push_back(FreePort());
}

std::string BrokerProcess::Expand(absl::string_view text) const {
  std::string options;
  for (const auto& [name, value] : options_.plugin_options) {
    absl::StrAppend(&options, "plugin_opt_", name, " ", value, "\n");
  }
  if (line() == BrokerLine::k20 && !options_.plugin.empty()) {
    absl::StrAppend(&options, "{OBSERVE}\n");
  }
  const std::string observe = line() == BrokerLine::k20 ? "plugin_opt_observe_logins true" : "";
  std::string expanded =
      absl::StrReplaceAll(text, {{"{OPTIONS}", options}, {"{PLUGIN}", options_.plugin}});
  absl::StrReplaceAll({{"{DIR}", dir_.path()},
                       {"{OBSERVE}", observe},
                       {"{USER}", UserName()},
                       {"{LIB}", BrokerPluginDir(line())},
                       {"{PORT}", absl::StrCat(ports_[0])}},
                      &expanded);
  for (size_t i = 1; i < ports_.size(); ++i) {
    absl::StrReplaceAll({{absl::StrCat("{PORT", i + 1, "}"), absl::StrCat(ports_[i])}}, &expanded);
  }
  return expanded;
}

void BrokerProcess::Launch() {
  log_offset_ = Log().size();
  exit_status_ = -1;
  for (const auto& [name, content] : options_.files) dir_.Write(name, Expand(content));
  // As root the broker would become user "mosquitto", who may not read our folder.
  dir_.Write("mosquitto.conf",
             Expand(absl::StrCat("user {USER}\nlog_dest stderr\nlog_type all\n", options_.config)));
  pid_ = fork();
  if (pid_ == 0) RunChild();
  if (pid_ < 0) {
    perror("fork");
    abort();
  }
  WaitUntil([this] { return !running() || ReportsRunning(); });
}

void BrokerProcess::PassSockets() const {
  if (options_.passed_sockets.empty()) return;
  // Out of the way first: one may lie where another has to go.
  std::vector<int> parked;
  for (const int fd : options_.passed_sockets) parked.push_back(fcntl(fd, F_DUPFD, 100));
  for (size_t i = 0; i < parked.size(); ++i) {
    dup2(parked[i], static_cast<int>(3 + i));
    close(parked[i]);
  }
  setenv("LISTEN_FDS", absl::StrCat(parked.size()).c_str(), 1);
  setenv("LISTEN_PID", absl::StrCat(getpid()).c_str(), 1);
}

void BrokerProcess::RunChild() const {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const std::string log = dir_.File("log");
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  if (options_.descriptors_max > 0) {
    const rlimit limit{options_.descriptors_max, options_.descriptors_max};
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (options_.address_space_max > 0) {
    const rlimit limit{options_.address_space_max, options_.address_space_max};
    setrlimit(RLIMIT_AS, &limit);
  }
  PassSockets();
  for (const auto& [name, value] : options_.environment) setenv(name.c_str(), value.c_str(), 1);
  if (*SESSION_STATUS_SANITIZER_PRELOAD != '\0' &&
      absl::StrContains(Expand(options_.config), ".so")) {
    // The broker itself is not instrumented: the runtime must be there before the plugin is.
    setenv("LD_PRELOAD", SESSION_STATUS_SANITIZER_PRELOAD, 1);
    const std::string reports = absl::StrCat("log_path=", dir_.File("sanitizer"));
    // Leaks: the broker frees much of its own only by ending.
    setenv("ASAN_OPTIONS", absl::StrCat(reports, ":detect_leaks=0").c_str(), 1);
    setenv("UBSAN_OPTIONS", absl::StrCat(reports, ":print_stacktrace=1").c_str(), 1);
    setenv("TSAN_OPTIONS", absl::StrCat(reports, ":report_signal_unsafe=0").c_str(), 1);
    personality(ADDR_NO_RANDOMIZE);  // TSan of g++ 12 does not know newer kernels' layouts
  }
  const std::string path = BrokerPath(line());
  const std::string config = dir_.File("mosquitto.conf");
  execl(path.c_str(), path.c_str(), "-c", config.c_str(), static_cast<char*>(nullptr));
  perror(path.c_str());
  _exit(127);
}

bool BrokerProcess::ReportsRunning() const {
  // "mosquitto version 2.0.11 running": after plugins are loaded and listeners are open. Not
  // "running mosquitto as user: root", which 2.1 says before.
  const std::string log = Log();
  return log.size() > log_offset_ && absl::StrContains(log.substr(log_offset_), " running\n");
}

bool BrokerProcess::running() {
  if (pid_ <= 0) return false;
  int wait_status = 0;
  const pid_t reaped = waitpid(pid_, &wait_status, WNOHANG);
  if (reaped == pid_) Reap(wait_status);
  return pid_ > 0;
}

void BrokerProcess::Reap(int wait_status) {
  exit_status_ = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
  pid_ = -1;
}

void BrokerProcess::Signal(int signal) {
  if (pid_ > 0) kill(pid_, signal);
}

int BrokerProcess::WaitExit() {
  WaitUntil([this] { return !running(); });
  return exit_status_;
}

bool BrokerProcess::EndOnSignal() {
  // More than one: Mosquitto 2.0 sets `run = 1` after it has said "running", so it forgets a
  // SIGTERM that comes in between (2 of 6,000 starts that were ended at once).
  const absl::Time deadline = absl::Now() + kPatience;
  do {
    Signal(SIGTERM);
  } while (!WaitUntil([this] { return !running(); }, absl::Seconds(1)) && absl::Now() < deadline);
  return !running();
}

int BrokerProcess::Stop() {
  if (!running()) return exit_status_;
  if (!EndOnSignal()) {
    ADD_FAILURE() << "the broker does not end on SIGTERM";
    Kill();
  }
  return exit_status_;
}

void BrokerProcess::Kill() {
  if (!running()) return;
  Signal(SIGKILL);
  WaitExit();
}

void BrokerProcess::Restart() {
  Stop();
  Launch();
}

std::string BrokerProcess::Log() const { return ReadFile(dir_.File("log")); }

bool BrokerProcess::WaitForLog(absl::string_view text) const {
  return WaitUntil([&] { return absl::StrContains(Log(), text); });
}

std::string BrokerProcess::SanitizerReports() const {
  std::string reports;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    if (absl::StartsWith(entry.path().filename().string(), "sanitizer")) {
      absl::StrAppend(&reports, ReadFile(entry.path()));
    }
  }
  return reports;
}

}  // namespace session_status::testing
