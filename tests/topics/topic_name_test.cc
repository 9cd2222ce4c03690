#include "plugin/topics/topic_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace session_status::topics {
namespace {

std::string Topic(absl::string_view client_id) {
  std::string topic;
  return MakeTopic("p", client_id, &topic) ? topic : "too long";
}

TEST(TopicNameTest, PlainIdentifiersStandForThemselves) {
  EXPECT_EQ(Topic("group@@@device-1_2.3~(x)"), "p/group@@@device-1_2.3~(x)");
}

TEST(TopicNameTest, WhatMeansSomethingInTopicsIsEncoded) {
  EXPECT_EQ(Topic("a/b+c#d$e%f g"), "p/a%2Fb%2Bc%23d%24e%25f%20g");
  EXPECT_EQ(Topic(absl::string_view("\0\x01\x7f", 3)), "p/%00%01%7F");
  EXPECT_EQ(Topic("h\xc3\xa4us\xff"), "p/h%C3%A4us%FF");
}

TEST(TopicNameTest, NoTwoIdentifiersShareATopicAndEveryTopicIsOneLevelOfPlainAscii) {
  std::mt19937 rng(1);
  std::set<std::string> ids;
  std::set<std::string> topics;
  for (int i = 0; i < 20'000; ++i) {
    std::string id;
    for (auto n = rng() % 4 + 1; n > 0; --n) id += static_cast<char>(rng());
    ids.insert(id);
    const std::string topic = Topic(id);
    topics.insert(topic);
    for (const char c : topic.substr(2)) {
      ASSERT_TRUE(c > 0x20 && c < 0x7F && c != '/' && c != '+' && c != '#' && c != '$') << topic;
    }
  }
  EXPECT_EQ(topics.size(), ids.size());
}

TEST(TopicNameTest, ATopicThatWouldBeTooLongIsRefused) {
  EXPECT_EQ(Topic(std::string(65'533, 'x')).size(), 65'535u);
  EXPECT_EQ(Topic(std::string(65'534, 'x')), "too long");
  EXPECT_EQ(Topic(std::string(22'000, '/')), "too long");
}

TEST(TopicNameTest, APrefixIsOneThatTheBrokerTakesAndNobodyElseOwns) {
  for (const char* good : {"$SYS/broker/session", "clients", "a/b/c"}) {
    EXPECT_TRUE(CheckPrefix(good).ok()) << good;
  }
  for (const char* bad : {"", "/a", "a/", "a//b", "a/+", "a/#", "a b", "$CONTROL/x", "$share/g/x",
                          "$SYS", "h\xc3\xa4us"}) {
    EXPECT_FALSE(CheckPrefix(bad).ok()) << bad;
  }
  EXPECT_FALSE(CheckPrefix(std::string(256, 'x')).ok());
}

}  // namespace
}  // namespace session_status::topics
