#include "plugin/control/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/api/json_codec.h"
#include "plugin/listing/lister.h"
#include "plugin/os/poller.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::control {
namespace {

namespace pb = ::mosquitto_session_status::v1;
using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = listing::kStart + absl::Hours(1);

class CommandsTest : public ::testing::Test {
 protected:
  CommandsTest() {
    service_.use_lister(&lister_);
    writer_.Connect("lamp");
    writer_.Connect("door");
    writer_.End("door");
    writer_.registry.PublishSnapshot(kNow);
  }
  std::string Answer(absl::string_view payload) { return AnswerCommands(service_, payload, kNow); }

  os::Poller poller_{absl::Milliseconds(1)};
  listing::Writer writer_{poller_};
  api::Service service_{writer_.registry, {}};
  listing::Lister lister_{writer_.cuts, listing::kEpoch, absl::Seconds(5)};
};

TEST_F(CommandsTest, AnswersEachCommandWithTheAdminServicesOwnJson) {
  pb::QuerySessionByClientIdRequest request;
  request.set_client_id("lamp");
  pb::QuerySessionByClientIdResponse reply;
  ASSERT_TRUE(service_.QuerySessionByClientId(request, kNow, &reply).ok());
  std::string admin;
  api::WriteJson(reply, &admin);
  EXPECT_EQ(Answer(R"({"commands":[{"command":"query","clientId":"lamp"}]})"),
            absl::StrCat(R"({"responses":[{"command":"query","data":)", admin, "}]}"));

  pb::BatchQuerySessionByClientIdsRequest ids;
  ids.add_client_ids("lamp");
  ids.add_client_ids("nobody");
  pb::BatchQuerySessionByClientIdsResponse batch;
  ASSERT_TRUE(service_.BatchQuerySessionByClientIds(ids, kNow, &batch).ok());
  admin.clear();
  api::WriteJson(batch, &admin);
  EXPECT_EQ(Answer(R"({"commands":[{"command":"batchQuery","clientIds":["lamp","nobody"]}]})"),
            absl::StrCat(R"({"responses":[{"command":"batchQuery","data":)", admin, "}]}"));

  pb::GetCountsResponse counts;
  ASSERT_TRUE(service_.GetCounts({}, kNow, &counts).ok());
  admin.clear();
  api::WriteJson(counts, &admin);
  EXPECT_EQ(Answer(R"({"commands":[{"command":"counts","correlationData":"c-1"}]})"),
            absl::StrCat(R"({"responses":[{"command":"counts","data":)", admin,
                         R"(,"correlationData":"c-1"}]})"));
}

TEST_F(CommandsTest, ListsPageByPageWithACursor) {
  const std::string first =
      Answer(R"({"commands":[{"command":"list","pageSize":1,"fields":["state"]}]})");
  EXPECT_THAT(first, HasSubstr(R"("sessions":[{"clientId":")"));
  const size_t at = first.find(R"("nextCursor":")") + 14;
  ASSERT_GT(at, 14u) << first;
  const std::string cursor = first.substr(at, first.find('"', at) - at);
  const std::string second =
      Answer(absl::StrCat(R"({"commands":[{"command":"list","cursor":")", cursor, "\"}]}"));
  const bool lamp_first = first.find("lamp") != std::string::npos;
  EXPECT_THAT(second, HasSubstr(lamp_first ? "door" : "lamp")) << first;
  EXPECT_THAT(second, Not(HasSubstr(lamp_first ? "lamp" : "door"))) << first;
}

TEST_F(CommandsTest, APageHasAHundredSessionsUnlessAskedAndNeverMoreThanItsLimit) {
  for (int i = 0; i < 1200; ++i) writer_.Connect(absl::StrCat("more-", i));
  const auto sessions = [](const std::string& answer) {
    size_t count = 0;
    for (size_t at = 0; (at = answer.find(R"("clientId":)", at)) != std::string::npos; ++at)
      ++count;
    return count;
  };
  EXPECT_EQ(sessions(Answer(R"({"commands":[{"command":"list"}]})")), kListPageDefault);
  EXPECT_EQ(sessions(Answer(R"({"commands":[{"command":"list","pageSize":1000}]})")), 1000u);
  EXPECT_THAT(Answer(R"({"commands":[{"command":"list","pageSize":1001}]})"),
              HasSubstr("pageSize: at most 1000 over MQTT"));
}

TEST_F(CommandsTest, SaysWhatIsWrongAndGoesOnWithTheOthers) {
  const std::string answer = Answer(R"({"commands":[
      {"command":"reboot","correlationData":"1"},
      {"command":"query"},
      {"command":"list","prefix":"x"},
      "query",
      {"clientId":"lamp"},
      {"command":"query","clientId":"lamp","correlationData":5},
      {"command":"query","clientId":"door","correlationData":"6"}]})");
  EXPECT_THAT(answer,
              HasSubstr(R"({"command":"Unknown command","error":"there is no such command; )"
                        R"(there are batchQuery, query, counts, list",)"
                        R"("code":"unimplemented","correlationData":"1"})"));
  EXPECT_THAT(answer, HasSubstr(R"({"command":"query","error":"clientId is empty)"));
  EXPECT_THAT(answer, HasSubstr(R"(there is no member \"prefix\"; there are instanceId, )"));
  EXPECT_THAT(answer, HasSubstr("a command must be an object"));
  EXPECT_THAT(answer, HasSubstr("command is missing"));
  EXPECT_THAT(answer, HasSubstr("correlationData must be a string"));
  EXPECT_THAT(answer, HasSubstr(R"("clientId":"door")"));
  EXPECT_THAT(answer, HasSubstr(R"("correlationData":"6"})"));
}

TEST_F(CommandsTest, RefusesWhatIsNoRequestAtAll) {
  EXPECT_THAT(Answer(""), HasSubstr("the payload is not JSON at byte 0"));
  EXPECT_THAT(Answer("[]"), HasSubstr(R"(has no array \"commands\")"));
  // It would be echoed, and nobody could read the answer.
  EXPECT_THAT(Answer(R"({"commands":[{"command":"counts","correlationData":"\ude00"}]})"),
              HasSubstr("the payload is not JSON at byte 52: The surrogate pair"));
  EXPECT_THAT(Answer(R"({"commands":{}})"), HasSubstr(R"(has no array \"commands\")"));
  std::string many = R"({"commands":[)";
  for (size_t i = 0; i <= kCommandsMax; ++i) {
    absl::StrAppend(&many, i == 0 ? "" : ",", R"({"command":"counts"})");
  }
  EXPECT_THAT(Answer(many + "]}"), HasSubstr("commands has 101 elements; at most 100"));
  EXPECT_THAT(Answer(std::string("{\"commands\":[{\"command\":\"\xff\"}]}")),
              HasSubstr("the payload is not JSON"));
}

// What a document is written again from goes by recursion: depth must end before the stack does.
TEST_F(CommandsTest, NestingWithoutEndIsRefused) {
  EXPECT_THAT(Answer(R"({"commands":[{"command":"query","x":)" + std::string(500'000, '[')),
              HasSubstr("nested too deeply"));
}

TEST_F(CommandsTest, AnAnswerThatWouldBeTooLongIsRefusedCommandByCommand) {
  std::string ids;
  for (int i = 0; i < 10'000; ++i) {
    absl::StrAppend(&ids, i == 0 ? "" : ",", "\"", std::string(100, 'x'), i, "\"");
  }
  std::string payload = R"({"commands":[)";
  for (int i = 0; i < 2; ++i) {
    absl::StrAppend(&payload, i == 0 ? "" : ",", R"({"command":"batchQuery","clientIds":[)", ids,
                    "]}");
  }
  const std::string answer = Answer(payload + "]}");
  EXPECT_THAT(answer, HasSubstr(R"({"command":"batchQuery","data":)"));
  EXPECT_THAT(answer, HasSubstr("the answer would be longer than"));
  EXPECT_LE(answer.size(), kAnswerBytesMax + 1000);
}

}  // namespace
}  // namespace session_status::control
