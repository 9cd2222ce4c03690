// The addresses of hosts that are given by name, without waiting longer than one likes: the
// system's resolver takes as long as its name servers do, half a minute for a name when they are
// away, and nothing interrupts it. So each question has a thread of its own, which nobody joins;
// whoever asked gives up in time, and finds the answer when he comes back.
//
// An answer serves once, and only within kAnswerKept. While there is no newer one, the address that
// the name had last serves: name servers that are away shall not keep us from an engine that is
// not.
//
// Threads:   one at a time. Find() blocks for its patience at most, and no longer than until a
//            stop.
// Ownership: `stop` outlives this object. A thread that is still asking outlives it, with a copy of
//            `resolve`; for that the plugin stays mapped when it is unloaded
//            (plugin/CMakeLists.txt).
// Errors:    Unavailable or NotFound, in words that continue "HOST: …".
#ifndef SESSION_STATUS_PLUGIN_FLEET_HOST_NAMES_H_
#define SESSION_STATUS_PLUGIN_FLEET_HOST_NAMES_H_

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "plugin/os/stop_signal.h"

namespace session_status::fleet {

inline constexpr absl::Duration kAnswerKept = absl::Seconds(5);
// Names that are remembered, and so lookups under way at most.
inline constexpr size_t kHostNamesMax = 64;

class HostNames {
 public:
  // Blocking, on any thread: an address as text; Unavailable: asking again may help; NotFound.
  using Resolve = std::function<absl::StatusOr<std::string>(const std::string& host)>;
  static absl::StatusOr<std::string> AskSystem(const std::string& host);

  // `stop`: a wait ends with it; nullptr: none does.
  explicit HostNames(const os::StopSignal* stop, Resolve resolve = AskSystem)
      : stop_(stop), resolve_(std::move(resolve)) {}

  // What is an address already is returned as it is.
  absl::StatusOr<std::string> Find(const std::string& host, absl::Duration patience);

  bool stopping() const { return stop_ != nullptr && stop_->WaitFor(absl::ZeroDuration()); }

 private:
  struct Answer {
    absl::StatusOr<std::string> address;
    std::chrono::steady_clock::time_point at;
  };
  struct Name {
    std::future<Answer> coming;  // valid: a thread is asking, or has asked
    std::string last;            // empty: none yet
  };
  Name* NameOf(const std::string& host);
  absl::Status Ask(const std::string& host, Name* name) const;
  bool Await(const Name& name, absl::Duration patience) const;

  const os::StopSignal* const stop_;
  const Resolve resolve_;
  std::map<std::string, Name> names_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_HOST_NAMES_H_
