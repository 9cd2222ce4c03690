#include "plugin/reloader.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"

namespace session_status {

void Reloader::Add(std::string what, std::function<absl::Status()> reload) {
  Part& part = parts_.emplace_back();
  part.name = absl::StrReplaceAll(what, {{" ", "_"}});
  part.what = std::move(what);
  part.reload = std::move(reload);
  part.at_ms.store(absl::ToUnixMillis(absl::Now()), std::memory_order_relaxed);
}

absl::Status Reloader::Start(int nice) {
  if (!bell_.ok()) return absl::ResourceExhaustedError("no file descriptor for the reloader");
  return thread_.Start("status-reload", nice, [this] { Run(); });
}

void Reloader::Stop() {
  stopping_.store(true, std::memory_order_release);  // (1)
  bell_.Ring();
  thread_.Join();
}

void Reloader::Run() {
  for (;;) {
    bell_.Wait();
    if (stopping_.load(std::memory_order_acquire)) return;  // (2)
    for (Part& part : parts_) {
      try {
        Reload(&part);
      } catch (const std::bad_alloc&) {  // not even a line can be written
      }
    }
  }
}

void Reloader::Reload(Part* part) {
  const auto record = [part](bool failed) {
    part->failed.store(failed, std::memory_order_relaxed);
    part->at_ms.store(absl::ToUnixMillis(absl::Now()), std::memory_order_relaxed);
  };
  absl::Status status;
  try {
    status = part->reload();
  } catch (const std::bad_alloc&) {  // the old one stays in force
    record(true);
    throw;
  }
  record(!status.ok());
  if (status.ok()) {
    log_.Write(broker::LogLevel::kNotice, absl::StrCat("reloaded: ", part->what));
  } else {
    log_.Write(
        broker::LogLevel::kError,
        absl::StrCat(part->what, " not reloaded, the old one stays in force: ", status.message()));
  }
}

std::vector<Reloader::Outcome> Reloader::Outcomes() const {
  std::vector<Outcome> outcomes;
  for (const Part& part : parts_) {
    outcomes.push_back({part.name, part.failed.load(std::memory_order_relaxed),
                        absl::FromUnixMillis(part.at_ms.load(std::memory_order_relaxed))});
  }
  return outcomes;
}

}  // namespace session_status
