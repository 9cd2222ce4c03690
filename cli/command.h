// What every command of mosquitto_session shares: global options, exit codes, output.
//
// A command is one file with one function that adds it to the parser:
//   void AddQueryCommand(CLI::App& app, Context* context);
// Its callback sets context->exit_code. To add a command: the file, a line in commands.h, a line
// in main.cc.
#ifndef SESSION_STATUS_CLI_COMMAND_H_
#define SESSION_STATUS_CLI_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cli/admin_client.h"
#include "google/protobuf/message.h"

namespace session_status::cli {

// Documented in --help and the manual page; scripts rely on them.
enum ExitCode : int {
  kExitOk = 0,           // answered; for `query`: the client is online
  kExitNotOnline = 1,    // the answer is no: not online (`query`), denied, a problem (`doctor`)
  kExitUsage = 2,        // the command line is wrong
  kExitUnreachable = 3,  // nobody answers at the socket or address
  kExitRefused =
      4,  // the plugin answered with an error; a file could not be used, or the output not be written
};

inline constexpr char kDefaultSocket[] = "/run/mosquitto/session_status.sock";
inline constexpr char kSocketVariable[] = "MOSQUITTO_SESSION_SOCKET";

struct Context {
  std::string target = kDefaultSocket;
  TlsFiles tls;
  double timeout_s = 5;
  bool json = false;
  int exit_code = kExitOk;

  AdminClient MakeClient() const { return AdminClient(target, absl::Seconds(timeout_s), tls); }
  // Prints the error to stderr and sets the exit code that belongs to it.
  void Fail(const absl::Status& error);
};

// One line of canonical protobuf JSON to stdout.
void PrintJson(const google::protobuf::Message& message);

// Columns padded to their widest cell, but not beyond kPaddedColumnsMax: one endless identifier
// leaves the other rows as they are. The first row is the heading. To stdout.
inline constexpr size_t kPaddedColumnsMax = 64;
void PrintTable(const std::vector<std::vector<std::string>>& rows);

// The same for a table that comes in parts: columns never get narrower than in the part before.
class TablePrinter {
 public:
  void Print(const std::vector<std::vector<std::string>>& rows);

 private:
  std::vector<size_t> widths_;
};

// For a terminal: no control character of a client identifier reaches it, and none that nobody
// sees, with which it would pass for another. Quotes steer nothing and stay as they are; a
// backslash is doubled, so that what was escaped can be told.
std::string Printable(absl::string_view text);
std::string LocalTime(int64_t unix_ms);     // "2026-01-02 03:04:05.678"
std::string ShortDuration(int64_t millis);  // "850ms", "12.3s", "3h12m"
// "SESSION_STATE_OFFLINE_SESSION_KEPT" without its prefix: "offline, session kept".
std::string StateText(int state);
std::string ReasonText(int reason);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_COMMAND_H_
