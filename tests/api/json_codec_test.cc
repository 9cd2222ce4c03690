#include "plugin/api/json_codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "absl/strings/str_cat.h"

namespace session_status::api {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::testing::HasSubstr;

std::string JsonUtil(const Message& message) {
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(message, &json).ok());
  return json;
}

// Random content by reflection, so that a field added to the .proto is tested without a line here.
class MessageFiller {
 public:
  explicit MessageFiller(uint64_t seed) : rng_(seed) {}

  void Fill(Message* message) {
    const auto* descriptor = message->GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      const FieldDescriptor* field = descriptor->field(i);
      if (field->is_repeated()) {
        for (uint64_t n = Below(4); n > 0; --n) Set(message, field);
      } else if (Below(3) != 0) {
        Set(message, field);
      }
    }
  }

 private:
  uint64_t Below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(rng_); }

  std::string Text() {
    static const char* const kTexts[] = {"",
                                         "a",
                                         "GID_a@@@1",
                                         "quote\"back\\slash/",
                                         "tab\tnew\n",
                                         "ümlaut 你好 🙂",
                                         "\x7f\x01 control",
                                         "<script>&amp;'"};
    return kTexts[Below(std::size(kTexts))];
  }

  uint64_t Number() {
    const uint64_t numbers[] = {0, 1, 1883, uint64_t{1} << 53,
                                std::numeric_limits<uint64_t>::max()};
    return numbers[Below(std::size(numbers))];
  }

  void Set(Message* m, const FieldDescriptor* f) {
    const auto* r = m->GetReflection();
    switch (f->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return r->SetBool(m, f, Below(2) == 1);
      case FieldDescriptor::CPPTYPE_UINT32:
        return r->SetUInt32(m, f, static_cast<uint32_t>(Number()));
      case FieldDescriptor::CPPTYPE_UINT64:
        return r->SetUInt64(m, f, Number());
      case FieldDescriptor::CPPTYPE_INT64:
        return r->SetInt64(m, f, static_cast<int64_t>(Number()));
      case FieldDescriptor::CPPTYPE_ENUM: {
        const auto count = static_cast<uint64_t>(f->enum_type()->value_count());
        const int value = static_cast<int>(Below(count + 1));  // the last one has no name
        return f->is_repeated() ? r->AddEnumValue(m, f, value) : r->SetEnumValue(m, f, value);
      }
      case FieldDescriptor::CPPTYPE_STRING:
        return f->is_repeated() ? r->AddString(m, f, Text()) : r->SetString(m, f, Text());
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Fill(f->is_repeated() ? r->AddMessage(m, f) : r->MutableMessage(m, f));
      default:
        FAIL() << "teach this test the type of " << f->full_name();
    }
  }

  std::mt19937_64 rng_;
};

template <typename Reply>
void ExpectSameAsJsonUtil() {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    Reply reply;
    MessageFiller(seed).Fill(&reply);
    std::string ours;
    WriteJson(reply, &ours);
    // Spelling may differ (escapes), meaning may not: both must parse to the same message, and both
    // must name the same members.
    Reply back;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(ours, &back).ok()) << ours;
    ASSERT_EQ(JsonUtil(back), JsonUtil(reply)) << ours;
    ASSERT_EQ(std::count(ours.begin(), ours.end(), ':'),
              [&] {
                const std::string theirs = JsonUtil(reply);
                return std::count(theirs.begin(), theirs.end(), ':');
              }())
        << ours << "\n"
        << JsonUtil(reply);
  }
}

TEST(WriteJsonTest, ABatchReplyEqualsJsonUtil) {
  ExpectSameAsJsonUtil<pb::BatchQuerySessionByClientIdsResponse>();
}
TEST(WriteJsonTest, AQueryReplyEqualsJsonUtil) {
  ExpectSameAsJsonUtil<pb::QuerySessionByClientIdResponse>();
}
TEST(WriteJsonTest, AServerStatusEqualsJsonUtil) {
  ExpectSameAsJsonUtil<pb::GetServerStatusResponse>();
}
TEST(WriteJsonTest, CountsEqualJsonUtil) { ExpectSameAsJsonUtil<pb::GetCountsResponse>(); }
TEST(WriteJsonTest, AListingEqualsJsonUtil) { ExpectSameAsJsonUtil<pb::ListSessionsResponse>(); }
TEST(WriteJsonTest, AHistoryEqualsJsonUtil) { ExpectSameAsJsonUtil<pb::GetHistoryResponse>(); }
TEST(WriteJsonTest, FlappersEqualJsonUtil) { ExpectSameAsJsonUtil<pb::ListFlappersResponse>(); }
TEST(WriteJsonTest, AFleetEqualsJsonUtil) { ExpectSameAsJsonUtil<pb::GetFleetResponse>(); }
TEST(WriteJsonTest, AnAuditEqualsJsonUtil) { ExpectSameAsJsonUtil<pb::GetAuditResponse>(); }

template <typename Request>
void ExpectReadsWhatJsonUtilWrites() {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Request request;
    MessageFiller(seed).Fill(&request);
    for (const bool original_names : {false, true}) {
      SCOPED_TRACE(absl::StrCat("seed=", seed, " original names: ", original_names));
      google::protobuf::util::JsonPrintOptions options;
      options.preserve_proto_field_names = original_names;
      std::string json;
      ASSERT_TRUE(google::protobuf::util::MessageToJsonString(request, &json, options).ok());
      Request back;
      ASSERT_TRUE(ReadJson(json, &back).ok()) << json;
      ASSERT_EQ(JsonUtil(back), JsonUtil(request));
    }
  }
}

TEST(ReadJsonTest, ReadsWhatJsonUtilWrites) {
  ExpectReadsWhatJsonUtilWrites<pb::BatchQuerySessionByClientIdsRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::QuerySessionByClientIdRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::GetServerStatusRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::GetCountsRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::GetFleetRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::ListSessionsRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::WatchSessionsRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::GetHistoryRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::ListFlappersRequest>();
  ExpectReadsWhatJsonUtilWrites<pb::GetAuditRequest>();
}

TEST(ReadJsonTest, TakesOriginalNamesAndNull) {
  pb::BatchQuerySessionByClientIdsRequest request;
  ASSERT_TRUE(ReadJson(R"({"client_ids":["a","b"],"instanceId":null})", &request).ok());
  EXPECT_THAT(request.client_ids(), ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(request.instance_id(), "");
}

// A misspelt filter that is not told of gives everybody.
TEST(ReadJsonTest, AMemberThatIsNotThereIsNamedWithThoseThatAre) {
  pb::QuerySessionByClientIdRequest request;
  EXPECT_EQ(std::string(ReadJson(R"({"clientid":"a"})", &request).message()),
            "JSON: there is no member \"clientid\"; there are instanceId, clientId");
  EXPECT_FALSE(ReadJson(R"({"clientId":"a","later":null})", &request).ok());
  const std::string long_name(65, 'x');
  EXPECT_THAT(std::string(ReadJson(absl::StrCat("{\"", long_name, "\":1}"), &request).message()),
              ::testing::StartsWith("JSON: there is no member of such a length;"));
}

TEST(ReadJsonTest, AMemberThatIsGivenTwiceIsRefusedWhicheverOfItsNamesIsUsed) {
  pb::QuerySessionByClientIdRequest request;
  for (const char* json :
       {R"({"clientId":"a","clientId":"b"})", R"({"clientId":"a","client_id":"b"})",
        R"({"clientId":"a","clientId":null})"}) {
    EXPECT_EQ(std::string(ReadJson(json, &request).message()), "JSON: clientId is given twice")
        << json;
  }
}

// Neither spelling: no member of ours is written so.
TEST(ReadJsonTest, NamesBetweenTheTwoSpellingsAreNone) {
  for (const char* name : {"client_Id", "client__id", "_client_id", "clientid", "client", "client_",
                           "client_idx", "ClientId", "CLIENT_ID", ""}) {
    pb::QuerySessionByClientIdRequest request;
    EXPECT_THAT(std::string(ReadJson(absl::StrCat("{\"", name, "\":\"a\"}"), &request).message()),
                HasSubstr("there is no member"))
        << name;
  }
}

template <typename Request>
void ExpectTakesNoMember() {
  for (const char* name : {"x", ""}) {
    Request request;
    EXPECT_EQ(std::string(ReadJson(absl::StrCat("{\"", name, "\":1}"), &request).message()),
              absl::StrCat("JSON: there is no member \"", name, "\"; it takes none"))
        << request.GetTypeName();
    EXPECT_TRUE(ReadJson("{}", &request).ok()) << request.GetTypeName();
  }
}

TEST(ReadJsonTest, ARequestWithoutMembersSaysSo) {
  ExpectTakesNoMember<pb::GetServerStatusRequest>();
  ExpectTakesNoMember<pb::GetCountsRequest>();
  ExpectTakesNoMember<pb::GetFleetRequest>();
  ExpectTakesNoMember<pb::GetAuditRequest>();
}

TEST(ReadJsonTest, RefusesWithAReason) {
  struct Case {
    const char* json;
    const char* want;
  };
  for (const Case& c :
       {Case{"", "JSON, byte 0"}, Case{"{", "JSON, byte 1"}, Case{"[]", "an object"},
        Case{R"({"clientIds":"a"})", "clientIds must be an array"},
        Case{R"({"clientIds":["a",1]})", "clientIds[1] must be a string"},
        Case{R"({"instanceId":1})", "instanceId must be a string"},
        Case{"{\"clientIds\":[\"\xff\"]}", "JSON, byte"},
        Case{R"({"clientIds":["a","\ud83dx"]})", "JSON, byte 19"},
        Case{R"({"clientIds":["a","x\ude00"]})", "JSON, byte 20: The surrogate pair"},
        Case{R"({"clientIds":["a"]} x)", "JSON, byte 20"}}) {
    SCOPED_TRACE(c.json);
    pb::BatchQuerySessionByClientIdsRequest request;
    const absl::Status status = ReadJson(c.json, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.want));
  }
}

TEST(ReadJsonTest, DeepNestingIsRefusedOrReadButNeverOverflowsTheStack) {
  const std::string deep = std::string(500'000, '[');
  pb::QuerySessionByClientIdRequest request;
  EXPECT_FALSE(ReadJson(deep, &request).ok());
  const std::string whole = absl::StrCat(deep, std::string(500'000, ']'));
  EXPECT_FALSE(ReadJson(absl::StrCat(R"({"clientId":)", whole, "}"), &request).ok());
}

}  // namespace
}  // namespace session_status::api
