#include "tests/testing/openapi_request.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace session_status::testing {
namespace {

std::string Text(const rapidjson::Value& value) {
  return value.IsString() ? std::string(value.GetString(), value.GetStringLength()) : "";
}

std::string Hmac(const EVP_MD* digest, absl::string_view key, absl::string_view text) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(digest, key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes, &size);
  return std::string(reinterpret_cast<char*>(bytes), size);
}

std::string Sha256Hex(absl::string_view text) {
  unsigned char bytes[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(bytes), sizeof(bytes)));
}

std::string Query(const ParameterMap& parameters) {
  return absl::StrJoin(parameters, "&", [](std::string* out, const auto& pair) {
    absl::StrAppend(out, PercentEncode(pair.first), "=", PercentEncode(pair.second));
  });
}

SignatureVector ReadVector(const rapidjson::Document& json) {
  SignatureVector vector;
  vector.id = Text(json["id"]);
  vector.note = Text(json["note"]);
  vector.operation = Text(json["operation"]);
  const auto& request = json["request"];
  vector.request.method = Text(request["method"]);
  vector.request.target = Text(request["target"]);
  vector.request.body = Text(request["body"]);
  for (const auto& header : request["headers"].GetArray()) {
    vector.request.headers.emplace_back(Text(header[0]), Text(header[1]));
  }
  const auto& credentials = json["credentials"];
  vector.access_key_id = Text(credentials["accessKeyId"]);
  vector.access_key_secret = Text(credentials["accessKeySecret"]);
  vector.security_token = Text(credentials["securityToken"]);
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, Text(json["timestamp"]), &vector.timestamp, &error)) {
    std::cerr << vector.id << ": " << error << "\n";
    std::abort();
  }
  vector.nonce = Text(json["nonce"]);
  const auto& expected = json["expected"];
  vector.string_to_sign = Text(expected["stringToSign"]);
  vector.signature = Text(expected["signature"]);
  if (expected.HasMember("canonicalRequest")) {
    vector.canonical_request = Text(expected["canonicalRequest"]);
  }
  const auto& input = json["input"];
  vector.instance_id = Text(input["InstanceId"]);
  if (input.HasMember("ClientIdList")) {
    for (const auto& id : input["ClientIdList"].GetArray()) vector.client_ids.push_back(Text(id));
  } else {
    vector.client_ids.push_back(Text(input["ClientId"]));
  }
  return vector;
}

}  // namespace

void OwnedRequest::SetHeader(absl::string_view name, absl::string_view value) {
  RemoveHeader(name);
  headers.emplace_back(name, value);
}

void OwnedRequest::RemoveHeader(absl::string_view name) {
  headers.erase(std::remove_if(headers.begin(), headers.end(),
                               [name](const auto& header) {
                                 return absl::EqualsIgnoreCase(header.first, name);
                               }),
                headers.end());
}

std::vector<SignatureVector> LoadSignatureVectors(absl::string_view file) {
  const std::string path = absl::StrCat(SESSION_STATUS_TEST_DATA, "/openapi-vectors/", file);
  std::ifstream in(path);
  std::vector<SignatureVector> vectors;
  for (std::string line; std::getline(in, line);) {
    rapidjson::Document json;
    json.Parse(line.data(), line.size());
    if (json.HasParseError()) {
      std::cerr << path << ": not JSON\n";
      std::abort();
    }
    vectors.push_back(ReadVector(json));
  }
  return vectors;
}

ParameterMap BatchParameters(absl::string_view instance_id,
                             const std::vector<std::string>& client_ids) {
  ParameterMap parameters{{"InstanceId", std::string(instance_id)}};
  for (size_t i = 0; i < client_ids.size(); ++i) {
    parameters[absl::StrCat("ClientIdList.", i + 1)] = client_ids[i];
  }
  return parameters;
}

OwnedRequest SignedRpc(const Credentials& credentials, ParameterMap parameters, absl::Time now,
                       absl::string_view nonce, absl::string_view method, bool in_body) {
  ParameterMap all{{"AccessKeyId", credentials.access_key_id},
                   {"Format", "JSON"},
                   {"SignatureMethod", "HMAC-SHA1"},
                   {"SignatureNonce", std::string(nonce)},
                   {"SignatureVersion", "1.0"},
                   {"Timestamp", Timestamp(now)},
                   {"Version", "2020-04-20"}};
  if (!credentials.security_token.empty()) all["SecurityToken"] = credentials.security_token;
  for (auto& [name, value] : parameters) all[name] = value;
  const std::string to_sign = absl::StrCat(method, "&%2F&", PercentEncode(Query(all)));
  all["Signature"] = absl::Base64Escape(
      Hmac(EVP_sha1(), absl::StrCat(credentials.access_key_secret, "&"), to_sign));
  OwnedRequest request;
  request.method = std::string(method);
  request.headers.emplace_back("Host", "127.0.0.1:8080");
  if (in_body) {
    request.body = Query(all);
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  } else {
    request.target = absl::StrCat("/?", Query(all));
  }
  return request;
}

OwnedRequest SignedAcs3(const Credentials& credentials, absl::string_view action,
                        const ParameterMap& parameters, absl::Time now, absl::string_view nonce,
                        const std::vector<std::pair<std::string, std::string>>& extra) {
  std::map<std::string, std::string> headers{{"host", "127.0.0.1:8080"},
                                             {"x-acs-action", std::string(action)},
                                             {"x-acs-version", "2020-04-20"},
                                             {"x-acs-date", Timestamp(now)},
                                             {"x-acs-signature-nonce", std::string(nonce)},
                                             {"x-acs-content-sha256", Sha256Hex("")}};
  if (!credentials.security_token.empty()) {
    headers["x-acs-security-token"] = credentials.security_token;
    headers["x-acs-accesskey-id"] = credentials.access_key_id;
  }
  for (const auto& [name, value] : extra) headers[name] = value;
  const std::string query = Query(parameters);
  std::string canonical = absl::StrCat("POST\n/\n", query, "\n");
  for (const auto& [name, value] : headers) {
    absl::StrAppend(&canonical, name, ":", absl::StripAsciiWhitespace(value), "\n");
  }
  const std::string names = absl::StrJoin(
      headers, ";", [](std::string* out, const auto& h) { absl::StrAppend(out, h.first); });
  absl::StrAppend(&canonical, "\n", names, "\n", headers["x-acs-content-sha256"]);
  const std::string to_sign = absl::StrCat("ACS3-HMAC-SHA256\n", Sha256Hex(canonical));
  OwnedRequest request;
  request.method = "POST";
  request.target = absl::StrCat("/?", query);
  for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
  request.headers.emplace_back(
      "Authorization", absl::StrCat("ACS3-HMAC-SHA256 Credential=", credentials.access_key_id,
                                    ",SignedHeaders=", names, ",Signature=",
                                    absl::BytesToHexString(Hmac(
                                        EVP_sha256(), credentials.access_key_secret, to_sign))));
  return request;
}

std::string Timestamp(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string PercentEncode(absl::string_view text) {
  std::string out;
  for (const char c : text) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-_.~", c)) {
      out.push_back(c);
    } else {
      char escape[4];
      std::snprintf(escape, sizeof(escape), "%%%02X", static_cast<unsigned char>(c));
      out += escape;
    }
  }
  return out;
}

}  // namespace session_status::testing
