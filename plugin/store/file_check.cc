#include "plugin/store/file_check.h"

#include <sys/stat.h>

#include <new>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace session_status::store {
namespace {

// As long as a checkpoint at most; writers do not hold it up.
constexpr absl::Duration kBusyTimeout = absl::Seconds(2);

uint64_t BytesOf(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 ? static_cast<uint64_t>(file.st_size) : 0;
}

}  // namespace

FileCheck::~FileCheck() {
  Stop();
  Join();
}

void FileCheck::Start(const OpenedFile& file, int nice) {
  absl::Status begun;
  try {
    begun = Open(file);
    if (begun.ok() && database_.has_value()) {
      begun = thread_.Start("session-check", nice, [this] { Run(); });
      if (begun.ok()) return;
    }
  } catch (const std::bad_alloc&) {
    begun = absl::ResourceExhaustedError("");
  }
  database_.reset();
  finding_ = begun;
  done_.store(true, std::memory_order_release);  // (3)
}

// By the caller, who knows that it is there: what comes in its place a moment later may be a pipe,
// which would have to be waited for.
absl::Status FileCheck::Open(const OpenedFile& file) {
  file_ = file;
  if (stopped() || BytesOf(path_) > kBytesMax || !file_->IsInPlace()) return absl::OkStatus();
  absl::StatusOr<Database> database = Database::Open(path_, Database::Mode::kReadOnly);
  if (!database.ok()) return database.status();
  if (!file_->IsInPlace()) return absl::OkStatus();  // nor is what has just been opened
  database->SetBusyTimeout(kBusyTimeout);
  database_ = *std::move(database);
  return absl::OkStatus();
}

void FileCheck::BoundLog() {
  if (!done() && BytesOf(path_ + "-wal") > log_bytes_max_) Stop();
}

void FileCheck::Stop() {
  stopped_.store(true, std::memory_order_release);  // (1)
  os::MutexLock lock(&mu_);
  if (running_ != nullptr) running_->Interrupt();
}

absl::Status FileCheck::TakeFinding() {
  if (!done()) return absl::OkStatus();
  const absl::Status finding = std::exchange(finding_, absl::OkStatus());
  // What was moved aside or replaced meanwhile is nobody's concern any more.
  const bool in_place = !file_.has_value() || file_->IsInPlace();
  return in_place && !absl::IsNotFound(finding) ? finding : absl::OkStatus();
}

void FileCheck::Run() {
  try {
    finding_ = Check();
  } catch (const std::bad_alloc&) {
  }
  database_.reset();
  // Whatever it says: half a check finds pages that nobody uses.
  if (stopped()) finding_ = absl::OkStatus();
  done_.store(true, std::memory_order_release);  // (3)
}

absl::Status FileCheck::Check() {
  const auto set_running = [this](const Database* value) {
    os::MutexLock lock(&mu_);
    running_ = value;
  };
  set_running(&*database_);
  const absl::Cleanup ended = [&set_running] { set_running(nullptr); };
  // An interruption holds for as long as a statement is under way, and is forgotten by the next one
  // that begins: with this one under way, none is lost between the look at the flag and the check.
  absl::StatusOr<Statement> under_way = database_->Prepare("SELECT 1");
  if (!under_way.ok()) return under_way.status();
  if (absl::StatusOr<bool> row = under_way->Step(); !row.ok()) return row.status();
  absl::StatusOr<Statement> check = database_->Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return check.status();
  if (stopped()) return absl::OkStatus();
  absl::StatusOr<bool> row = check->Step();
  if (!row.ok()) return row.status();
  const std::string verdict = check->Text(0);
  if (verdict == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path_, ": ", verdict));
}

}  // namespace session_status::store
