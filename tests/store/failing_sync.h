// A disk that takes what SQLite writes into a write-ahead log in this process and fails when asked
// to keep it, as network file systems and quotas do: so many times, or from now on. Without such a
// disk.
//
// Threads: the test's; syncs are anybody's. One object at a time, made before the databases are
// opened and gone after them.
#ifndef SESSION_STATUS_TESTS_STORE_FAILING_SYNC_H_
#define SESSION_STATUS_TESTS_STORE_FAILING_SYNC_H_

#include <sqlite3.h>

#include <atomic>
#include <climits>

namespace session_status::store {

class FailingSync {
 public:
  FailingSync() : usual_(sqlite3_vfs_find(nullptr)), ours_(*usual_) {
    Usual() = usual_;
    left() = 0;
    ours_.zName = "failing-sync";
    ours_.xOpen = &Open;
    sqlite3_vfs_register(&ours_, 1);
  }
  ~FailingSync() {
    sqlite3_vfs_unregister(&ours_);
    sqlite3_vfs_register(usual_, 1);
  }
  FailingSync(const FailingSync&) = delete;
  FailingSync& operator=(const FailingSync&) = delete;

  void Fail(int times = INT_MAX) { left() = times; }
  void Work() { left() = 0; }

 private:
  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int code = Usual()->xOpen(Usual(), name, file, flags, out_flags);
    if (code != SQLITE_OK || (flags & SQLITE_OPEN_WAL) == 0) return code;
    static const sqlite3_io_methods* const usual = file->pMethods;
    static const sqlite3_io_methods ours = [] {
      sqlite3_io_methods methods = *usual;
      methods.xSync = [](sqlite3_file* f, int sync_flags) {
        if (left() == 0) return usual->xSync(f, sync_flags);
        --left();
        return SQLITE_IOERR_FSYNC;
      };
      return methods;
    }();
    file->pMethods = &ours;
    return code;
  }
  static sqlite3_vfs*& Usual() {
    static sqlite3_vfs* usual = nullptr;
    return usual;
  }
  static std::atomic<int>& left() {
    static std::atomic<int> value{0};
    return value;
  }

  sqlite3_vfs* const usual_;
  sqlite3_vfs ours_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_TESTS_STORE_FAILING_SYNC_H_
