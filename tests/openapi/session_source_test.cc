#include "plugin/openapi/session_source.h"

#include <gtest/gtest.h>

#include "plugin/openapi/instance_map.h"

namespace session_status::openapi {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'767'323'045);

TEST(InstanceMapTest, DecidesByUsernameThenListenerThenDefault) {
  const InstanceMap map({"main", true, {{1884, "second"}}});
  EXPECT_EQ(map.InstanceOf("Signature|LTAI1|post-cn-x", 1884), "post-cn-x");
  EXPECT_EQ(map.InstanceOf("Token|YYYYY|mqtt-xxxxx", 1884), "mqtt-xxxxx");
  EXPECT_EQ(map.InstanceOf("DeviceCredential|LTAI1|post-cn-y", 1883), "post-cn-y");
  EXPECT_EQ(map.InstanceOf("ann", 1884), "second");
  EXPECT_EQ(map.InstanceOf("ann", 1883), "main");
  EXPECT_EQ(map.InstanceOf("", 0), "main");
  for (const char* other :
       {"Signature|LTAI1", "Signature||x", "Signature|a|", "Signature|a|b|c", "signature|a|b",
        "TOKEN|a|b", "Token", "Token|a", "Token|a|b|c", "DeviceCredential||x", "Tokens|a|b",
        "Password|a|b", "|a|b", " Token|a|b"}) {
    EXPECT_EQ(map.InstanceOf(other, 1883), "main") << other;
  }
  EXPECT_TRUE(map.Serves("anything"));
  EXPECT_FALSE(map.single());
}

TEST(InstanceMapTest, WithoutUsernamesOnlyNamedInstancesAreServed) {
  const InstanceMap one({"main", false, {}});
  EXPECT_TRUE(one.single());
  EXPECT_TRUE(one.Serves("main"));
  EXPECT_FALSE(one.Serves("second"));
  EXPECT_EQ(one.InstanceOf("Signature|a|b", 1), "main");
  const InstanceMap two({"main", false, {{1884, "second"}}});
  EXPECT_FALSE(two.single());
  EXPECT_TRUE(two.Serves("second"));
}

void Connect(registry::SessionRegistry* registry, uint64_t incarnation, absl::string_view id,
             absl::string_view username, uint16_t port) {
  registry::SessionEvent event;
  event.client_id = id;
  event.incarnation = incarnation;
  event.time = kNow;
  event.connection.username = username;
  event.connection.listener_port = port;
  registry->Apply(event);
}

class RegistrySourceTest : public ::testing::Test {
 protected:
  RegistrySourceTest() {
    Connect(&registry_, 1, "a", "ann", 1883);
    Connect(&registry_, 2, "b", "bob", 1884);
    Connect(&registry_, 3, "c", "Signature|k|third", 1883);
    registry_.PublishSnapshot(kNow);
    Connect(&registry_, 4, "late", "ann", 1883);
  }
  static std::string Ask(RegistrySource* source, absl::string_view instance) {
    const absl::string_view ids[] = {"a", "b", "c", "late", "nobody"};
    bool online[5] = {true, true, true, true, true};
    source->Batch(instance, ids, kNow, absl::MakeSpan(online));
    std::string batch;
    std::string exact;
    for (size_t i = 0; i < 5; ++i) {
      batch += online[i] ? '1' : '0';
      exact += source->Exact(instance, ids[i], kNow).online ? '1' : '0';
    }
    return batch + " " + exact;
  }
  registry::SessionRegistry registry_;
};

TEST_F(RegistrySourceTest, OneInstanceHoldsEveryClient) {
  const InstanceMap map({"main", false, {}});
  RegistrySource source(registry_, map);
  EXPECT_EQ(Ask(&source, "main"), "11100 11110");
  EXPECT_EQ(Ask(&source, "second"), "00000 00000");
}

TEST_F(RegistrySourceTest, AQuerySeesOnlyTheClientsOfTheInstanceItNames) {
  const InstanceMap map({"main", true, {{1884, "second"}}});
  RegistrySource source(registry_, map);
  EXPECT_EQ(Ask(&source, "main"), "10000 10010");
  EXPECT_EQ(Ask(&source, "second"), "01000 01000");
  EXPECT_EQ(Ask(&source, "third"), "00100 00100");
  EXPECT_EQ(Ask(&source, "fourth"), "00000 00000");
}

TEST_F(RegistrySourceTest, AClientThatChangedItsInstanceIsNoLongerSeenInTheOldOne) {
  const InstanceMap map({"main", false, {{1884, "second"}}});
  RegistrySource source(registry_, map);
  Connect(&registry_, 5, "a", "ann", 1884);
  EXPECT_EQ(Ask(&source, "main")[0], '0');
  EXPECT_EQ(Ask(&source, "second")[0], '1');
  EXPECT_TRUE(source.Exact("second", "a", kNow).online);
  registry_.PublishSnapshot(kNow);
  EXPECT_EQ(Ask(&source, "second")[0], '1');
}

}  // namespace
}  // namespace session_status::openapi
