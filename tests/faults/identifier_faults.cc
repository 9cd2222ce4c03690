// Client identifiers as an attacker writes them. Whatever the broker lets in is online under exactly
// that identifier, in every answer; whatever it refuses is unknown.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

struct HostileId {
  const char* what;
  std::string id;
};

std::vector<HostileId> HostileIds() {
  const auto bytes = [](absl::string_view text) { return std::string(text); };
  return {
      {"one byte", "x"},
      {"the longest", std::string(65'535, 'i')},
      {"one shorter", std::string(65'534, 'i')},
      {"the longest in four-byte characters",
       [] {
         std::string id;
         for (int i = 0; i < 16'383; ++i) id += "\xF0\x9F\x92\xA1";
         return id;
       }()},
      {"33 bytes: past the inline part", std::string(33, 'l')},
      {"quotes and backslashes", R"("\"\\")"},
      {"JSON", R"({"online":true})"},
      {"a closing script", "</script><script>alert(1)</script>"},
      {"SQL", "'; DROP TABLE sessions; --"},
      {"format", "%s%n%x%%"},
      {"percent codes", "%00%2e%2e%2f"},
      {"a path", "../../etc/passwd"},
      {"wildcards", "+/#"},
      {"a system topic", "$SYS/broker"},
      {"a header", "a\r\nX-Evil: 1"},
      {"a tab", "a\tb"},
      {"only blanks", "   "},
      {"NUL inside", bytes(absl::string_view("a\0b", 3))},
      {"NUL at the end", bytes(absl::string_view("ab\0", 3))},
      {"control characters", "\x01\x02\x1F\x7F"},
      {"accent, composed", "caf\xC3\xA9"},
      {"accent, decomposed", "cafe\xCC\x81"},
      {"emoji", "\xF0\x9F\x92\xA1"},
      {"right to left",
       "\xE2\x80\xAE"
       "abc"},
      {"byte order mark",
       "\xEF\xBB\xBF"
       "abc"},
      {"noncharacter", "\xEF\xBF\xBF"},
      {"surrogate", "\xED\xA0\x80"},
      {"overlong", "\xC0\xAF"},
      {"Latin-1", "caf\xE9"},
      {"cut character", "\xF0\x9F\x92"},
      {"beyond Unicode", "\xF4\x90\x80\x80"},
  };
}

std::string JsonText(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&out, "\\u", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad4));
    } else {
      out += c;
    }
  }
  return out + "\"";
}

class IdentifierFault : public ScenarioTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, IdentifierFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(IdentifierFault, AcceptedMeansOnlineAndRefusedMeansUnknown) {
  Start();
  std::vector<RawConnection> held;
  std::vector<std::string> accepted;
  for (const HostileId& hostile : HostileIds()) {
    SCOPED_TRACE(hostile.what);
    RawConnection client = RawConnection::Tcp(port());
    const bool in = client.Connect({.id = hostile.id}) == 0 && client.Ping();
    ASSERT_TRUE(broker_->running());
    const std::string body = absl::StrCat("{\"clientId\":", JsonText(hostile.id), "}");
    if (in) {
      EXPECT_TRUE(WaitUntil([&] {
        const HttpAnswer answer = admin_->Call("QuerySessionByClientId", body);
        return answer.status == 200 &&
               answer.body.find("SESSION_STATE_ONLINE") != std::string::npos;
      })) << admin_->Call("QuerySessionByClientId", body).body.substr(0, 300);
      accepted.push_back(hostile.id);
      held.push_back(std::move(client));
    } else {
      const HttpAnswer answer = admin_->Call("QuerySessionByClientId", body);
      EXPECT_EQ(answer.body.find("SESSION_STATE_ONLINE"), std::string::npos) << answer.body;
    }
  }
  EXPECT_GE(accepted.size(), 15u) << "most of these are allowed by the protocol";
  EXPECT_EQ(admin_->Status().online, accepted.size()) << "composed and decomposed are two clients";

  std::string all = "{\"clientIds\":[";
  for (const std::string& id : accepted) {
    absl::StrAppend(&all, &id == &accepted.front() ? "" : ",", JsonText(id));
  }
  absl::StrAppend(&all, "]}");
  size_t online = 0;
  EXPECT_TRUE(WaitUntil([&] {
    const std::string reply = admin_->Call("BatchQuerySessionByClientIds", all).body;
    online = 0;
    for (size_t at = reply.find("SESSION_STATE_ONLINE"); at != std::string::npos;
         at = reply.find("SESSION_STATE_ONLINE", at + 1)) {
      ++online;
    }
    return online == accepted.size();
  })) << online
      << " of " << accepted.size();
  const std::string list = admin_->Call("ListSessions", "{\"pageSize\":1000}").body;
  EXPECT_NE(list.find("sessions"), std::string::npos);
  for (RawConnection& client : held) EXPECT_TRUE(client.Ping());
  // What was in an identifier is no line of its own in the log.
  EXPECT_EQ(broker_->Log().find("\nX-Evil"), std::string::npos);
}

// Ended sessions are remembered, with their identifiers, for a day. However long those are, they
// must not take the room that others need.
TEST_P(IdentifierFault, AFloodOfTheLongestHidesNobody) {
  Start(R"(
listener {PORT} 127.0.0.1
allow_anonymous true
plugin {PLUGIN}
{OPTIONS}
plugin_opt_sessions_max 10000
)");
  constexpr int kFlood = 300;  // twice as many as there is room for
  for (int i = 0; i < kFlood; ++i) {
    std::string id = absl::StrCat(i, "/");
    id.resize(65'000, 'i');
    RawConnection client = RawConnection::Tcp(port());
    ASSERT_EQ(client.Connect({.id = id}), 0) << i;
  }
  const std::string id = "plant-a/line-7/department-12/sensor-0000000003-temp";
  RawConnection client = RawConnection::Tcp(port());
  ASSERT_EQ(client.Connect({.id = id}), 0);
  ASSERT_TRUE(client.Ping());
  EXPECT_TRUE(WaitUntil([&] { return Query(id).state == "ONLINE"; })) << Query(id).raw;
  EXPECT_TRUE(WaitUntil([&] { return admin_->Status().online == 1; }));
  EXPECT_NE(admin_->Get("/metrics").body.find("\nsession_status_lost_events_total 0\n"),
            std::string::npos);
}

}  // namespace
}  // namespace session_status::testing
