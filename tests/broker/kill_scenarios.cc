// kill -9 of the broker under load, again and again.
//
// SESSION_STATUS_KILL_ROUNDS: default 3; the promise is held at 100.
#include <map>

#include "absl/strings/str_cat.h"
#include "plugin/store/sqlite.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(KillScenario);

constexpr int kClients = 100;

// Connections at any stage: some have left, of the last ones not even the CONNECT was read.
std::vector<RawConnection> Storm(uint16_t port, int round) {
  std::vector<RawConnection> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(RawConnection::Tcp(port));
    clients.back().Send(Encode({.id = absl::StrCat("c", i), .clean = i % 4 != 0}));
    if (i % 3 == round % 3) clients.back().Send(EncodeDisconnect());
  }
  return clients;
}

// As a reader from outside sees it, before the next broker repairs anything.
std::string IntegrityOf(const std::string& path) {
  auto database = store::Database::Open(path, store::Database::Mode::kCreate);
  if (!database.ok()) return std::string(database.status().message());
  auto check = database->Prepare("PRAGMA integrity_check");
  if (!check.ok()) return std::string(check.status().message());
  const auto row = check->Step();
  return row.ok() && *row ? check->Text(0) : std::string(row.status().message());
}

TEST_P(KillScenario, AfterTheRestartNobodyIsWronglyOnline) {
  const int rounds = FromEnvironment("SESSION_STATUS_KILL_ROUNDS", 3);
  Start();
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::vector<RawConnection> clients = Storm(port(), 0);
    ASSERT_TRUE(clients[1].Ping());  // the others are at any stage
    broker_->Kill();
    broker_->Restart();
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    for (int i = 0; i < kClients; ++i) {
      ASSERT_FALSE(Query(absl::StrCat("c", i)).online) << i;
    }
    EXPECT_EQ(admin_->Status().online, 0u);
    auto back = Online({.id = "c1"});
    ExpectOnline("c1");
  }
}

TEST_P(KillScenario, TheDatabaseIsIntactNobodyIsWronglyOnlineAndIncarnationsRise) {
  const int rounds = FromEnvironment("SESSION_STATUS_KILL_ROUNDS", 3);
  Start(kWithDatabase);
  uint64_t highest = 0;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::vector<RawConnection> clients = Storm(port(), round);
    ASSERT_TRUE(clients[static_cast<size_t>(round + 1) % 3].Ping());
    std::map<std::string, SessionAnswer> before;
    for (int i = 0; i < kClients; i += 7) {
      const std::string id = absl::StrCat("c", i);
      before[id] = Query(id);
      highest = std::max(highest, before[id].incarnation);
    }
    if (round % 2 == 0) WaitForDatabase();
    broker_->Kill();
    ASSERT_EQ(IntegrityOf(broker_->dir().File("s.db")), "ok");
    broker_->Restart();
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    EXPECT_EQ(admin_->Status().online, 0u);
    for (int i = 0; i < kClients; ++i) {
      ASSERT_FALSE(Query(absl::StrCat("c", i)).online) << i;
    }
    for (const auto& [id, was] : before) {
      const SessionAnswer now = Query(id);
      if (round % 2 != 0) continue;  // the last milliseconds may be lost
      EXPECT_GE(now.incarnation, was.incarnation) << now.raw;
      if (was.online && now.incarnation == was.incarnation) {
        EXPECT_NE(now.end_reason, "NONE") << now.raw;
      }
    }
    auto back = Online({.id = "witness"});
    const uint64_t given = Query("witness").incarnation;
    ASSERT_GT(given, highest);
    highest = given;
  }
}

}  // namespace
}  // namespace session_status::testing
