#include "plugin/auth/sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace session_status::auth {
namespace {

using ::testing::HasSubstr;

constexpr char kFile[] = R"({"version": 1, "sts": {"secret": "0123456789abcdef0123456789abcdef"},
  "accounts": [{"id": "1001", "instances": ["i"], "users": [{"name": "ann"}, {"name": "bob"}]}]})";
constexpr char kPolicy[] =
    R"({"Version":"1","Statement":{"Effect":"Allow","Action":"mq:*","Resource":"*"}})";
const absl::Time kNow = absl::FromUnixSeconds(1'767'323'045);

std::shared_ptr<const AccessFile> File(absl::string_view text = kFile) {
  return *AccessFile::Parse(text);
}

SessionCredentials Issue(const AccessFile& file,
                         absl::optional<absl::string_view> policy = absl::nullopt) {
  return *IssueSession(file, "1001", "ann", absl::Minutes(30), policy, kNow);
}

TEST(StsTest, WhatIsIssuedIsAcceptedUntilItExpires) {
  const auto file = File();
  const SessionCredentials credentials = Issue(*file, kPolicy);
  EXPECT_TRUE(IsTemporaryKeyId(credentials.access_key_id));
  EXPECT_EQ(credentials.expires_at, kNow + absl::Minutes(30));
  const absl::optional<Secret> secret =
      TemporaryKeySecret(*file->sts_mac(), credentials.access_key_id);
  ASSERT_TRUE(secret.has_value());
  EXPECT_EQ(secret->reveal(), credentials.access_key_secret);

  Session session;
  const auto verify = [&](absl::Time now) {
    return VerifyToken(*file, credentials.security_token, credentials.access_key_id, now, &session);
  };
  EXPECT_EQ(verify(kNow), TokenVerdict::kValid);
  EXPECT_EQ(session.user, file->FindUser("1001", "ann"));
  ASSERT_NE(session.policy, nullptr);
  EXPECT_EQ(session.policy->statements.size(), 1u);
  EXPECT_EQ(verify(credentials.expires_at - absl::Seconds(1)), TokenVerdict::kValid);
  EXPECT_EQ(verify(credentials.expires_at), TokenVerdict::kExpired);
}

TEST(StsTest, ASessionPolicyWithAMisspeltConditionIsNotIssued) {
  const auto credentials =
      IssueSession(*File(), "1001", "ann", absl::Minutes(30),
                   R"({"Version":"1","Statement":{"Effect":"Deny","Action":"mq:*","Resource":"*",
          "Condition":{"Bool":{"acs:SecureTransprt":"false"}}}})",
                   kNow);
  EXPECT_THAT(std::string(credentials.status().message()),
              HasSubstr("line 2, column 32: unknown condition key; did you mean "
                        "\"acs:SecureTransport\"?"));
}

TEST(StsTest, EachSessionIsAnother) {
  const auto file = File();
  const SessionCredentials a = Issue(*file);
  const SessionCredentials b = Issue(*file);
  EXPECT_NE(a.access_key_id, b.access_key_id);
  EXPECT_NE(a.access_key_secret, b.access_key_secret);
  Session session;
  EXPECT_EQ(VerifyToken(*file, a.security_token, b.access_key_id, kNow, &session),
            TokenVerdict::kMismatch);
}

TEST(StsTest, NoChangedTokenOrKeyIdIsAccepted) {
  const auto file = File();
  const SessionCredentials credentials = Issue(*file, kPolicy);
  Session session;
  for (size_t i = 0; i < credentials.security_token.size(); ++i) {
    std::string token = credentials.security_token;
    token[i] = token[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(VerifyToken(*file, token, credentials.access_key_id, kNow, &session),
              TokenVerdict::kMalformed);
  }
  for (size_t i = 0; i < credentials.access_key_id.size(); ++i) {
    std::string id = credentials.access_key_id;
    id[i] = id[i] == '0' ? '1' : '0';
    EXPECT_FALSE(TemporaryKeySecret(*file->sts_mac(), id).has_value()) << i;
  }
  for (const char* junk : {"", "a", "AAAA", "not base64!"}) {
    EXPECT_EQ(VerifyToken(*file, junk, credentials.access_key_id, kNow, &session),
              TokenVerdict::kMalformed);
  }
}

TEST(StsTest, AKeyIdOfAnyOtherLengthIsNotOfThisServer) {
  const auto file = File();
  const std::string whole = Issue(*file).access_key_id;
  ASSERT_TRUE(TemporaryKeySecret(*file->sts_mac(), whole).has_value());
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string id = whole.substr(0, size);
    EXPECT_FALSE(TemporaryKeySecret(*file->sts_mac(), id).has_value()) << id;
  }
  for (const std::string& id : {std::string("STS.x"), whole + "0", whole + whole}) {
    EXPECT_FALSE(TemporaryKeySecret(*file->sts_mac(), id).has_value()) << id;
  }
}

TEST(StsTest, AnotherServerSecretEndsAllSessionsAndARemovedUserTheirs) {
  const auto file = File();
  const SessionCredentials credentials = Issue(*file);
  Session session;
  const auto other = File(absl::StrReplaceAll(kFile, {{"0123", "9999"}}));
  EXPECT_FALSE(TemporaryKeySecret(*other->sts_mac(), credentials.access_key_id).has_value());
  EXPECT_EQ(
      VerifyToken(*other, credentials.security_token, credentials.access_key_id, kNow, &session),
      TokenVerdict::kMalformed);
  const auto without_ann = File(absl::StrReplaceAll(kFile, {{"ann", "amy"}}));
  EXPECT_EQ(VerifyToken(*without_ann, credentials.security_token, credentials.access_key_id, kNow,
                        &session),
            TokenVerdict::kNoAccount);
}

TEST(StsTest, RefusesToIssueWithAReason) {
  const auto file = File();
  const auto message = [&](const AccessFile& from, absl::string_view user, absl::Duration ttl,
                           absl::optional<absl::string_view> policy) {
    return std::string(IssueSession(from, "1001", user, ttl, policy, kNow).status().message());
  };
  EXPECT_THAT(message(*file, "eve", absl::Hours(1), absl::nullopt), HasSubstr("no such user"));
  EXPECT_THAT(message(*file, "ann", absl::Seconds(59), absl::nullopt), HasSubstr("from 1m to 12h"));
  EXPECT_THAT(message(*file, "ann", absl::Hours(13), absl::nullopt), HasSubstr("from 1m to 12h"));
  EXPECT_THAT(message(*file, "ann", absl::Hours(1), "{}"), HasSubstr("line 1, column 1"));
  EXPECT_THAT(message(*file, "ann", absl::Hours(1), std::string(3000, ' ')), HasSubstr("2048"));
  const auto plain = File(R"({"version":1,"accounts":[]})");
  EXPECT_THAT(message(*plain, "ann", absl::Hours(1), absl::nullopt),
              HasSubstr("no \"sts\" secret"));
}

// Who gives one wants to narrow: an empty file is not "no policy", which allows everything.
TEST(StsTest, AnEmptySessionPolicyIsNotIssued) {
  for (const absl::string_view empty : {"", " \n"}) {
    const auto credentials = IssueSession(*File(), "1001", "ann", absl::Minutes(30), empty, kNow);
    EXPECT_THAT(std::string(credentials.status().message()), HasSubstr("The document is empty."));
  }
}

// As another issuer under the same secret might make it.
TEST(StsTest, ATokenWhosePolicyIsEmptyOrNoTextIsNotOneWithout) {
  const auto file = File();
  const std::string key = Issue(*file).access_key_id;
  const auto verdict = [&](absl::string_view more) {
    std::string token =
        absl::StrCat(R"({"key":")", key, R"(","account":"1001","user":"root","expires":)",
                     absl::ToUnixSeconds(kNow) + 60, more, "}");
    MacBytes bytes;
    EXPECT_TRUE(
        file->sts_mac()->Compute(absl::StrCat(absl::string_view("token\0", 6), token), &bytes));
    token.append(reinterpret_cast<const char*>(bytes.data()), 32);
    std::string text;
    AppendBase64(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(token.data()), token.size()),
                 &text);
    Session session;
    return VerifyToken(*file, text, key, kNow, &session);
  };
  EXPECT_EQ(verdict(""), TokenVerdict::kValid);
  for (const char* policy : {R"(,"policy":"")", R"(,"policy":null)", R"(,"policy":{})"}) {
    EXPECT_EQ(verdict(policy), TokenVerdict::kMalformed) << policy;
  }
}

}  // namespace
}  // namespace session_status::auth
