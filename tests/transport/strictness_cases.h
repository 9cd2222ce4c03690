// Requests that a listener must judge right: RFC 9112, and the ways HTTP servers were smuggled
// past. Used over a socket and against the parser at every split.
#ifndef SESSION_STATUS_TESTS_TRANSPORT_STRICTNESS_CASES_H_
#define SESSION_STATUS_TESTS_TRANSPORT_STRICTNESS_CASES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace session_status::transport {

struct StrictnessCase {
  std::string name;
  std::string request;
  int status;        // 200: answered; anything else: refused with it, and closed
  std::string body;  // of the request as the handler sees it, when answered
};

// Limits: request line 1000, header 2000 bytes and 20 lines, body 100, extension 50, trailer 200.
std::vector<StrictnessCase> StrictnessCases();

}  // namespace session_status::transport

#endif  // SESSION_STATUS_TESTS_TRANSPORT_STRICTNESS_CASES_H_
