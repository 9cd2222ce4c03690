// How the feed looks on the wire: server-sent events, or envelopes of a Connect server stream.
//
// Threads:   one at a time. All append to `*out`.
// Ownership: the feed outlives the encoders.
#ifndef SESSION_STATUS_PLUGIN_FEED_EVENT_ENCODER_H_
#define SESSION_STATUS_PLUGIN_FEED_EVENT_ENCODER_H_

#include <string>

#include "absl/status/status.h"
#include "plugin/feed/change.h"
#include "plugin/feed/change_feed.h"
#include "proto/session_status.pb.h"

namespace session_status::feed {

namespace pb = ::mosquitto_session_status::v1;

class EventEncoder {
 public:
  virtual ~EventEncoder() = default;
  virtual void Started(uint64_t sequence, std::string* out) = 0;
  virtual void State(const Change& state, std::string* out) = 0;
  virtual void Change(const feed::Change& change, std::string* out) = 0;
  virtual void Gap(uint64_t missed_after, uint64_t restart_sequence, std::string* out) = 0;
  virtual void Heartbeat(uint64_t sequence, std::string* out) = 0;
  // The stream ends here, because of `status`.
  virtual void End(const absl::Status& status, std::string* out) = 0;
};

// WHATWG HTML, section 9.2. Event names are the members of pb::WatchSessionsResponse, data their
// JSON; the event id is "<epoch>-<sequence>". A heartbeat is a comment and an id without data,
// which browsers remember but do not dispatch: so a filtered follower resumes where it really was.
class SseEncoder : public EventEncoder {
 public:
  explicit SseEncoder(const ChangeFeed& feed) : feed_(feed) {}
  void Started(uint64_t sequence, std::string* out) override;
  void State(const feed::Change& state, std::string* out) override;
  void Change(const feed::Change& change, std::string* out) override;
  void Gap(uint64_t missed_after, uint64_t restart_sequence, std::string* out) override;
  void Heartbeat(uint64_t sequence, std::string* out) override;
  void End(const absl::Status& status, std::string* out) override;

 private:
  void Id(uint64_t sequence, std::string* out) const;
  const ChangeFeed& feed_;
};

// connectrpc.com, "Connect Protocol Reference", streaming: envelopes of a flags byte, four bytes of
// length and the message; the last one (flag 2) is JSON and says how it ended.
class ConnectEncoder : public EventEncoder {
 public:
  ConnectEncoder(const ChangeFeed& feed, bool json) : feed_(feed), json_(json) {}
  void Started(uint64_t sequence, std::string* out) override;
  void State(const feed::Change& state, std::string* out) override;
  void Change(const feed::Change& change, std::string* out) override;
  void Gap(uint64_t missed_after, uint64_t restart_sequence, std::string* out) override;
  void Heartbeat(uint64_t sequence, std::string* out) override;
  void End(const absl::Status& status, std::string* out) override;

 private:
  template <typename WriteMember, typename FillMember>
  void Message(absl::string_view member, const WriteMember& write, const FillMember& fill,
               std::string* out);
  const ChangeFeed& feed_;
  const bool json_;
  pb::WatchSessionsResponse message_;  // reused
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_EVENT_ENCODER_H_
