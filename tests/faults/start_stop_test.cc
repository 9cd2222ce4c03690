// The plugin started and stopped again and again in one process, as a broker that reloads its
// plugins would: no thread, descriptor, file or callback stays behind.
//
// SESSION_STATUS_STARTS: default 20; the promise is held at 1000.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/temp_dir.h"

extern "C" {
int mosquitto_plugin_init(mosquitto_plugin_id_t*, void**, mosquitto_opt*, int);
int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int);
}

namespace session_status::testing {
namespace {

int Starts() {
  const char* text = std::getenv("SESSION_STATUS_STARTS");
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : 20;
}

size_t Entries(const char* folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

class StartStopTest : public ::testing::Test {
 protected:
  // One life: start, a client, a question, stop.
  void Live() {
    std::string socket = dir_.File("admin.sock"), database = dir_.File("usage.db");
    std::string names[] = {"admin_socket", "admin_listen", "usage_database"};
    std::string values[] = {socket, "127.0.0.1:0", database};
    std::vector<mosquitto_opt> options;
    for (int i = 0; i < 3; ++i) options.push_back({names[i].data(), values[i].data()});
    void* instance = nullptr;
    ASSERT_EQ(mosquitto_plugin_init(broker_.NewInstance(), &instance, options.data(),
                                    static_cast<int>(options.size())),
              0)
        << broker_.log.back();
    mosquitto* lamp = broker_.NewClient("lamp");
    broker_.Connect(lamp);
    {
      AdminClient admin(socket);
      EXPECT_TRUE(admin.Query("lamp").online);
    }
    broker_.Disconnect(lamp, 0);
    broker_.Free(lamp);
    broker_.SetInTable("lamp", nullptr);
    ASSERT_EQ(mosquitto_plugin_cleanup(instance, options.data(), static_cast<int>(options.size())),
              0);
    EXPECT_EQ(broker_.registered(), 0u);
    EXPECT_FALSE(std::filesystem::exists(socket));
  }

  TempDir dir_;
  FakeBroker broker_{FakeBroker::k21};
};

TEST_F(StartStopTest, ManyStartsAndStopsLeaveNoThreadAndNoDescriptorBehind) {
  ASSERT_NO_FATAL_FAILURE(Live());  // libraries open what they keep
  const size_t descriptors = Entries("/proc/self/fd"), threads = Entries("/proc/self/task");
  const int starts = Starts();
  for (int i = 0; i < starts; ++i) {
    SCOPED_TRACE(i);
    ASSERT_NO_FATAL_FAILURE(Live());
  }
  EXPECT_EQ(Entries("/proc/self/fd"), descriptors);
  EXPECT_EQ(Entries("/proc/self/task"), threads);
}

TEST_F(StartStopTest, AStartThatIsRefusedLeavesNothingBehind) {
  ASSERT_NO_FATAL_FAILURE(Live());
  const size_t descriptors = Entries("/proc/self/fd"), threads = Entries("/proc/self/task");
  for (int i = 0; i < Starts(); ++i) {
    std::string name = "admin_socket", value = "/nowhere/at/all.sock";
    mosquitto_opt option = {name.data(), value.data()};
    void* instance = nullptr;
    ASSERT_NE(mosquitto_plugin_init(broker_.NewInstance(), &instance, &option, 1), 0);
    ASSERT_EQ(mosquitto_plugin_cleanup(instance, &option, 1), 0);
  }
  EXPECT_EQ(broker_.registered(), 0u);
  EXPECT_EQ(Entries("/proc/self/fd"), descriptors);
  EXPECT_EQ(Entries("/proc/self/task"), threads);
  ASSERT_NO_FATAL_FAILURE(Live());
}

}  // namespace
}  // namespace session_status::testing
