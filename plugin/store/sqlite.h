// SQLite's C interface with owners and absl::Status. No SQL of its own.
//
// Threads: one at a time per Database, but for Interrupt(); SQLite is opened without its own
// mutexes.
// Errors:  every Status names the file and says what SQLite said. Its code is DataLoss when the
//          file is damaged or no database, or a number in it has come to its end, ResourceExhausted
//          when the disk is full, Unavailable when somebody else holds the lock, DeadlineExceeded
//          after a time limit; of a file that cannot be created what FileError says
//          (database_file.h); else FailedPrecondition.
#ifndef SESSION_STATUS_PLUGIN_STORE_SQLITE_H_
#define SESSION_STATUS_PLUGIN_STORE_SQLITE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

namespace session_status::store {

class Statement;

class Database {
 public:
  enum class Mode {
    kCreate,    // read and write; a new file gets mode 0600 (its -wal and -shm inherit it)
    kReadOnly,  // NotFound when the file is not there
    // As kReadOnly, of a file that nobody can write, on a file system without room for SQLite's own
    // files: takes no lock and reads the write-ahead log where there is one.
    kFrozen,
  };
  static absl::StatusOr<Database> Open(const std::string& path, Mode mode);
  Database(Database&&) = default;
  Database& operator=(Database&&) = default;

  // How long a locked database is waited for before a statement fails.
  void SetBusyTimeout(absl::Duration timeout);

  // Counted from now on the monotonic clock: afterwards every statement fails with
  // DeadlineExceeded, one that runs soon.
  void SetTimeLimit(absl::Duration limit);

  // Any thread, while this object stays: the statements that run fail with DeadlineExceeded soon.
  void Interrupt() const;

  // Statements without parameters and without rows, separated by semicolons.
  absl::Status Execute(const std::string& sql);

  absl::StatusOr<Statement> Prepare(absl::string_view sql);

  int64_t changes() const;  // rows that the last statement inserted, updated or deleted

  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  struct Closer {
    void operator()(sqlite3* handle) const;
  };
  // `name`: what SQLite calls it; `system`: SQLite's layer for files, nullptr: the usual one.
  static absl::StatusOr<Database> Open(const std::string& path, const std::string& name, int flags,
                                       const char* system);
  static absl::StatusOr<Database> OpenFrozen(const std::string& path);
  Database(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  bool expired() const;
  absl::Status Error(int code) const;

  std::string path_;
  std::unique_ptr<std::chrono::steady_clock::time_point>
      end_;  // null: no limit; SQLite points to it
  std::unique_ptr<sqlite3, Closer> handle_;
};

// A prepared statement. Must go before its Database; the Database must not be moved meanwhile.
class Statement {
 public:
  // Parameters count from 1. Texts must live until the next Step() or Reset().
  absl::Status Bind(int index, int64_t value);
  absl::Status Bind(int index, absl::string_view value);

  // True: a row is there. False: done.
  absl::StatusOr<bool> Step();
  absl::Status Run();  // Step() until done, then Reset()
  void Reset();

  int64_t Integer(int column) const;
  std::string Text(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(const Database* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}

  const Database* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_SQLITE_H_
