// The documented API from outside. First byte:
//   `h`       the rest is an HTTP request, byte for byte: any answer but a crash, and no answer
//             with data, because nothing in it can be signed for this run's time.
//   `1`, `3`  the rest are lines `name=value`: the parameters of a call that a signer of its own
//             signs, by scheme V1 or V3. Its signature must be accepted, and no longer once the
//             call was changed afterwards; used again it is a replay.
#include <memory>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/text/percent_coding.h"
#include "plugin/text/utf8.h"
#include "plugin/transport/request_parser.h"
#include "tests/fuzz/fuzz.h"
#include "tests/openapi/test_server.h"

namespace session_status::openapi {
namespace {

// The guard against replays remembers every nonce: a new server now and then.
constexpr int kCallsPerServer = 20'000;

constexpr char kSecret[] = "secret-reader";

struct Fixture {
  TestServer server;
  int calls = 0;

  Fixture() : server(Options()) {}
  static TestServerOptions Options() {
    TestServerOptions options;
    options.surface.batch_limit = options.surface.query_limit = {0, 0};
    options.surface.address_limit = options.surface.failure_limit = {0, 0};
    return options;
  }
};

Fixture& FreshEnough() {
  static auto* fixture = new std::unique_ptr<Fixture>(new Fixture);
  if (++(*fixture)->calls > kCallsPerServer) *fixture = std::make_unique<Fixture>();
  // What a test wants to look at later.
  (*fixture)->server.observer.lines.clear();
  (*fixture)->server.meter.counted.clear();
  return **fixture;
}

// A secret that `sent` holds itself, encoded or not, may come back in it.
bool HoldsTheSecret(absl::string_view sent) {
  std::string decoded(sent);
  char* end = decoded.data();
  bool canonical = false;
  const bool is_encoded = text::FormDecode(sent, &end, &canonical);
  decoded.resize(static_cast<size_t>(end - decoded.data()));
  return absl::StrContains(sent, kSecret) || (is_encoded && absl::StrContains(decoded, kSecret));
}

void CheckAnswer(const Answer& answer, absl::string_view sent) {
  FUZZ_CHECK(answer.status >= 200 && answer.status < 600 && !answer.body.empty());
  FUZZ_CHECK(!absl::StrContains(answer.body, kSecret) || HoldsTheSecret(sent));
  for (const auto& [name, value] : answer.headers) {
    FUZZ_CHECK(!absl::StrContains(value, "\n") && !absl::StrContains(value, "\r"));
  }
}

void SendBytes(absl::string_view bytes) {
  constexpr transport::RequestLimits kLimits = {8192, 8192, 64, 65536, 256, 1024};
  transport::RequestParser parser(kLimits);
  std::string buffer(bytes);
  size_t size = buffer.size();
  if (parser.Parse(buffer.data(), &size) != transport::RequestParser::Progress::kComplete) return;
  http::Request request;
  std::vector<http::Header> headers;
  parser.Fill(buffer.data(), &headers, &request);
  TestServer& server = FreshEnough().server;
  request.peer = &server.peer;
  request.now = kNow;
  http::Reply reply;
  server.surface().Handle(request, &reply);
  Answer answer;
  answer.status = reply.status;
  answer.body = reply.body;
  CheckAnswer(answer, bytes);
}

// Errors that a sound signature must not get.
bool IsAboutTheSignature(const Answer& answer) {
  for (const char* code : {"SignatureDoesNotMatch", "IncompleteSignature", "SignatureNonceUsed"}) {
    // As it cannot stand in an identifier, which is escaped.
    if (absl::StrContains(answer.body, absl::StrCat("\"Code\":\"", code))) return true;
    if (absl::StrContains(answer.body, absl::StrCat("<Code>", code))) return true;
  }
  return false;
}

testing::OwnedRequest Sign(char scheme, const testing::ParameterMap& parameters) {
  static int next = 0;
  const std::string nonce = absl::StrCat("fuzz-", ++next);
  const testing::Credentials key = TestServer::Key("reader");
  if (scheme == '1') return testing::SignedRpc(key, parameters, kNow, nonce);
  const auto action = parameters.find("Action");
  return testing::SignedAcs3(key, action == parameters.end() ? "" : action->second, parameters,
                             kNow, nonce);
}

void SendSigned(char scheme, fuzz::Input input) {
  const absl::string_view sent = input.rest();
  // These make the call another one, or the signer leaves them to the caller.
  static const char* const kCommon[] = {"AccessKeyId",    "Signature", "SignatureMethod",
                                        "SignatureNonce", "Timestamp", "SignatureVersion",
                                        "SecurityToken",  "Format",    "Version"};
  testing::ParameterMap parameters{{"Action", "QuerySessionByClientId"}};
  while (!input.empty() && parameters.size() < 40) {
    const absl::string_view line = input.Until('\n');
    const size_t equals = std::min(line.find('='), line.size());
    const std::string name(line.substr(0, equals));
    const std::string value(line.substr(std::min(equals + 1, line.size())));
    // Not UTF-8, or no name: refused before any signature is looked at.
    if (name.empty() || !text::IsValidUtf8(name) || !text::IsValidUtf8(value)) continue;
    // V3 has it in a header, whose value holds no such characters.
    if (name == "Action" && absl::c_any_of(value, absl::ascii_iscntrl)) continue;
    parameters[name] = value;
  }
  for (const char* name : kCommon) parameters.erase(name);
  TestServer& server = FreshEnough().server;
  const testing::OwnedRequest request = Sign(scheme, parameters);
  const Answer answer = server.Send(request);
  CheckAnswer(answer, sent);
  FUZZ_CHECK(!IsAboutTheSignature(answer));
  if (answer.status == 200) {
    const Answer replay = server.Send(request);
    FUZZ_CHECK(replay.status != 200);
  }
  testing::OwnedRequest changed = Sign(scheme, parameters);
  absl::StrAppend(&changed.target, "&zzz=1");
  FUZZ_CHECK(server.Send(changed).status != 200);
}

}  // namespace
}  // namespace session_status::openapi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::openapi;
  session_status::fuzz::Input input(data, std::min<size_t>(size, 8192));
  const char mode = static_cast<char>(input.Byte());
  if (mode == 'h') SendBytes(input.rest());
  if (mode == '1' || mode == '3') SendSigned(mode, input);
  return 0;
}
