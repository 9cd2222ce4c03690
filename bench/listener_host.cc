// The listener with the real service behind it, without a broker: what `./tools/bench listener`
// loads. One million sessions, half of them online.
//
//   listener_host UNIX_PATH TCP_ADDRESS [TLS_ADDRESS CERTIFICATE KEY]
//
// Runs until its standard input ends.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/api/connect_surface.h"
#include "plugin/api/service.h"
#include "plugin/http/router.h"
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
  options.body_bytes_max = 1024 * 1024;
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
