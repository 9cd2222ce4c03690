// A batch of CloudEvents 1.0 in JSON (application/cloudevents-batch+json), filled event by event.
//
//   type     mosquitto.session.online, .offline, .session_kept, .session_gone, .repaired: a change;
//            mosquitto.session.started: the feed begins here; mosquitto.session.gap: changes were
//            dropped, load a listing
//   source   /mosquitto_session_status/<instance>
//   id       <feed epoch>-<sequence>, for a gap with "-gap", for a start with "-started": the same
//            event keeps its id when a batch is sent again
//   subject  the client identifier
//   time     when it happened; none when that is not known (found at a start)
//   data     the feed's own JSON (SessionChange, FeedPosition, FeedGap)
//
// Threads: one at a time.
#ifndef SESSION_STATUS_PLUGIN_WEBHOOK_CLOUD_EVENTS_H_
#define SESSION_STATUS_PLUGIN_WEBHOOK_CLOUD_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/feed/change.h"

namespace session_status::webhook {

inline constexpr char kBatchContentType[] = "application/cloudevents-batch+json; charset=utf-8";

class CloudEvents {
 public:
  CloudEvents(absl::string_view instance_id, int64_t epoch);

  void AddStarted(uint64_t sequence, absl::Time now);
  void AddChange(const feed::Change& change);
  void AddGap(uint64_t missed_after, uint64_t restart_sequence, absl::Time now);

  size_t count() const { return count_; }
  size_t bytes() const { return body_.size(); }
  void Clear();
  // The JSON array; nothing may be added to it until Clear().
  absl::string_view Finish();

 private:
  // `time`: UnixEpoch when not known.
  void Begin(absl::string_view type, uint64_t sequence, absl::string_view id_suffix,
             absl::string_view subject, absl::Time time);
  void End() { body_ += '}'; }

  const std::string source_;
  const int64_t epoch_;
  std::string body_;
  size_t count_ = 0;
};

}  // namespace session_status::webhook

#endif  // SESSION_STATUS_PLUGIN_WEBHOOK_CLOUD_EVENTS_H_
