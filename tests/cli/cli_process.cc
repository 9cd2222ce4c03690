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

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

[[noreturn]] void Become(const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment) {
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>(CLI_PATH)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(CLI_PATH, argv.data());
  _exit(127);
}

}  // namespace

CliResult RunCli(const std::string& arguments) {
  CliResult result;
  FILE* pipe = popen(absl::StrCat(CLI_PATH, " ", arguments, " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer;
  while (size_t n = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), n);
  }
  result.exit_code = ExitCode(pclose(pipe));
  return result;
}

CliProcess::CliProcess(const std::vector<std::string>& arguments, bool terminal,
                       const std::map<std::string, std::string>& environment) {
  if (terminal) {
    winsize size{30, 100, 0, 0};
    pid_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ == 0) Become(arguments, environment);
    return;
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) abort();
  pid_ = fork();
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    Become(arguments, environment);
  }
  close(ends[1]);
  fd_ = ends[0];
}

CliProcess::~CliProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(fd_);
}

bool CliProcess::ReadSome(int timeout_ms) {
  pollfd waited{fd_, POLLIN, 0};
  if (poll(&waited, 1, timeout_ms) <= 0) return true;
  std::array<char, 4096> buffer;
  const ssize_t n = read(fd_, buffer.data(), buffer.size());
  if (n <= 0) return false;  // a terminal whose last user is gone says EIO
  output_.append(buffer.data(), static_cast<size_t>(n));
  return true;
}

bool CliProcess::WaitFor(absl::string_view text, size_t from) {
  const absl::Time deadline = absl::Now() + kPatience;
  bool open = true;
  while (output_.find(text.data(), from, text.size()) == std::string::npos) {
    if (!open || absl::Now() > deadline) return false;
    open = ReadSome(100);
  }
  return true;
}

void CliProcess::Write(absl::string_view keys) const {
  if (write(fd_, keys.data(), keys.size()) < 0) abort();
}

void CliProcess::Resize(unsigned short columns, unsigned short rows) const {
  const winsize size{rows, columns, 0, 0};
  ioctl(fd_, TIOCSWINSZ, &size);  // the kernel sends SIGWINCH
}

void CliProcess::Signal(int signal) const { kill(pid_, signal); }

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
