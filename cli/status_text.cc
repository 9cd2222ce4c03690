#include "cli/status_text.h"

#include "absl/strings/str_cat.h"
#include "cli/command.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

std::string StoreText(const pb::SessionStore& store) {
  if (store.failing()) {
    return absl::StrCat("FAILING: what is new since ", LocalTime(store.complete_until_ms()),
                        " is in memory only; ", store.failures(), " attempts to write failed");
  }
  return absl::StrCat("written until ", LocalTime(store.complete_until_ms()), ", ",
                      store.queue_bytes(), " bytes waiting, ", store.restored(), " restored, ",
                      store.failures(), " failures");
}

std::string ControlText(const pb::ControlStatus& control) {
  return absl::StrCat(control.requests(), " requests, ", control.refused(), " refused, ",
                      control.answered(), " answered, ", control.dropped(), " dropped, ",
                      control.waiting(), " waiting");
}

std::string TopicsText(const pb::TopicStatus& topics) {
  return absl::StrCat(topics.published(), " published, ", topics.coalesced(),
                      " replaced by newer ones, ", topics.skipped(), " skipped, ",
                      topics.missed_changes(), " missed");
}

std::string WebhookText(const pb::WebhookStatus& webhook) {
  return absl::StrCat(
      webhook.failures_in_a_row() == 0
          ? ""
          : absl::StrCat("FAILING: ", webhook.failures_in_a_row(), " posts in a row; "),
      webhook.delivered_events(), " events delivered in ", webhook.delivered_batches(), " posts, ",
      webhook.failed_posts(), " posts failed, ", webhook.rejected_events(), " events rejected, ",
      webhook.dropped_changes(), " dropped, ", webhook.behind_changes(), " waiting");
}

std::string ReloadText(const pb::ReloadStatus& reload) {
  const std::string at = LocalTime(reload.at_ms());
  if (!reload.failed()) return absl::StrCat("read ", at);
  return absl::StrCat("FAILING: not read again ", at,
                      ", what was read before is in force; the broker's log says why");
}

std::string FleetText(const pb::FleetSummary& fleet) {
  return absl::StrCat(Printable(fleet.name()), ": ", Printable(fleet.state()), ", ",
                      fleet.nodes_alive(), " of ", fleet.nodes(), " nodes, ", fleet.online(),
                      " online");
}

}  // namespace

std::vector<std::vector<std::string>> StatusRows(const pb::GetServerStatusResponse& status) {
  std::vector<std::vector<std::string>> rows = {
      {"plugin", status.version()},
      {"broker", status.broker()},
      {"instance", Printable(status.instance_id())},
      {"up since", absl::StrCat(LocalTime(status.started_at_ms()), " (",
                                ShortDuration(status.uptime_ms()), ")")},
      {"online", absl::StrCat(status.sessions().online())},
      {"offline, session kept", absl::StrCat(status.sessions().offline_session_kept())},
      {"offline, remembered", absl::StrCat(status.sessions().offline())},
      {"connects", absl::StrCat(status.connects(), " (", status.takeovers(), " takeovers)")},
      {"changes", absl::StrCat(status.sequence(), " (", status.stale_events(), " events ignored)")},
      {"snapshot", absl::StrCat("at change ", status.snapshot().sequence(), ", ",
                                ShortDuration(status.snapshot().age_ms()), " old, refreshed every ",
                                ShortDuration(status.snapshot_refresh_ms()))},
      {"registry memory", absl::StrCat(status.registry_memory_bytes() / 1024, " KiB")},
  };
  if (status.has_session_store()) {
    rows.push_back({"session database", StoreText(status.session_store())});
  }
  if (status.has_control()) rows.push_back({"control over MQTT", ControlText(status.control())});
  if (status.has_topics()) rows.push_back({"MQTT topics", TopicsText(status.topics())});
  if (status.has_webhook()) rows.push_back({"webhook", WebhookText(status.webhook())});
  if (status.has_fleet()) rows.push_back({"fleet", FleetText(status.fleet())});
  for (const pb::ReloadStatus& reload : status.reloads()) {
    rows.push_back({Printable(reload.name()), ReloadText(reload)});
  }
  return rows;
}

}  // namespace session_status::cli
