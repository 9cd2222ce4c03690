// Asks the plugin over its admin socket: Connect unary calls, JSON, by libcurl.
//
// Threads: one per object; keeps its connection open between calls.
#ifndef SESSION_STATUS_TESTS_TESTING_ADMIN_CLIENT_H_
#define SESSION_STATUS_TESTS_TESTING_ADMIN_CLIENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status::testing {

struct HttpAnswer {
  int status = 0;  // 0: no answer at all
  std::string body;
};

// What QuerySessionByClientId says. Absent fields: empty, zero.
struct SessionAnswer {
  bool ok = false;  // the call succeeded
  bool online = false;
  std::string state;       // without SESSION_STATE_: "ONLINE", "OFFLINE", …
  std::string end_reason;  // without END_REASON_: "TAKEN_OVER", …
  uint64_t incarnation = 0;
  int64_t connected_at_ms = 0;
  int64_t last_seen_at_ms = 0;
  int64_t disconnected_at_ms = 0;
  int64_t session_created_at_ms = 0;
  int broker_code = 0;
  std::string address;
  int listener_port = 0;
  std::string protocol_version;  // "MQTT 3.1.1"
  std::string transport;         // without TRANSPORT_
  int keepalive_s = 0;
  std::string username;
  bool clean_start = false;
  int connects = 0;
  bool has_detection_bound = false;
  int detection_bound_s = 0;
  bool silent_death_undetected = false;
  int64_t ended_not_before_ms = 0;
  int64_t ended_not_after_ms = 0;
  bool restored = false;
  std::string raw;  // the JSON
};

struct BatchAnswer {
  bool ok = false;
  uint64_t sequence = 0;
  int64_t taken_at_ms = 0;
  int64_t age_ms = 0;
  std::vector<std::string> states;  // one per id; "error" where the element has one
  std::vector<bool> online;
};

struct StatusAnswer {
  bool ok = false;
  std::string broker;
  uint64_t online = 0;
  uint64_t offline_session_kept = 0;
  uint64_t offline = 0;
  uint64_t connects = 0;
  uint64_t takeovers = 0;
  uint64_t stale_events = 0;
  uint64_t sequence = 0;
  bool has_store = false;
  bool store_failing = false;
  int64_t store_complete_until_ms = 0;
  uint64_t store_restored = 0;
  std::string raw;
};

class AdminClient {
 public:
  explicit AdminClient(std::string unix_socket_path);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  // POST to the service's method with a JSON body.
  HttpAnswer Call(absl::string_view method, const std::string& json);
  // Any request on the socket.
  HttpAnswer Get(absl::string_view path);

  SessionAnswer Query(absl::string_view client_id);
  BatchAnswer Batch(absl::Span<const std::string> client_ids);
  StatusAnswer Status();

  // Polls Query until it says so, or patience is over; returns the last answer.
  SessionAnswer WaitForState(absl::string_view client_id, absl::string_view state);

 private:
  HttpAnswer Perform(const std::string& url, const std::string* body);

  const std::string path_;
  void* curl_;  // CURL*
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_ADMIN_CLIENT_H_
