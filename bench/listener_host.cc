// The listener with the real service behind it, without a broker: what `./tools/bench listener`
// loads. One million sessions, half of them online.
//
//   listener_host UNIX_PATH TCP_ADDRESS [TLS_ADDRESS CERTIFICATE KEY]
//
// Runs until its standard input ends.
#include "bench/listener_host.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/api/connect_surface.h"
#include "plugin/api/service.h"
#include "plugin/auth/access_file.h"
#include "plugin/http/router.h"
#include "plugin/openapi/openapi_surface.h"
#include "plugin/transport/listener.h"
#include "registry/session_registry.h"

namespace session_status::bench {
namespace {

constexpr int kSessions = 1'000'000;

void FillRegistry(registry::SessionRegistry* registry) {
  const absl::Time now = absl::Now();
  for (int i = 0; i < kSessions; ++i) {
    const std::string id = absl::StrCat("device-", 10'000'000 + i);
    registry::SessionEvent event;
    event.client_id = id;
    event.incarnation = static_cast<uint64_t>(i) + 1;
    event.time = now;
    event.connection.address = "192.0.2.1";
    event.connection.protocol_version = registry::ProtocolVersion::kMqtt5;
    registry->Apply(event);
    if (i % 2 == 0) continue;
    event.kind = registry::SessionEvent::Kind::kEnded;
    event.reason = registry::EndReason::kClientDisconnect;
    registry->Apply(event);
  }
  registry->PublishSnapshot(now);
}

std::string WriteAccessFile(const std::string& path) {
  std::ofstream(path) << R"({"version": 1, "accounts": [{"id": "1", "instances": [")"
                      << kBenchInstance << R"("], "access_keys": [{"id": ")" << kBenchKeyId
                      << R"(", "secret": ")" << kBenchKeySecret << R"("}]}]})";
  ::chmod(path.c_str(), 0600);
  return path;
}

// Signatures, nonces and policies as in production; the rate limits would end the measurement.
openapi::SurfaceOptions OpenApiOptions() {
  openapi::SurfaceOptions options;
  options.batch_limit = options.query_limit = options.address_limit = {0, 0};
  options.nonces_max = 8'000'000;
  return options;
}

int Main(int argc, char** argv) {
  if (argc != 3 && argc != 6) return 2;
  registry::SessionRegistry registry{registry::RegistryOptions()};
  FillRegistry(&registry);
  api::ServerFacts facts;
  facts.version = "bench";
  facts.started_at = absl::Now();
  const api::Service service(registry, facts);
  api::ConnectSurface surface(service);
  http::Router router;
  router.Add(http::Router::Match::kPrefix, api::ConnectSurface::kPathPrefix, &surface);

  auth::AccessStore access(WriteAccessFile(absl::StrCat(argv[1], ".access")));
  if (absl::Status status = access.Reload(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  const openapi::InstanceMap instances{{kBenchInstance, false, {}}};
  openapi::RegistrySource source(registry, instances);
  openapi::OpenApiSurface::Parts parts;
  parts.source = &source;
  parts.instances = &instances;
  parts.access = &access;
  openapi::OpenApiSurface openapi_surface(OpenApiOptions(), parts);
  router.Add(http::Router::Match::kExact, "/", &openapi_surface);

  transport::ListenerOptions options;
  options.unix_socket_path = argv[1];
  options.tcp_addresses = {argv[2]};
  if (argc == 6) {
    options.tls_addresses = {argv[3]};
    options.tls_certificate_file = argv[4];
    options.tls_private_key_file = argv[5];
  }
  options.nice_level = 0;  // the rivals run without it
  options.connections_max = options.connections_per_peer_max =
      options.connections_awaiting_first_byte_max = 20'000;
  options.descriptors_percent_max = 100;
  options.idle_timeout = absl::Hours(1);
  transport::Listener listener(options, router);
  if (absl::Status status = listener.Start(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  char byte;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) { return session_status::bench::Main(argc, argv); }
