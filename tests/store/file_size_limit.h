// A full disk without a disk.
#ifndef SESSION_STATUS_TESTS_STORE_FILE_SIZE_LIMIT_H_
#define SESSION_STATUS_TESTS_STORE_FILE_SIZE_LIMIT_H_

#include <signal.h>
#include <sys/resource.h>

namespace session_status::store {

// No file of this process may grow beyond so many bytes: what a full disk does, without a disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : ignored_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    signal(SIGXFSZ, ignored_);
  }

 private:
  rlimit before_{};
  void (*ignored_)(int);
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_TESTS_STORE_FILE_SIZE_LIMIT_H_
