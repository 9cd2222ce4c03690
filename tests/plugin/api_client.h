// Calls of the documented API over a real socket, by libcurl.
//
// Threads: one per object; keeps its connection open between calls.
#ifndef SESSION_STATUS_TESTS_PLUGIN_API_CLIENT_H_
#define SESSION_STATUS_TESTS_PLUGIN_API_CLIENT_H_

#include <cstdint>
#include <string>

#include "tests/testing/openapi_request.h"

namespace session_status::testing {

struct ApiAnswer {
  int status = 0;  // 0: no answer at all
  std::string body;
};

class ApiClient {
 public:
  // With `ca_file`, TLS and nothing else; the server's certificate must be of that CA. With
  // `certificate`, NAME.pem beside NAME.key, that is shown.
  explicit ApiClient(uint16_t port, std::string ca_file = "", std::string certificate = "");
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  ApiAnswer Send(const OwnedRequest& request);

 private:
  const std::string base_;
  const std::string ca_file_;
  const std::string certificate_;
  void* const curl_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_PLUGIN_API_CLIENT_H_
