// The pace of the disk, for what SQLite reads and writes in this process: every read, or write,
// takes a while, or a write waits until a test lets it go on. A disk that hangs, without one.
//
// Threads: the test's; reads and writes are anybody's. One object at a time.
#ifndef SESSION_STATUS_TESTS_STORE_DISK_PACE_H_
#define SESSION_STATUS_TESTS_STORE_DISK_PACE_H_

#include <sqlite3.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace session_status::store {

class DiskPace {
 public:
  DiskPace() {
    sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
    // Which of them it writes with is a matter of how it was built.
    Set(vfs, "write", reinterpret_cast<sqlite3_syscall_ptr>(&Write));
    Set(vfs, "pwrite", reinterpret_cast<sqlite3_syscall_ptr>(&WriteAt));
    Set(vfs, "pwrite64", reinterpret_cast<sqlite3_syscall_ptr>(&WriteAt));
    Set(vfs, "read", reinterpret_cast<sqlite3_syscall_ptr>(&Read));
    Set(vfs, "pread", reinterpret_cast<sqlite3_syscall_ptr>(&ReadAt));
    Set(vfs, "pread64", reinterpret_cast<sqlite3_syscall_ptr>(&ReadAt));
  }
  ~DiskPace() {
    LetGo();
    sqlite3_vfs_find(nullptr)->xSetSystemCall(sqlite3_vfs_find(nullptr), nullptr, nullptr);
  }
  DiskPace(const DiskPace&) = delete;
  DiskPace& operator=(const DiskPace&) = delete;

  void SlowDown(absl::Duration per_write) { pause_us() = absl::ToInt64Microseconds(per_write); }
  void SlowDownReads(absl::Duration per_read) {
    slowed_reads() = 0;
    read_pause_us() = absl::ToInt64Microseconds(per_read);
  }
  void Hold() { held() = true; }
  void LetGo() {
    pause_us() = 0;
    read_pause_us() = 0;
    held() = false;
  }
  int slow_reads() const { return slowed_reads(); }  // since SlowDownReads()
  int waiting() const { return waiters(); }          // writes that do not come back

 private:
  static void Set(sqlite3_vfs* vfs, const char* name, sqlite3_syscall_ptr function) {
    if (vfs->xGetSystemCall(vfs, name) != nullptr) vfs->xSetSystemCall(vfs, name, function);
  }
  static void Wait() {
    if (pause_us() > 0) absl::SleepFor(absl::Microseconds(pause_us().load()));
    if (!held()) return;
    ++waiters();
    while (held()) absl::SleepFor(absl::Milliseconds(1));
    --waiters();
  }
  static ssize_t Write(int fd, const void* data, size_t bytes) {
    Wait();
    return write(fd, data, bytes);
  }
  static ssize_t WriteAt(int fd, const void* data, size_t bytes, off_t at) {
    Wait();
    return pwrite(fd, data, bytes, at);
  }
  static void WaitToRead() {
    if (read_pause_us() == 0) return;
    absl::SleepFor(absl::Microseconds(read_pause_us().load()));
    ++slowed_reads();
  }
  static ssize_t Read(int fd, void* data, size_t bytes) {
    WaitToRead();
    return read(fd, data, bytes);
  }
  static ssize_t ReadAt(int fd, void* data, size_t bytes, off_t at) {
    WaitToRead();
    return pread(fd, data, bytes, at);
  }
  static std::atomic<int64_t>& read_pause_us() {
    static std::atomic<int64_t> value{0};
    return value;
  }
  static std::atomic<int>& slowed_reads() {
    static std::atomic<int> value{0};
    return value;
  }
  static std::atomic<int64_t>& pause_us() {
    static std::atomic<int64_t> value{0};
    return value;
  }
  static std::atomic<bool>& held() {
    static std::atomic<bool> value{false};
    return value;
  }
  static std::atomic<int>& waiters() {
    static std::atomic<int> value{0};
    return value;
  }
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_TESTS_STORE_DISK_PACE_H_
