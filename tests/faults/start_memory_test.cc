// Memory that runs out while the plugin starts: the broker is told so, and nothing stays behind.
//
// SESSION_STATUS_ALLOCATION_STEP: every how manyth allocation is tried (default 7; the promise is
// held at 1).
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "plugin/os/service_thread.h"
#include "tests/plugin/failing_memory.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/temp_dir.h"

extern "C" {
int mosquitto_plugin_init(mosquitto_plugin_id_t*, void**, mosquitto_opt*, int);
int mosquitto_plugin_cleanup(void*, mosquitto_opt*, int);
}

namespace session_status::testing {
namespace {

size_t Entries(const char* folder) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

uint64_t Step() {
  const char* text = std::getenv("SESSION_STATUS_ALLOCATION_STEP");
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) && value > 0 ? value : 7;
}

bool AnySignalBlocked() {
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    if (sigismember(&blocked, signal) != 0) return true;
  }
  return false;
}

TEST(StartMemoryTest, AThreadThatFindsNoMemoryLeavesTheSignalsToWhoWantedIt) {
  FailEachAllocation(
      1,
      [] {
        os::ServiceThread thread;
        thread.Start("a-thread", 0, [] {}).IgnoreError();
      },
      [](bool) { EXPECT_FALSE(AnySignalBlocked()); });
}

TEST(StartMemoryTest, AStartThatFindsNoMemoryLeavesNothingBehind) {
  TempDir dir;
  FakeBroker broker(FakeBroker::k21);
  std::vector<std::pair<std::string, std::string>> texts = {
      {"admin_socket", dir.File("admin.sock")},
      {"session_database", dir.File("s.db")},
      {"control_users", "operator"},
      {"sessions_max", "1000"}};
  std::vector<mosquitto_opt> options;
  for (auto& [name, value] : texts) options.push_back({name.data(), value.data()});
  const int count = static_cast<int>(options.size());
  const auto init = [&](void** instance) {
    return mosquitto_plugin_init(broker.NewInstance(), instance, options.data(), count);
  };
  const auto clean_up = [&](void* instance) {
    EXPECT_EQ(mosquitto_plugin_cleanup(instance, options.data(), count), 0);
  };
  void* instance = nullptr;
  ASSERT_EQ(init(&instance), 0) << broker.log.back();
  clean_up(instance);
  const size_t threads = Entries("/proc/self/task");
  const size_t descriptors = Entries("/proc/self/fd");
  uint64_t refused = 0;
  for (uint64_t nth = 1, failed = 1; failed > 0; nth += Step()) {
    SCOPED_TRACE(nth);
    // Each life in it is an allocation more: there would be no last one.
    std::filesystem::remove(dir.File("s.db"));
    int rc = 0;
    mosquitto_plugin_id_t* const identifier = broker.NewInstance();
    {
      const FailingMemory failing(nth);
      rc = mosquitto_plugin_init(identifier, &instance, options.data(), count);
    }
    refused += rc == 0 ? 0 : 1;
    failed = FailingMemory::failed();
    clean_up(instance);
    ASSERT_EQ(broker.registered(), 0u);
    ASSERT_EQ(Entries("/proc/self/task"), threads);
    ASSERT_EQ(Entries("/proc/self/fd"), descriptors);
    ASSERT_FALSE(AnySignalBlocked()) << "the broker must hear them";
    broker.log.clear();
  }
  EXPECT_GT(refused, 10u);
  // As many instances as ever: none of them was kept for one that did not start.
  std::vector<void*> instances(64);
  for (void*& one : instances) ASSERT_EQ(init(&one), 0) << broker.log.back();
  for (void* one : instances) clean_up(one);
}

}  // namespace
}  // namespace session_status::testing
