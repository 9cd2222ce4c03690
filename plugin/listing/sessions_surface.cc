#include "plugin/listing/sessions_surface.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "plugin/api/json_codec.h"
#include "plugin/http/error_body.h"
#include "plugin/http/get_only.h"
#include "plugin/http/json_writer.h"
#include "plugin/http/query_string.h"

namespace session_status::listing {
namespace {

enum class Format : uint8_t { kJsonLines, kCsv };

// One step at a time, so that no other connection waits for long.
class ListStream : public http::BodyStream {
 public:
  ListStream(std::unique_ptr<SessionWalk> walk, Format format)
      : walk_(std::move(walk)), format_(format) {}

  void Start(std::function<void()>) override {}  // never waits

  Progress Next(size_t bytes_max, std::string* out) override {
    if (format_ == Format::kCsv && position_ == 0) walk_->fields().WriteCsvHeading(out);
    const size_t full = out->size() + bytes_max;
    for (int step = 0; step < kStepsPerCall && out->size() < full; ++step) {
      const absl::Status status = walk_->Step(
          position_, position_,
          [&](pb::QuerySessionByClientIdResponse& session) {
            Write(session, out);
            return true;
          },
          &position_);
      if (!status.ok()) return WriteError(status, out), Progress::kDone;
      if (position_ == 0) return Progress::kDone;
    }
    return Progress::kMore;
  }

 private:
  static constexpr int kStepsPerCall = 64;  // about 2,000 sessions, a millisecond

  void Write(const pb::QuerySessionByClientIdResponse& session, std::string* out) const {
    if (format_ == Format::kCsv) return walk_->fields().WriteCsvLine(session, out);
    api::WriteJson(session, out);
    out->push_back('\n');
  }

  void WriteError(const absl::Status& status, std::string* out) const {
    const absl::string_view message(status.message().data(), status.message().size());
    if (format_ == Format::kCsv) {
      absl::StrAppend(out, "#error ", message, "\r\n");
      return;
    }
    http::JsonWriter w(out);
    w.StartObject();
    w.Key("error");
    w.StartObject();
    w.Key("code");
    w.String(http::ConnectCodeName(status.code()));
    w.Key("message");
    w.String(message);
    w.EndObject();
    w.EndObject();
    out->push_back('\n');
  }

  const std::unique_ptr<SessionWalk> walk_;
  const Format format_;
  uint64_t position_ = 0;
};

// -- parameters -----------------------------------------------------------------------------------

struct Parameters {
  pb::ListSessionsRequest request;
  Format format = Format::kJsonLines;
};

absl::Status ReadTime(absl::string_view name, const std::string& text, int64_t* out) {
  if (absl::SimpleAtoi(text, out)) return absl::OkStatus();
  absl::Time time;
  std::string why;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &why)) {
    *out = absl::ToUnixMillis(time);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name, " must be milliseconds since 1970, or a time such as 2026-01-02T03:04:05Z"));
}

// An empty filter (of a variable that is not set) is none, and would list everybody.
absl::Status RefuseEmpty(absl::string_view name, bool empty) {
  if (!empty) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is empty; leave it out to list all"));
}

// Names of the values from `first` to `last`.
template <typename Enum>
absl::Status ReadNames(absl::string_view name, const std::string& text, absl::string_view prefix,
                       bool (*parse)(google::protobuf::ConstStringParam, Enum*), Enum first,
                       Enum last, const std::string& (*name_of)(Enum),
                       google::protobuf::RepeatedField<int>* out) {
  for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    Enum value{};
    if (!parse(absl::StrCat(prefix, absl::AsciiStrToUpper(word)), &value) || value < first) {
      std::vector<std::string> names;
      for (int i = first; i <= last; ++i) {
        const absl::string_view known = name_of(static_cast<Enum>(i));
        names.push_back(absl::AsciiStrToLower(absl::StripPrefix(known, prefix)));
      }
      return absl::InvalidArgumentError(absl::StrCat(
          name, ": a name in the list does not exist; there are ", absl::StrJoin(names, ", ")));
    }
    out->Add(value);
  }
  return RefuseEmpty(name, out->empty());
}

struct ParameterRow {
  absl::string_view name;
  absl::Status (*read)(const std::string& value, Parameters* out);
};

constexpr ParameterRow kParameters[] = {
    {"format",
     [](const std::string& v, Parameters* p) {
       if (v != "jsonl" && v != "csv") {
         return absl::InvalidArgumentError("format must be jsonl or csv");
       }
       p->format = v == "csv" ? Format::kCsv : Format::kJsonLines;
       return absl::OkStatus();
     }},
    {"fields",
     [](const std::string& v, Parameters* p) {
       for (absl::string_view field : absl::StrSplit(v, ',', absl::SkipWhitespace())) {
         p->request.add_fields(field.data(), field.size());
       }
       return absl::OkStatus();
     }},
    {"state",
     [](const std::string& v, Parameters* p) {
       return ReadNames("state", v, "SESSION_STATE_", pb::SessionState_Parse,
                        pb::SESSION_STATE_ONLINE, pb::SessionState_MAX, pb::SessionState_Name,
                        p->request.mutable_states());
     }},
    {"reason",
     [](const std::string& v, Parameters* p) {
       return ReadNames("reason", v, "END_REASON_", pb::EndReason_Parse, pb::EndReason_MIN,
                        pb::EndReason_MAX, pb::EndReason_Name, p->request.mutable_end_reasons());
     }},
    {"prefix",
     [](const std::string& v, Parameters* p) {
       p->request.set_client_id_prefix(v);
       return absl::OkStatus();
     }},
    {"group",
     [](const std::string& v, Parameters* p) {
       p->request.set_group(v);
       return RefuseEmpty("group", v.empty());
     }},
    {"address",
     [](const std::string& v, Parameters* p) {
       p->request.set_address(v);
       return RefuseEmpty("address", v.empty());
     }},
    {"protocol",
     [](const std::string& v, Parameters* p) {
       p->request.set_protocol_version(v);
       return RefuseEmpty("protocol", v.empty());
     }},
    {"listener",
     [](const std::string& v, Parameters* p) {
       uint32_t port = 0;
       if (!absl::SimpleAtoi(v, &port) || port == 0) {
         return absl::InvalidArgumentError("listener must be a port number, from 1 on");
       }
       p->request.set_listener_port(port);
       return absl::OkStatus();
     }},
    {"connected_from",
     [](const std::string& v, Parameters* p) {
       int64_t ms = 0;
       absl::Status s = ReadTime("connected_from", v, &ms);
       p->request.set_connected_from_ms(ms);
       return s;
     }},
    {"connected_until",
     [](const std::string& v, Parameters* p) {
       int64_t ms = 0;
       absl::Status s = ReadTime("connected_until", v, &ms);
       p->request.set_connected_until_ms(ms);
       return s;
     }},
    {"disconnected_from",
     [](const std::string& v, Parameters* p) {
       int64_t ms = 0;
       absl::Status s = ReadTime("disconnected_from", v, &ms);
       p->request.set_disconnected_from_ms(ms);
       return s;
     }},
    {"disconnected_until",
     [](const std::string& v, Parameters* p) {
       int64_t ms = 0;
       absl::Status s = ReadTime("disconnected_until", v, &ms);
       p->request.set_disconnected_until_ms(ms);
       return s;
     }},
};

absl::StatusOr<Parameters> ReadParameters(absl::string_view query) {
  auto pairs = http::ParseQueryString(query);
  if (!pairs.ok()) return pairs.status();
  if (absl::Status s = http::CheckTextParameters(*pairs, {"fields", "state", "reason"}); !s.ok()) {
    return s;
  }
  Parameters out;
  for (const auto& [name, value] : *pairs) {
    const ParameterRow* found = nullptr;
    for (const ParameterRow& row : kParameters) {
      if (row.name == name) found = &row;
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "unknown parameter; there are ",
          absl::StrJoin(kParameters, ", ", [](std::string* text, const ParameterRow& row) {
            absl::StrAppend(text, row.name);
          })));
    }
    if (absl::Status s = found->read(value, &out); !s.ok()) return s;
  }
  return out;
}

}  // namespace

absl::Status SessionsSurface::Open(const http::Request& request, http::Reply* reply) {
  auto parameters = ReadParameters(request.query);
  if (!parameters.ok()) return parameters.status();
  auto walk = lister_.Open(parameters->request, request.now);
  if (!walk.ok()) return walk.status();
  reply->content_type = parameters->format == Format::kCsv ? "text/csv; charset=utf-8"
                                                           : "application/jsonl; charset=utf-8";
  reply->headers.emplace_back("Session-Sequence", absl::StrCat((*walk)->cut()->sequence()));
  reply->headers.emplace_back("Session-Epoch", absl::StrCat(lister_.epoch()));
  reply->headers.emplace_back("Cache-Control", "no-store");
  reply->stream = std::make_unique<ListStream>(*std::move(walk), parameters->format);
  return absl::OkStatus();
}

void SessionsSurface::Handle(const http::Request& request, http::Reply* reply) {
  if (!http::AllowGetOnly(request, reply)) return;
  if (absl::Status s = Open(request, reply); !s.ok()) http::SetError(s, reply);
}

}  // namespace session_status::listing
