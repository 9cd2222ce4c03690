#include "plugin/os/descriptor_table.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace session_status::os {

void GrowDescriptorTable() noexcept {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == 0) return;
  const int last = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kDescriptorsAhead)) - 1;
  const int any = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (any < 0) return;
  // The table grows to hold it, and stays that large.
  const int high = ::fcntl(any, F_DUPFD_CLOEXEC, last);
  if (high >= 0) ::close(high);
  ::close(any);
}

}  // namespace session_status::os
