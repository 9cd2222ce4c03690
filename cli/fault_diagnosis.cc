#include "cli/fault_diagnosis.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace session_status::cli {
namespace {

constexpr char kOutOfMemory[] =
    "memory ran out: give the broker more, or lower ended_sessions_max; or there are more clients "
    "than sessions_max";

constexpr FaultRow kRows[] = {
    {"metrics", "session_status_lost_events_total", "", 0, FaultKind::kPast,
     "events were not applied, some clients may be shown in an old state", kOutOfMemory},
    {"metrics", "session_status_names_left_out_total", "", 0, FaultKind::kPast,
     "user names or addresses were not kept, because long names take all the room for them",
     "who connects with names of kilobytes? sessions_max makes more room"},
    {"metrics", "session_status_untracked_connections_total", "", 0, FaultKind::kPast,
     "connections are not followed", kOutOfMemory},
    {"metrics", "session_status_callback_exceptions_total", "", 0, FaultKind::kPast,
     "events were dropped by a fault of the plugin", "the broker's log has it; please report it"},

    {"audit", "session_status_unseen_ends_total", "", 0, FaultKind::kPast,
     "the broker ended connections and told nobody; found when their memory was used again",
     "some clients were shown online until then; please report it with the broker's version"},
    {"audit", "session_status_audit_repairs_total", "", 0, FaultKind::kPast,
     "the broker began or ended connections and told nobody; the self-audit made up for it",
     "mosquitto_session audit lists the last ones; a shorter audit_period finds them sooner"},

    {"store", "session_status_store_failing", "", 0, FaultKind::kDown,
     "the session database cannot be written, sessions are kept in memory only",
     "make room on its disk and see that the broker's user may write there; the broker's log says "
     "why, and it catches up by itself"},
    {"store", "session_status_store_behind_seconds", "", 120, FaultKind::kDown,
     "nothing newer is in the session database: a restart now would forget it",
     "a disk that hangs, or is too slow? The broker's log says more"},
    {"store", "session_status_store_write_failures_total", "", 0, FaultKind::kPast,
     "attempts to write the session database failed",
     "look at its disk; the broker's log says why"},

    {"reload", "session_status_reload_failed", "", 0, FaultKind::kOdd,
     "files could not be read again: what was read before is in force, keys and certificates that "
     "were "
     "revoked since, too",
     "mosquitto_session status names them, the broker's log says why; correct it, then send "
     "SIGHUP"},

    {"usage", "session_status_usage_write_failures_total", "", 0, FaultKind::kGoing,
     "attempts to write the usage database failed",
     "make room on its disk and see that the broker's user may write there; the counts wait in "
     "memory, and a stop of the broker before that loses them"},
    {"usage", "session_status_usage_refused_calls_total", "", 0, FaultKind::kPast,
     "calls were answered SystemOverFlow, because there was no room left to count them",
     "the usage database was not written for long: look at its disk"},

    {"webhook", "session_status_webhook_failures_in_a_row", "", 3, FaultKind::kDown,
     "posts in a row failed: its receiver gets nothing",
     "see that the receiver of webhook_url runs and can be reached from here; the broker's log "
     "says "
     "how it failed"},
    {"webhook", "session_status_webhook_failures_in_a_row", "", 0, FaultKind::kOdd,
     "posts in a row failed; they are tried again", "watch it: mosquitto_session status"},
    {"webhook", "session_status_webhook_dropped_changes_total", "", 0, FaultKind::kPast,
     "changes were lost before they could be delivered; gap events tell which",
     "a receiver that is away for long, or slow: a larger feed_buffer_bytes bridges more"},
    {"webhook", "session_status_webhook_rejected_events_total", "", 0, FaultKind::kPast,
     "events were refused by the receiver for good (400, 413, 415, 422)",
     "look at the receiver; the broker's log has its answers"},

    {"topics", "session_status_topics_missed_changes_total", "", 0, FaultKind::kPast,
     "changes were not published; the gap topic tells from where to where",
     "raise topics_per_second_max or feed_buffer_bytes"},
    {"feed", "session_status_feed_gaps_total", "", 0, FaultKind::kPast,
     "followers of the change feed were told that they missed changes",
     "they read too slowly, or were away: raise feed_buffer_bytes"},
    {"feed", "session_status_feed_refused_followers_total", "", 0, FaultKind::kPast,
     "followers were turned away", "raise feed_followers_max"},
    {"history", "session_status_history_gaps_total", "", 0, FaultKind::kPast,
     "changes came too fast to be remembered; histories miss them", "raise feed_buffer_bytes"},

    {"listener", "session_status_listener_refused_connections_total", "", 0, FaultKind::kPast,
     "connections were turned away, over a limit or as of users who may not ask",
     "keep connections open instead of making new ones, or raise the limit (docs/listener.md)"},
    {"listener", "session_status_listener_accept_pauses_total", "", 0, FaultKind::kPast,
     "accepting paused, because file descriptors ran out", "raise the broker's LimitNOFILE"},

    {"fleet", "session_status_fleet_nodes", "lost", 0, FaultKind::kDown,
     "brokers of the fleet have lost their lease, their clients count as offline",
     "mosquitto_session fleet names them; one that was stopped for good is forgotten after an "
     "hour"},
    {"fleet", "session_status_fleet_others_age_seconds", "", 10, FaultKind::kDown,
     "so old, in seconds, is what is known of other brokers' clients",
     "see that the engine of fleet_url runs and can be reached; mosquitto_session fleet shows the "
     "last error"},
    {"fleet", "session_status_fleet_queued_changes", "", 5000, FaultKind::kOdd,
     "changes of our clients are not in the engine yet, the other brokers answer as they were",
     "an engine that is full, overloaded or away? mosquitto_session fleet"},
    {"fleet", "session_status_fleet_engine_errors_total", "", 0, FaultKind::kGoing,
     "connections to the engine were lost or refused",
     "see that the engine of fleet_url runs and lets this node in; mosquitto_session fleet shows "
     "the last error"},
    {"fleet", "session_status_fleet_refused_writes_total", "", 0, FaultKind::kGoing,
     "writes were refused by the engine", "is its memory full? Give the engine more"},
};

double ValueOf(const std::vector<Sample>& samples, const FaultRow& row) {
  double sum = 0;
  for (const Sample& sample : samples) {
    const bool wanted =
        row.label[0] == '\0' ||
        std::any_of(sample.labels.begin(), sample.labels.end(),
                    [&row](const auto& label) { return label.second == row.label; });
    if (sample.name == row.metric && wanted) sum += sample.value;
  }
  return sum;
}

// Of all queries the part that failed; 0 where hardly any was asked.
void CheckQueries(const std::vector<Sample>& samples, Findings* findings) {
  constexpr double kPartMax = 0.01;
  constexpr char kQueries[] = "session_status_query_duration_seconds_count";
  const double all = SumOf(samples, kQueries);
  const double failed = ValueOf(samples, {"", kQueries, "failed", 0, FaultKind::kPast, "", ""});
  if (failed == 0 || failed <= kPartMax * all) return;
  Add(findings, Verdict::kWarning, "queries",
      absl::StrCat(failed, " of ", all, " queries failed since the start"),
      "the broker's log says why");
}

// How long the plugin holds up the broker.
void CheckEvents(const std::vector<Sample>& samples, Findings* findings) {
  constexpr double kSecondsMax = 0.001;
  constexpr double kPart = 0.01;
  constexpr char kEvents[] = "session_status_event_callback_duration_seconds";
  const double all = SumOf(samples, absl::StrCat(kEvents, "_count"));
  double quick = 0;
  for (const Sample& sample : samples) {
    double bound = 0;
    if (sample.name != absl::StrCat(kEvents, "_bucket") ||
        !absl::SimpleAtod(sample.Label("le"), &bound) || bound > kSecondsMax) {
      continue;
    }
    quick = std::max(quick, sample.value);
  }
  constexpr double kEventsMin = 1000;  // fewer say nothing: the first ones fault pages in
  if (all < kEventsMin || all - quick <= kPart * all) return;
  Add(findings, Verdict::kWarning, "events",
      absl::StrCat("one in ", std::floor(all / (all - quick)),
                   " held up the broker's thread for more than a millisecond"),
      "the machine is too busy, or its memory is swapped out");
}

}  // namespace

absl::Span<const FaultRow> FaultTable() { return kRows; }

bool DeservesSecondLook(const std::vector<Sample>& samples) {
  return std::any_of(std::begin(kRows), std::end(kRows), [&samples](const FaultRow& row) {
    return row.kind == FaultKind::kGoing && ValueOf(samples, row) > row.at_most;
  });
}

void CheckFaults(const std::vector<Sample>& before, const std::vector<Sample>& now,
                 Findings* findings) {
  const size_t findings_before = findings->size();
  const FaultRow* last = nullptr;  // that was not well
  for (const FaultRow& row : kRows) {
    const double value = ValueOf(now, row);
    // A milder row about the same metric follows the one that says more.
    const bool is_said = last != nullptr && absl::string_view(last->metric) == row.metric;
    if (value <= row.at_most || is_said) continue;
    last = &row;
    const bool rises = row.kind == FaultKind::kGoing && value > ValueOf(before, row);
    const bool is_down = row.kind == FaultKind::kDown || rises;
    const bool is_counter = row.kind == FaultKind::kPast || row.kind == FaultKind::kGoing;
    Add(findings, is_down ? Verdict::kProblem : Verdict::kWarning, row.subject,
        absl::StrCat(row.metric, " is ", value, rises ? " and rises" : "",
                     is_counter && !rises ? ", since the start: " : ": ", row.meaning),
        row.advice);
  }
  CheckQueries(now, findings);
  CheckEvents(now, findings);
  if (findings->size() != findings_before) return;
  Add(findings, Verdict::kGood, "metrics", "nothing lost, nothing down, no fault since the start");
}

}  // namespace session_status::cli
