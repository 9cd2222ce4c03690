#include "tests/cli/cli_process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"

namespace session_status::testing {
namespace {

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Far from kPatience, after which a test ends what still runs.
constexpr absl::Duration kSoon = absl::Seconds(10);

[[noreturn]] void Become(std::vector<std::string>& command,
                         const std::map<std::string, std::string>& environment) {
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

CliResult Run(absl::string_view program, const std::string& arguments) {
  CliResult result;
  FILE* pipe = popen(absl::StrCat(program, " ", arguments, " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), n);
  }
  result.exit_code = ExitCode(pclose(pipe));
  return result;
}

}  // namespace

CliResult RunCli(const std::string& arguments) { return Run(CLI_PATH, arguments); }

CliResult RunCliAsNobody(const std::string& arguments) {
  return Run("setpriv --reuid 65534 --regid 65534 --clear-groups " CLI_PATH, arguments);
}

CliProcess::CliProcess(const std::vector<std::string>& arguments, Screen screen,
                       const std::map<std::string, std::string>& environment) {
  std::vector<std::string> command = {CLI_PATH};
  command.insert(command.end(), arguments.begin(), arguments.end());
  Start(std::move(command), screen, environment);
}

CliProcess::CliProcess(const Script& script) {
  Start({"/bin/sh", "-m", "-c", absl::StrReplaceAll(script.script, {{"{CLI}", CLI_PATH}})},
        Screen::kAll, {});
}

void CliProcess::Start(std::vector<std::string> command, Screen screen,
                       const std::map<std::string, std::string>& environment) {
  int ends[2] = {-1, -1};
  if (screen != Screen::kAll && pipe2(ends, O_CLOEXEC) != 0) abort();
  int master = -1;
  winsize size{30, 100, 0, 0};
  pid_ = screen == Screen::kNone ? fork() : forkpty(&master, nullptr, nullptr, &size);
  if (pid_ == 0) {
    if (screen != Screen::kAll) dup2(ends[1], STDOUT_FILENO);
    if (screen == Screen::kNone) dup2(ends[1], STDERR_FILENO);
    Become(command, environment);
  }
  if (screen == Screen::kAll) {
    output_.fd = master;
    return;
  }
  close(ends[1]);
  output_.fd = ends[0];
  errors_.fd = master;
}

CliProcess::~CliProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {output_.fd, errors_.fd}) {
    if (fd >= 0) close(fd);
  }
}

bool CliProcess::ReadSome(int timeout_ms) {
  pollfd waited[] = {{output_.fd, POLLIN, 0}, {errors_.fd, POLLIN, 0}};  // -1: passed over
  if (poll(waited, 2, timeout_ms) <= 0) return true;
  Stream* const streams[] = {&output_, &errors_};
  for (int i = 0; i < 2; ++i) {
    if (waited[i].revents == 0) continue;
    std::array<char, 4096> buffer;
    const ssize_t n = read(streams[i]->fd, buffer.data(), buffer.size());
    if (n > 0) {
      streams[i]->text.append(buffer.data(), static_cast<size_t>(n));
    } else {  // a terminal whose last user is gone says EIO
      close(std::exchange(streams[i]->fd, -1));
    }
  }
  return output_.fd >= 0 || errors_.fd >= 0;
}

bool CliProcess::WaitFor(absl::string_view text, size_t from, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  bool open = true;
  while (output_.text.find(text.data(), from, text.size()) == std::string::npos) {
    if (!open || absl::Now() > deadline) return false;
    open = ReadSome(100);
  }
  return true;
}

bool CliProcess::LeaveUnread(absl::Duration duration) {
  pollfd waited{output_.fd, POLLIN, 0};
  if (poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(kPatience))) <= 0) return false;
  const absl::Time begin = absl::Now();
  return WaitUntil([&] { return absl::Now() - begin > duration; });
}

void CliProcess::Write(absl::string_view keys) const {
  if (write(terminal(), keys.data(), keys.size()) < 0) abort();
}

void CliProcess::Resize(unsigned short columns, unsigned short rows) const {
  const winsize size{rows, columns, 0, 0};
  ioctl(terminal(), TIOCSWINSZ, &size);  // the kernel sends SIGWINCH
}

void CliProcess::Signal(int signal) const { kill(pid_, signal); }

bool CliProcess::EndsUnread() const {
  return WaitUntil(
      [this] {
        siginfo_t info = {};
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
        return info.si_pid == pid_;
      },
      kSoon);
}

int CliProcess::Wait() {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline && ReadSome(100)) {
  }
  int status = 0;
  // Still running after all its patience: a failure, not a hang of the whole suite.
  if (absl::Now() >= deadline) kill(pid_, SIGKILL);
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return ExitCode(status);
}

}  // namespace session_status::testing
