// A folder with a session database, and what tests do to it from outside.
#ifndef SESSION_STATUS_TESTS_STORE_STORE_FOLDER_H_
#define SESSION_STATUS_TESTS_STORE_STORE_FOLDER_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/store/session_store.h"
#include "plugin/store/sqlite.h"
#include "tests/store/broker_life.h"

namespace session_status::store {

inline const absl::Time kStart =
    absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone());

// Files that somebody else needs, by what the refusal calls them.
struct OthersFile {
  const char* what;
  std::string content;
};
inline std::vector<OthersFile> OthersFiles() {
  const std::string mosquitto("\0\xB5\0mosquitto db\0\0\0\0\0\0\0\0\6", 24);
  return {{"Mosquitto's own persistence file", mosquitto},
          {"Mosquitto's own persistence file", mosquitto + std::string(4096 - 24, '\0')},
          {"a text file", "ann:$7$101$8mpRQHWWNkgFNMgH$hyWwm8EUqLq9bAdA==\n"},
          {"a text file", std::string(8192, 'x')},
          // A character lies across the end of what is looked at.
          {"a text file", std::string((64 << 10) - 1, 'x') + "\u20ac" + std::string(510, 'x')},
          {"no SQLite database", std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16) + "1"}};
}

class StoreFolder : public ::testing::Test {
 protected:
  StoreFolder() {
    std::string base = ::testing::TempDir() + "sessions_XXXXXX";
    folder_ = mkdtemp(base.data());
    path_ = folder_ / "s.db";
    options_.path = path_;
    options_.flush_interval = absl::Hours(1);  // only when a test says so
  }
  ~StoreFolder() override { std::filesystem::remove_all(folder_); }

  BrokerLife Live(absl::Time now = kStart) { return BrokerLife(options_, now, &log_); }

  void Remove() {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(path_ + suffix);
    }
    for (const std::string& aside : Aside()) std::filesystem::remove(folder_ / aside);
  }

  // The files that were moved aside, and their logs, without the folder.
  std::vector<std::string> Aside() const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
      const std::string name = file.path().filename();
      if (name.find(".damaged") != std::string::npos) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  void WriteFile(const std::string& content) { WriteFile(path_, content); }
  static void WriteFile(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  static std::string ReadFile(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  void Execute(const std::string& sql) {
    auto database = Database::Open(path_, Database::Mode::kCreate);
    ASSERT_TRUE(database.ok()) << database.status();
    const absl::Status status = database->Execute(sql);
    EXPECT_TRUE(status.ok()) << status;
  }
  std::string Ask(const std::string& sql) {
    auto database = Database::Open(path_, Database::Mode::kCreate);
    EXPECT_TRUE(database.ok()) << database.status();
    auto statement = database->Prepare(sql);
    EXPECT_TRUE(statement.ok()) << statement.status();
    const auto row = statement->Step();
    return row.ok() && *row ? statement->Text(0) : std::string(row.status().message());
  }
  int64_t Integer(const std::string& sql) {
    const std::string text = Ask(sql);
    return text.empty() ? 0 : std::stoll(text);
  }
  uint64_t Number(const std::string& name) {
    return static_cast<uint64_t>(
        Integer(absl::StrCat("SELECT value FROM numbers WHERE name = '", name, "'")));
  }

  static registry::SessionEvent Connected(absl::string_view id, uint64_t incarnation) {
    registry::SessionEvent event;
    event.client_id = id;
    event.incarnation = incarnation;
    event.time = kStart;
    return event;
  }

  static std::string Text(const registry::SessionDetails& d) {
    return absl::StrCat(
        "state ", static_cast<int>(d.status.state), " reason ", static_cast<int>(d.status.reason),
        " incarnation ", d.incarnation, " code ", d.broker_code, " connects ", d.connects,
        " connected ", absl::FormatTime(d.connected_at), " disconnected ",
        absl::FormatTime(d.disconnected_at), " from ", absl::FormatTime(d.ended_not_before),
        " created ", absl::FormatTime(d.session_created_at), " restored ", d.restored, " address ",
        d.address, " user ", d.username, " port ", d.listener_port, " keepalive ", d.keepalive_s,
        " protocol ", static_cast<int>(d.protocol_version), " transport ",
        static_cast<int>(d.transport), " clean ", d.clean_start);
  }

  std::filesystem::path folder_;
  std::string path_;
  SessionStoreOptions options_;
  LogLines log_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_TESTS_STORE_STORE_FOLDER_H_
