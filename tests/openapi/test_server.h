// An OpenApiSurface with everything around it faked: what each test of this folder starts from.
#ifndef SESSION_STATUS_TESTS_OPENAPI_TEST_SERVER_H_
#define SESSION_STATUS_TESTS_OPENAPI_TEST_SERVER_H_

#include <rapidjson/document.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/openapi/openapi_surface.h"
#include "tests/testing/openapi_request.h"

namespace session_status::openapi {

inline constexpr char kInstance[] = "post-cn-local0001";
inline const absl::Time kNow = absl::FromUnixSeconds(1'767'323'045);

// Clients by name; "throw" throws.
class FakeSource : public SessionSource {
 public:
  std::map<std::string, std::set<std::string>> online;  // by instance
  // As a fleet would answer.
  Scope scope = Scope::kNode;
  absl::Duration others_age;
  bool available = true;  // false: Exact() gets no answer

  BatchCut Batch(absl::string_view instance_id, absl::Span<const absl::string_view> client_ids,
                 absl::Time now, absl::Span<bool> out) override;
  ExactAnswer Exact(absl::string_view instance_id, absl::string_view client_id,
                    absl::Time now) override;
  uint64_t LiveSequence() override { return 77; }
};

class FakeMeter : public limits::Meter {
 public:
  bool full = false;
  std::vector<std::string> counted;  // "account/user/instance/operation"

  bool TryCount(const limits::Transaction& transaction, absl::Time now) override;
};

class FakeObserver : public CallObserver {
 public:
  std::vector<std::string> lines;  // every field of every record
  void OnCall(const CallRecord& record) override;
};

struct Answer {
  int status = 0;
  std::string content_type;
  std::map<std::string, std::string> headers;
  std::string body;

  rapidjson::Document Json() const;
  std::string Code() const;  // of a JSON error; "" when there is none
  std::string Message() const;
};

struct TestServerOptions {
  SurfaceOptions surface;
  InstanceMap::Options instances{kInstance, false, {{1999, "post-cn-other0001"}}};
  bool with_access_file = true;
  std::string access_file;  // empty: the default one below
};

// Keys of the default access file, all of account 1001 but the last:
//   owner (root), reader (may do both), batcher (batch only), nobody (no policy), denied (allowed
//   and explicitly denied), inactive (key switched off), stranger (account 1002)
class TestServer {
 public:
  explicit TestServer(TestServerOptions options = {});
  ~TestServer();

  static testing::Credentials Key(absl::string_view user);
  testing::Credentials TemporaryKey(absl::string_view user,
                                    absl::optional<absl::string_view> policy = absl::nullopt,
                                    absl::Time now = kNow);

  Answer Send(const testing::OwnedRequest& request, absl::Time now = kNow);
  Answer SendFrom(const http::Peer& peer, const testing::OwnedRequest& request,
                  absl::Time now = kNow);

  // Signed calls that succeed, each with its own nonce; `more` overrides parameters.
  testing::OwnedRequest Batch(const testing::Credentials& credentials,
                              testing::ParameterMap more = {}, absl::Time now = kNow);
  testing::OwnedRequest Query(const testing::Credentials& credentials,
                              testing::ParameterMap more = {}, absl::Time now = kNow);

  http::Peer peer;  // a stranger over plain TCP
  FakeSource source;
  FakeMeter meter;
  FakeObserver observer;

  OpenApiSurface& surface() { return *surface_; }
  auth::AccessStore& access() { return *access_; }
  void WriteAccessFile(absl::string_view text);

 private:
  std::string path_;
  InstanceMap instances_;
  std::unique_ptr<auth::AccessStore> access_;
  std::unique_ptr<OpenApiSurface> surface_;
  int next_nonce_ = 0;
};

extern const char kAccessFile[];

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_TESTS_OPENAPI_TEST_SERVER_H_
