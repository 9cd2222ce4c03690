// What a signed call costs on one core, without sockets: the surface as a whole for both signing
// schemes, beside the cryptography alone that no server can do without.
//
// Every request is signed beforehand with its own nonce, as callers do it. OPENAPI_BENCH_REQUESTS
// sets their number. On a noisy machine, count instructions instead of time: run it with 2000 of
// them under `valgrind --tool=callgrind --toggle-collect='*OpenApiSurface::Handle(*'`.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/openapi/openapi_surface.h"
#include "registry/session_registry.h"
#include "tests/testing/openapi_request.h"

namespace session_status::openapi {
namespace {

using session_status::testing::BatchParameters;
using session_status::testing::Credentials;
using session_status::testing::OwnedRequest;

constexpr char kInstance[] = "post-cn-local0001";
constexpr char kOperation[] = "BatchQuerySessionByClientIds";
const absl::Time kNow = absl::FromUnixSeconds(1'767'323'045);

int Requests() {
  const char* const text = std::getenv("OPENAPI_BENCH_REQUESTS");
  return text == nullptr ? 100'000 : std::max(std::atoi(text), 1);
}
const int kRequests = Requests();

enum class Signing { kNone, kV1, kV3 };

std::vector<std::string> TenIds(int seed) {
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i)
    ids.push_back(absl::StrCat("device-", 10'000 + (seed * 7 + i) % 1000));
  return ids;
}

OwnedRequest Sign(Signing signing, int number) {
  const Credentials key{"benchkey", "benchsecret", ""};
  auto parameters = BatchParameters(kInstance, TenIds(number));
  const std::string nonce = absl::StrCat("0f3c2b1a9d8e4f70", 1'000'000 + number);
  if (signing == Signing::kV3) return SignedAcs3(key, kOperation, parameters, kNow, nonce);
  parameters["Action"] = kOperation;
  return SignedRpc(key, parameters, kNow, nonce);
}

class Server {
 public:
  explicit Server(bool with_access_file)
      : path_(absl::StrCat("/tmp/openapi_bench_", getpid(), ".json")), access_(path_) {
    std::ofstream(path_)
        << R"({"version": 1, "accounts": [{"id": "1", "instances": [")" << kInstance
        << R"("], "access_keys": [{"id": "benchkey", "secret": "benchsecret"}]}]})";
    chmod(path_.c_str(), 0600);
    if (!access_.Reload().ok()) std::abort();
    unlink(path_.c_str());
    for (int i = 0; i < 1000; ++i) {
      registry::SessionEvent event;
      const std::string id = absl::StrCat("device-", 10'000 + i);
      event.client_id = id;
      event.incarnation = static_cast<uint64_t>(i) + 1;
      event.time = kNow;
      registry_.Apply(event);
    }
    registry_.PublishSnapshot(kNow);
    SurfaceOptions options;
    options.batch_limit = options.query_limit = options.address_limit = {};
    OpenApiSurface::Parts parts;
    parts.source = &source_;
    parts.instances = &instances_;
    if (with_access_file) parts.access = &access_;
    surface_ = std::make_unique<OpenApiSurface>(options, parts);
  }
  OpenApiSurface& surface() { return *surface_; }

 private:
  const std::string path_;
  auth::AccessStore access_;
  registry::SessionRegistry registry_;
  const InstanceMap instances_{{kInstance, false, {}}};
  RegistrySource source_{registry_, instances_};
  std::unique_ptr<OpenApiSurface> surface_;
};

void BatchOfTen(benchmark::State& state, Signing signing) {
  std::vector<OwnedRequest> requests;
  for (int i = 0; i < kRequests; ++i) requests.push_back(Sign(signing, i));
  Server server(signing != Signing::kNone);
  http::Peer peer;
  peer.loopback = true;
  peer.address = "127.0.0.1";
  http::Reply reply;
  size_t next = 0;
  for (auto _ : state) {
    requests[next++].With(kNow, peer, [&](const http::Request& request) {
      reply.Clear();
      server.surface().Handle(request, &reply);
    });
    if (reply.status != 200) state.SkipWithError(reply.body.c_str());
  }
}

// One HMAC over a string of the size that such a call signs, keyed anew each time as a plain
// implementation does it.
void HmacAlone(benchmark::State& state) {
  const std::string text(900, 'x');
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size;
  for (auto _ : state) {
    HMAC(EVP_sha1(), "benchsecret&", 12, reinterpret_cast<const unsigned char*>(text.data()),
         text.size(), out, &size);
    benchmark::DoNotOptimize(out);
  }
}

BENCHMARK(HmacAlone);
BENCHMARK_CAPTURE(BatchOfTen, unsigned_local, Signing::kNone)->Iterations(kRequests);
BENCHMARK_CAPTURE(BatchOfTen, v1, Signing::kV1)->Iterations(kRequests);
BENCHMARK_CAPTURE(BatchOfTen, v3, Signing::kV3)->Iterations(kRequests);

}  // namespace
}  // namespace session_status::openapi

BENCHMARK_MAIN();
