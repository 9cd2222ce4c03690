// The three functions that the broker calls, and nothing else is exported.
//
// The broker may call init several times in one process (several `plugin` lines); all instances
// share one SessionPlugin, counted here.
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "plugin/broker/mosquitto_api.h"
#include "plugin/options.h"
#include "plugin/session_plugin.h"

#define SESSION_STATUS_EXPORT extern "C" __attribute__((visibility("default")))

namespace session_status {
namespace {

using OptionText = std::vector<std::pair<std::string, std::string>>;

// What is shared by all instances in this process. The one mutable thing at namespace scope: the
// broker's interface leaves no other place that two inits could both see.
struct Process {
  OptionText options;
  std::unique_ptr<SessionPlugin> plugin;
  uint64_t instances = 0;  // bit i: instance i is alive
};
Process* g_process = nullptr;

// What one init hands to its cleanup.
struct Instance {
  int number = 0;
  std::unique_ptr<broker::Hooks> hooks;
};

OptionText CopyOptions(const mosquitto_opt* options, int count) {
  OptionText copy;
  for (int i = 0; i < count; ++i) copy.emplace_back(options[i].key, options[i].value);
  return copy;
}

absl::Status StartProcess(OptionText given) {
  std::vector<std::pair<absl::string_view, absl::string_view>> views(given.begin(), given.end());
  absl::StatusOr<Options> options = ParseOptions(views);
  if (!options.ok()) return options.status();
  auto process = std::make_unique<Process>();
  process->options = std::move(given);
  process->plugin = std::make_unique<SessionPlugin>(*options);
  g_process = process.release();
  return absl::OkStatus();
}

void Release(int number) {
  g_process->instances &= ~(uint64_t{1} << number);
  if (g_process->instances != 0) return;
  delete g_process;
  g_process = nullptr;
}

absl::Status Init(mosquitto_plugin_id_t* identifier, OptionText given, void** user_data) {
  if (g_process == nullptr) {
    if (absl::Status s = StartProcess(std::move(given)); !s.ok()) return s;
  } else if (given != g_process->options) {
    return absl::InvalidArgumentError(
        "the plugin is loaded more than once with different options; give every plugin line the "
        "same options, or load it once with global_plugin");
  }
  int number = 0;
  while (number < broker::kInstancesMax && (g_process->instances >> number & 1) != 0) ++number;
  if (number == broker::kInstancesMax) {
    return absl::ResourceExhaustedError("the plugin is loaded more than 64 times");
  }
  g_process->instances |= uint64_t{1} << number;
  // Unless all goes well. An exception, too, leaves neither the instance nor threads behind.
  absl::Cleanup release = [number] { Release(number); };
  auto instance = std::make_unique<Instance>();
  instance->number = number;
  auto hooks = g_process->plugin->Attach(identifier, number);
  if (!hooks.ok()) return hooks.status();
  instance->hooks = *std::move(hooks);
  std::move(release).Cancel();
  *user_data = instance.release();
  return absl::OkStatus();
}

void LogError(absl::string_view message) {
  mosquitto_log_printf(MOSQ_LOG_ERR, "session-status: %.*s", static_cast<int>(message.size()),
                       message.data());
}

}  // namespace
}  // namespace session_status

SESSION_STATUS_EXPORT int mosquitto_plugin_version(int count, const int* versions) {
  constexpr int kPluginInterface = 5;
  for (int i = 0; i < count; ++i) {
    if (versions[i] == kPluginInterface) return kPluginInterface;
  }
  return -1;
}

SESSION_STATUS_EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t* identifier, void** user_data,
                                                mosquitto_opt* options, int option_count) {
  using namespace session_status;
  *user_data = nullptr;  // 2.1 calls cleanup after a failed init
  try {
    const absl::Status status = Init(identifier, CopyOptions(options, option_count), user_data);
    if (status.ok()) return MOSQ_ERR_SUCCESS;
    LogError(status.message());
  } catch (const std::bad_alloc&) {
    LogError(
        "not enough memory, or address space, to start: RLIMIT_AS and vm.overcommit_memory=2 limit "
        "it, plugin_opt_sessions_max lowers what is asked for");
  } catch (const std::exception& e) {
    LogError(e.what());
  }
  return MOSQ_ERR_INVAL;
}

SESSION_STATUS_EXPORT int mosquitto_plugin_cleanup(void* user_data, mosquitto_opt*, int) {
  using namespace session_status;
  try {
    std::unique_ptr<Instance> instance(static_cast<Instance*>(user_data));
    if (instance == nullptr) return MOSQ_ERR_SUCCESS;
    instance->hooks.reset();  // events stop before anything they feed
    Release(instance->number);
  } catch (const std::exception& e) {
    LogError(e.what());
  }
  return MOSQ_ERR_SUCCESS;
}
