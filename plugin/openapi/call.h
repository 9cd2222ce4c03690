// One call on its way through the documented order of checks: what is known about it so far.
//
// Ownership: views into the request and into the workspace; lives for one Handle().
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_CALL_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_CALL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "plugin/auth/access_file.h"
#include "plugin/auth/keyed_mac.h"
#include "plugin/auth/parameters.h"
#include "plugin/auth/signature_acs3.h"
#include "plugin/auth/sts.h"
#include "plugin/http/http_message.h"
#include "plugin/openapi/api_error.h"
#include "plugin/openapi/known_headers.h"
#include "plugin/openapi/known_parameters.h"
#include "plugin/openapi/operation.h"
#include "plugin/openapi/reply_writer.h"
#include "plugin/openapi/request_id.h"

namespace session_status::openapi {

enum class Scheme : uint8_t {
  kAnonymous,   // no signature of any kind
  kRpc,         // V1: parameter Signature
  kAcs3,        // V3: header Authorization: ACS3-HMAC-SHA256
  kUnknownAcs,  // another ACS… word
  kBearer,
};

// Buffers that are kept from call to call.
struct Workspace {
  explicit Workspace(size_t parameters_max) : parameters(parameters_max) {}
  auth::Parameters parameters;
  KnownParameters known;
  KnownHeaders headers;
  auth::Sha256 sha256;
  RequestIds request_ids;
  std::string canonical;
  std::string string_to_sign;
};

struct Call {
  Call(const http::Request& r, Workspace& w)
      : request(r), work(w), request_id(w.request_ids.Next()) {
    work.known.Clear();
    work.headers.Clear();
  }

  const http::Request& request;
  Workspace& work;
  const RequestId request_id;
  Format format = Format::kJson;
  bool format_read = false;  // until then `format` is not what the caller said

  // What the request says about itself. Views may be empty.
  Scheme scheme = Scheme::kAnonymous;
  absl::string_view action;
  absl::string_view version;
  absl::string_view access_key_id;
  absl::string_view signature;
  absl::string_view nonce;
  absl::string_view timestamp_text;
  absl::string_view security_token;
  auth::Acs3Authorization authorization;  // kAcs3

  // What the checks found.
  const OperationRow* operation = nullptr;
  std::shared_ptr<const auth::AccessFile> access;  // keeps what the pointers below point to
  bool unsigned_allowed = false;                   // no access file, and the peer is local
  const auth::AccessKey* key = nullptr;            // a key of the access file
  absl::optional<auth::Secret> temporary_secret;   // or a temporary one
  absl::Time timestamp;
  uint64_t nonce_hash = 0;
  auth::Session session;  // user: nullptr when the call is unsigned

  // The operation's input.
  absl::string_view instance_id;
  absl::InlinedVector<absl::string_view, 16> client_ids;

  const absl::string_view* Parameter(Known name) const { return work.known.Find(name); }
  // The value of a parameter or header; empty when there is none.
  absl::string_view ParameterText(Known name) const {
    const absl::string_view* value = Parameter(name);
    return value == nullptr ? absl::string_view() : *value;
  }
  absl::string_view HeaderText(KnownHeader name) const { return work.headers.Text(name); }

  absl::string_view account_id() const;
  absl::string_view user_name() const;
};

// Accounts and users of unsigned calls, in usage and logs.
inline constexpr absl::string_view kUnsignedAccount = "anonymous";

using Check = absl::optional<ApiError>;  // nullopt: passed

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_CALL_H_
