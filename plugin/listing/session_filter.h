// Which sessions a listing wants. All conditions that are set must hold.
//
// Threads: any; const after Make().
// Errors:  InvalidArgument that names the member.
#ifndef SESSION_STATUS_PLUGIN_LISTING_SESSION_FILTER_H_
#define SESSION_STATUS_PLUGIN_LISTING_SESSION_FILTER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "plugin/text/address_block.h"
#include "proto/session_status.pb.h"
#include "registry/session_registry.h"

namespace session_status::listing {

namespace pb = ::mosquitto_session_status::v1;

class SessionFilter {
 public:
  static absl::StatusOr<SessionFilter> Make(const pb::ListSessionsRequest& request);
  bool Wants(absl::string_view client_id, const registry::SessionDetails& details) const;

 private:
  struct TimeRange {
    absl::Time from = absl::InfinitePast();
    absl::Time until = absl::InfiniteFuture();
    bool set = false;
    bool Contains(absl::Time t) const { return !set || (t >= from && t < until && Known(t)); }
    static bool Known(absl::Time t) { return t > absl::InfinitePast(); }
  };
  uint32_t states_ = 0;   // bit s: SessionState s; 0: all
  uint32_t reasons_ = 0;  // bit r: EndReason r; 0: all
  std::string prefix_;
  std::string group_;
  absl::optional<text::AddressBlock> addresses_;  // nullopt: all
  registry::ProtocolVersion protocol_ = registry::ProtocolVersion::kUnknown;
  uint16_t listener_port_ = 0;
  TimeRange connected_;
  TimeRange disconnected_;
};

}  // namespace session_status::listing

#endif  // SESSION_STATUS_PLUGIN_LISTING_SESSION_FILTER_H_
