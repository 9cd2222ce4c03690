#include "plugin/openapi/unserved_instances.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace session_status::openapi {
namespace {

constexpr size_t kNamedMax = 3;  // a line of the log has room for them, however long

bool IsMeantAsPattern(absl::string_view instance) { return absl::StrContains(instance, '*'); }

// By user name a client could be in any instance, but hardly in one with such a name.
bool IsUnserved(absl::string_view instance, const InstanceMap& instances) {
  if (instance == "*") return false;
  return !instances.Serves(instance) || (instances.open_ended() && IsMeantAsPattern(instance) &&
                                         instance != instances.default_instance());
}

}  // namespace

std::string UnservedInstances(const auth::AccessFile& file, const InstanceMap& instances) {
  std::string text;
  size_t count = 0;
  bool any_pattern = false;
  for (const auth::Account& account : file.all_accounts()) {
    for (const std::string& instance : account.instances) {
      if (!IsUnserved(instance, instances)) continue;
      any_pattern = any_pattern || IsMeantAsPattern(instance);
      if (++count > kNamedMax) continue;
      absl::StrAppend(&text, count == 1 ? "" : ", ", "account ", account.id, " owns ", instance);
    }
  }
  if (count == 0) return "";
  if (count > kNamedMax) absl::StrAppend(&text, " and ", count - kNamedMax, " more");
  absl::StrAppend(&text, ", which this server does not serve (instance_id is ",
                  instances.default_instance(), ")");
  if (any_pattern) absl::StrAppend(&text, "; a name with * in it is taken literally");
  return text;
}

}  // namespace session_status::openapi
