// One connection to one engine: pipelines of commands, short time-outs, and nothing else. Any error
// of the transport closes it; the caller opens it again when it sees fit.
//
// Threads:   one at a time. Blocking, each wait bounded by the time-out, that for an address of the
//            host's name too.
// Ownership: handlers run inside Execute() and may keep nothing of the reply.
// Errors:    Unavailable: no connection any more; commands whose handler did not run may or may not
//            have been carried out.
#ifndef SESSION_STATUS_PLUGIN_FLEET_ENGINE_CONNECTION_H_
#define SESSION_STATUS_PLUGIN_FLEET_ENGINE_CONNECTION_H_

#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/fleet/host_names.h"
#include "plugin/fleet/reply_arena.h"

struct redisContext;
struct redisReply;

namespace session_status::fleet {

// A read-only view of one reply.
class Reply {
 public:
  explicit Reply(const redisReply* reply) : reply_(reply) {}
  bool is_error() const;
  bool is_nil() const;
  absl::string_view text() const;  // of a string, status or error; else empty
  int64_t integer() const;         // of an integer, or of a string that is one; else 0
  size_t size() const;             // elements of an array; else 0
  // Beyond them nil: not every reply has the shape that was asked for.
  Reply operator[](size_t i) const;

 private:
  const redisReply* reply_;
};

// How long an engine may take for an answer, and how long engines were waited for altogether. No
// wait counts for longer than it may take: beyond that it was us who did not run.
struct Patience {
  absl::Duration timeout;
  absl::Duration waited{};
};

class EngineConnection {
 public:
  using Handler = std::function<void(const Reply&)>;

  // `names` says when to stop, too: nothing is opened from then on. It and `patience` outlive this
  // object.
  EngineConnection(const EngineAddress& address, std::string credentials_file, Patience& patience,
                   HostNames& names);
  ~EngineConnection();
  EngineConnection(const EngineConnection&) = delete;
  EngineConnection& operator=(const EngineConnection&) = delete;

  // Finds the primary (through Sentinel, if so configured), connects, logs in, and makes sure that
  // it is a primary that has our functions.
  absl::Status Open();
  // Connects to the first host and logs in, whatever its role is.
  absl::Status Reach();
  void Close();
  bool open() const { return context_ != nullptr; }

  // Queues a command. Send() writes what is queued, Receive() reads all replies and runs their
  // handlers. With several engines: Send() to all, then Receive() from all.
  void Add(absl::Span<const absl::string_view> command, Handler handler);
  void Add(std::initializer_list<absl::string_view> command, Handler handler) {
    Add(absl::MakeConstSpan(command.begin(), command.size()), std::move(handler));
  }
  absl::Status Send();
  absl::Status Receive();
  absl::Status Execute();

  // Where it is connected, or was last: "127.0.0.1:6379".
  const std::string& endpoint() const { return endpoint_; }

 private:
  struct ContextDeleter {
    void operator()(redisContext* c) const;
  };
  using Context = std::unique_ptr<redisContext, ContextDeleter>;

  absl::StatusOr<std::string> Address(const std::string& host);
  absl::Status Dial(const std::string& host, uint16_t port);
  absl::Status Reach(const EngineAddress::HostPort& target);
  // What an error says about the whole connection; empty: nothing.
  std::string Refusal(absl::string_view error) const;
  absl::Status AskSentinels(EngineAddress::HostPort* primary);
  // The one that the connection is to; `primary`: where it says that the engine is.
  absl::Status AskSentinel(EngineAddress::HostPort* primary);
  absl::Status Authenticate();
  absl::Status LogIn();
  absl::Status CheckPrimary();
  absl::Status LoadFunctions();
  // One command, its reply to `handler`.
  absl::Status Ask(std::initializer_list<absl::string_view> command, const Handler& handler);
  // One command that the engine must not refuse; `about` begins what is said when it does.
  absl::Status Require(std::initializer_list<absl::string_view> command,
                       absl::string_view about = "");
  // The next reply to what was sent; it lives in the arena.
  absl::Status Next(const redisReply** reply);
  absl::Status Fail(absl::string_view what);

  const EngineAddress address_;
  const std::string credentials_file_;
  Patience& patience_;
  HostNames& names_;
  ReplyArena arena_;
  Context context_;
  std::deque<Handler> handlers_;
  std::string endpoint_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_ENGINE_CONNECTION_H_
