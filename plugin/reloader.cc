#include "plugin/reloader.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "absl/strings/str_cat.h"

namespace session_status {

Reloader::Reloader(broker::BrokerLog& log) : log_(log), wake_fd_(eventfd(0, EFD_CLOEXEC)) {}

void Reloader::Add(std::string what, std::function<absl::Status()> reload) {
  parts_.emplace_back(std::move(what), std::move(reload));
}

absl::Status Reloader::Start(int nice) {
  if (wake_fd_ < 0) return absl::ResourceExhaustedError("no file descriptor for the reloader");
  return thread_.Start("status-reload", nice, [this] { Run(); });
}

void Reloader::Stop() {
  if (wake_fd_ < 0) return;
  stopping_.store(true, std::memory_order_release);  // (1)
  Request();
  thread_.Join();
  close(std::exchange(wake_fd_, -1));
}

void Reloader::Request() {
  const uint64_t one = 1;
  // Would wait only after 2^64 - 1 requests that nobody took.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void Reloader::Run() {
  for (uint64_t requests = 0; read(wake_fd_, &requests, sizeof requests) == sizeof requests;) {
    if (stopping_.load(std::memory_order_acquire)) return;  // (2)
    for (const auto& [what, reload] : parts_) {
      try {
        Reload(what, reload);
      } catch (
          const std::bad_alloc&) {  // the old one stays in force; not even a line can be written
      }
    }
  }
}

void Reloader::Reload(const std::string& what, const std::function<absl::Status()>& reload) {
  if (const absl::Status s = reload(); s.ok()) {
    log_.Write(broker::LogLevel::kNotice, absl::StrCat("reloaded: ", what));
  } else {
    log_.Write(broker::LogLevel::kError,
               absl::StrCat(what, " not reloaded, the old one stays in force: ", s.message()));
  }
}

}  // namespace session_status
