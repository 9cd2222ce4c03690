#include "plugin/listing/session_fields.h"

#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace session_status::listing {
namespace {

using Session = pb::QuerySessionByClientIdResponse;

std::string Time(bool known, int64_t ms) {
  if (!known) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(ms), absl::UTCTimeZone());
}

std::string Lower(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

std::string Flag(bool known, bool value) { return !known ? "" : value ? "true" : "false"; }

struct Row {
  absl::string_view name;  // as in JSON
  std::string (*text)(const Session&);
  void (*clear)(Session*);
};

constexpr Row kRows[] = {
    {"clientId", [](const Session& s) { return s.client_id(); }, [](Session*) {}},
    {"online", [](const Session& s) { return Flag(s.has_online(), s.online()); },
     [](Session* s) { s->clear_online(); }},
    {"state",
     [](const Session& s) { return Lower(pb::SessionState_Name(s.state()), "SESSION_STATE_"); },
     [](Session* s) { s->clear_state(); }},
    {"incarnation", [](const Session& s) { return absl::StrCat(s.incarnation()); },
     [](Session* s) { s->clear_incarnation(); }},
    {"connectedAtMs",
     [](const Session& s) { return Time(s.has_connected_at_ms(), s.connected_at_ms()); },
     [](Session* s) { s->clear_connected_at_ms(); }},
    {"lastSeenAtMs",
     [](const Session& s) { return Time(s.has_last_seen_at_ms(), s.last_seen_at_ms()); },
     [](Session* s) { s->clear_last_seen_at_ms(); }},
    {"disconnectedAtMs",
     [](const Session& s) { return Time(s.has_disconnected_at_ms(), s.disconnected_at_ms()); },
     [](Session* s) { s->clear_disconnected_at_ms(); }},
    {"sessionCreatedAtMs",
     [](const Session& s) {
       return Time(s.has_session_created_at_ms(), s.session_created_at_ms());
     },
     [](Session* s) { s->clear_session_created_at_ms(); }},
    {"endReason",
     [](const Session& s) {
       return s.end_reason() == pb::END_REASON_NONE
                  ? std::string()
                  : Lower(pb::EndReason_Name(s.end_reason()), "END_REASON_");
     },
     [](Session* s) { s->clear_end_reason(); }},
    {"brokerCode", [](const Session& s) { return absl::StrCat(s.broker_code()); },
     [](Session* s) { s->clear_broker_code(); }},
    {"address", [](const Session& s) { return s.address(); },
     [](Session* s) { s->clear_address(); }},
    {"listenerPort", [](const Session& s) { return absl::StrCat(s.listener_port()); },
     [](Session* s) { s->clear_listener_port(); }},
    {"protocolVersion", [](const Session& s) { return s.protocol_version(); },
     [](Session* s) { s->clear_protocol_version(); }},
    {"transport",
     [](const Session& s) { return Lower(pb::Transport_Name(s.transport()), "TRANSPORT_"); },
     [](Session* s) { s->clear_transport(); }},
    {"keepaliveS", [](const Session& s) { return absl::StrCat(s.keepalive_s()); },
     [](Session* s) { s->clear_keepalive_s(); }},
    {"username", [](const Session& s) { return s.username(); },
     [](Session* s) { s->clear_username(); }},
    {"cleanStart", [](const Session& s) { return Flag(s.has_clean_start(), s.clean_start()); },
     [](Session* s) { s->clear_clean_start(); }},
    {"connects", [](const Session& s) { return absl::StrCat(s.connects()); },
     [](Session* s) { s->clear_connects(); }},
    {"detectionBoundS",
     [](const Session& s) {
       return s.has_detection_bound_s() ? absl::StrCat(s.detection_bound_s()) : std::string();
     },
     [](Session* s) { s->clear_detection_bound_s(); }},
    {"silentDeathUndetected",
     [](const Session& s) { return Flag(true, s.silent_death_undetected()); },
     [](Session* s) { s->clear_silent_death_undetected(); }},
    {"endedNotBeforeMs",
     [](const Session& s) { return Time(s.has_ended_not_before_ms(), s.ended_not_before_ms()); },
     [](Session* s) { s->clear_ended_not_before_ms(); }},
    {"endedNotAfterMs",
     [](const Session& s) { return Time(s.has_ended_not_after_ms(), s.ended_not_after_ms()); },
     [](Session* s) { s->clear_ended_not_after_ms(); }},
    {"restored", [](const Session& s) { return Flag(true, s.restored()); },
     [](Session* s) { s->clear_restored(); }},
};
static_assert(std::size(kRows) <= 32, "a bit per row");

// Quotes where it must; what begins with # too, so that no client identifier looks like the line
// that ends a broken listing. A cell that a spreadsheet would take for a formula is data of a
// stranger (client identifiers, user names): an apostrophe in front keeps it text.
// One that begins with an apostrophe gets another, so that programs have every cell back: they take
// one away.
void AppendCell(absl::string_view cell, std::string* out) {
  const bool guarded =
      !cell.empty() && absl::string_view("=+-@\t'").find(cell[0]) != absl::string_view::npos;
  const bool comment = !cell.empty() && cell[0] == '#';
  if (!guarded && !comment && cell.find_first_of(",\"\r\n") == absl::string_view::npos) {
    absl::StrAppend(out, cell);
    return;
  }
  out->push_back('"');
  if (guarded) out->push_back('\'');
  for (const char c : cell) {
    if (c == '"') out->push_back('"');
    out->push_back(c);
  }
  out->push_back('"');
}

}  // namespace

absl::Status SessionFields::Add(absl::string_view name) {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].name != name) continue;
    if ((chosen_ >> i & 1) == 0) columns_.push_back(i);
    chosen_ |= uint32_t{1} << i;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no such field; there are ",
      absl::StrJoin(kRows, ", ",
                    [](std::string* out, const Row& row) { absl::StrAppend(out, row.name); })));
}

void SessionFields::Complete() {
  if (!columns_.empty()) return;
  for (size_t i = 0; i < std::size(kRows); ++i) columns_.push_back(i);
  chosen_ = UINT32_MAX;
}

void SessionFields::Keep(Session* session) const {
  if (chosen_ == UINT32_MAX) return;
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if ((chosen_ >> i & 1) == 0) kRows[i].clear(session);
  }
}

void SessionFields::WriteCsvHeading(std::string* out) const {
  absl::StrAppend(out,
                  absl::StrJoin(columns_, ",",
                                [](std::string* cell, size_t i) {
                                  // Times are written out here, not in milliseconds.
                                  absl::StrAppend(cell, absl::StripSuffix(kRows[i].name, "Ms"));
                                }),
                  "\r\n");
}

void SessionFields::WriteCsvLine(const Session& session, std::string* out) const {
  for (size_t n = 0; n < columns_.size(); ++n) {
    if (n > 0) out->push_back(',');
    AppendCell(kRows[columns_[n]].text(session), out);
  }
  out->append("\r\n");
}

}  // namespace session_status::listing
