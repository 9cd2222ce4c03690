// The members of a listed session by name: which of them to keep, and how each looks in CSV.
//
// Threads: any; const after Make().
// Errors:  InvalidArgument that names the field and lists those there are.
#ifndef SESSION_STATUS_PLUGIN_LISTING_SESSION_FIELDS_H_
#define SESSION_STATUS_PLUGIN_LISTING_SESSION_FIELDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/session_status.pb.h"

namespace session_status::listing {

namespace pb = ::mosquitto_session_status::v1;

class SessionFields {
 public:
  // Empty: all, in the order of the message.
  template <typename Names>
  static absl::StatusOr<SessionFields> Make(const Names& names) {
    SessionFields fields;
    for (const auto& name : names) {
      if (absl::Status s = fields.Add(name); !s.ok()) return s;
    }
    fields.Complete();
    return fields;
  }

  // Clears what was not chosen; the client identifier always stays.
  void Keep(pb::QuerySessionByClientIdResponse* session) const;

  // RFC 4180, lines ended by CR LF.
  void WriteCsvHeading(std::string* out) const;
  void WriteCsvLine(const pb::QuerySessionByClientIdResponse& session, std::string* out) const;

 private:
  absl::Status Add(absl::string_view name);
  void Complete();
  std::vector<size_t> columns_;  // rows of the table, in the order asked for
  uint32_t chosen_ = 0;          // bit i: row i
};

}  // namespace session_status::listing

#endif  // SESSION_STATUS_PLUGIN_LISTING_SESSION_FIELDS_H_
