// What a check of `mosquitto_session doctor` has to say.
//
// Threads: any; values.
#ifndef SESSION_STATUS_CLI_FINDINGS_H_
#define SESSION_STATUS_CLI_FINDINGS_H_

#include <string>
#include <utility>
#include <vector>

namespace session_status::cli {

enum class Verdict : unsigned char { kGood, kWarning, kProblem };

struct Finding {
  Verdict verdict;
  std::string subject;  // "options"
  std::string text;     // "2 given, all accepted"
  std::string advice;   // empty when good
};

using Findings = std::vector<Finding>;

inline void Add(Findings* findings, Verdict verdict, std::string subject, std::string text,
                std::string advice = "") {
  findings->push_back({verdict, std::move(subject), std::move(text), std::move(advice)});
}

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_FINDINGS_H_
