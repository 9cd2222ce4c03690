#include "plugin/broker/broker_log.h"

#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/broker/mosquitto_api.h"

namespace session_status::broker {
namespace {

constexpr absl::string_view kPrefix = "session-status: ";

int ToBroker(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return MOSQ_LOG_INFO;
    case LogLevel::kNotice:
      return MOSQ_LOG_NOTICE;
    case LogLevel::kWarning:
      return MOSQ_LOG_WARNING;
    case LogLevel::kError:
      return MOSQ_LOG_ERR;
    case LogLevel::kDebug:
      return MOSQ_LOG_DEBUG;
  }
  return MOSQ_LOG_ERR;
}

std::string Printable(absl::string_view message) {
  std::string text = absl::StrCat(kPrefix, message.substr(0, kLogLineBytesMax));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

}  // namespace

BrokerLog::BrokerLog() : broker_thread_(pthread_self()) {}

void BrokerLog::Write(LogLevel level, absl::string_view message) noexcept {
  try {
    std::string text = Printable(message);
    if (pthread_equal(pthread_self(), broker_thread_)) {
      mosquitto_log_printf(ToBroker(level), "%s", text.c_str());
    } else {
      Queue(level, std::move(text));
    }
  } catch (const std::bad_alloc&) {
    // A line of log is what we can do without.
  }
}

void BrokerLog::Queue(LogLevel level, std::string text) {
  os::MutexLock lock(&mu_);
  if (lines_.size() >= kLogQueueMax) {
    ++dropped_;
  } else {
    lines_.push_back({level, std::move(text)});
  }
  // (1) relaxed: only a hint for Flush(), which takes the lock to see the lines; a hint seen late
  // costs one loop round.
  has_lines_.store(true, std::memory_order_relaxed);
}

void BrokerLog::Flush() noexcept {
  if (!has_lines_.load(std::memory_order_relaxed)) return;  // see (1)
  if (!mu_.TryLock()) return;                               // the next round will do
  std::vector<Line> lines;
  lines.swap(lines_);
  const size_t dropped = std::exchange(dropped_, 0);
  has_lines_.store(false, std::memory_order_relaxed);
  mu_.Unlock();
  for (const Line& line : lines) {
    mosquitto_log_printf(ToBroker(line.level), "%s", line.text.c_str());
  }
  if (dropped > 0) {
    mosquitto_log_printf(MOSQ_LOG_WARNING, "session-status: %zu log lines dropped", dropped);
  }
}

}  // namespace session_status::broker
