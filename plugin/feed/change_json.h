// Canonical protobuf JSON of the feed's messages, written straight from a Change: a follower of
// 5,000 changes a second should not cost 5,000 protobuf messages.
// tests/feed/change_json_test holds every writer equal to json_util.
//
// Threads: any. All append to `*out`.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_JSON_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_JSON_H_

#include <string>

#include "plugin/feed/change.h"
#include "proto/session_status.pb.h"

namespace session_status::feed {

namespace pb = ::mosquitto_session_status::v1;

void WriteChangeJson(const Change& change, std::string* out);  // SessionChange
void WritePositionJson(uint64_t sequence, int64_t epoch, std::string* out,
                       uint32_t heartbeat_ms = 0);  // FeedPosition
void WriteGapJson(uint64_t missed_after, uint64_t restart_sequence, int64_t epoch,
                  std::string* out);  // FeedGap

void FillChange(const Change& change, pb::SessionChange* out);

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_JSON_H_
