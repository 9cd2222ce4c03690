// How policies name an instance: acs:mq:<region>:<account>:<instance>, or with a type before the
// instance, acs:mq:<region>:<account>:instance/<instance>. Both are documented; a request is judged
// under both.
//
// Threads: pure functions; any.
#ifndef SESSION_STATUS_PLUGIN_AUTH_RESOURCE_NAME_H_
#define SESSION_STATUS_PLUGIN_AUTH_RESOURCE_NAME_H_

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"

namespace session_status::auth {

// Names of an ordinary length need no allocation: every call of a user makes one of these.
class InstanceResource {
 public:
  InstanceResource(absl::string_view region, absl::string_view account,
                   absl::string_view instance_id);
  InstanceResource(const InstanceResource&) = delete;  // both() points into it
  InstanceResource& operator=(const InstanceResource&) = delete;

  absl::Span<const absl::string_view> both() const { return both_; }

 private:
  absl::InlinedVector<char, 256> text_;
  absl::string_view both_[2];
};

// The parts of a resource name in either spelling; nullopt when it names no instance.
struct InstanceName {
  absl::string_view region;
  absl::string_view account;
  absl::string_view instance_id;
};
absl::optional<InstanceName> ParseInstanceResource(absl::string_view resource);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_RESOURCE_NAME_H_
