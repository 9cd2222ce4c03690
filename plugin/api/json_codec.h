// Canonical protobuf JSON for the messages of the admin service, by RapidJSON: the plugin carries
// protobuf's lite runtime, which has no JSON of its own, and json_util would cost ten times as
// much. tests/api/json_codec_test holds every writer equal to json_util.
//
// Reading: lowerCamelCase and original names, 64-bit numbers as number or string, null means
// absent, unknown members are refused. Writing: lowerCamelCase, members at their default left out,
// 64-bit numbers as strings, enum values by name.
//
// Threads: any. Errors: InvalidArgument that names the member, or the byte where JSON breaks;
// std::bad_alloc.
#ifndef SESSION_STATUS_PLUGIN_API_JSON_CODEC_H_
#define SESSION_STATUS_PLUGIN_API_JSON_CODEC_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "proto/session_status.pb.h"

namespace session_status::api {

namespace pb = ::mosquitto_session_status::v1;

absl::Status ReadJson(absl::string_view json, pb::BatchQuerySessionByClientIdsRequest* message);
absl::Status ReadJson(absl::string_view json, pb::QuerySessionByClientIdRequest* message);
absl::Status ReadJson(absl::string_view json, pb::GetServerStatusRequest* message);
absl::Status ReadJson(absl::string_view json, pb::GetCountsRequest* message);
absl::Status ReadJson(absl::string_view json, pb::GetFleetRequest* message);
absl::Status ReadJson(absl::string_view json, pb::ListSessionsRequest* message);
absl::Status ReadJson(absl::string_view json, pb::WatchSessionsRequest* message);
absl::Status ReadJson(absl::string_view json, pb::GetHistoryRequest* message);
absl::Status ReadJson(absl::string_view json, pb::ListFlappersRequest* message);
absl::Status ReadJson(absl::string_view json, pb::GetAuditRequest* message);

// Append to `*out`.
void WriteJson(const pb::BatchQuerySessionByClientIdsResponse& message, std::string* out);
void WriteJson(const pb::QuerySessionByClientIdResponse& message, std::string* out);
void WriteJson(const pb::GetServerStatusResponse& message, std::string* out);
void WriteJson(const pb::GetCountsResponse& message, std::string* out);
void WriteJson(const pb::GetFleetResponse& message, std::string* out);
void WriteJson(const pb::ListSessionsResponse& message, std::string* out);
void WriteJson(const pb::GetHistoryResponse& message, std::string* out);
void WriteJson(const pb::ListFlappersResponse& message, std::string* out);
void WriteJson(const pb::GetAuditResponse& message, std::string* out);

}  // namespace session_status::api

#endif  // SESSION_STATUS_PLUGIN_API_JSON_CODEC_H_
