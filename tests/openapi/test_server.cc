#include "tests/openapi/test_server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "plugin/auth/sts.h"

namespace session_status::openapi {

const char kAccessFile[] = R"({
  "version": 1,
  "sts": {"secret": "0123456789abcdef0123456789abcdef"},
  "accounts": [{
    "id": "1001",
    "instances": ["post-cn-local0001"],
    "access_keys": [{"id": "key-owner", "secret": "secret-owner"}],
    "policies": {
      "both": {"Version": "1", "Statement": [{"Effect": "Allow", "Resource": "acs:mq:*:*:post-cn-local0001",
        "Action": ["mq:BatchQuerySessionByClientIds", "mq:MqttInstanceAccess"]}]},
      "batch": {"Version": "1", "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": "mq:BatchQuerySessionByClientIds"}]},
      "deny": {"Version": "1", "Statement": [{"Effect": "Deny", "Resource": "*",
        "Action": "mq:BatchQuerySessionByClientIds"}]}
    },
    "users": [
      {"name": "reader", "policies": ["both"], "access_keys": [{"id": "key-reader", "secret": "secret-reader"}]},
      {"name": "batcher", "policies": ["batch"], "access_keys": [{"id": "key-batcher", "secret": "secret-batcher"}]},
      {"name": "nobody", "access_keys": [{"id": "key-nobody", "secret": "secret-nobody"}]},
      {"name": "denied", "policies": ["both", "deny"], "access_keys": [{"id": "key-denied", "secret": "secret-denied"}]},
      {"name": "inactive", "policies": ["both"], "access_keys": [{"id": "key-inactive", "secret": "secret-inactive", "status": "Inactive"}]}
    ]
  }, {
    "id": "1002", "instances": ["post-cn-other0001"],
    "users": [{"name": "stranger", "policies": [{"Version": "1", "Statement":
      {"Effect": "Allow", "Action": "*", "Resource": "*"}}],
      "access_keys": [{"id": "key-stranger", "secret": "secret-stranger"}]}]
  }]
})";

BatchCut FakeSource::Batch(absl::string_view instance_id,
                           absl::Span<const absl::string_view> client_ids, absl::Time now,
                           absl::Span<bool> out) {
  for (size_t i = 0; i < client_ids.size(); ++i) {
    out[i] = Exact(instance_id, client_ids[i], now).online;
  }
  BatchCut cut(registry::SnapshotInfo{42, kNow - absl::Milliseconds(350)});
  cut.scope = scope;
  cut.others_age = others_age;
  return cut;
}

ExactAnswer FakeSource::Exact(absl::string_view instance_id, absl::string_view client_id,
                              absl::Time) {
  if (client_id == "throw") throw std::runtime_error("the source is out of order");
  const auto found = online.find(std::string(instance_id));
  ExactAnswer answer(found != online.end() && found->second.count(std::string(client_id)) != 0);
  answer.available = available;
  answer.scope = scope;
  answer.age = others_age;
  return answer;
}

bool FakeMeter::TryCount(const limits::Transaction& transaction, absl::Time) {
  if (full) return false;
  counted.push_back(absl::StrCat(transaction.account, "/", transaction.user, "/",
                                 transaction.instance, "/", transaction.operation));
  return true;
}

void FakeObserver::OnCall(const CallRecord& r) {
  const size_t unseen = r.access_key_id_bytes - r.access_key_id.size();
  const std::string more = unseen == 0 ? "" : absl::StrCat("+", unseen);
  lines.push_back(absl::StrCat(r.request_id, " ", r.code, " ", r.http_status, " ", r.operation, " ",
                               r.access_key_id, more, " ", r.account, " ", r.user, " ", r.instance,
                               " ", r.peer_address, " ", r.client_ids));
}

rapidjson::Document Answer::Json() const {
  rapidjson::Document json;
  json.Parse(body.data(), body.size());
  EXPECT_FALSE(json.HasParseError()) << body;
  return json;
}

std::string Answer::Code() const {
  const rapidjson::Document json = Json();
  return json.IsObject() && json.HasMember("Code") ? json["Code"].GetString() : "";
}

std::string Answer::Message() const {
  const rapidjson::Document json = Json();
  return json.IsObject() && json.HasMember("Message") ? json["Message"].GetString() : "";
}

TestServer::TestServer(TestServerOptions options) : instances_(options.instances) {
  static std::atomic<int> next{0};
  path_ = absl::StrCat(::testing::TempDir(), "openapi_access_", getpid(), "_", next++);
  peer.address = "203.0.113.9";
  source.online[kInstance] = {"GID_a@@@1", "GID_a@@@3"};
  if (options.with_access_file) {
    WriteAccessFile(options.access_file.empty() ? kAccessFile : options.access_file);
    access_ = std::make_unique<auth::AccessStore>(path_);
    const absl::Status status = access_->Reload();
    EXPECT_TRUE(status.ok()) << status;
  }
  OpenApiSurface::Parts parts;
  parts.source = &source;
  parts.instances = &instances_;
  parts.access = access_.get();
  parts.meter = &meter;
  parts.observer = &observer;
  surface_ = std::make_unique<OpenApiSurface>(options.surface, parts);
}

TestServer::~TestServer() { unlink(path_.c_str()); }

void TestServer::WriteAccessFile(absl::string_view text) {
  std::ofstream(path_, std::ios::trunc) << text;
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
}

testing::Credentials TestServer::Key(absl::string_view user) {
  return {absl::StrCat("key-", user), absl::StrCat("secret-", user), ""};
}

testing::Credentials TestServer::TemporaryKey(absl::string_view user,
                                              absl::optional<absl::string_view> policy,
                                              absl::Time now) {
  const auto credentials =
      auth::IssueSession(*access_->Current(), "1001", user, absl::Minutes(20), policy, now);
  EXPECT_TRUE(credentials.ok()) << credentials.status();
  return {credentials->access_key_id, credentials->access_key_secret, credentials->security_token};
}

Answer TestServer::Send(const testing::OwnedRequest& request, absl::Time now) {
  return SendFrom(peer, request, now);
}

Answer TestServer::SendFrom(const http::Peer& from, const testing::OwnedRequest& request,
                            absl::Time now) {
  http::Reply reply;
  request.With(now, from, [&](const http::Request& view) { surface_->Handle(view, &reply); });
  Answer answer;
  answer.status = reply.status;
  answer.content_type = std::string(reply.content_type);
  for (const auto& [name, value] : reply.headers) answer.headers[std::string(name)] = value;
  answer.body = reply.body;
  return answer;
}

testing::OwnedRequest TestServer::Batch(const testing::Credentials& credentials,
                                        testing::ParameterMap more, absl::Time now) {
  testing::ParameterMap parameters =
      testing::BatchParameters(kInstance, {"GID_a@@@1", "GID_a@@@2"});
  parameters["Action"] = "BatchQuerySessionByClientIds";
  for (const auto& [name, value] : more) parameters[name] = value;
  return SignedRpc(credentials, parameters, now, absl::StrCat("nonce-", next_nonce_++));
}

testing::OwnedRequest TestServer::Query(const testing::Credentials& credentials,
                                        testing::ParameterMap more, absl::Time now) {
  testing::ParameterMap parameters{
      {"InstanceId", kInstance}, {"ClientId", "GID_a@@@1"}, {"Action", "QuerySessionByClientId"}};
  for (const auto& [name, value] : more) parameters[name] = value;
  return SignedRpc(credentials, parameters, now, absl::StrCat("nonce-", next_nonce_++));
}

}  // namespace session_status::openapi
