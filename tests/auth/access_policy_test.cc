// What policies decide: one table of questions, one of refused documents.
#include "plugin/auth/access_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "plugin/auth/wildcard.h"

namespace session_status::auth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr Decision kYes = Decision::kAllow;
constexpr Decision kNo = Decision::kImplicitDeny;
constexpr Decision kNever = Decision::kExplicitDeny;

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 11, 23, 12, 0, 0), absl::UTCTimeZone());

// One statement that allows mq:* everywhere under a condition.
#define IF(condition) \
  R"([{"Effect":"Allow","Action":"mq:*","Resource":"*","Condition":)" condition "}]"

struct Case {
  const char* what;
  const char* statements;  // the value of "Statement"
  Decision want;
  const char* action = "mq:MqttInstanceAccess";
  const char* instance = "post-cn-local0001";
  const char* account = "1001";
};

// clang-format off
// The request: from 192.168.7.9 over TLS at kNow.
const Case kCases[] = {
    // Actions.
    {"no statement speaks", R"([{"Effect":"Allow","Action":"ecs:*","Resource":"*"}])", kNo},
    {"the very action", R"([{"Effect":"Allow","Action":"mq:MqttInstanceAccess","Resource":"*"}])", kYes},
    {"a single statement object", R"({"Effect":"Allow","Action":"mq:MqttInstanceAccess","Resource":"*"})", kYes},
    {"another action", R"([{"Effect":"Allow","Action":"mq:BatchQuerySessionByClientIds","Resource":"*"}])", kNo},
    {"one of several actions", R"([{"Effect":"Allow","Action":["mq:PUB","mq:MqttInstanceAccess"],"Resource":"*"}])", kYes},
    {"none of several actions", R"([{"Effect":"Allow","Action":["mq:PUB","mq:SUB"],"Resource":"*"}])", kNo},
    {"action in another case", R"([{"Effect":"Allow","Action":"MQ:mqttINSTANCEaccess","Resource":"*"}])", kYes},
    {"action star", R"([{"Effect":"Allow","Action":"*","Resource":"*"}])", kYes},
    {"service star", R"([{"Effect":"Allow","Action":"mq:*","Resource":"*"}])", kYes},
    {"other service star", R"([{"Effect":"Allow","Action":"mqs:*","Resource":"*"}])", kNo},
    {"prefix star", R"([{"Effect":"Allow","Action":"mq:Mqtt*","Resource":"*"}])", kYes},
    {"suffix star", R"([{"Effect":"Allow","Action":"mq:*Access","Resource":"*"}])", kYes},
    {"middle star", R"([{"Effect":"Allow","Action":"mq:Mqtt*Access","Resource":"*"}])", kYes},
    {"star that matches nothing", R"([{"Effect":"Allow","Action":"mq:MqttInstanceAccess*","Resource":"*"}])", kYes},
    {"wrong middle", R"([{"Effect":"Allow","Action":"mq:Mqtt*Topic*Access","Resource":"*"}])", kNo},
    {"question mark", R"([{"Effect":"Allow","Action":"mq:MqttInstanceAcces?","Resource":"*"}])", kYes},
    {"question mark needs a character", R"([{"Effect":"Allow","Action":"mq:MqttInstanceAccess?","Resource":"*"}])", kNo},
    {"two question marks", R"([{"Effect":"Allow","Action":"mq:????InstanceAccess","Resource":"*"}])", kYes},
    {"batch action", R"([{"Effect":"Allow","Action":"mq:BatchQuerySessionByClientIds","Resource":"*"}])", kYes, "mq:BatchQuerySessionByClientIds"},
    // NotAction.
    {"NotAction of another", R"([{"Effect":"Allow","NotAction":"mq:PUB","Resource":"*"}])", kYes},
    {"NotAction of this", R"([{"Effect":"Allow","NotAction":"mq:MqttInstanceAccess","Resource":"*"}])", kNo},
    {"NotAction list with this", R"([{"Effect":"Allow","NotAction":["mq:PUB","mq:mqttinstanceaccess"],"Resource":"*"}])", kNo},
    {"NotAction star", R"([{"Effect":"Allow","NotAction":"*","Resource":"*"}])", kNo},
    {"NotAction ecs star", R"([{"Effect":"Allow","NotAction":"ecs:*","Resource":"*"}])", kYes},
    {"deny by NotAction", R"([{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","NotAction":"mq:BatchQuerySessionByClientIds","Resource":"*"}])", kNever},
    {"not denied by NotAction", R"([{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","NotAction":"mq:BatchQuerySessionByClientIds","Resource":"*"}])", kYes, "mq:BatchQuerySessionByClientIds"},
    // Resources.
    {"plain spelling", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local0001"}])", kYes},
    {"typed spelling", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:instance/post-cn-local0001"}])", kYes},
    {"other instance", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local0002"}])", kNo},
    {"instance asked is another", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local0001"}])", kNo, "mq:MqttInstanceAccess", "post-cn-local0002"},
    {"instance prefix", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local*"}])", kYes},
    {"typed prefix", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:instance/post-cn-*"}])", kYes},
    {"instance question marks", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local000?"}])", kYes},
    {"instance case matters", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:POST-cn-local0001"}])", kNo},
    {"topic resource", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:topic/post-cn-local0001/t"}])", kNo},
    {"this account", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:1001:*"}])", kYes},
    {"other account", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:1002:*"}])", kNo},
    {"asked from the other account", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:1002:*"}])", kYes, "mq:MqttInstanceAccess", "post-cn-local0001", "1002"},
    {"this region", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:local:*:*"}])", kYes},
    {"other region", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:cn-beijing:*:*"}])", kNo},
    {"other service's resource", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:ecs:*:*:*"}])", kNo},
    {"one of several resources", R"([{"Effect":"Allow","Action":"mq:*","Resource":["acs:mq:*:*:a","acs:mq:*:*:post-cn-local0001"]}])", kYes},
    {"none of several resources", R"([{"Effect":"Allow","Action":"mq:*","Resource":["acs:mq:*:*:a","acs:mq:*:*:b"]}])", kNo},
    {"star crosses colons", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:*"}])", kYes},
    {"star crosses a slash", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:inst*0001"}])", kYes},
    // Deny.
    {"deny alone", R"([{"Effect":"Deny","Action":"mq:*","Resource":"*"}])", kNever},
    {"deny after allow", R"([{"Effect":"Allow","Action":"mq:*","Resource":"*"},{"Effect":"Deny","Action":"mq:*","Resource":"*"}])", kNever},
    {"deny before allow", R"([{"Effect":"Deny","Action":"mq:*","Resource":"*"},{"Effect":"Allow","Action":"mq:*","Resource":"*"}])", kNever},
    {"deny of another action", R"([{"Effect":"Allow","Action":"mq:*","Resource":"*"},{"Effect":"Deny","Action":"mq:PUB","Resource":"*"}])", kYes},
    {"deny of another instance", R"([{"Effect":"Allow","Action":"mq:*","Resource":"*"},{"Effect":"Deny","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-other"}])", kYes},
    {"deny in one spelling, allow in the other", R"([{"Effect":"Allow","Action":"mq:*","Resource":"acs:mq:*:*:post-cn-local0001"},{"Effect":"Deny","Action":"mq:*","Resource":"acs:mq:*:*:instance/post-cn-local0001"}])", kNever},
    {"deny under a condition not met", R"([{"Effect":"Allow","Action":"mq:*","Resource":"*"},{"Effect":"Deny","Action":"mq:*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"false"}}}])", kYes},
    {"deny under a condition met", R"([{"Effect":"Allow","Action":"mq:*","Resource":"*"},{"Effect":"Deny","Action":"mq:*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"true"}}}])", kNever},
    // Conditions: address.
    {"block of the caller", IF(R"({"IpAddress":{"acs:SourceIp":"192.168.0.0/16"}})"), kYes},
    {"key in another case", IF(R"({"IpAddress":{"acs:SourceIP":"192.168.0.0/16"}})"), kYes},
    {"other block", IF(R"({"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}})"), kNo},
    {"the very address", IF(R"({"IpAddress":{"acs:SourceIp":"192.168.7.9"}})"), kYes},
    {"neighbour address", IF(R"({"IpAddress":{"acs:SourceIp":"192.168.7.8"}})"), kNo},
    {"one of several blocks", IF(R"({"IpAddress":{"acs:SourceIp":["10.0.0.0/8","192.168.7.8/31"]}})"), kYes},
    {"odd prefix", IF(R"({"IpAddress":{"acs:SourceIp":"192.168.7.0/29"}})"), kNo},
    {"everything", IF(R"({"IpAddress":{"acs:SourceIp":"0.0.0.0/0"}})"), kYes},
    {"all of IPv6 has mapped IPv4", IF(R"({"IpAddress":{"acs:SourceIp":"::ffff:192.168.0.0/112"}})"), kYes},
    {"an IPv6 block", IF(R"({"IpAddress":{"acs:SourceIp":"2001:db8::/32"}})"), kNo},
    {"not in the block", IF(R"({"NotIpAddress":{"acs:SourceIp":"10.0.0.0/8"}})"), kYes},
    {"not, but in one of several", IF(R"({"NotIpAddress":{"acs:SourceIp":["10.0.0.0/8","192.168.7.9"]}})"), kNo},
    // Conditions: date.
    {"before", IF(R"({"DateLessThan":{"acs:CurrentTime":"2027-01-01T00:00:00Z"}})"), kYes},
    {"not before", IF(R"({"DateLessThan":{"acs:CurrentTime":"2026-11-23T12:00:00Z"}})"), kNo},
    {"not before, being later", IF(R"({"DateLessThan":{"acs:CurrentTime":"2026-11-23T11:59:59Z"}})"), kNo},
    {"at most", IF(R"({"DateLessThanEquals":{"acs:CurrentTime":"2026-11-23T12:00:00Z"}})"), kYes},
    {"at most, being earlier", IF(R"({"DateLessThanEquals":{"acs:CurrentTime":"2027-01-01T00:00:00Z"}})"), kYes},
    {"not at most, being later", IF(R"({"DateLessThanEquals":{"acs:CurrentTime":"2026-11-23T11:59:59Z"}})"), kNo},
    {"after", IF(R"({"DateGreaterThan":{"acs:CurrentTime":"2026-11-23T11:59:59Z"}})"), kYes},
    {"after with an offset", IF(R"({"DateGreaterThan":{"acs:CurrentTime":"2026-11-23T19:59:59+08:00"}})"), kYes},
    {"not after with an offset", IF(R"({"DateGreaterThan":{"acs:CurrentTime":"2026-11-23T20:00:00+08:00"}})"), kNo},
    {"at least", IF(R"({"DateGreaterThanEquals":{"acs:CurrentTime":"2026-11-23T20:00:00+08:00"}})"), kYes},
    {"at least, being later", IF(R"({"DateGreaterThanEquals":{"acs:CurrentTime":"2026-01-01T00:00:00Z"}})"), kYes},
    {"not at least, being earlier", IF(R"({"DateGreaterThanEquals":{"acs:CurrentTime":"2026-11-23T12:00:01Z"}})"), kNo},
    {"the moment", IF(R"({"DateEquals":{"acs:CurrentTime":"2026-11-23T12:00:00Z"}})"), kYes},
    {"not the moment", IF(R"({"DateNotEquals":{"acs:CurrentTime":"2026-11-23T12:00:00Z"}})"), kNo},
    {"between", IF(R"({"DateGreaterThan":{"acs:CurrentTime":"2026-01-01T00:00:00Z"},"DateLessThan":{"acs:CurrentTime":"2027-01-01T00:00:00Z"}})"), kYes},
    {"outside", IF(R"({"DateGreaterThan":{"acs:CurrentTime":"2026-01-01T00:00:00Z"},"DateLessThan":{"acs:CurrentTime":"2026-02-01T00:00:00Z"}})"), kNo},
    // Conditions: bool.
    {"over TLS", IF(R"({"Bool":{"acs:SecureTransport":"true"}})"), kYes},
    {"not over TLS", IF(R"({"Bool":{"acs:SecureTransport":"false"}})"), kNo},
    {"either", IF(R"({"Bool":{"acs:SecureTransport":["false","true"]}})"), kYes},
    {"no MFA here", IF(R"({"Bool":{"acs:MFAPresent":"true"}})"), kNo},
    {"without MFA", IF(R"({"Bool":{"acs:MFAPresent":"False"}})"), kYes},
    // Logic.
    {"two keys are both needed", IF(R"({"Bool":{"acs:SecureTransport":"true","acs:MFAPresent":"true"}})"), kNo},
    {"two keys, both met", IF(R"({"Bool":{"acs:SecureTransport":"true","acs:MFAPresent":"false"}})"), kYes},
    {"two operators are both needed", IF(R"({"IpAddress":{"acs:SourceIp":"192.168.7.9"},"Bool":{"acs:SecureTransport":"false"}})"), kNo},
    {"operator in another case", IF(R"({"ipaddress":{"acs:SourceIp":"192.168.7.9"}})"), kYes},
    {"no condition", IF("{}"), kYes},
    {"another service's key in its own statement", R"([{"Effect":"Allow","Action":"oss:*","Resource":"*","Condition":{"StringLike":{"oss:Prefix":"a*"}}},{"Effect":"Allow","Action":"mq:*","Resource":"*"}])", kYes},
    {"and it is never met", R"([{"Effect":"Allow","Action":"oss:*","Resource":"*","Condition":{"StringNotLike":{"oss:Prefix":"a*"}}}])", kNo, "oss:GetObject"},
};
// clang-format on
static_assert(std::size(kCases) >= 80);

PolicyContext Context() {
  PolicyContext context;
  context.now = kNow;
  context.secure_transport = true;
  context.source_ip = "192.168.7.9";
  return context;
}

PolicyVerdict Ask(const Case& c, const Policy& policy) {
  const std::string plain = absl::StrCat("acs:mq:local:", c.account, ":", c.instance);
  const std::string typed = absl::StrCat("acs:mq:local:", c.account, ":instance/", c.instance);
  const absl::string_view actions[] = {c.action};
  const absl::string_view resources[] = {plain, typed};
  PolicyRequest request;
  request.actions = actions;
  request.resources = resources;
  request.context = Context();
  const Policy* policies[] = {&policy};
  return Evaluate(policies, request);
}

TEST(AccessPolicyTest, DecidesAsDocumented) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(absl::StrCat(c.what, ": ", c.statements));
    const absl::StatusOr<Policy> policy =
        ParsePolicyText(absl::StrCat(R"({"Version":"1","Statement":)", c.statements, "}"), "p");
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(Ask(c, *policy).decision, c.want);
  }
}

TEST(AccessPolicyTest, SaysWhichStatementDecided) {
  const absl::StatusOr<Policy> policy = ParsePolicyText(
      R"({"Version":"1","Statement":[
        {"Effect":"Allow","Action":"mq:PUB","Resource":"*"},
        {"Effect":"Allow","Action":"mq:*","Resource":"*"},
        {"Effect":"Deny","Action":"mq:MqttInstanceAccess","Resource":"acs:mq:*:*:secret*"}]})",
      "ops");
  ASSERT_TRUE(policy.ok());
  Case c{"", "", kYes};
  EXPECT_EQ(Explain(Ask(c, *policy)), "allowed by statement 2 of policy \"ops\"");
  c.instance = "secret-1";
  EXPECT_EQ(Explain(Ask(c, *policy)), "denied by statement 3 of policy \"ops\"");
  c.action = "ecs:Run";
  EXPECT_EQ(Explain(Ask(c, *policy)), "denied, because no statement allows it");
}

TEST(AccessPolicyTest, ASynonymOfAnActionCountsAndNotActionExcludesBoth) {
  const absl::string_view both[] = {"mq:MqttInstanceAccess", "mq:QuerySessionByClientId"};
  const absl::string_view resources[] = {"acs:mq:local:1:i"};
  PolicyRequest request;
  request.actions = both;
  request.resources = resources;
  const auto ask = [&](const char* statement) {
    const absl::StatusOr<Policy> policy =
        ParsePolicyText(absl::StrCat(R"({"Version":"1","Statement":)", statement, "}"), "p");
    EXPECT_TRUE(policy.ok()) << policy.status();
    const Policy* policies[] = {&*policy};
    return Evaluate(policies, request).decision;
  };
  EXPECT_EQ(ask(R"({"Effect":"Allow","Action":"mq:QuerySessionByClientId","Resource":"*"})"), kYes);
  EXPECT_EQ(ask(R"({"Effect":"Allow","Action":"mq:MqttInstanceAccess","Resource":"*"})"), kYes);
  EXPECT_EQ(ask(R"({"Effect":"Deny","NotAction":"mq:MqttInstanceAccess","Resource":"*"})"), kNo);
}

// A policy of one statement about every resource.
Policy OneStatement(absl::string_view effect, absl::string_view action) {
  return *ParsePolicyText(absl::StrCat(R"({"Version":"1","Statement":{"Effect":")", effect,
                                       R"(","Action":")", action, R"(","Resource":"*"}})"),
                          effect);
}

TEST(AccessPolicyTest, ADenyWinsInWhicheverPolicyItStands) {
  const Policy allow = OneStatement("Allow", "mq:*");
  const Policy deny = OneStatement("Deny", "mq:MqttInstanceAccess");
  const Policy other = OneStatement("Allow", "mq:PUB");
  const absl::string_view actions[] = {"mq:MqttInstanceAccess"};
  const absl::string_view resources[] = {"acs:mq:local:1:i"};
  PolicyRequest request;
  request.actions = actions;
  request.resources = resources;
  struct Row {
    std::vector<const Policy*> policies;
    Decision want;
    const Policy* decided;
  };
  for (const Row& row :
       {Row{{}, kNo, nullptr}, Row{{&other}, kNo, nullptr}, Row{{&other, &allow}, kYes, &allow},
        Row{{&deny, &allow}, kNever, &deny}, Row{{&allow, &deny}, kNever, &deny},
        Row{{&allow, &other, &deny, &allow}, kNever, &deny}}) {
    const PolicyVerdict verdict = Evaluate(row.policies, request);
    SCOPED_TRACE(row.policies.size());
    EXPECT_EQ(verdict.decision, row.want);
    EXPECT_EQ(verdict.policy, row.decided);
  }
}

TEST(AccessPolicyTest, ASessionPolicyOnlyNarrows) {
  const Policy allow = OneStatement("Allow", "mq:*");
  const Policy deny = OneStatement("Deny", "mq:*");
  const Policy other = OneStatement("Allow", "mq:PUB");
  const absl::string_view actions[] = {"mq:MqttInstanceAccess"};
  const absl::string_view resources[] = {"acs:mq:local:1:i"};
  PolicyRequest request;
  request.actions = actions;
  request.resources = resources;
  struct Row {
    bool owner;
    const Policy* user;
    const Policy* session;
    Decision want;
    bool by_session;
  };
  for (const Row& row :
       {Row{false, &allow, nullptr, kYes, false}, Row{false, &allow, &allow, kYes, false},
        Row{false, &allow, &other, kNo, true}, Row{false, &allow, &deny, kNever, true},
        Row{false, &other, &allow, kNo, false}, Row{false, &other, &deny, kNever, true},
        Row{false, &deny, &allow, kNever, false}, Row{true, nullptr, nullptr, kYes, false},
        Row{true, nullptr, &other, kNo, true}, Row{true, nullptr, &allow, kYes, false},
        Row{true, nullptr, &deny, kNever, true}}) {
    std::vector<const Policy*> policies;
    if (row.user != nullptr) policies.push_back(row.user);
    const PolicyVerdict verdict = EvaluateSession(row.owner, policies, row.session, request);
    SCOPED_TRACE(absl::StrCat(row.owner, row.user ? row.user->name : "-",
                              row.session ? row.session->name : "-"));
    EXPECT_EQ(verdict.decision, row.want);
    EXPECT_EQ(verdict.by_session_policy, row.by_session);
  }
}

TEST(ParsePolicyTest, RefusesWithLineAndColumn) {
  struct Bad {
    const char* text;
    const char* where;
    const char* why;
  };
  // clang-format off
  for (const Bad& c : {
           Bad{"", "line 1, column 1", "empty"},
           Bad{"[]", "line 1, column 1", "object"},
           Bad{"{", "line 1, column 2", "object member"},
           Bad{R"({"Statement":[]})", "line 1, column 1", "Version"},
           Bad{R"({"Version":1,"Statement":[]})", "line 1, column 12", "string \"1\""},
           Bad{R"({"Version":"2","Statement":[]})", "line 1, column 12", "string \"1\""},
           Bad{R"({"Version":"1"})", "line 1, column 1", "Statement"},
           Bad{R"({"Version":"1","Statement":[]})", "line 1, column 28", "1 to 256"},
           Bad{"{\"Version\":\"1\",\n \"Statement\":[\n  7]}", "line 3, column 3", "object"},
           Bad{R"({"Version":"1","Statement":{"Action":"*","Resource":"*"}})", "column 28", "Effect"},
           Bad{R"({"Version":"1","Statement":{"Effect":"allow","Action":"*","Resource":"*"}})", "column 38", "Allow"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Resource":"*"}})", "column 28", "Action or NotAction"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","NotAction":"*","Resource":"*"}})", "column 28", "Action or NotAction"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"PUB","Resource":"*"}})", "column 55", "<service>:<name>"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":[],"Resource":"*"}})", "column 55", "empty"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":["mq:a", 5],"Resource":"*"}})", "column 64", "string"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*"}})", "column 28", "Resource"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"mq:x"}})", "column 70", "acs:<service>"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","NotResource":"*"}})", "column 73", "NotResource is not supported"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}})", "column 86", "Principal is not supported"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Conditions":{}}})", "column 74", "did you mean \"Condition\"?"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}})", "column 46", "twice"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringMatches":{"a":"b"}}}})", "column 87", "unknown condition operator"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":"true"}}})", "column 94", "object"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{}}}})", "column 94", "object of keys and values"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":"yes"}}}})", "column 117", "neither \"true\""},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"acs:SecureTransport":true}}}})", "column 117", "string"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/33"}}}})", "column 115", "IP address"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0"}}}})", "column 115", "IP address"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0\u0000.5/8"}}}})", "column 115", "IP address"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"acs:CurrentTime":"tomorrow"}}}})", "column 121", "date"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"acs:CurrentTime":"infinite-future"}}}})", "column 121", "date"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThn":{"a":"b"}}}})", "column 87", "did you mean \"DateLessThan\"?"},
           Bad{R"({"Version":"1","Statement":{"Effect":"Allow","Action":"oss:*","Resource":"*","Condition":{"NumericEquals":{"a":"x"}}}})", "column 112", "number"},
       }) {
    // clang-format on
    SCOPED_TRACE(c.text);
    EXPECT_THAT(std::string(ParsePolicyText(c.text, "p").status().message()),
                AllOf(HasSubstr(c.where), HasSubstr(c.why)));
  }
}

// A Deny under a condition.
absl::Status ParseDeny(absl::string_view condition, absl::string_view action = "\"mq:*\"",
                       absl::string_view resource = "*", absl::string_view kind = "Action") {
  return ParsePolicyText(absl::StrCat("{\"Version\":\"1\",\"Statement\":{\"Effect\":\"Deny\",\n\"",
                                      kind, "\":", action, ",\"Resource\":\"", resource,
                                      "\",\n\"Condition\":{", condition, "}}}"),
                         "p")
      .status();
}

TEST(ParsePolicyTest, RefusesAConditionThatNoRequestCanMeet) {
  struct Bad {
    const char* condition;
    const char* where;
    const char* why;
  };
  // clang-format off
  for (const Bad& c : {
           Bad{R"("Bool":{"acs:SecureTransprt":"false"})", "line 3, column 22", "unknown condition key; did you mean \"acs:SecureTransport\"?"},
           Bad{R"("NotIpAddress":{"acs:SourceIP4":"10.0.0.0/8"})", "line 3, column 30", "did you mean \"acs:SourceIp\"?"},
           Bad{R"("NotIpAddress":{"acs:SorceIp":"10.0.0.0/8"})", "line 3, column 30", "did you mean \"acs:SourceIp\"?"},
           Bad{R"("NotIpAddress":{"SourceIp":"10.0.0.0/8"})", "line 3, column 30", "known are acs:CurrentTime, acs:SecureTransport, acs:SourceIp, acs:MFAPresent"},
           Bad{R"("StringNotEquals":{"acs:SourceVpc":"vpc-1"})", "line 3, column 33", "unknown condition key"},
           Bad{R"("Bool":{"acs:SecureTransport":"false","acs:MFAPresnt":"false"})", "line 3, column 52", "did you mean \"acs:MFAPresent\"?"},
           Bad{R"("NumericEquals":{"acs:SourceIp":"1"})", "line 3, column 31", "NumericEquals does not fit acs:SourceIp, which takes IpAddress, NotIpAddress"},
           Bad{R"("StringLike":{"acs:SourceIp":"10.*"})", "line 3, column 28", "StringLike does not fit acs:SourceIp"},
           Bad{R"("IpAddress":{"acs:CurrentTime":"10.0.0.1"})", "line 3, column 27", "which takes DateEquals, DateNotEquals, DateLessThan, DateLessThanEquals, DateGreaterThan, DateGreaterThanEquals"},
           Bad{R"("DateLessThan":{"acs:SecureTransport":"2027-01-01T00:00:00Z"})", "line 3, column 30", "DateLessThan does not fit acs:SecureTransport, which takes Bool"},
           Bad{R"("Bool":{"acs:CURRENTTIME":"true"})", "line 3, column 22", "Bool does not fit acs:CurrentTime"},
           Bad{R"("StringEquals":{"acs:MFAPresent":"false"})", "line 3, column 30", "which takes Bool"},
       }) {
    // clang-format on
    SCOPED_TRACE(c.condition);
    EXPECT_THAT(std::string(ParseDeny(c.condition).message()),
                AllOf(HasSubstr(c.where), HasSubstr(c.why)));
  }
}

TEST(ParsePolicyTest, LeavesAloneTheKeysOfStatementsAboutOtherServices) {
  constexpr char kForeign[] = R"("StringEquals":{"oss:Prefix":"a"})";
  EXPECT_EQ(ParseDeny(kForeign, R"("oss:*")"), absl::OkStatus());
  EXPECT_EQ(ParseDeny(kForeign, R"(["oss:Get*","mqs:x","m:y"])"), absl::OkStatus());
  EXPECT_EQ(ParseDeny(kForeign, R"("*")", "acs:oss:*:*:*"), absl::OkStatus());
  struct Ours {
    const char* kind;
    const char* action;
    const char* resource;
  };
  for (const Ours& c :
       {Ours{"Action", R"("*")", "*"}, Ours{"Action", R"("MQ:PUB")", "*"},
        Ours{"Action", R"(["oss:*","mq:Batch*"])", "acs:mq:*:*:*"},
        Ours{"Action", R"("*:Query*")", "*"}, Ours{"Action", R"("m?:x")", "*"},
        Ours{"NotAction", R"("oss:*")", "*"}, Ours{"Action", R"("mq:*")", "acs:*:*:*:oss"},
        Ours{"Action", R"("mq:*")", "acs:m?:*:*:x"}}) {
    EXPECT_THAT(std::string(ParseDeny(kForeign, c.action, c.resource, c.kind).message()),
                HasSubstr("unknown condition key"))
        << c.kind << " " << c.action << " " << c.resource;
  }
}

TEST(AccessPolicyTest, ALinkLocalCallerIsJudgedByItsAddressWithoutTheZone) {
  const absl::StatusOr<Policy> policy = ParsePolicyText(
      R"({"Version":"1","Statement":{"Effect":"Deny","Action":"*","Resource":"*",
         "Condition":{"NotIpAddress":{"acs:SourceIp":"10.0.0.0/8"}}}})",
      "p");
  ASSERT_TRUE(policy.ok()) << policy.status();
  const absl::string_view action = "mq:MqttInstanceAccess";
  const absl::string_view resource = "acs:mq:local:1:i";
  PolicyRequest request;
  request.actions = absl::MakeConstSpan(&action, 1);
  request.resources = absl::MakeConstSpan(&resource, 1);
  const Policy* policies[] = {&*policy};
  for (const char* from : {"fe80::1%eth0", "fe80::1", "11.0.0.1"}) {
    request.context.source_ip = from;
    EXPECT_EQ(Evaluate(policies, request).decision, kNever) << from;
  }
  for (const char* from : {"", "10.1.2.3"}) {
    request.context.source_ip = from;
    EXPECT_EQ(Evaluate(policies, request).decision, kNo) << from;
  }
}

TEST(WildcardTest, MatchesCharactersNotBytes) {
  EXPECT_TRUE(MatchesWildcard("a?c", "a测c", LetterCase::kExact));
  EXPECT_FALSE(MatchesWildcard("a??c", "a测c", LetterCase::kExact));
  EXPECT_TRUE(MatchesWildcard("*", "", LetterCase::kExact));
  EXPECT_TRUE(MatchesWildcard("**a*", "bca", LetterCase::kExact));
  EXPECT_FALSE(MatchesWildcard("", "a", LetterCase::kExact));
  EXPECT_TRUE(MatchesWildcard("", "", LetterCase::kExact));
}

TEST(WildcardTest, ManyStarsTakeNoLongTime) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  pattern += "*b";
  EXPECT_FALSE(MatchesWildcard(pattern, std::string(2000, 'a'), LetterCase::kIgnore));
}

}  // namespace
}  // namespace session_status::auth
