#include "plugin/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "plugin/store/database_file.h"

namespace session_status::store {
namespace {

std::string UriOf(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      absl::StrAppendFormat(&uri, "%%%02x", c);
    } else {
      uri += c;
    }
  }
  return uri;
}

}  // namespace

void Database::Closer::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

absl::StatusOr<Database> Database::Open(const std::string& path, Mode mode) {
  if (mode == Mode::kCreate && access(path.c_str(), F_OK) != 0) {
    // Only when it is not there: closing a descriptor of a database that another connection of this
    // process has open would give back that one's locks. SQLite would use the process'
    // umask, which is not ours to change.
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return FileError(path, errno);
    close(fd);
  } else if (mode != Mode::kCreate && access(path.c_str(), R_OK) != 0) {
    return absl::NotFoundError(absl::StrCat(path, ": ", std::strerror(errno)));
  }
  if (mode == Mode::kFrozen) return OpenFrozen(path);
  return Open(path, path, mode == Mode::kCreate ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY,
              nullptr);
}

absl::StatusOr<Database> Database::Open(const std::string& path, const std::string& name, int flags,
                                        const char* system) {
  Database database(path, nullptr);  // before there is a handle that could be lost
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, system);
  database.handle_.reset(handle);
  if (code != SQLITE_OK) return database.Error(code);
  sqlite3_extended_result_codes(handle, 1);
  return database;
}

absl::StatusOr<Database> Database::OpenFrozen(const std::string& path) {
  if (access((path + "-wal").c_str(), F_OK) != 0) {
    return Open(path, UriOf(path) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                nullptr);
  }
  // An immutable one is read without its log. Exclusively, the index of the log is kept in memory,
  // and this system takes no locks, which a file that was opened for reading could not have.
  absl::StatusOr<Database> database = Open(path, path, SQLITE_OPEN_READONLY, "unix-none");
  if (!database.ok()) return database;
  const absl::Status status = database->Execute("PRAGMA locking_mode = EXCLUSIVE");
  if (!status.ok()) return status;
  return database;
}

void Database::SetBusyTimeout(absl::Duration timeout) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(absl::ToInt64Milliseconds(timeout)));
}

void Database::SetTimeLimit(absl::Duration limit) {
  // Often enough to stop within a millisecond, rarely enough to cost nothing.
  constexpr int kStepsBetweenLooks = 1000;
  if (limit == absl::InfiniteDuration()) return;
  using Clock = std::chrono::steady_clock;
  end_ = std::make_unique<Clock::time_point>(Clock::now() + absl::ToChronoNanoseconds(limit));
  sqlite3_progress_handler(
      handle_.get(), kStepsBetweenLooks,
      [](void* end) { return Clock::now() >= *static_cast<Clock::time_point*>(end) ? 1 : 0; },
      end_.get());
}

// Many short steps may end before SQLite looks.
bool Database::expired() const {
  return end_ != nullptr && std::chrono::steady_clock::now() >= *end_;
}

void Database::Interrupt() const { sqlite3_interrupt(handle_.get()); }

absl::Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

absl::StatusOr<Statement> Database::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) return Error(code);
  return Statement(this, statement);
}

int64_t Database::changes() const { return sqlite3_changes64(handle_.get()); }

absl::Status Database::Error(int code) const {
  const char* text = handle_ != nullptr ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  absl::StatusCode kind = absl::StatusCode::kFailedPrecondition;
  switch (code & 0xff) {  // the upper bits say more about the same
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_MISMATCH:  // of ours, only a row's number that would lie beyond 64 bits
      kind = absl::StatusCode::kDataLoss;
      break;
    case SQLITE_FULL:
      kind = absl::StatusCode::kResourceExhausted;
      break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      kind = absl::StatusCode::kUnavailable;
      break;
    case SQLITE_INTERRUPT:
      kind = absl::StatusCode::kDeadlineExceeded;
      break;
    default:
      break;
  }
  return absl::Status(kind, absl::StrCat(path_, ": ", text));
}

absl::Status Statement::Bind(int index, int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), index, value);
  return code == SQLITE_OK ? absl::OkStatus() : database_->Error(code);
}

absl::Status Statement::Bind(int index, absl::string_view value) {
  const int code = sqlite3_bind_text(statement_.get(), index, value.data(),
                                     static_cast<int>(value.size()), SQLITE_STATIC);
  return code == SQLITE_OK ? absl::OkStatus() : database_->Error(code);
}

absl::StatusOr<bool> Statement::Step() {
  if (database_->expired()) return absl::DeadlineExceededError(database_->path() + ": interrupted");
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->Error(code);
}

absl::Status Statement::Run() {
  absl::StatusOr<bool> row = true;
  while (row.ok() && *row) row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() { sqlite3_reset(statement_.get()); }

int64_t Statement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return text == nullptr
             ? ""
             : std::string(text,
                           static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

}  // namespace session_status::store
