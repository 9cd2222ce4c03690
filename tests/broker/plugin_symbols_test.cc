// The plugin loads in every 2.0: what it needs of the broker is what all of them let plugins see.
#include <gtest/gtest.h>
#include <stdio.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/testing/broker_process.h"

namespace session_status::testing {
namespace {

// Of upstream's src/linker.syms, the same in 2.0.0 to 2.0.20, those that we use. Debian 12's 2.0.11
// exports more.
const std::set<std::string> kOfEvery20 = {"mosquitto_broker_publish",
                                          "mosquitto_callback_register",
                                          "mosquitto_callback_unregister",
                                          "mosquitto_client_address",
                                          "mosquitto_client_clean_session",
                                          "mosquitto_client_id",
                                          "mosquitto_client_keepalive",
                                          "mosquitto_client_protocol",
                                          "mosquitto_client_protocol_version",
                                          "mosquitto_client_username",
                                          "mosquitto_free",
                                          "mosquitto_kick_client_by_clientid",
                                          "mosquitto_log_printf",
                                          "mosquitto_malloc",
                                          "mosquitto_property_add_binary",
                                          "mosquitto_property_free_all"};

TEST(PluginSymbolsTest, ThePluginNeedsNothingThatSome20HidesFromPlugins) {
  FILE* nm = popen(absl::StrCat("nm -D --undefined-only ", SessionStatusPlugin()).c_str(), "r");
  ASSERT_NE(nm, nullptr);
  std::string output;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), nm)) output.append(buffer, n);
  ASSERT_EQ(pclose(nm), 0);
  std::set<std::string> needed;
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    const size_t at = line.find(" U mosquitto_");
    if (at != absl::string_view::npos) needed.insert(std::string(line.substr(at + 3)));
  }
  EXPECT_FALSE(needed.empty());
  for (const std::string& name : needed) EXPECT_TRUE(kOfEvery20.contains(name)) << name;
}

}  // namespace
}  // namespace session_status::testing
