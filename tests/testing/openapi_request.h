// Requests of the documented API as SDKs make them: the vendor's vectors, and a signer of our own
// that shares nothing with the code under test (it calls OpenSSL's HMAC() directly).
#ifndef SESSION_STATUS_TESTS_TESTING_OPENAPI_REQUEST_H_
#define SESSION_STATUS_TESTS_TESTING_OPENAPI_REQUEST_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/http/http_message.h"

namespace session_status::testing {

// A request that owns its bytes.
struct OwnedRequest {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // Calls `use(const http::Request&)` with views into this object.
  template <typename Use>
  auto With(absl::Time now, const http::Peer& peer, Use use) const {
    std::vector<http::Header> views;
    for (const auto& [name, value] : headers) views.push_back({name, value});
    http::Request request;
    request.method = method;
    request.target = target;
    const size_t question = target.find('?');
    request.path = absl::string_view(target).substr(0, question);
    if (question != std::string::npos)
      request.query = absl::string_view(target).substr(question + 1);
    request.headers = views;
    request.body = body;
    request.peer = &peer;
    request.now = now;
    return use(request);
  }

  void SetHeader(absl::string_view name, absl::string_view value);
  void RemoveHeader(absl::string_view name);
};

struct SignatureVector {
  std::string id;
  std::string note;
  std::string operation;
  OwnedRequest request;
  std::string access_key_id;
  std::string access_key_secret;
  std::string security_token;  // empty: none
  absl::Time timestamp;
  std::string nonce;
  std::string string_to_sign;
  std::string signature;
  std::string canonical_request;  // V3
  std::string instance_id;
  std::vector<std::string> client_ids;
};

// `file` is "v1.jsonl" or "v3.jsonl".
std::vector<SignatureVector> LoadSignatureVectors(absl::string_view file);

struct Credentials {
  std::string access_key_id = "testid-0001";
  std::string access_key_secret = "testsecret-0001";
  std::string security_token;
};

using ParameterMap = std::map<std::string, std::string>;

// The parameters of a batch query without the common ones.
ParameterMap BatchParameters(absl::string_view instance_id,
                             const std::vector<std::string>& client_ids);

// V1: everything in the query of a GET (or in the body of a POST). `parameters` needs Action; what
// it holds overrides the common parameters made here.
OwnedRequest SignedRpc(const Credentials& credentials, ParameterMap parameters, absl::Time now,
                       absl::string_view nonce, absl::string_view method = "GET",
                       bool in_body = false);

// V3: POST with everything in the query. `extra` headers are sent, and signed when x-acs-*.
OwnedRequest SignedAcs3(const Credentials& credentials, absl::string_view action,
                        const ParameterMap& parameters, absl::Time now, absl::string_view nonce,
                        const std::vector<std::pair<std::string, std::string>>& extra = {});

std::string Timestamp(absl::Time time);
std::string PercentEncode(absl::string_view text);

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_OPENAPI_REQUEST_H_
