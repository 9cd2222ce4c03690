#include "plugin/limits/counted_instances.h"

#include "absl/hash/hash.h"

namespace session_status::limits {

absl::string_view CountedInstances::NameFor(absl::string_view account, absl::string_view instance,
                                            absl::Time now) {
  const uint64_t name = absl::HashOf(instance);
  const int64_t hour = absl::ToInt64Hours(now - absl::UnixEpoch());
  os::MutexLock lock(&mu_);
  // A thread that began its call in the hour before changes nothing; a clock that was set back
  // does.
  if (hour > hour_ || hour + 1 < hour_) {
    accounts_.clear();
    hour_ = hour;
  }
  Names& names = accounts_[absl::HashOf(account)];
  if (names.count(name) != 0) return instance;
  if (names.size() >= names_max_) return kOtherInstances;
  names.insert(name);
  return instance;
}

}  // namespace session_status::limits
