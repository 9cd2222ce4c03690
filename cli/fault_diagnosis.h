// The doctor's look at /metrics: what says that a part of the plugin is down now, and
// what went wrong since the start.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_CLI_FAULT_DIAGNOSIS_H_
#define SESSION_STATUS_CLI_FAULT_DIAGNOSIS_H_

#include <vector>

#include "absl/types/span.h"
#include "cli/findings.h"
#include "cli/metrics_text.h"

namespace session_status::cli {

// Of a counter since the start nobody can tell whether it is still going on: it is looked at twice.
enum class FaultKind : unsigned char {
  kDown,   // a gauge: a part is down now
  kOdd,    // a gauge: not as it should be now
  kPast,   // a counter: it happened since the start
  kGoing,  // a counter: as kPast; if it rises between two looks, a part is down
};

struct FaultRow {
  const char* subject;
  const char* metric;
  const char* label;  // the value of its label; empty: the sum of all
  double at_most;     // all is well up to here
  FaultKind kind;
  const char* meaning;
  const char* advice;
};

// docs/alert-rules.yml is about the same metrics, over time.
absl::Span<const FaultRow> FaultTable();

// Something that may be over has happened.
bool DeservesSecondLook(const std::vector<Sample>& samples);

// One finding for each row that is not well, or one that says that all is.
void CheckFaults(const std::vector<Sample>& before, const std::vector<Sample>& now,
                 Findings* findings);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_FAULT_DIAGNOSIS_H_
