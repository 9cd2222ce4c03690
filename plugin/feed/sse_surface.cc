#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "plugin/feed/change_stream.h"
#include "plugin/feed/changes_surface.h"
#include "plugin/http/error_body.h"
#include "plugin/http/query_string.h"

namespace session_status::feed {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

absl::StatusOr<Parameters> ReadParameters(const http::Request& request) {
  auto parameters = http::ParseQueryString(request.query);
  if (!parameters.ok() || request.method != "POST") return parameters;
  const http::Header* type = request.FindHeader("content-type");
  if (type == nullptr ||
      !absl::StartsWithIgnoreCase(type->value, "application/x-www-form-urlencoded")) {
    return absl::InvalidArgumentError("POST takes a form: application/x-www-form-urlencoded");
  }
  auto form = http::ParseQueryString(request.body);
  if (!form.ok()) return form;
  parameters->insert(parameters->end(), std::make_move_iterator(form->begin()),
                     std::make_move_iterator(form->end()));
  return parameters;
}

// "SEQUENCE" or "EPOCH-SEQUENCE".
absl::Status ReadPosition(absl::string_view text, absl::string_view name,
                          pb::WatchSessionsRequest* request) {
  uint64_t sequence = 0;
  int64_t epoch = 0;
  const size_t dash = text.find('-');
  const bool with_epoch = dash != absl::string_view::npos;
  if ((with_epoch && !absl::SimpleAtoi(text.substr(0, dash), &epoch)) ||
      !absl::SimpleAtoi(with_epoch ? text.substr(dash + 1) : text, &sequence)) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must be a sequence number, or the id of an event"));
  }
  request->set_after_sequence(sequence);
  request->set_feed_epoch(epoch);
  return absl::OkStatus();
}

constexpr absl::string_view kKindPrefix = "CHANGE_KIND_";

// "online, offline": what `kind` takes.
std::string KindNames() {
  std::string names;
  for (int i = pb::CHANGE_KIND_UNSPECIFIED + 1; i <= pb::ChangeKind_MAX; ++i) {
    const std::string& name = pb::ChangeKind_Name(static_cast<pb::ChangeKind>(i));
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    absl::AsciiStrToLower(absl::StripPrefix(name, kKindPrefix)));
  }
  return names;
}

absl::Status ReadKinds(absl::string_view text, pb::WatchSessionsRequest* request) {
  for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    pb::ChangeKind kind;
    if (!pb::ChangeKind_Parse(absl::StrCat(kKindPrefix, absl::AsciiStrToUpper(word)), &kind)) {
      return absl::InvalidArgumentError(absl::StrCat("kind must be one of ", KindNames()));
    }
    request->add_kinds(kind);
  }
  return absl::OkStatus();
}

struct ParameterRow {
  absl::string_view name;
  absl::Status (*read)(std::string value, pb::WatchSessionsRequest* request);
};

constexpr ParameterRow kParameters[] = {
    {"after",
     [](std::string v, pb::WatchSessionsRequest* r) { return ReadPosition(v, "after", r); }},
    {"id",
     [](std::string v, pb::WatchSessionsRequest* r) {
       r->add_client_ids(std::move(v));
       return absl::OkStatus();
     }},
    {"prefix",
     [](std::string v, pb::WatchSessionsRequest* r) {
       r->set_client_id_prefix(std::move(v));
       return absl::OkStatus();
     }},
    {"group",
     [](std::string v, pb::WatchSessionsRequest* r) {
       r->set_group(std::move(v));
       return absl::OkStatus();
     }},
    {"kind", [](std::string v, pb::WatchSessionsRequest* r) { return ReadKinds(v, r); }},
};

absl::Status ReadParameter(absl::string_view name, std::string value,
                           pb::WatchSessionsRequest* request) {
  for (const ParameterRow& row : kParameters) {
    if (row.name == name) return row.read(std::move(value), request);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown parameter; there are ",
                   absl::StrJoin(kParameters, ", ", [](std::string* text, const ParameterRow& row) {
                     absl::StrAppend(text, row.name);
                   })));
}

absl::StatusOr<pb::WatchSessionsRequest> ReadRequest(const http::Request& request) {
  auto parameters = ReadParameters(request);
  if (!parameters.ok()) return parameters.status();
  if (absl::Status s = http::CheckTextParameters(*parameters, {"id", "kind"}); !s.ok()) return s;
  pb::WatchSessionsRequest out;
  for (auto& [name, value] : *parameters) {
    if (absl::Status s = ReadParameter(name, std::move(value), &out); !s.ok()) return s;
  }
  // A browser reconnects with the same URL and this header: it knows better where it was.
  if (const http::Header* last = request.FindHeader("last-event-id")) {
    if (!last->value.empty()) {
      if (absl::Status s = ReadPosition(last->value, "Last-Event-ID", &out); !s.ok()) return s;
    }
  }
  return out;
}

}  // namespace

absl::Status SseSurface::Open(const http::Request& request, http::Reply* reply) {
  auto watch = ReadRequest(request);
  if (!watch.ok()) return watch.status();
  auto options = MakeWatchOptions(*watch);
  if (!options.ok()) return options.status();
  auto stream = ChangeStream::Make(feed_, *std::move(options), std::make_unique<SseEncoder>(feed_));
  if (!stream.ok()) return stream.status();
  reply->content_type = "text/event-stream";
  reply->headers.emplace_back("Cache-Control", "no-store");
  reply->headers.emplace_back("X-Accel-Buffering", "no");  // proxies must not collect it
  reply->stream = *std::move(stream);
  return absl::OkStatus();
}

void SseSurface::Handle(const http::Request& request, http::Reply* reply) {
  if (request.method != "GET" && request.method != "POST") {
    reply->headers.emplace_back("Allow", "GET, POST");
    return http::SetNotServed(405, absl::StatusCode::kUnimplemented, "use GET or POST", reply);
  }
  if (absl::Status s = Open(request, reply); !s.ok()) http::SetError(s, reply);
}

}  // namespace session_status::feed
