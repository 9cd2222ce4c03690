// A node of the fleet at an engine that answers anything: rounds of the whole
// loop, its connection and hiredis. Whatever the engine says, the node goes on,
// knows only what can be, and closes no connection but its own clients' present
// ones.
//
// The input is what the engine says, in its protocol, to one connection after
// the other, with a 0xFF between them: from the round after the node has joined
// in order; after a `!` from its number on.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/fleet_loop.h"
#include "plugin/fleet/node_directory.h"
#include "plugin/os/mutex.h"
#include "tests/fuzz/engine_reply.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/temp_dir.h"

namespace session_status::fleet {
namespace {

constexpr size_t kInputBytesMax = 8192;
constexpr size_t kConnectionsMax = 3;
constexpr int kRoundsPerConnection = 6;
constexpr char kNode[] = "n";

const absl::Time kStart = absl::FromUnixMillis(1'790'000'000'000);

std::string Bulk(absl::string_view text) {
  return absl::StrCat("$", text.size(), "\r\n", text, "\r\n");
}

// A primary that has our functions, and a fleet of two shards with four buckets
// each.
std::string Opening() {
  std::string out = absl::StrCat("*1\r\n", Bulk("master"), "-ERR no keys\r\n");
  for (int i = 0; i < 6; ++i) out += ":0\r\n";
  absl::StrAppend(&out, "*6\r\n", Bulk("1"), Bulk("2"), Bulk("4"), Bulk("1"),
                  Bulk(std::string(32, 'k')), "$-1\r\n");
  return out;
}
std::string Joining() {
  std::string out = absl::StrCat(":1\r\n", Bulk(kNode), "+OK\r\n");
  for (int i = 0; i < 8; ++i) absl::StrAppend(&out, "*2\r\n", Bulk("1790000000"), Bulk("17"));
  absl::StrAppend(&out, "*4\r\n", Bulk(absl::StrCat(PreferredNumber(kNode))), Bulk(kNode),
                  Bulk("2"), Bulk("other"));
  return out;
}

// Says what it has to say as soon as somebody connects, whatever is asked, and
// then no more.
class Engine {
 public:
  Engine() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    FUZZ_CHECK(::listen(fd_, 16) == 0);
    std::thread([this] { Serve(); }).detach();
  }

  const std::string& path() const { return path_; }

  void Begin(std::deque<std::string> script) {
    os::MutexLock lock(&mu_);
    script_ = std::move(script);
  }
  size_t left() {
    os::MutexLock lock(&mu_);
    return script_.size();
  }
  // Nobody is connected any more.
  void End() {
    os::MutexLock lock(&mu_);
    for (const int fd : connections_) ::close(fd);
    connections_.clear();
  }

 private:
  void Serve() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      FUZZ_CHECK(fd >= 0);
      os::MutexLock lock(&mu_);
      connections_.push_back(fd);  // open until End(): what is said must not be lost
      if (!script_.empty()) {
        const std::string& text = script_.front();
        // Less than all when what came first made the node hang up.
        FUZZ_CHECK(::send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0 || errno == EPIPE);
        script_.pop_front();
      }
      ::shutdown(fd, SHUT_WR);
    }
  }

  const testing::TempDir dir_;
  const std::string path_ = dir_.File("engine.sock");
  int fd_ = -1;
  os::Mutex mu_;
  std::deque<std::string> script_;
  std::vector<int> connections_;
};

class Node {
 public:
  explicit Node(const std::string& engine_path)
      : loop_(Options(engine_path), {[this] { return kStart + now_; }, [this] { return now_; }},
              own_, others_, changes_, kicks_, board_, stop_) {
    for (const char* id : {"a", "b", "c"}) Connect(id);
  }

  void Round() {
    const absl::Duration wait = loop_.Step();
    FUZZ_CHECK(wait >= absl::ZeroDuration() && wait <= absl::Seconds(10));
    now_ += std::max(wait, absl::Milliseconds(300));  // until the next try, the next look
    kicks_.Drain(100, [this](Kick&& kick) {
      registry::SessionDetails details;
      FUZZ_CHECK(own_.FindDetails(kick.client_id, &details));
      FUZZ_CHECK(kick.incarnation == details.incarnation);
    });
    const registry::FleetStatus status = board_.GetStatus();
    FUZZ_CHECK(status.kicks <= status.taken_over || status.kicks <= 3);
    FUZZ_CHECK(status.own_sessions <= 3);
    FUZZ_CHECK(board_.GetAsOf() <= now_);
    others_.CheckInvariantsForTest();
  }

 private:
  static FleetOptions Options(const std::string& engine_path) {
    FleetOptions options;
    options.engines.emplace_back();
    FUZZ_CHECK(ParseEngineUrl(absl::StrCat("unix://", engine_path), &options.engines.back()).ok());
    options.name = "f";
    options.node_id = kNode;
    options.capacity = 100;
    return options;
  }
  void Connect(const std::string& id) {
    registry::SessionEvent event;
    event.client_id = id;
    event.incarnation = ++incarnation_;
    event.time = kStart + now_;
    own_.Apply(event);
    changes_.Push(event.client_id, event.incarnation, now_, true, event.reason);
  }

  absl::Duration now_ = absl::Hours(1);
  registry::SessionRegistry own_{{.sessions_max = 1000, .huge_pages = false}};
  registry::SessionRegistry others_{{.sessions_max = 1000, .huge_pages = false}};
  ChangeQueue changes_;
  KickRing kicks_{64};
  Board board_;
  os::StopSignal stop_;
  FleetLoop loop_;
  uint64_t incarnation_ = 0;
};

void Run(absl::string_view text) {
  static Engine& engine = *new Engine;
  if (AnnouncesMuch(text)) return;
  std::deque<std::string> script;
  fuzz::Input input(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  while (!input.empty() && script.size() < kConnectionsMax) {
    absl::string_view said = input.Until('\xFF');
    const bool at_number = !said.empty() && said[0] == '!';
    if (at_number) said.remove_prefix(1);
    script.push_back(absl::StrCat(Opening(), at_number ? "" : Joining(), said));
  }
  const int rounds = kRoundsPerConnection * static_cast<int>(script.size());
  engine.Begin(std::move(script));
  {
    Node node(engine.path());
    for (int i = 0; i < rounds; ++i) node.Round();
  }
  engine.End();
}

}  // namespace
}  // namespace session_status::fleet

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::fleet::Run(
      {reinterpret_cast<const char*>(data), std::min(size, session_status::fleet::kInputBytesMax)});
  return 0;
}
