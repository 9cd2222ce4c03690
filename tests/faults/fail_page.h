// The page through which a test tells fail_new.cc, preloaded into a broker, which allocations fail.
//
// Ownership: the file lies in a folder of this object's own.
#ifndef SESSION_STATUS_TESTS_FAULTS_FAIL_PAGE_H_
#define SESSION_STATUS_TESTS_FAULTS_FAIL_PAGE_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>

#include "tests/faults/fail_new.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

class FailPage {
 public:
  FailPage() {
    const int fd = open(path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    EXPECT_EQ(ftruncate(fd, sizeof(FailNew)), 0);
    mapped_ = mmap(nullptr, sizeof(FailNew), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped_ == MAP_FAILED) abort();
  }
  ~FailPage() { munmap(mapped_, sizeof(FailNew)); }
  FailPage(const FailPage&) = delete;
  FailPage& operator=(const FailPage&) = delete;

  FailNew* operator->() const { return static_cast<FailNew*>(mapped_); }
  // The `countdown`th allocation from now on fails, and `burst` in a row from it.
  void Arm(uint64_t countdown, uint64_t burst) {
    (*this)->failed.store(0);
    (*this)->burst.store(burst);
    (*this)->countdown.store(countdown);
  }
  void Disarm() {
    (*this)->countdown.store(0);
    (*this)->burst.store(0);
  }
  // For a broker that is to look into the page.
  std::map<std::string, std::string> Environment() const {
    return {{"LD_PRELOAD", SESSION_STATUS_FAIL_NEW_LIBRARY}, {kFailNewFile, path()}};
  }

 private:
  std::string path() const { return dir_.File("page"); }

  TempDir dir_;
  void* mapped_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FAULTS_FAIL_PAGE_H_
