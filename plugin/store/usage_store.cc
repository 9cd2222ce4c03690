#include "plugin/store/usage_store.h"

#include <new>
#include <random>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"

namespace session_status::store {
namespace {

constexpr int64_t kHourSeconds = 3600;

// Readers (the CLI) never block a writer in WAL mode; another writer is a mistake of somebody's.
constexpr absl::Duration kBusyTimeout = absl::Seconds(2);

// FULL: a commit survives a power failure, not only a crash of the process.
constexpr char kPragmas[] = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
)";

// A life of the plugin is a writer, and numbers what it writes. Also for files of before there were
// writers.
constexpr char kSchema[] = R"(
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS usage (
    hour INTEGER NOT NULL,       -- seconds since 1970 of its beginning, UTC
    account TEXT NOT NULL,
    user TEXT NOT NULL,
    instance TEXT NOT NULL,
    operation TEXT NOT NULL,
    calls INTEGER NOT NULL,
    PRIMARY KEY (hour, account, user, instance, operation)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS writers (
    born INTEGER PRIMARY KEY,      -- in this order
    writer INTEGER NOT NULL UNIQUE,
    batch INTEGER NOT NULL         -- the last that is in
  );
  PRAGMA user_version = 1;
  COMMIT;
)";

constexpr char kAdd[] = R"(
  INSERT INTO usage (hour, account, user, instance, operation, calls)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6)
  ON CONFLICT DO UPDATE SET calls = calls + excluded.calls
)";

constexpr char kLastBatch[] = "SELECT batch FROM writers WHERE writer = ?1";
constexpr char kSetBatch[] = R"(
  INSERT INTO writers (writer, batch) VALUES (?1, ?2)
  ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch
)";
// A writer is needed while it lives; so many others are not born meanwhile.
constexpr char kForgetWriters[] =
    "DELETE FROM writers WHERE born <= (SELECT max(born) FROM writers) - 1000";

// How many tables there are, and how many of our columns. Files of ours have no application's
// number.
constexpr char kWhatIsThere[] = R"(
  SELECT (SELECT count(*) FROM sqlite_schema),
         (SELECT count(*) FROM pragma_table_info('usage')
          WHERE name IN ('hour', 'account', 'user', 'instance', 'operation', 'calls')),
         (SELECT count(*) FROM pragma_table_info('writers'))
)";
constexpr int64_t kColumns = 6;

absl::StatusOr<bool> LacksTables(Database* database) {
  absl::StatusOr<Statement> there = database->Prepare(kWhatIsThere);
  if (!there.ok()) return there.status();
  if (absl::StatusOr<bool> row = there->Step(); !row.ok()) return row.status();
  const bool is_new = there->Integer(0) == 0;
  if (is_new || there->Integer(1) == kColumns) return there->Integer(2) == 0;
  return absl::InvalidArgumentError(absl::StrCat(
      database->path(), ": is another program's database; give this one a path of its own"));
}

absl::StatusOr<Database> OpenFile(const std::string& path) {
  absl::StatusOr<Database> database = Database::Open(path, Database::Mode::kCreate);
  if (!database.ok()) return database;
  database->SetBusyTimeout(kBusyTimeout);
  const absl::StatusOr<bool> lacks_tables = LacksTables(&*database);
  absl::Status status = lacks_tables.status();
  const absl::Status others = absl::IsDataLoss(status) ? CheckIsNotOthers(path) : absl::OkStatus();
  if (!others.ok()) return others;
  if (status.ok()) status = database->Execute(kPragmas);
  if (status.ok() && *lacks_tables) status = database->Execute(kSchema);
  if (!status.ok()) return status;
  return database;
}

int64_t RandomNumber() {
  std::random_device random;
  return static_cast<int64_t>(uint64_t{random()} << 32 | random());
}

}  // namespace

size_t UsageStore::KeyHash::operator()(const KeyView& view) const {
  return absl::Hash<KeyView>()(view);
}

absl::StatusOr<std::unique_ptr<UsageStore>> UsageStore::Open(UsageOptions options) {
  if (absl::Status s = CheckPlace(options.path); !s.ok()) return s;
  std::unique_ptr<UsageStore> store(new UsageStore(std::move(options)));
  if (!store->stop_.ok()) return absl::ResourceExhaustedError("no file descriptor left");
  absl::Status status = store->Flush();  // opens it
  if (absl::IsInvalidArgument(status)) return status;
  store->Report(status);
  status = store->thread_.Start("session-usage", store->options_.nice_level,
                                [raw = store.get()] { raw->Run(); });
  if (!status.ok()) return status;
  return store;
}

UsageStore::UsageStore(UsageOptions options)
    : options_(std::move(options)), writer_(RandomNumber()) {}

UsageStore::~UsageStore() {
  stop_.RequestStop();
  thread_.Join();
}

void UsageStore::BeginClose() {
  close_begun_ = std::chrono::steady_clock::now();
  stop_.RequestStop();
}

bool UsageStore::Close() noexcept {
  const bool ended =
      thread_.JoinBefore(close_begun_ + absl::ToChronoMilliseconds(options_.close_waits));
  if (!ended) SayNotWritten("the disk does not answer and the stop goes on without it");
  os::MutexLock lock(&log_mu_);
  silent_ = true;
  return ended;
}

bool UsageStore::TryCount(const limits::Transaction& transaction, absl::Time now) {
  const int64_t second = absl::ToUnixSeconds(now);
  const KeyView view(second - second % kHourSeconds, transaction.account, transaction.user,
                     transaction.instance, transaction.operation);
  os::MutexLock lock(&mu_);
  const auto found = pending_.find(view);
  if (found != pending_.end()) {
    ++found->second;
  } else if (pending_.size() >= options_.pending_max) {
    ++stats_.refused;
    return false;
  } else {
    pending_.emplace(
        Key{std::get<0>(view), std::string(transaction.account), std::string(transaction.user),
            std::string(transaction.instance), std::string(transaction.operation)},
        1);
  }
  ++stats_.counted;
  return true;
}

absl::Status UsageStore::Flush() {
  os::MutexLock database_lock(&database_mu_);
  absl::Status status = WritePending();
  if (absl::IsDataLoss(status)) {
    BeginAnew(status);
    status = WritePending();
  }
  if (!status.ok()) {
    os::MutexLock lock(&mu_);
    ++stats_.flush_failures;
  }
  return status;
}

absl::Status UsageStore::WritePending() {
  absl::Status status = UseFileInPlace();
  for (bool more = true; more && status.ok();) {
    Counts counts;
    {
      os::MutexLock lock(&mu_);
      more = !in_doubt_.empty();
      counts.swap(more ? in_doubt_ : pending_);
    }
    if (counts.empty()) break;
    try {
      status = Write(counts);
    } catch (const std::bad_alloc&) {
      status = absl::ResourceExhaustedError("");  // a message would need memory
    }
    if (status.ok()) continue;
    {
      os::MutexLock lock(&mu_);
      in_doubt_.swap(counts);
    }
    // Opened anew by the next flush: one that was opened on a read-only disk stays so for ever.
    // What was begun, and not committed, goes with it.
    database_.reset();
  }
  return status;
}

absl::Status UsageStore::UseFileInPlace() {
  if (file_.has_value() && !file_->IsInPlace()) {
    Log(absl::StrCat(options_.path,
                     ": the file was replaced or taken away; usage is counted in the one that is "
                     "there now, and what the other one held is not in it"));
    database_.reset();
    file_->RemoveLogLeftBehind();
    file_.reset();
  }
  return database_.has_value() ? absl::OkStatus() : OpenDatabase();
}

absl::Status UsageStore::OpenDatabase() {
  absl::StatusOr<Database> opened = OpenFile(options_.path);
  if (!opened.ok()) return opened.status();
  file_.emplace(options_.path);
  database_.emplace(*std::move(opened));
  if (const std::string line = KeepPrivate(options_.path); !line.empty()) Log(line);
  return absl::OkStatus();
}

void UsageStore::BeginAnew(const absl::Status& why) {
  database_.reset();
  file_.reset();
  const absl::StatusOr<std::string> moved = MoveAside(options_.path);
  if (!moved.ok() && failing_) return;  // as the log says already
  Log(absl::StrCat(
      "the usage database is damaged, ",
      moved.ok() ? absl::StrCat("moved to ", *moved, " and begun anew") : moved.status().message(),
      ": ", why.message()));
}

UsageStats UsageStore::stats() const {
  os::MutexLock lock(&mu_);
  UsageStats stats = stats_;
  stats.pending = pending_.size() + in_doubt_.size();
  return stats;
}

void UsageStore::Run() {
  while (!stop_.WaitFor(options_.flush_interval)) FlushAndReport();
  End();
}

void UsageStore::End() noexcept {
  if (stats().pending != 0) FlushAndReport();
  {
    os::MutexLock lock(&database_mu_);
    database_.reset();  // here: it writes, too
  }
  if (NotWritten() != 0) SayNotWritten("usage could not be written before the stop");
}

void UsageStore::FlushAndReport() noexcept {
  try {
    Report(Flush());
  } catch (const std::bad_alloc&) {  // what is pending stays so until the next round
  }
}

// What is in doubt was written, perhaps, by a transaction that failed: its end is in the
// write-ahead log before the disk is asked to keep it, and who opens the file next finds it there.
absl::Status UsageStore::Write(const Counts& counts) {
  absl::Status status = database_->Execute("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  const absl::StatusOr<bool> is_in = IsIn(batch_);
  status = is_in.status();
  if (status.ok() && !*is_in) status = Add(counts);
  if (status.ok()) status = database_->Execute("COMMIT");
  // The disk has refused to keep the log once: into the database file with what is there.
  if (status.ok() && *is_in) status = database_->Execute("PRAGMA wal_checkpoint");
  if (!status.ok()) return status;
  ++batch_;
  uint64_t written = 0;
  for (const auto& [key, calls] : counts) written += calls;
  os::MutexLock lock(&mu_);
  written_ += written;
  return status;
}

absl::StatusOr<bool> UsageStore::IsIn(int64_t batch) {
  absl::StatusOr<Statement> last = database_->Prepare(kLastBatch);
  if (!last.ok()) return last.status();
  if (absl::Status s = last->Bind(1, writer_); !s.ok()) return s;
  const absl::StatusOr<bool> row = last->Step();
  if (!row.ok() || !*row) return row;
  return last->Integer(0) >= batch;
}

absl::Status UsageStore::Add(const Counts& counts) {
  absl::StatusOr<Statement> set_batch = database_->Prepare(kSetBatch);
  if (!set_batch.ok()) return set_batch.status();
  absl::Status status = set_batch->Bind(1, writer_);
  status.Update(set_batch->Bind(2, batch_));
  if (status.ok()) status = set_batch->Run();
  if (status.ok()) status = database_->Execute(kForgetWriters);
  absl::StatusOr<Statement> add = database_->Prepare(kAdd);
  status.Update(add.status());
  for (auto i = counts.begin(); status.ok() && i != counts.end(); ++i) {
    const auto& [key, calls] = *i;
    status.Update(add->Bind(1, key.hour));
    status.Update(add->Bind(2, key.account));
    status.Update(add->Bind(3, key.user));
    status.Update(add->Bind(4, key.instance));
    status.Update(add->Bind(5, key.operation));
    status.Update(add->Bind(6, static_cast<int64_t>(calls)));
    if (status.ok()) status = add->Run();
  }
  return status;
}

void UsageStore::Report(const absl::Status& status) {
  os::MutexLock lock(&database_mu_);
  if (status.ok() != failing_) return;  // as last time
  failing_ = !status.ok();
  Log(failing_ ? absl::StrCat("usage cannot be written and is kept in memory: ", status.message())
               : absl::StrCat(options_.path, ": usage is written again"));
}

uint64_t UsageStore::NotWritten() const {
  os::MutexLock lock(&mu_);
  return stats_.counted - written_;
}

void UsageStore::SayNotWritten(absl::string_view why) const noexcept {
  try {
    Log(absl::StrCat(options_.path, ": ", why, "; up to ", NotWritten(),
                     " calls that were answered are not counted"));
  } catch (const std::bad_alloc&) {  // not even for the line
  }
}

void UsageStore::Log(absl::string_view line) const {
  os::MutexLock lock(&log_mu_);
  if (options_.log && !silent_) options_.log(line);
}

}  // namespace session_status::store
