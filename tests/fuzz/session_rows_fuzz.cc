// The session database with any rows in it, and any bytes as the database: what is restored is
// sound, and the store lives on, so that the life after this one knows what happened in it.
//
// The first byte chooses: `d` the rest is the file; `r` rows, one a line, written into a
// database that the store made: the first letter of the table (`s`essions, `l`ives, `n`umbers,
// `h`istory), then its columns in order, each after a `|`. A column that is missing or empty
// keeps a value of ordinary life.
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "plugin/store/session_history.h"
#include "plugin/store/session_store.h"
#include "plugin/store/sqlite.h"
#include "registry/value_limits.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/temp_dir.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using registry::kIncarnationMax;
using registry::SessionDetails;
using registry::SessionEvent;
using registry::SessionRegistry;
using registry::SessionState;

constexpr size_t kRowsMax = 30;

constexpr char kLamp[] = "lamp of this life";

const absl::Time kStart = absl::FromUnixMillis(1'790'000'000'000);

struct Table {
  char letter;
  const char* name;
  std::vector<const char*> ordinary;  // by column
};

const Table kTables[] = {
    {'s',
     "sessions",
     {"c", "1", "0", "0", "9", "1", "1780000000000", "0", "0", "1780000000000", "10.0.0.7", "alice",
      "1883", "60", "5", "1", "0", "1", "0"}},
    {'l', "lives", {"1", "1780000000000", "1780000001000", "0"}},
    {'n', "numbers", {"generation", "0"}},
    {'h', "history", {"1", "c", "1780000000000", "0", "1", "0", "0", "9", "10.0.0.7", "1883", "1"}},
};

// One folder for all inputs; the files in it are made afresh.
const std::string& Path() {
  static const testing::TempDir dir;
  static const std::string path = dir.File("sessions.db");
  return path;
}

void RemoveFiles() {
  for (const char* kind :
       {"", ".damaged", ".damaged.2", ".damaged.3", ".damaged.4", ".damaged.5"}) {
    for (const char* end : {"", "-wal", "-shm", "-journal"})
      ::unlink(absl::StrCat(Path(), kind, end).c_str());
  }
}

// One life of a broker. It writes only when it is told to.
class BrokerLife {
 public:
  explicit BrokerLife(absl::Time now) : now_(now) {
    SessionStoreOptions options;
    options.path = Path();
    options.flush_interval = absl::Hours(1);
    options.nice_level = 0;
    options.queue_bytes = size_t{1} << 16;
    options.monotonic = [] { return absl::Hours(1); };
    options.wall = [now] { return now; };
    auto opened = SessionStore::Open(std::move(options), now);
    if (!opened.ok()) {
      FUZZ_CHECK(!opened.status().message().empty());
      return;
    }
    store_ = *std::move(opened);
    store_->Restore([this](const SessionEvent& event) { Restore(event); });
    CheckRestored();
    FUZZ_CHECK(store_->Start(registry_).ok());
    // Start() may lower it to what the registry can hold.
    next_incarnation_ = store_->first_incarnation();
    // A century's numbers are left.
    FUZZ_CHECK(next_incarnation_ > 0 && next_incarnation_ < kIncarnationMax - kIncarnationMax / 8);
  }

  bool open() const { return store_ != nullptr; }
  // What a life reserves that began so far up is taken for damage by the next one.
  bool is_at_the_bound() const {
    return next_incarnation_ + 2 * kIncarnationBlock >= static_cast<uint64_t>(kIncarnationAheadMax);
  }
  SessionStore& store() { return *store_; }
  const SessionRegistry& sessions() const { return registry_; }
  const std::set<std::string>& restored() const { return restored_; }

  uint64_t Connect(absl::string_view id) {
    SessionEvent event;
    event.client_id = id;
    event.incarnation = next_incarnation_++;
    event.time = now_ += absl::Milliseconds(1);
    event.connection.address = "10.0.0.9";
    Apply(event);
    return event.incarnation;
  }
  // Who was here before is known again, whatever was remembered.
  void ConnectAgain(const std::string& id) {
    if (!id.empty() && id != kLamp) Connect(id);
    FUZZ_CHECK(id.empty() || id == kLamp || registry_.Find(id).online());
  }
  void End(absl::string_view id, uint64_t incarnation) {
    SessionEvent event;
    event.kind = SessionEvent::Kind::kEnded;
    event.client_id = id;
    event.incarnation = incarnation;
    event.reason = EndReason::kKicked;
    event.time = now_ += absl::Milliseconds(1);
    Apply(event);
  }
  void Close() {
    store_->BeginClose(now_);
    FUZZ_CHECK(store_->Close());
  }

 private:
  void Apply(const SessionEvent& event) { store_->OnChange(event, registry_.Apply(event)); }

  void Restore(const SessionEvent& event) {
    FUZZ_CHECK(event.kind == SessionEvent::Kind::kRestored);
    FUZZ_CHECK(event.state == SessionState::kOffline);
    FUZZ_CHECK(event.client_id.size() <= registry::kClientIdBytesMax);
    FUZZ_CHECK(event.incarnation > 0 && event.incarnation <= kIncarnationMax);
    registry_.Apply(event);
    restored_.insert(std::string(event.client_id));
    highest_ = std::max(highest_, event.incarnation);
  }

  // Nobody is online, and whoever connects next is newer than all of them.
  void CheckRestored() {
    registry_.CheckInvariantsForTest();
    for (const std::string& id : restored_) {
      SessionDetails details;
      if (!registry_.FindDetails(id, &details)) continue;  // an identifier that no broker lets in
      FUZZ_CHECK(details.status.state == SessionState::kOffline && details.restored);
      FUZZ_CHECK(details.ended_not_before <= details.disconnected_at);
    }
    FUZZ_CHECK(store_->first_incarnation() >= IncarnationFloor(now_));
    FUZZ_CHECK(store_->first_incarnation() > highest_);
  }

  absl::Time now_;
  SessionRegistry registry_{{.sessions_max = 1000, .huge_pages = false}};
  std::set<std::string> restored_;
  uint64_t highest_ = 0;
  uint64_t next_incarnation_ = 0;
  std::unique_ptr<SessionStore> store_;  // before the registry that it reads goes
};

void WriteRows(absl::string_view text) {
  {
    BrokerLife life(kStart - absl::Hours(1));
    FUZZ_CHECK(life.open());
    life.Close();
  }
  auto database = Database::Open(Path(), Database::Mode::kCreate);
  FUZZ_CHECK(database.ok());
  size_t rows = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (++rows > kRowsMax) break;
    for (const Table& table : kTables) {
      if (line.empty() || line[0] != table.letter) continue;
      const std::vector<absl::string_view> cells = absl::StrSplit(line, '|');
      const std::vector<const char*> marks(table.ordinary.size(), "?");
      auto insert = database->Prepare(absl::StrCat("INSERT OR REPLACE INTO ", table.name,
                                                   " VALUES (", absl::StrJoin(marks, ","), ")"));
      FUZZ_CHECK(insert.ok());
      for (size_t i = 0; i < table.ordinary.size(); ++i) {
        const bool given = i + 1 < cells.size() && !cells[i + 1].empty();
        const absl::string_view cell = given ? cells[i + 1] : absl::string_view(table.ordinary[i]);
        FUZZ_CHECK(insert->Bind(static_cast<int>(i) + 1, cell).ok());
      }
      insert->Run().IgnoreError();  // a constraint may refuse it
    }
  }
}

void CheckHistory(const std::string& client_id, bool readable) {
  for (const uint32_t limit : {1u, 100u}) {
    HistoryQuery query;
    query.client_id = client_id;
    query.limit = limit;
    query.from_ms = 1;
    const auto answer = ReadHistory(Path(), query);
    FUZZ_CHECK(answer.ok() || (!readable && !answer.status().message().empty()));
    if (!answer.ok()) continue;
    FUZZ_CHECK(answer->entries.size() <= limit);
    for (const HistoryEntry& entry : answer->entries) {
      FUZZ_CHECK(static_cast<int>(entry.record.state) < registry::kSessionStateCount);
      FUZZ_CHECK(static_cast<int>(entry.before) < registry::kSessionStateCount);
      FUZZ_CHECK(static_cast<int>(entry.record.reason) < registry::kEndReasonCount);
      FUZZ_CHECK(entry.record.kind <= ChangeRecord::Kind::kRestored);
      FUZZ_CHECK(entry.not_before_ms == 0 || entry.not_before_ms <= entry.record.at_ms);
    }
  }
}

// `is_ours`: rows of our tables, however odd, must not keep this life from being remembered.
void LiveOn(bool is_ours) {
  bool is_remembered = is_ours;
  {
    BrokerLife life(kStart);
    FUZZ_CHECK(life.open() || !is_ours);
    if (!life.open()) return;
    for (const std::string& id : life.restored()) life.ConnectAgain(id);
    const uint64_t incarnation = life.Connect(kLamp);
    const absl::Status connected = life.store().Flush();
    FUZZ_CHECK(connected.ok() || !is_ours);
    life.End(kLamp, incarnation);
    for (const std::string& id : life.restored()) CheckHistory(id, is_ours);
    CheckHistory(kLamp, is_ours);
    is_remembered = is_ours && !life.is_at_the_bound();
    life.Close();
    FUZZ_CHECK(!life.store().stats().failing || !is_ours);
  }
  BrokerLife next(kStart + absl::Hours(1));
  FUZZ_CHECK(next.open() || !is_ours);
  if (!next.open() || !is_remembered) return;
  SessionDetails details;
  FUZZ_CHECK(next.sessions().FindDetails(kLamp, &details));
  FUZZ_CHECK(details.status.reason == EndReason::kKicked);
  CheckHistory(kLamp, true);
  next.Close();
}

}  // namespace
}  // namespace session_status::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::store;
  session_status::fuzz::Input input(data, size);
  RemoveFiles();
  const bool rows = input.Byte() == 'r';
  if (rows) {
    WriteRows(input.rest());
  } else {
    std::ofstream(Path(), std::ios::binary) << std::string(input.rest());
  }
  LiveOn(rows);
  return 0;
}
