#include "plugin/openapi/openapi_surface.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/http/query_string.h"
#include "plugin/http/trust.h"
#include "plugin/text/percent_coding.h"

namespace session_status::openapi {
namespace {

// Common parameters, those that are signed and ignored, and the list.
constexpr size_t kOtherParametersMax = 54;

// The body when its media type says that it is a form.
absl::string_view FormBody(const Call& call) {
  if (call.request.body.empty()) return {};
  const bool form = http::IsForm(call.HeaderText(KnownHeader::kContentType));
  return form ? call.request.body : absl::string_view();
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); });
}

// A parameter's name as part of an error code: short and printable, or not repeated at all.
absl::string_view CodePart(absl::string_view name) {
  constexpr size_t kBytesMax = 64;
  return IsPrintable(name) && !name.empty() && name.size() <= kBytesMax ? name : "Query";
}

// What a stranger cannot know: it is not his key or his signature.
constexpr absl::string_view kNoAccessFile =
    " This server has no access file: it answers programs of its own machine only, over its socket "
    "or as localhost or a loopback address, and not through a proxy; and, over TLS, who has a "
    "client certificate that its options let in.";

// The host that the caller named, without its port; nothing where it cannot stand in JSON or XML,
// as in a request that is refused for it.
absl::string_view HostId(const http::Request& request) {
  const http::Header* header = request.FindHeader("host");
  if (header == nullptr) return {};
  const absl::string_view host = absl::StripAsciiWhitespace(header->value);
  if (!IsPrintable(host)) return {};
  const size_t bracket = host.rfind(']');  // of an IPv6 address
  const size_t colon = host.rfind(':');
  const bool port =
      colon != absl::string_view::npos && (bracket == absl::string_view::npos || colon > bracket);
  return port ? host.substr(0, colon) : host;
}

bool WantsNestedLists(const Call& call) {
  return absl::StartsWith(call.HeaderText(KnownHeader::kSdkClient), "CPP/");
}

// The format of an error that was found before the parameters were read: XML when the query says
// so, once and unescaped, as SDKs write it.
Format FormatInQuery(absl::string_view query) {
  constexpr absl::string_view kName = "Format=";
  Format format = Format::kJson;
  bool named = false;
  for (const absl::string_view pair : absl::StrSplit(query, '&')) {
    if (!absl::StartsWith(pair, kName)) continue;
    if (std::exchange(named, true)) return Format::kJson;
    if (absl::EqualsIgnoreCase(pair.substr(kName.size()), "XML")) format = Format::kXml;
  }
  return format;
}

absl::string_view ScopeName(Scope scope) {
  switch (scope) {
    case Scope::kFleet:
      return "fleet";
    case Scope::kStale:
      return "stale";
    case Scope::kLocal:
      return "local";
    case Scope::kNode:
      break;
  }
  return "";
}

// Enough of a key's id to find it by, too little of a secret to be of use.
absl::string_view Beginning(absl::string_view access_key_id) {
  constexpr size_t kBytesMax = 4;
  return access_key_id.substr(0, std::min(kBytesMax, access_key_id.size() / 4));
}

int64_t RetryAfterMs(absl::Duration wait) {
  return std::max<int64_t>(absl::ToInt64Milliseconds(wait + absl::Microseconds(999)), 1);
}

}  // namespace

OpenApiSurface::OpenApiSurface(SurfaceOptions options, const Parts& parts)
    : options_(std::move(options)),
      input_rules_{options_.batch_ids_max, options_.strict_client_ids},
      authorization_rules_{options_.region, options_.gateway_errors,
                           options_.batch_needs_instance_access},
      parts_(parts),
      replay_guard_(options_.nonces_max),
      limits_(options_),
      workspaces_([this] {
        return std::make_unique<Workspace>(kOtherParametersMax + options_.batch_ids_max);
      }) {}

// The documented order (docs/api.md, "Order of checks").
// The nonce is used up after the limits: a throttled call was not worked on, may be sent again as
// it is, and costs no memory.
const OpenApiSurface::Step OpenApiSurface::kSteps[] = {
    {&OpenApiSurface::CheckHttp},
    {&OpenApiSurface::FindAccess},
    {&OpenApiSurface::CheckFailuresLeft},
    {&OpenApiSurface::ReadParameters},
    {&OpenApiSurface::ReadFormat},
    {&OpenApiSurface::CheckScheme, true},
    {&OpenApiSurface::CheckOperation},
    {&OpenApiSurface::CheckKey, true},
    {&OpenApiSurface::CheckTimestamp, true},
    {&OpenApiSurface::CheckSignature, true},
    {&OpenApiSurface::CheckNonce, true},
    {&OpenApiSurface::CheckToken, true},
    {&OpenApiSurface::LimitAddress},
    {&OpenApiSurface::LimitCaller},
    {&OpenApiSurface::UseNonce},
    {&OpenApiSurface::CheckInput},
    {&OpenApiSurface::CheckAccess},
};

void OpenApiSurface::Handle(const http::Request& request, http::Reply* reply) {
  auto lease = workspaces_.Take();
  Call call(request, *lease);
  Check error;
  try {
    error = Answer(&call, reply);
  } catch (const std::exception&) {  // of the source, or no memory
    error = ApiError(ErrorCode::kInternalError);
  }
  if (error.has_value()) return AnswerError(&call, *error, reply);
  if (parts_.observer != nullptr) Observe(call, "OK", 200);
}

void OpenApiSurface::HandleRefused(const http::Request& request, int status,
                                   absl::string_view message, http::Reply* reply) {
  ApiError error(CodeForHttpStatus(status));
  error.http_status = status;
  if (!message.empty()) error.detail = absl::StrCat(" ", message);
  if (status == 429) error.retry_after = absl::Seconds(1);
  auto lease = workspaces_.Take();
  Call call(request, *lease);
  AnswerError(&call, error, reply);
}

void OpenApiSurface::AnswerError(Call* call, const ApiError& error, http::Reply* reply) const {
  if (!call->format_read) call->format = FormatInQuery(call->request.query);
  WriteErrorReply(*call, error, reply);
  if (parts_.observer != nullptr) Observe(*call, error.Name(), error.HttpStatus());
}

Check OpenApiSurface::RunSteps(Call* call) {
  for (const Step& step : kSteps) {
    Check error = (this->*step.check)(call);
    if (!error.has_value()) continue;
    if (step.authenticates && parts_.access == nullptr) error->detail = std::string(kNoAccessFile);
    // Where nobody signs there is nothing to guess, and what fails in here is not the caller's
    // doing.
    if (!step.authenticates || call->unsigned_allowed || error->HttpStatus() >= 500) return error;
    Check throttled = limits_.TakeForFailure(call->request);
    return throttled.has_value() ? throttled : error;
  }
  return absl::nullopt;
}

Check OpenApiSurface::Answer(Call* call, http::Reply* reply) {
  Check error = RunSteps(call);
  if (error.has_value()) return error;
  error = call->operation->operation == Operation::kBatchQuery ? ExecuteBatch(call, reply)
                                                               : ExecuteQuery(call, reply);
  if (error.has_value()) return error;
  reply->content_type = ContentType(call->format);
  reply->headers.emplace_back("x-acs-request-id", call->request_id.text());
  // When nothing can fail any more: a call that is counted is answered.
  return CountTransaction(*call);
}

Check OpenApiSurface::CheckHttp(Call* call) {
  const http::Request& request = call->request;
  if (request.path != "/") return ApiError(ErrorCode::kApiNotFound);
  if (request.method != "GET" && request.method != "POST") {
    return ApiError(ErrorCode::kUnsupportedMethod);
  }
  if (options_.require_tls && !http::IsTrusted(request) &&
      (request.peer == nullptr || !request.peer->tls)) {
    return ApiError(ErrorCode::kNeedSsl);
  }
  return absl::nullopt;
}

Check OpenApiSurface::ReadParameters(Call* call) {
  auth::Parameters& parameters = call->work.parameters;
  call->work.headers.Read(call->request.headers);
  switch (parameters.Read(call->request.query, FormBody(*call))) {
    case auth::Parameters::Outcome::kOk:
      call->work.known.Read(parameters.sorted());
      return absl::nullopt;
    case auth::Parameters::Outcome::kTooMany:
      return ApiError(ErrorCode::kParameterCheckFailed);
    case auth::Parameters::Outcome::kMalformed:
    case auth::Parameters::Outcome::kDuplicate:
      break;
  }
  return ApiError(ErrorCode::kInvalidParameter, CodePart(parameters.offending_name()));
}

Check OpenApiSurface::ReadFormat(Call* call) {
  const absl::string_view format = call->ParameterText(Known::kFormat);
  call->format_read = true;
  if (format.empty() || absl::EqualsIgnoreCase(format, "JSON")) return absl::nullopt;
  if (!absl::EqualsIgnoreCase(format, "XML")) return ApiError(ErrorCode::kInvalidFormat);
  call->format = Format::kXml;
  return absl::nullopt;
}

// Which rules apply: the access file's, or those of an open local server.
Check OpenApiSurface::FindAccess(Call* call) {
  if (parts_.access == nullptr) {
    call->unsigned_allowed = http::IsTrusted(call->request);
    return absl::nullopt;
  }
  call->access = parts_.access->Current();
  if (call->access == nullptr) return ApiError(ErrorCode::kServiceUnavailable);
  return absl::nullopt;
}

Check OpenApiSurface::CheckFailuresLeft(Call* call) {
  return call->unsigned_allowed ? Check() : limits_.CheckFailuresLeft(call->request);
}

Check OpenApiSurface::CheckKey(Call* call) {
  if (call->unsigned_allowed) return absl::nullopt;
  // A stranger on a server without an access file: there is no key that could be known.
  if (call->access == nullptr) return ApiError(ErrorCode::kAccessKeyNotFound);
  return FindKey(call);
}

Check OpenApiSurface::CheckTimestamp(Call* call) {
  return call->unsigned_allowed ? Check() : CheckTimestampOf(call);
}

Check OpenApiSurface::CheckSignature(Call* call) {
  return call->unsigned_allowed ? Check() : VerifySignature(replay_guard_, call);
}

Check OpenApiSurface::CheckNonce(Call* call) {
  return call->unsigned_allowed ? Check() : LookForNonce(replay_guard_, call);
}

Check OpenApiSurface::CheckToken(Call* call) {
  return call->unsigned_allowed ? Check() : VerifyTokenOf(call);
}

Check OpenApiSurface::UseNonce(Call* call) {
  return call->unsigned_allowed ? Check() : RememberNonce(&replay_guard_, call);
}

Check OpenApiSurface::CheckAccess(Call* call) {
  return Authorize(authorization_rules_, *parts_.instances, call);
}

Check OpenApiSurface::ExecuteBatch(Call* call, http::Reply* reply) {
  absl::InlinedVector<bool, 16> online(call->client_ids.size());
  const BatchCut cut = parts_.source->Batch(call->instance_id, call->client_ids, call->request.now,
                                            absl::MakeSpan(online));
  const bool nested = options_.cpp_sdk_lists && WantsNestedLists(*call);
  WriteBatchReply(call->format, nested ? ListShape::kNested : ListShape::kFlat,
                  call->request_id.text(), call->client_ids, online, &reply->body);
  // The answer is as old as its older part.
  AddFreshness(cut.snapshot.sequence, std::max(cut.snapshot.age(call->request.now), cut.others_age),
               cut.scope, reply);
  return absl::nullopt;
}

Check OpenApiSurface::ExecuteQuery(Call* call, http::Reply* reply) {
  const uint64_t sequence = parts_.source->LiveSequence();
  const ExactAnswer answer =
      parts_.source->Exact(call->instance_id, call->client_ids[0], call->request.now);
  if (!answer.available) return ApiError(ErrorCode::kServiceUnavailable);
  WriteQueryReply(call->format, call->request_id.text(), answer.online, &reply->body);
  AddFreshness(sequence, answer.age, answer.scope, reply);
  return absl::nullopt;
}

Check OpenApiSurface::CountTransaction(const Call& call) {
  if (parts_.meter == nullptr) return absl::nullopt;
  limits::Transaction transaction;
  transaction.account = call.account_id();
  transaction.user = call.user_name();
  transaction.instance = CountedInstance(call);
  transaction.operation = call.operation->name;
  if (parts_.meter->TryCount(transaction, call.request.now)) return absl::nullopt;
  return ApiError(ErrorCode::kSystemOverFlow);
}

// The names that options and the access file list are as many as their authors wanted.
absl::string_view OpenApiSurface::CountedInstance(const Call& call) {
  const auth::User* user = call.session.user;
  const bool listed = user != nullptr && user->account->Names(call.instance_id);
  if (listed || !parts_.instances->open_ended()) return call.instance_id;
  return counted_instances_.NameFor(call.account_id(), call.instance_id, call.request.now);
}

void OpenApiSurface::AddFreshness(uint64_t sequence, absl::Duration age, Scope scope,
                                  http::Reply* reply) const {
  reply->headers.emplace_back("x-session-status-sequence", absl::StrCat(sequence));
  reply->headers.emplace_back("x-session-status-age-ms",
                              absl::StrCat(std::max<int64_t>(absl::ToInt64Milliseconds(age), 0)));
  if (scope == Scope::kNode) return;
  reply->headers.emplace_back("x-session-status-scope", std::string(ScopeName(scope)));
}

void OpenApiSurface::WriteErrorReply(const Call& call, const ApiError& error,
                                     http::Reply* reply) const {
  reply->status = error.HttpStatus();
  reply->content_type = ContentType(call.format);
  reply->headers.clear();
  reply->headers.emplace_back("x-acs-request-id", call.request_id.text());
  // Only on throttling: newer SDKs take any reply with this header for one.
  if (error.retry_after > absl::ZeroDuration()) {
    const int64_t wait_ms = RetryAfterMs(error.retry_after);
    reply->headers.emplace_back("x-acs-retry-after", absl::StrCat(wait_ms));
    if (error.limit_per_second > 0) {
      reply->headers.emplace_back(
          "X-RateLimit-User-API",
          absl::StrCat("Limit:", error.limit_per_second, ",Remain:0,TimeLeft:", wait_ms));
    }
  }
  reply->body.clear();
  std::string recommend = options_.error_page_url;
  // The name may hold a parameter's, which the caller chose.
  if (!recommend.empty()) text::AppendPercentEncoded(error.Name(), &recommend);
  WriteError(call.format, call.request_id.text(), HostId(call.request), error, recommend,
             &reply->body);
}

void OpenApiSurface::Observe(const Call& call, absl::string_view code, int http_status) const {
  CallRecord record;
  record.request_id = call.request_id.text();
  record.code = code;
  record.http_status = http_status;
  if (call.operation != nullptr) record.operation = call.operation->name;
  // A call may have failed before its key was looked for.
  const bool key_is_known =
      call.key != nullptr || call.temporary_secret.has_value() ||
      (call.access != nullptr && call.access->FindKey(call.access_key_id) != nullptr);
  record.access_key_id = key_is_known ? call.access_key_id : Beginning(call.access_key_id);
  record.access_key_id_bytes = call.access_key_id.size();
  if (call.session.user != nullptr) {
    record.account = call.account_id();
    record.user = call.user_name();
  }
  record.instance = call.instance_id;
  if (call.request.peer != nullptr) record.peer_address = call.request.peer->address;
  record.client_ids = call.client_ids.size();
  parts_.observer->OnCall(record);
}

}  // namespace session_status::openapi
