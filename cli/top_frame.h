// The screen of `mosquitto_session top` as lines of text: what is shown, and how it fits.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_CLI_TOP_FRAME_H_
#define SESSION_STATUS_CLI_TOP_FRAME_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/metrics_text.h"
#include "cli/terminal.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {

// What the plugin said at one moment.
struct TopReading {
  absl::Time at;
  ::mosquitto_session_status::v1::GetServerStatusResponse status;
  ::mosquitto_session_status::v1::GetCountsResponse counts;
  std::vector<QueryLatency> queries;
  std::vector<std::vector<std::string>> flappers;  // how often, client, more
};

// Rates are over the time between the two readings; before the second there are none.
struct TopScreen {
  TopReading now;
  TopReading before;
  bool has_before = false;
  std::string trouble;  // shown instead of silence when the last reading failed
};

// At most `size.rows` lines of at most `size.columns` columns, without line breaks. What a client
// is called is made printable here.
std::vector<std::string> TopFrame(const TopScreen& screen, const TerminalSize& size, bool colour);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_TOP_FRAME_H_
