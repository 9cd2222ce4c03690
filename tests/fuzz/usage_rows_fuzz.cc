// The usage database with any rows in it, and any bytes as the database: a report or an error,
// never a crash, and the store opens it or says why not.
//
// The first byte chooses: `d` the rest is the file; `r` rows, one a line, of six texts or numbers
// separated by `|`, written into a database that the store made.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/store/sqlite.h"
#include "plugin/store/usage_report.h"
#include "plugin/store/usage_store.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/temp_dir.h"

namespace session_status::store {
namespace {

constexpr size_t kRowsMax = 50;

// One folder for all inputs; the files in it are made afresh.
const std::string& Path() {
  static const testing::TempDir dir;
  static const std::string path = dir.File("usage.db");
  return path;
}

void RemoveFiles() {
  for (const char* end : {"", "-wal", "-shm", "-journal"})
    ::unlink(absl::StrCat(Path(), end).c_str());
}

std::unique_ptr<UsageStore> OpenStore() {
  UsageOptions options;
  options.path = Path();
  auto store = UsageStore::Open(std::move(options));
  return store.ok() ? *std::move(store) : nullptr;
}

void Report() {
  for (UsageColumn by : {UsageColumn::kHour, UsageColumn::kDay, UsageColumn::kAccount}) {
    UsageQuery query;
    query.by = {by, UsageColumn::kOperation};
    const auto rows = ReadUsage(Path(), query);
    if (!rows.ok()) {
      FUZZ_CHECK(!rows.status().message().empty());
      continue;
    }
    for (const UsageRow& row : *rows) FUZZ_CHECK(row.group.size() == query.by.size());
  }
}

// "usage" has six columns; whatever type SQLite makes of the texts, it is read.
void WriteRows(absl::string_view text) {
  if (OpenStore() == nullptr) return;  // opened and closed: the tables are there
  auto database = Database::Open(Path(), Database::Mode::kCreate);
  FUZZ_CHECK(database.ok());
  size_t rows = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (++rows > kRowsMax) break;
    const std::vector<absl::string_view> cells = absl::StrSplit(line, '|');
    auto insert = database->Prepare(
        "INSERT OR REPLACE INTO usage (hour, account, user, instance, operation, calls) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6)");
    FUZZ_CHECK(insert.ok());
    for (int i = 0; i < 6; ++i) {
      const absl::string_view cell =
          static_cast<size_t>(i) < cells.size() ? cells[static_cast<size_t>(i)] : "0";
      FUZZ_CHECK(insert->Bind(i + 1, cell).ok());
    }
    // A constraint may refuse it.
    if (!insert->Run().ok()) continue;
  }
}

}  // namespace
}  // namespace session_status::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::store;
  session_status::fuzz::Input input(data, size);
  RemoveFiles();
  if (input.Byte() == 'r') {
    WriteRows(input.rest());
  } else {
    std::ofstream(Path(), std::ios::binary) << std::string(input.rest());
  }
  Report();
  OpenStore();
  Report();
  return 0;
}
