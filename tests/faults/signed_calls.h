// Signed calls of the documented API as bytes for a socket of the test's own, and the access file
// that they need.
#ifndef SESSION_STATUS_TESTS_FAULTS_SIGNED_CALLS_H_
#define SESSION_STATUS_TESTS_FAULTS_SIGNED_CALLS_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/openapi_request.h"

namespace session_status::testing {

inline std::string Bytes(const OwnedRequest& request) {
  std::string out =
      absl::StrCat(request.method, " ", request.target, " HTTP/1.1\r\nHost: localhost\r\n");
  for (const auto& [name, value] : request.headers) {
    if (name != "host" && name != "Host") absl::StrAppend(&out, name, ": ", value, "\r\n");
  }
  return absl::StrCat(out, "Content-Length: ", request.body.size(), "\r\n\r\n", request.body);
}

// One account; its owner's key is OWNER.
inline std::string OwnersAccessFile(absl::string_view secret) {
  return absl::StrCat(R"({"version":1,"accounts":[{"id":"1001","name":"shop","instances":["*"],)",
                      R"("access_keys":[{"id":"OWNER","secret":")", secret, R"("}]}]})");
}

// Asks for the client "lamp" as that owner.
inline std::string OwnersCall(absl::string_view secret, absl::Time now, absl::string_view nonce) {
  ParameterMap parameters = BatchParameters("mosquitto", {"lamp"});
  parameters["Action"] = "BatchQuerySessionByClientIds";
  return Bytes(SignedRpc({"OWNER", std::string(secret), ""}, parameters, now, nonce));
}

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FAULTS_SIGNED_CALLS_H_
