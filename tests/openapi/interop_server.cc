// The documented API on real sockets, for the interop tests: a listener (HTTP and HTTPS on free
// loopback ports), the surface, a registry with a few clients, usage in SQLite. No broker.
//
//   openapi_interop_server ACCESS_FILE USAGE_DB CERTIFICATE KEY [gateway] [limited]
//     gateway  policy denials are 403 NoPermission
//     limited  five batches per second and user
// Prints one line of JSON (ports, and temporary credentials that expired an hour ago), then answers
// until its standard input ends.
#include <unistd.h>

#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "plugin/auth/sts.h"
#include "plugin/http/json_writer.h"
#include "plugin/openapi/openapi_surface.h"
#include "plugin/store/usage_store.h"
#include "plugin/transport/listener.h"
#include "registry/session_registry.h"

namespace session_status::openapi {
namespace {

constexpr char kInstance[] = "post-cn-local0001";
constexpr char kBrokenMeterInstance[] = "post-cn-overflow";

// The client "throw" breaks the source: InternalError.
class BreakableSource : public RegistrySource {
 public:
  using RegistrySource::RegistrySource;
  BatchCut Batch(absl::string_view instance_id, absl::Span<const absl::string_view> client_ids,
                 absl::Time now, absl::Span<bool> online) override {
    for (const absl::string_view id : client_ids) BreakFor(id);
    return RegistrySource::Batch(instance_id, client_ids, now, online);
  }
  ExactAnswer Exact(absl::string_view instance_id, absl::string_view client_id,
                    absl::Time now) override {
    BreakFor(client_id);
    return RegistrySource::Exact(instance_id, client_id, now);
  }

 private:
  static void BreakFor(absl::string_view id) {
    if (id == "throw") throw std::runtime_error("asked for");
  }
};

// One instance cannot be counted: SystemOverFlow.
class BreakableMeter : public limits::Meter {
 public:
  explicit BreakableMeter(limits::Meter& meter) : meter_(meter) {}
  bool TryCount(const limits::Transaction& transaction, absl::Time now) override {
    return transaction.instance != kBrokenMeterInstance && meter_.TryCount(transaction, now);
  }

 private:
  limits::Meter& meter_;
};

void ConnectClients(registry::SessionRegistry* registry) {
  uint64_t incarnation = 1;
  for (const char* id : {"GID_a@@@1", "GID_a@@@3", "GID_测试@@@设备-é", "a b+c%d~*!'()/?&=#",
                         "\"quoted\" <&> \\", "😀"}) {
    registry::SessionEvent event;
    event.client_id = id;
    event.incarnation = incarnation++;
    event.time = absl::Now();
    registry->Apply(event);
  }
  registry->PublishSnapshot(absl::Now());
}

std::string Port(const std::string& address) { return address.substr(address.rfind(':') + 1); }

void PrintFacts(const transport::Listener& listener, const auth::AccessFile& access) {
  const auto expired = auth::IssueSession(access, "1001", "reader", absl::Minutes(20),
                                          absl::nullopt, absl::Now() - absl::Hours(1));
  std::string text;
  http::JsonWriter json(&text);
  const auto member = [&json](absl::string_view name, absl::string_view value) {
    json.Key(name);
    json.String(value);
  };
  json.StartObject();
  member("http", Port(listener.addresses()[0]));
  member("https", Port(listener.addresses()[1]));
  json.Key("expired");
  json.StartObject();
  member("AccessKeyId", expired->access_key_id);
  member("AccessKeySecret", expired->access_key_secret);
  member("SecurityToken", expired->security_token);
  json.EndObject();
  json.EndObject();
  std::cout << text << std::endl;
}

int Fail(const absl::Status& status) {
  std::cerr << status.message() << "\n";
  return 1;
}

int Main(const std::vector<std::string>& arguments) {
  if (arguments.size() < 5) return 2;
  SurfaceOptions options;
  // Everybody is 127.0.0.1 here, in a hurry, and wrong on purpose.
  options.batch_limit = {};
  options.query_limit = {};
  options.address_limit = {};
  options.failure_limit = {};
  for (size_t i = 5; i < arguments.size(); ++i) {
    if (arguments[i] == "gateway") options.gateway_errors = true;
    if (arguments[i] == "limited") options.batch_limit = {5, 5};
  }
  auth::AccessStore access(arguments[1]);
  if (absl::Status status = access.Reload(); !status.ok()) return Fail(status);
  store::UsageOptions usage_options;
  usage_options.path = arguments[2];
  auto usage = store::UsageStore::Open(usage_options);
  if (!usage.ok()) return Fail(usage.status());
  BreakableMeter meter(**usage);
  registry::SessionRegistry registry;
  ConnectClients(&registry);
  const InstanceMap instances({kInstance, false, {{65'001, kBrokenMeterInstance}}});
  BreakableSource source(registry, instances);
  OpenApiSurface::Parts parts;
  parts.source = &source;
  parts.instances = &instances;
  parts.access = &access;
  parts.meter = &meter;
  OpenApiSurface surface(options, parts);
  transport::ListenerOptions listener_options;
  listener_options.tcp_addresses = {"127.0.0.1:0"};
  listener_options.tls_addresses = {"127.0.0.1:0"};
  listener_options.tls_certificate_file = arguments[3];
  listener_options.tls_private_key_file = arguments[4];
  transport::Listener listener(listener_options, surface);
  if (absl::Status status = listener.Start(); !status.ok()) return Fail(status);
  PrintFacts(listener, *access.Current());
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  listener.Stop();
  return 0;
}

}  // namespace
}  // namespace session_status::openapi

int main(int argc, char** argv) {
  return session_status::openapi::Main(std::vector<std::string>(argv, argv + argc));
}
