// Client identifiers as an attacker writes them. Whatever the broker lets in is online under
// exactly that identifier, in every answer; whatever it refuses is unknown.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/session_status.pb.h"
#include "tests/broker/scenario.h"
#include "tests/transport/test_client.h"

namespace session_status::testing {
namespace {

namespace pb = ::mosquitto_session_status::v1;

struct HostileId {
  const char* what;
  std::string id;
  bool utf8 = true;
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
      {"surrogate", "\xED\xA0\x80", false},
      {"overlong", "\xC0\xAF", false},
      {"Latin-1", "caf\xE9", false},
      {"cut character", "\xF0\x9F\x92", false},
      {"beyond Unicode", "\xF4\x90\x80\x80", false},
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

class IdentifierFault : public ScenarioTest {
 protected:
  // Asks by protobuf, where an identifier is its bytes, on a connection of its own. The HTTP
  // status.
  template <typename Reply>
  int Ask(absl::string_view method, const std::string& request, Reply* reply) {
    transport::TestClient client(broker_->Expand("{DIR}/admin.sock"));
    client.Send(absl::StrCat("POST /mosquitto_session_status.v1.SessionStatusService/", method,
                             " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/proto\r\n",
                             "Content-Length: ", request.size(), "\r\n\r\n", request));
    const transport::TestReply answer = client.Read();
    EXPECT_TRUE(answer.status != 200 || reply->ParseFromString(answer.body));
    return answer.status;
  }

  // The identifiers of a listing, page by page.
  std::vector<std::string> Listed() {
    std::vector<std::string> ids;
    pb::ListSessionsRequest request;
    request.set_page_size(7);
    do {
      pb::ListSessionsResponse page;
      EXPECT_EQ(Ask("ListSessions", request.SerializeAsString(), &page), 200);
      for (const auto& session : page.sessions()) ids.push_back(session.client_id());
      request.Clear();
      request.set_cursor(page.next_cursor());
    } while (!request.cursor().empty());
    return ids;
  }
};
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
      // A string of protobuf, without its checks: field 2, length, bytes.
      pb::QuerySessionByClientIdRequest request;
      request.set_client_id(std::string(hostile.id.size(), '.'));
      std::string bytes = request.SerializeAsString();
      bytes.replace(bytes.size() - hostile.id.size(), hostile.id.size(), hostile.id);
      pb::QuerySessionByClientIdResponse answer;
      if (const int status = Ask("QuerySessionByClientId", bytes, &answer); hostile.utf8) {
        EXPECT_EQ(status, 200);
        EXPECT_EQ(answer.client_id(), hostile.id);
        EXPECT_EQ(answer.state(), pb::SESSION_STATE_UNKNOWN);
        EXPECT_FALSE(answer.online());
      } else {
        EXPECT_EQ(status, 400) << "no client can have it";
      }
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
  EXPECT_THAT(Listed(), ::testing::UnorderedElementsAreArray(accepted)) << "byte by byte";
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
