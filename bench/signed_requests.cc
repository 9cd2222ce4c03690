// Writes signed calls of the documented API for load_client --records: each a length of four bytes
// (this machine's order) and the request. Every one has its own nonce, as the server demands.
//
//   signed_requests v1|v3 COUNT NONCE_PREFIX FILE
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "bench/listener_host.h"
#include "tests/testing/openapi_request.h"

namespace session_status::bench {
namespace {

std::string Bytes(const testing::OwnedRequest& request) {
  std::string bytes = absl::StrCat(request.method, " ", request.target, " HTTP/1.1\r\n");
  for (const auto& [name, value] : request.headers)
    absl::StrAppend(&bytes, name, ": ", value, "\r\n");
  return bytes + "\r\n" + request.body;
}

int Main(int argc, char** argv) {
  if (argc != 5) return 2;
  const bool v3 = absl::string_view(argv[1]) == "v3";
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(absl::StrCat("device-", 10'000'000 + i * 99'991));
  testing::ParameterMap parameters = testing::BatchParameters(kBenchInstance, ids);
  const testing::Credentials credentials{kBenchKeyId, kBenchKeySecret, ""};
  const absl::Time now = absl::Now();
  std::ofstream file(argv[4], std::ios::binary);
  for (int i = 0; i < std::atoi(argv[2]); ++i) {
    const std::string nonce = absl::StrCat(argv[3], "-", i);
    std::string bytes;
    if (v3) {
      bytes =
          Bytes(SignedAcs3(credentials, "BatchQuerySessionByClientIds", parameters, now, nonce));
    } else {
      parameters["Action"] = "BatchQuerySessionByClientIds";
      bytes = Bytes(SignedRpc(credentials, parameters, now, nonce));
    }
    const auto size = static_cast<uint32_t>(bytes.size());
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file << bytes;
  }
  return file.good() ? 0 : 1;
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) { return session_status::bench::Main(argc, argv); }
