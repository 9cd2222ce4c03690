// The replies that are written without RapidJSON are what RapidJSON would have written.
#include "plugin/openapi/reply_writer.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "plugin/http/json_writer.h"

namespace session_status::openapi {
namespace {

constexpr char kId[] = "63309FDB-ED6C-46AE-B31C-A172FBA00001";

void Member(http::JsonWriter* json, absl::string_view name, absl::string_view value) {
  json->Key(name);
  json->String(value);
}

std::string BatchByRapidJson(ListShape shape, const std::vector<absl::string_view>& ids,
                             absl::Span<const bool> online) {
  std::string out;
  http::JsonWriter json(&out);
  json.StartObject();
  Member(&json, "RequestId", kId);
  json.Key("OnlineStatusList");
  if (shape == ListShape::kNested) {
    json.StartObject();
    json.Key("OnlineStatusListItem");
  }
  json.StartArray();
  for (size_t i = 0; i < ids.size(); ++i) {
    json.StartObject();
    json.Key("OnlineStatus");
    json.Bool(online[i]);
    Member(&json, "ClientId", ids[i]);
    json.EndObject();
  }
  json.EndArray();
  if (shape == ListShape::kNested) json.EndObject();
  json.EndObject();
  return out;
}

TEST(ReplyWriterTest, ABatchIsWhatRapidJsonWouldWrite) {
  std::mt19937_64 rng(5);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> texts(rng() % 12, "");
    for (std::string& text : texts) {
      text.resize(rng() % 30);
      const bool plain = rng() % 2 == 0;
      for (char& c : text) c = static_cast<char>(plain ? 'a' + rng() % 26 : rng());
    }
    const std::vector<absl::string_view> ids(texts.begin(), texts.end());
    const auto online = std::make_unique<bool[]>(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) online[i] = rng() % 2 == 0;
    const absl::Span<const bool> all(online.get(), ids.size());
    for (const ListShape shape : {ListShape::kFlat, ListShape::kNested}) {
      std::string out = "before";
      WriteBatchReply(Format::kJson, shape, kId, ids, all, &out);
      EXPECT_EQ(out, "before" + BatchByRapidJson(shape, ids, all));
    }
  }
}

TEST(ReplyWriterTest, WhatXmlCannotHoldComesAsQuestionMarks) {
  struct Case {
    absl::string_view id, want;
  };
  for (const Case& c :
       {Case{"a\xEF\xBF\xBF\xEF\xBF\xBE", "a??"},  // U+FFFF, U+FFFE
        Case{"\x01\x1F", "??"}, Case{absl::string_view("\0", 1), "?"},
        Case{"\xEF\xBF\xBD\x7F\t", "\xEF\xBF\xBD\x7F\t"}}) {  // U+FFFD and these two it can
    std::string out;
    const bool online[] = {true};
    WriteBatchReply(Format::kXml, ListShape::kFlat, kId, {c.id}, online, &out);
    EXPECT_NE(out.find("<ClientId>" + std::string(c.want) + "</ClientId>"), std::string::npos)
        << out;
  }
}

TEST(ReplyWriterTest, ASingleAnswerIsWhatRapidJsonWouldWrite) {
  for (const bool online : {true, false}) {
    std::string want;
    http::JsonWriter json(&want);
    json.StartObject();
    Member(&json, "RequestId", kId);
    json.Key("OnlineStatus");
    json.Bool(online);
    json.EndObject();
    std::string out;
    WriteQueryReply(Format::kJson, kId, online, &out);
    EXPECT_EQ(out, want);
  }
}

}  // namespace
}  // namespace session_status::openapi
