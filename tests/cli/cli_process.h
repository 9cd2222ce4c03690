// The operator's command as a child process: run to its end, or followed, on pipes or on a
// pseudo-terminal of its own.
//
// Threads: one.
#ifndef SESSION_STATUS_TESTS_CLI_CLI_PROCESS_H_
#define SESSION_STATUS_TESTS_CLI_CLI_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/testing/wait.h"

namespace session_status::testing {

struct CliResult {
  int exit_code = -1;
  std::string output;  // stdout and stderr
};

// `arguments` as for a shell.
CliResult RunCli(const std::string& arguments);
// As nobody, in no other group; only root can.
CliResult RunCliAsNobody(const std::string& arguments);

// What is a terminal (100 × 30): nothing, everything, or all but standard output, as in
// "mosquitto_session list >file".
enum class Screen : uint8_t { kNone, kAll, kAllButOutput };

class CliProcess {
 public:
  CliProcess(const std::vector<std::string>& arguments, Screen screen,
             const std::map<std::string, std::string>& environment = {});
  // What sh makes of `script`, with job control, on a terminal; {CLI} is the command. Signal() and
  // Wait() are the shell's.
  struct Script {
    std::string script;
  };
  explicit CliProcess(const Script& script);
  ~CliProcess();  // kills it, if it still runs
  CliProcess(const CliProcess&) = delete;
  CliProcess& operator=(const CliProcess&) = delete;

  pid_t pid() const { return pid_; }
  // So far. Standard output and error are one, but with kAllButOutput.
  const std::string& output() const { return output_.text; }
  const std::string& errors() const { return errors_.text; }  // with kAllButOutput
  // Reads until `text` has come (after position `from`). False: it did not within `patience`.
  bool WaitFor(absl::string_view text, size_t from = 0, absl::Duration patience = kPatience);
  // Waits until it has written something, and for `duration` more, without reading: a command that
  // writes more than a few pages stands still meanwhile.
  bool LeaveUnread(absl::Duration duration);
  void Write(absl::string_view keys) const;
  void Resize(unsigned short columns, unsigned short rows) const;
  void Signal(int signal) const;
  // Whether it ends, and long before kPatience is over, though nobody reads what it writes.
  bool EndsUnread() const;
  // Reads to the end of the output and returns the exit status, or 128 + signal.
  int Wait();

 private:
  struct Stream {
    int fd = -1;
    std::string text;
  };
  void Start(std::vector<std::string> command, Screen screen,
             const std::map<std::string, std::string>& environment);
  bool ReadSome(int timeout_ms);  // false: the end of all streams
  int terminal() const { return errors_.fd >= 0 ? errors_.fd : output_.fd; }

  pid_t pid_ = -1;
  Stream output_;
  Stream errors_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_CLI_CLI_PROCESS_H_
