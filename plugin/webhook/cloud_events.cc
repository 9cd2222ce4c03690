#include "plugin/webhook/cloud_events.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "plugin/feed/change_json.h"
#include "plugin/http/json_writer.h"
#include "plugin/text/percent_coding.h"

namespace session_status::webhook {
namespace {

constexpr absl::string_view kTypeOfKind[] = {
    "mosquitto.session.unspecified",  "mosquitto.session.online",
    "mosquitto.session.offline",      "mosquitto.session.session_kept",
    "mosquitto.session.session_gone", "mosquitto.session.repaired"};
static_assert(std::size(kTypeOfKind) == feed::kChangeKindCount);

std::string SourceOf(absl::string_view instance_id) {
  std::string source = "/mosquitto_session_status/";
  text::AppendPercentEncoded(instance_id, &source);
  return source;
}

}  // namespace

CloudEvents::CloudEvents(absl::string_view instance_id, int64_t epoch)
    : source_(SourceOf(instance_id)), epoch_(epoch) {}

void CloudEvents::Begin(absl::string_view type, uint64_t sequence, absl::string_view id_suffix,
                        absl::string_view subject, absl::Time time) {
  absl::StrAppend(&body_, count_ == 0 ? "[" : ",", R"({"specversion":"1.0","id":")", epoch_, "-",
                  sequence, id_suffix, R"(","source":")", source_, R"(","type":")", type, "\"");
  if (!subject.empty()) {
    body_ += R"(,"subject":)";
    http::JsonWriter(&body_).String(subject);
  }
  if (time != absl::UnixEpoch()) {
    absl::StrAppend(&body_, R"(,"time":")",
                    absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone()), "\"");
  }
  body_ += R"(,"datacontenttype":"application/json","data":)";
  ++count_;
}

void CloudEvents::AddStarted(uint64_t sequence, absl::Time now) {
  Begin("mosquitto.session.started", sequence, "-started", {}, now);
  feed::WritePositionJson(sequence, epoch_, &body_);
  End();
}

void CloudEvents::AddChange(const feed::Change& change) {
  Begin(kTypeOfKind[static_cast<size_t>(change.kind) % std::size(kTypeOfKind)], change.sequence, {},
        change.client_id, absl::FromUnixMillis(change.time_ms));
  feed::WriteChangeJson(change, &body_);
  End();
}

void CloudEvents::AddGap(uint64_t missed_after, uint64_t restart_sequence, absl::Time now) {
  Begin("mosquitto.session.gap", restart_sequence, "-gap", {}, now);
  feed::WriteGapJson(missed_after, restart_sequence, epoch_, &body_);
  End();
}

void CloudEvents::Clear() {
  body_.clear();
  count_ = 0;
}

absl::string_view CloudEvents::Finish() {
  body_ += count_ == 0 ? "[]" : "]";
  return body_;
}

}  // namespace session_status::webhook
