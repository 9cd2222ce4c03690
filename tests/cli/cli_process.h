// The operator's command as a child process: run to its end, or on a pseudo-terminal of its own.
//
// Threads: one.
#ifndef SESSION_STATUS_TESTS_CLI_CLI_PROCESS_H_
#define SESSION_STATUS_TESTS_CLI_CLI_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace session_status::testing {

struct CliResult {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

// `arguments` as for a shell.
CliResult RunCli(const std::string& arguments);

// A running command. With `terminal`: on a pseudo-terminal of 100 × 30, else with pipes.
class CliProcess {
 public:
  CliProcess(const std::vector<std::string>& arguments, bool terminal,
             const std::map<std::string, std::string>& environment = {});
  ~CliProcess();  // kills it, if it still runs
  CliProcess(const CliProcess&) = delete;
  CliProcess& operator=(const CliProcess&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& output() const { return output_; }  // so far
  // Reads until `text` has come (after position `from`). False: it did not within kPatience.
  bool WaitFor(absl::string_view text, size_t from = 0);
  void Write(absl::string_view keys) const;
  void Resize(unsigned short columns, unsigned short rows) const;
  void Signal(int signal) const;
  // Reads to the end of the output and returns the exit status, or 128 + signal.
  int Wait();

 private:
  bool ReadSome(int timeout_ms);  // false: the end

  pid_t pid_ = -1;
  int fd_ = -1;
  std::string output_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_CLI_CLI_PROCESS_H_
