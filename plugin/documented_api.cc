#include "plugin/documented_api.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/openapi/unserved_instances.h"

namespace session_status {
namespace {

absl::Status OfOption(absl::string_view option, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("option plugin_opt_", option, ": ", status.message()));
}

}  // namespace

DocumentedApi::DocumentedApi(const registry::SessionRegistry& registry, broker::BrokerLog& log,
                             DocumentedApiOptions options, const std::string& instance_id)
    : registry_(registry),
      log_(log),
      options_(std::move(options)),
      instances_(InstanceOptions(options_, instance_id)),
      source_(registry, instances_),
      call_log_(log, options_.call_log, absl::Now),
      throttles_(call_log_) {}

absl::Status DocumentedApi::Start(int nice) {
  if (!options_.access_file.empty()) {
    access_.emplace(options_.access_file);
    if (absl::Status s = Reload(); !s.ok()) return OfOption("access_file", s);
  }
  if (absl::Status s = OpenUsage(nice); !s.ok()) return OfOption("usage_database", s);
  openapi::OpenApiSurface::Parts parts;
  parts.source = &source_;
  if (fleet_source_.has_value()) parts.source = &*fleet_source_;
  parts.instances = &instances_;
  parts.access = access_.has_value() ? &*access_ : nullptr;
  parts.meter = usage_.get();
  parts.observer = &throttles_;
  surface_.emplace(options_.surface, parts);
  return absl::OkStatus();
}

absl::Status DocumentedApi::OpenUsage(int nice) {
  if (options_.usage_database.empty()) return absl::OkStatus();
  store::UsageOptions usage;
  usage.path = options_.usage_database;
  usage.nice_level = nice;
  usage.log = [this](absl::string_view line) { log_.Write(broker::LogLevel::kWarning, line); };
  auto opened = store::UsageStore::Open(std::move(usage));
  if (!opened.ok()) return opened.status();
  usage_ = *std::move(opened);
  return absl::OkStatus();
}

void DocumentedApi::BeginClose() {
  if (usage_ != nullptr) usage_->BeginClose();
}

void DocumentedApi::Close() {
  if (usage_ == nullptr) return;
  // A disk that hangs has its thread, which needs what it works on for as long as the process
  // lives.
  if (!usage_->Close()) static_cast<void>(usage_.release());
  log_.Flush();  // the loop, which does it else, has ended
}

absl::Status DocumentedApi::Reload() {
  if (!access_.has_value()) return absl::OkStatus();
  if (absl::Status s = access_->Reload(); !s.ok()) return s;
  const std::shared_ptr<const auth::AccessFile> file = access_->Current();
  access_modified_ms_.store(absl::ToUnixMillis(file->modified_at()), std::memory_order_relaxed);
  try {
    const std::string unserved = openapi::UnservedInstances(*file, instances_);
    if (unserved.empty()) return absl::OkStatus();
    log_.Write(broker::LogLevel::kWarning, absl::StrCat("access file: ", unserved));
  } catch (const std::bad_alloc&) {  // it is in force all the same
  }
  return absl::OkStatus();
}

void DocumentedApi::Read(metrics::Readings* out) const {
  out->throttles =
      metrics::ThrottleReadings{throttles_.by_user(), throttles_.by_api(), throttles_.by_address()};
  if (usage_ == nullptr) return;
  const store::UsageStats stats = usage_->stats();
  metrics::UsageReadings& usage = out->usage.emplace();
  usage.counted = stats.counted;
  usage.refused = stats.refused;
  usage.write_failures = stats.flush_failures;
  usage.pending = stats.pending;
}

}  // namespace session_status
