// Under which names the instances of an account are counted.
//
// With instances by user name a caller who may ask for every instance makes up names as he likes,
// and each would be a row of the usage database for ever. So within one hour, which is what is
// counted by, an account has at most `names_max` names; calls for what comes beyond are counted
// together, under one name that says so.
//
// Threads: any; one short lock.
// Errors:  std::bad_alloc; a name that was not taken in then is taken in when it comes again.
#ifndef SESSION_STATUS_PLUGIN_LIMITS_COUNTED_INSTANCES_H_
#define SESSION_STATUS_PLUGIN_LIMITS_COUNTED_INSTANCES_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/os/mutex.h"

namespace session_status::limits {

inline constexpr absl::string_view kOtherInstances = "(other instances)";

class CountedInstances {
 public:
  static constexpr size_t kNamesMaxDefault = 1000;

  explicit CountedInstances(size_t names_max = kNamesMaxDefault) : names_max_(names_max) {}

  // `instance`, or kOtherInstances when the account has had its share of names this hour.
  absl::string_view NameFor(absl::string_view account, absl::string_view instance, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Names are remembered as hashes that strangers cannot steer. Two of one hash are taken for one,
  // which lets the second in and costs nobody anything.
  using Names = std::unordered_set<uint64_t>;

  const size_t names_max_;
  os::Mutex mu_;
  int64_t hour_ ABSL_GUARDED_BY(mu_) = 0;
  std::unordered_map<uint64_t, Names> accounts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::limits

#endif  // SESSION_STATUS_PLUGIN_LIMITS_COUNTED_INSTANCES_H_
