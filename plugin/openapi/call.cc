#include "plugin/openapi/call.h"

namespace session_status::openapi {

absl::string_view Call::account_id() const {
  return session.user == nullptr ? kUnsignedAccount : absl::string_view(session.user->account->id);
}

absl::string_view Call::user_name() const {
  return session.user == nullptr ? kUnsignedAccount : absl::string_view(session.user->name);
}

}  // namespace session_status::openapi
