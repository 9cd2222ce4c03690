// Signatures against the vendor's own vectors, the published examples, and one flipped byte.
#include "plugin/auth/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "plugin/auth/keyed_mac.h"
#include "plugin/auth/parameters.h"
#include "plugin/auth/signature_acs3.h"
#include "plugin/auth/signature_rpc.h"
#include "tests/testing/openapi_request.h"

namespace session_status::auth {
namespace {

using ::session_status::testing::LoadSignatureVectors;
using ::session_status::testing::OwnedRequest;
using ::session_status::testing::SignatureVector;
using ::testing::HasSubstr;

const http::Peer kPeer;
constexpr absl::string_view kForm = "application/x-www-form-urlencoded";

absl::string_view FormBody(const http::Request& request) {
  const http::Header* type = request.FindHeader("content-type");
  return type != nullptr && type->value == kForm ? request.body : absl::string_view();
}

SignatureVerdict VerifyRpc(const http::Request& request, const KeyedMac& mac,
                           std::string* string_to_sign) {
  Parameters parameters;
  if (parameters.Read(request.query, FormBody(request)) != Parameters::Outcome::kOk) {
    return SignatureVerdict::kMismatch;
  }
  RpcStringToSign(request.method, parameters.sorted(), string_to_sign);
  const absl::string_view* signature = parameters.Find("Signature");
  if (signature == nullptr) return SignatureVerdict::kMismatch;
  return VerifyRpcSignature(*string_to_sign, *signature, mac);
}

SignatureVerdict VerifyAcs3(const http::Request& request, const KeyedMac& mac,
                            std::string* canonical, std::string* string_to_sign) {
  Parameters parameters;
  if (parameters.Read(request.query, FormBody(request)) != Parameters::Outcome::kOk) {
    return SignatureVerdict::kMismatch;
  }
  const http::Header* header = request.FindHeader("authorization");
  Acs3Authorization authorization;
  if (header == nullptr || !ParseAcs3Authorization(header->value, &authorization)) {
    return SignatureVerdict::kIncomplete;
  }
  const Acs3Input input(request, parameters, authorization);
  if (!Acs3Incompleteness(input).empty()) return SignatureVerdict::kIncomplete;
  Sha256 sha256;
  if (!Acs3StringToSign(input, &sha256, canonical, string_to_sign)) {
    return SignatureVerdict::kUnavailable;
  }
  return VerifyAcs3Signature(input, *string_to_sign, mac, &sha256);
}

TEST(SignatureRpcTest, AcceptsEveryVectorOfThePublishedSdks) {
  const std::vector<SignatureVector> vectors = LoadSignatureVectors("v1.jsonl");
  ASSERT_EQ(vectors.size(), 27u);
  for (const SignatureVector& vector : vectors) {
    SCOPED_TRACE(absl::StrCat(vector.id, " ", vector.note));
    const KeyedMac mac(MacKind::kHmacSha1, RpcMacKey(vector.access_key_secret));
    vector.request.With(vector.timestamp, kPeer, [&](const http::Request& request) {
      std::string string_to_sign;
      EXPECT_EQ(VerifyRpc(request, mac, &string_to_sign), SignatureVerdict::kValid);
      EXPECT_EQ(string_to_sign, vector.string_to_sign);
    });
  }
}

TEST(SignatureAcs3Test, AcceptsEveryVectorOfThePublishedSdks) {
  const std::vector<SignatureVector> vectors = LoadSignatureVectors("v3.jsonl");
  ASSERT_EQ(vectors.size(), 27u);
  for (const SignatureVector& vector : vectors) {
    SCOPED_TRACE(absl::StrCat(vector.id, " ", vector.note));
    const KeyedMac mac(MacKind::kHmacSha256, vector.access_key_secret);
    vector.request.With(vector.timestamp, kPeer, [&](const http::Request& request) {
      std::string canonical;
      std::string string_to_sign;
      EXPECT_EQ(VerifyAcs3(request, mac, &canonical, &string_to_sign), SignatureVerdict::kValid);
      EXPECT_EQ(canonical, vector.canonical_request);
      EXPECT_EQ(string_to_sign, vector.string_to_sign);
    });
  }
}

TEST(SignatureRpcTest, GivesThePublishedAnswerForTheCreateUserExample) {
  Parameters parameters;
  ASSERT_EQ(parameters.Read("UserName=test&SignatureVersion=1.0&Format=JSON"
                            "&Timestamp=2015-08-18T03%3A15%3A45Z&AccessKeyId=testid"
                            "&SignatureMethod=HMAC-SHA1&Version=2015-05-01"
                            "&SignatureNonce=6a6e0ca6-4557-11e5-86a2-b8e8563dc8d2"
                            "&Action=CreateUser",
                            ""),
            Parameters::Outcome::kOk);
  std::string string_to_sign;
  RpcStringToSign("GET", parameters.sorted(), &string_to_sign);
  const KeyedMac mac(MacKind::kHmacSha1, RpcMacKey("testsecret"));
  EXPECT_EQ(VerifyRpcSignature(string_to_sign, "kRA2cnpJVacIhDMzXnoNZG9tDCI=", mac),
            SignatureVerdict::kValid);
}

TEST(SignatureAcs3Test, GivesThePublishedAnswersForTheRunInstancesExample) {
  struct Case {
    const char* date;
    const char* nonce;
    const char* signature;
  };
  for (const Case& c : {Case{"2023-10-26T10:22:32Z", "3156853299f313e23d1673dc12e1703d",
                             "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"},
                        Case{"2023-10-26T09:01:01Z", "d410180a5abf7fe235dd9b74aca91fc0",
                             "e521358f7776c97df52e6b2891a8bc73026794a071b50c3323388c4e0df64804"}}) {
    OwnedRequest owned;
    owned.method = "POST";
    owned.target =
        "/?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai";
    owned.headers = {{"host", "ecs.cn-shanghai.aliyuncs.com"},
                     {"x-acs-action", "RunInstances"},
                     {"x-acs-version", "2014-05-26"},
                     {"x-acs-date", c.date},
                     {"x-acs-signature-nonce", c.nonce},
                     {"x-acs-content-sha256", std::string(kSha256HexOfNothing)},
                     {"authorization",
                      absl::StrCat("ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;"
                                   "x-acs-action;x-acs-content-sha256;x-acs-date;"
                                   "x-acs-signature-nonce;x-acs-version,Signature=",
                                   c.signature)}};
    const KeyedMac mac(MacKind::kHmacSha256, "YourAccessKeySecret");
    owned.With(absl::Now(), kPeer, [&](const http::Request& request) {
      std::string canonical;
      std::string string_to_sign;
      EXPECT_EQ(VerifyAcs3(request, mac, &canonical, &string_to_sign), SignatureVerdict::kValid);
    });
  }
}

SignatureVerdict Acs3VerdictOn(const OwnedRequest& owned, const KeyedMac& mac) {
  return owned.With(absl::Now(), kPeer, [&mac](const http::Request& request) {
    std::string canonical;
    std::string string_to_sign;
    return VerifyAcs3(request, mac, &canonical, &string_to_sign);
  });
}

TEST(SignatureAcs3Test, RefusesWhatLeavesAMeaningfulHeaderUnsigned) {
  const SignatureVector vector = LoadSignatureVectors("v3.jsonl").front();
  const KeyedMac mac(MacKind::kHmacSha256, vector.access_key_secret);
  const auto verdict = [&mac](const OwnedRequest& owned) { return Acs3VerdictOn(owned, mac); };
  ASSERT_EQ(verdict(vector.request), SignatureVerdict::kValid);
  for (const char* name :
       {"x-acs-something", "X-Acs-Something", "X-ACS-SECURITY-TOKEN", "x-acs-"}) {
    OwnedRequest extra = vector.request;
    extra.headers.emplace_back(name, "unsigned");
    EXPECT_EQ(verdict(extra), SignatureVerdict::kIncomplete) << name;
  }
  for (const char* name : {"x-trace", "X-Acs", "xx-acs-something"}) {
    OwnedRequest extra = vector.request;
    extra.headers.emplace_back(name, "unsigned, and nobody reads it");
    EXPECT_EQ(verdict(extra), SignatureVerdict::kValid) << name;
  }
  OwnedRequest twice = vector.request;
  twice.headers.emplace_back("Host", "127.0.0.1:22010");
  EXPECT_EQ(verdict(twice), SignatureVerdict::kIncomplete);
  OwnedRequest body = vector.request;
  body.body = "ClientIdList.9=x";
  EXPECT_EQ(verdict(body), SignatureVerdict::kBodyMismatch);
  body.headers.emplace_back("Content-Type", kForm);
  EXPECT_EQ(verdict(body), SignatureVerdict::kIncomplete);
  for (const char* name : {"host", "x-acs-date", "x-acs-content-sha256", "x-acs-action"}) {
    OwnedRequest missing = vector.request;
    missing.RemoveHeader(name);
    EXPECT_EQ(verdict(missing), SignatureVerdict::kIncomplete) << name;
  }
}

TEST(SignatureAcs3Test, RefusesABodyThatDidNotArriveAsItWasSigned) {
  int bodies = 0;
  for (const SignatureVector& vector : LoadSignatureVectors("v3.jsonl")) {
    if (vector.request.body.empty()) continue;
    SCOPED_TRACE(absl::StrCat(vector.id, " ", vector.note));
    ++bodies;
    const KeyedMac mac(MacKind::kHmacSha256, vector.access_key_secret);
    const std::string& whole = vector.request.body;
    ASSERT_EQ(Acs3VerdictOn(vector.request, mac), SignatureVerdict::kValid);
    for (const std::string& arrived :
         {std::string(), whole.substr(0, 1), whole.substr(0, whole.rfind('=')), whole + "&"}) {
      OwnedRequest cut = vector.request;
      cut.body = arrived;
      EXPECT_EQ(Acs3VerdictOn(cut, mac), SignatureVerdict::kBodyMismatch)
          << "\"" << arrived << "\"";
      // A stranger is not told about the body, which is not even hashed for him.
      EXPECT_EQ(Acs3VerdictOn(cut, KeyedMac(MacKind::kHmacSha256, "a guess")),
                SignatureVerdict::kMismatch);
    }
  }
  EXPECT_GT(bodies, 0);
}

TEST(SignatureAcs3Test, RefusesAHeaderThatIsNamedTwice) {
  OwnedRequest request = LoadSignatureVectors("v3.jsonl").front().request;
  for (auto& [name, value] : request.headers) {
    if (name != "Authorization") continue;
    constexpr absl::string_view kNames = "SignedHeaders=";
    value.insert(value.find(std::string(kNames)) + kNames.size(), "host;");
  }
  request.With(absl::Now(), kPeer, [](const http::Request& twice) {
    std::string canonical;
    std::string string_to_sign;
    EXPECT_EQ(VerifyAcs3(twice, KeyedMac(MacKind::kHmacSha256, "any"), &canonical, &string_to_sign),
              SignatureVerdict::kIncomplete);
  });
}

TEST(SignatureTest, DependsNeitherOnTheOrderNorOnTheSpellingOfPairs) {
  const ::session_status::testing::Credentials key{"k", "a secret", ""};
  const ::session_status::testing::ParameterMap parameters{
      {"A", "1"}, {"B", "two words"}, {"C", "~"}, {"D", ""}, {"E", "x%y"}, {"F", "-_."}};
  const absl::Time now = absl::FromUnixSeconds(1'767'323'045);
  const KeyedMac v1(MacKind::kHmacSha1, RpcMacKey(key.access_key_secret));
  const KeyedMac v3(MacKind::kHmacSha256, key.access_key_secret);
  std::mt19937_64 rng(5);
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    for (const bool rpc : {true, false}) {
      OwnedRequest request = rpc ? SignedRpc(key, parameters, now, "n")
                                 : SignedAcs3(key, "Action", parameters, now, "n");
      std::vector<std::string> pairs = absl::StrSplit(request.target.substr(2), '&');
      if (round % 2 == 1) std::shuffle(pairs.begin(), pairs.end(), rng);
      for (std::string& pair : pairs) {
        if (rng() % 2 == 0) continue;
        absl::StrReplaceAll({{"%20", "+"}, {"~", "%7e"}, {"%25", "%25"}, {"1", "%31"}}, &pair);
        if (rng() % 4 == 0) pair += "&";
      }
      request.target = absl::StrCat("/?", absl::StrJoin(pairs, "&"));
      SCOPED_TRACE(request.target);
      request.With(now, kPeer, [&](const http::Request& spelt) {
        std::string canonical;
        std::string string_to_sign;
        EXPECT_EQ(rpc ? VerifyRpc(spelt, v1, &string_to_sign)
                      : VerifyAcs3(spelt, v3, &canonical, &string_to_sign),
                  SignatureVerdict::kValid);
      });
    }
  }
}

TEST(SignatureAcs3Test, ReadsTheAuthorizationHeaderStrictly) {
  Acs3Authorization parts;
  EXPECT_TRUE(ParseAcs3Authorization(
      "ACS3-HMAC-SHA256 Credential=k, SignedHeaders=a;b,  Signature=ff", &parts));
  EXPECT_EQ(parts.access_key_id, "k");
  EXPECT_EQ(parts.signed_headers, "a;b");
  EXPECT_EQ(parts.signature, "ff");
  for (const char* bad :
       {"", "ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 ", "ACS3-HMAC-SHA256 Credential=k",
        "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=a",
        "ACS3-HMAC-SHA256 Credential=k,Signature=f",
        "ACS3-HMAC-SHA256 Credential=,SignedHeaders=a,Signature=f",
        "ACS3-HMAC-SHA256 Credential=k,Credential=l,SignedHeaders=a,Signature=f",
        "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=a,Signature=f,",
        "ACS3-HMAC-SHA256 Credential=k,SignedHeaders=a,Signature=f,Other=g",
        "ACS3-HMAC-SHA256Credential=k,SignedHeaders=a,Signature=f",
        "acs3-hmac-sha256 Credential=k,SignedHeaders=a,Signature=f"}) {
    EXPECT_FALSE(ParseAcs3Authorization(bad, &parts)) << bad;
  }
}

// Everything that the verifier reads, as the caller meant it. Two texts of equal meaning (a hex
// digit or a header name in the other case) are one request.
std::string Meaning(const http::Request& request) {
  Parameters parameters;
  if (parameters.Read(request.query, FormBody(request)) != Parameters::Outcome::kOk) return "bad";
  std::string meaning = absl::StrCat(request.method, request.path);
  for (const Parameter& p : parameters.sorted()) {
    absl::StrAppend(&meaning, "\n", p.name.size(), p.name, p.value.size(), p.value);
  }
  return meaning;
}

TEST(SignatureMutationTest, NotOneOfAThousandRequestsWithOneFlippedByteIsAccepted) {
  std::mt19937_64 rng(20261123);
  int tried = 0;
  for (const char* file : {"v1.jsonl", "v3.jsonl"}) {
    const bool rpc = std::string(file) == "v1.jsonl";
    const std::vector<SignatureVector> vectors = LoadSignatureVectors(file);
    for (int i = 0; i < 600; ++i) {
      const SignatureVector& vector = vectors[rng() % vectors.size()];
      const KeyedMac mac(rpc ? MacKind::kHmacSha1 : MacKind::kHmacSha256,
                         rpc ? RpcMacKey(vector.access_key_secret) : vector.access_key_secret);
      // The bytes that are signed: method, target, body; for V3 each signed header's value and the
      // Authorization header too. Other headers mean nothing to the server.
      OwnedRequest mutated = vector.request;
      std::vector<std::string*> places{&mutated.method, &mutated.target};
      if (!mutated.body.empty()) places.push_back(&mutated.body);
      std::string authorization;
      for (const auto& [name, value] : mutated.headers) {
        if (name == "Authorization") authorization = value;
      }
      for (auto& [name, value] : mutated.headers) {
        if (!rpc && (name == "Authorization" || absl::StrContains(authorization, name))) {
          places.push_back(&value);
        }
      }
      size_t total = 0;
      for (const std::string* place : places) total += place->size();
      size_t at = rng() % total;
      auto place = places.begin();
      while (at >= (*place)->size()) at -= (*place++)->size();
      const char flipped = static_cast<char>((**place)[at] ^ (1 + rng() % 255));
      SCOPED_TRACE(absl::StrCat(vector.id, " byte ", at, " of ", **place));
      (**place)[at] = flipped;
      const auto run = [&](const http::Request& request) {
        std::string canonical;
        std::string string_to_sign;
        // Two more things that the server looks at: the path, and whose key it is.
        const http::Header* header = request.FindHeader("authorization");
        Acs3Authorization parts;
        if (request.path != "/" || (!rpc && ParseAcs3Authorization(header->value, &parts) &&
                                    parts.access_key_id != vector.access_key_id)) {
          return SignatureVerdict::kMismatch;
        }
        return rpc ? VerifyRpc(request, mac, &string_to_sign)
                   : VerifyAcs3(request, mac, &canonical, &string_to_sign);
      };
      const std::string before = vector.request.With(vector.timestamp, kPeer, Meaning);
      const std::string after = mutated.With(vector.timestamp, kPeer, Meaning);
      const bool same = place != places.end() && before == after &&
                        (*place == &mutated.target || *place == &mutated.body);
      if (same) continue;  // the other case of a hex digit: the same request
      EXPECT_NE(mutated.With(vector.timestamp, kPeer, run), SignatureVerdict::kValid);
      ++tried;
    }
  }
  EXPECT_GE(tried, 1000);
}

TEST(SignatureMutationTest, AnotherSecretIsRefused) {
  for (const SignatureVector& vector : LoadSignatureVectors("v1.jsonl")) {
    std::string secret = vector.access_key_secret;
    secret[secret.size() / 2] ^= 1;
    const KeyedMac mac(MacKind::kHmacSha1, RpcMacKey(secret));
    std::string string_to_sign;
    EXPECT_EQ(vector.request.With(vector.timestamp, kPeer,
                                  [&](const http::Request& request) {
                                    return VerifyRpc(request, mac, &string_to_sign);
                                  }),
              SignatureVerdict::kMismatch);
    EXPECT_THAT(string_to_sign, Not(HasSubstr(secret)));
  }
}

TEST(TimestampTest, AcceptsFifteenMinutesEitherWayAndOnlyOneSpelling) {
  const absl::Time now =
      absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone());
  struct Case {
    const char* text;
    TimestampVerdict want;
  };
  for (const Case& c :
       {Case{"2026-01-02T03:04:05Z", TimestampVerdict::kValid},
        Case{"2026-01-02T02:49:05Z", TimestampVerdict::kValid},
        Case{"2026-01-02T02:49:04Z", TimestampVerdict::kExpired},
        Case{"2026-01-02T03:19:05Z", TimestampVerdict::kValid},
        Case{"2026-01-02T03:19:06Z", TimestampVerdict::kExpired},
        Case{"2024-02-29T00:00:00Z", TimestampVerdict::kExpired},
        Case{"2026-02-29T00:00:00Z", TimestampVerdict::kMalformed},
        Case{"2026-13-02T03:04:05Z", TimestampVerdict::kMalformed},
        Case{"2026-01-02T03:04:60Z", TimestampVerdict::kMalformed},
        Case{"2026-01-02T24:00:00Z", TimestampVerdict::kMalformed},
        Case{"2026-01-02 03:04:05Z", TimestampVerdict::kMalformed},
        Case{"2026-01-02T03:04:05", TimestampVerdict::kMalformed},
        Case{"2026-01-02T03:04:05+00:00", TimestampVerdict::kMalformed},
        Case{"2026-01-02T03:04:05.1Z", TimestampVerdict::kMalformed},
        Case{"1767323045", TimestampVerdict::kMalformed}, Case{"", TimestampVerdict::kMalformed}}) {
    absl::Time time;
    EXPECT_EQ(CheckTimestamp(c.text, now, &time), c.want) << c.text;
  }
}

}  // namespace
}  // namespace session_status::auth
