// Bytes of a client to the whole plugin: the listener's threads and parser, the router, and every
// surface behind it (admin service, listings, changes, metrics, health, documented API, pages).
//
// The input is what one connection sends before it stops sending. What comes back is read
// as strictly as RFC 9112 allows, beside a parser of our own that says which requests
// were sent: one reply for each of them, in order, rightly framed and of the form that
// its type says, and nothing besides.
#include <fcntl.h>
#include <poll.h>
#include <rapidjson/document.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/feed/changes_surface.h"
#include "plugin/session_plugin.h"
#include "plugin/transport/request_parser.h"
#include "tests/fuzz/fuzz.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/temp_dir.h"

namespace session_status {
namespace {

constexpr size_t kInputBytesMax = 32'768;
// For a reply, or the end. A wait counts when none of the plugin's threads wants the processor at
// its end: they have got all they need, and the reply is not coming. On a machine that is busy
// otherwise they want it for seconds, and all that takes a lock waits with whoever holds it.
constexpr int kWaitMs = 100;
constexpr int kIdleWaitsMax = 50;
constexpr int kWaitsMax = 6000;  // somebody is busy without end
// Lines of log, and what the broker was asked to publish, are taken away now and then.
constexpr int kConversationsPerRound = 200;

// "NAME STATE" of each thread but the caller's, one a line; R: has the processor or waits for it.
std::string OtherThreads() {
  std::string threads;
  std::error_code gone;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    if (task.path().filename() == std::to_string(::gettid())) continue;
    std::ifstream file(task.path() / "stat");  // "ID (NAME) STATE …"
    std::string stat;
    std::getline(file, stat);
    const size_t name = stat.find('(');
    const size_t end = stat.rfind(')');
    if (name == std::string::npos || end == std::string::npos) continue;  // it has ended
    absl::StrAppend(&threads, stat.substr(name + 1, end - name - 1), " ", stat.substr(end + 2, 1),
                    "\n");
  }
  return threads;
}

void AwaitEvent(pollfd* wait) {
  int idle = 0;
  for (int waits = 1; ::poll(wait, 1, kWaitMs) <= 0; ++waits) {
    const std::string threads = OtherThreads();
    const bool busy = absl::StrContains(threads, " R\n") || absl::StrContains(threads, " D\n");
    idle += busy ? 0 : 1;
    if (idle < kIdleWaitsMax && waits < kWaitsMax) continue;
    std::fprintf(stderr, "no reply; of %d waits %d were idle; threads:\n%s", waits, idle,
                 threads.c_str());
    FUZZ_CHECK(false);
  }
}

class Plugin {
 public:
  Plugin() {
    const std::vector<std::pair<absl::string_view, absl::string_view>> given = {
        {"admin_socket", socket_path_},
        {"sessions_max", "1000"},
        {"listener_body_bytes_max", "8192"},
        {"listener_nice", "0"}};
    auto options = ParseOptions(given);
    FUZZ_CHECK(options.ok());
    const transport::ListenerOptions& l = options->listener;
    limits_ = {l.request_line_bytes_max, l.header_bytes_max,          l.header_count_max,
               l.body_bytes_max,         l.chunk_extension_bytes_max, l.trailer_bytes_max};
    plugin_ = std::make_unique<SessionPlugin>(*options);
    auto hooks = plugin_->Attach(broker_.NewInstance(), 0);
    FUZZ_CHECK(hooks.ok());
    hooks_ = *std::move(hooks);
    for (const char* id : {"lamp", "door", "g@@@a", "=1+1", "\"\xE4\xBD\xA0"}) {
      broker_.Connect(broker_.NewClient(id));
    }
    broker_.Disconnect(broker_.Find("door"), 0);
    broker_.LoopRound();
  }
  ~Plugin() {
    hooks_.reset();
    plugin_.reset();
  }

  const transport::RequestLimits& limits() const { return limits_; }

  // Sends all of it, stops sending, and reads to the end.
  std::string Converse(absl::string_view bytes) {
    if (++conversations_ % kConversationsPerRound == 0) {
      broker_.LoopRound();
      broker_.log.clear();
      broker_.published.clear();
    }
    const int fd = Connect();
    std::string received;
    char buffer[16'384];
    bool sending = true;
    for (;;) {
      if (sending && bytes.empty()) {
        sending = false;
        ::shutdown(fd, SHUT_WR);
      }
      pollfd wait = {fd, static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
      AwaitEvent(&wait);
      if ((wait.revents & POLLOUT) != 0) {
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
        if (sent < 0 && errno != EAGAIN) bytes = {};  // it has closed: what did it say before?
      }
      if ((wait.revents & ~POLLOUT) == 0) continue;
      const ssize_t got = ::read(fd, buffer, sizeof buffer);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) break;
      received.append(buffer, static_cast<size_t>(got));
    }
    ::close(fd);
    return received;
  }

 private:
  int Connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(fd >= 0);
    FUZZ_CHECK(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    FUZZ_CHECK(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
  }

  const testing::TempDir dir_;
  const std::string socket_path_ = dir_.File("admin.sock");
  transport::RequestLimits limits_{};
  testing::FakeBroker broker_{testing::FakeBroker::k21};
  std::unique_ptr<SessionPlugin> plugin_;
  std::unique_ptr<broker::Hooks> hooks_;
  int conversations_ = 0;
};

// -- what was asked -------------------------------------------------------------------------------

struct Asked {
  enum class End : uint8_t { kWhole, kRefused, kMissing } end = End::kMissing;
  bool head = false;
  bool http_1_0 = false;
  bool closes = false;
  bool may_continue = true;  // 100 may come first
  bool follows = false;      // an answer without end
};

std::vector<Asked> Requests(absl::string_view text, const transport::RequestLimits& limits) {
  using transport::RequestParser;
  std::vector<Asked> requests;
  std::string bytes(text);
  char* data = bytes.data();
  size_t size = bytes.size();
  while (size > 0) {
    RequestParser parser(limits);
    const RequestParser::Progress progress = parser.Parse(data, &size);
    Asked asked;
    asked.head = parser.is_head();
    if (progress != RequestParser::Progress::kComplete) {
      asked.end = progress == RequestParser::Progress::kRefused ? Asked::End::kRefused
                                                                : Asked::End::kMissing;
      requests.push_back(asked);
      break;
    }
    http::Request request;
    std::vector<http::Header> headers;
    parser.Fill(data, &headers, &request);
    asked.end = Asked::End::kWhole;
    asked.http_1_0 = parser.is_http_1_0();
    asked.closes = !parser.keep_alive();
    asked.may_continue = std::any_of(headers.begin(), headers.end(), [](const http::Header& h) {
      return absl::EqualsIgnoreCase(h.name, "expect");
    });
    asked.follows =
        request.path == feed::SseSurface::kPath || request.path == feed::WatchSurface::kPath;
    requests.push_back(asked);
    data += parser.consumed();
    size -= parser.consumed();
  }
  return requests;
}

// -- what came ------------------------------------------------------------------------------------

struct Answer {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = true;

  bool Has(const std::string& name) const { return headers.count(name) > 0; }
  std::string Get(const std::string& name) const {
    FUZZ_CHECK(headers.count(name) <= 1);
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  bool closes() const { return Get("connection") == "close"; }
};

absl::string_view TakeLine(absl::string_view* text) {
  const size_t end = text->find("\r\n");
  FUZZ_CHECK(end != absl::string_view::npos);
  const absl::string_view line = text->substr(0, end);
  text->remove_prefix(end + 2);
  for (const char c : line) FUZZ_CHECK(static_cast<unsigned char>(c) >= 0x20 || c == '\t');
  return line;
}

bool IsToken(absl::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-';
  });
}

void TakeHead(absl::string_view* text, Answer* out) {
  const absl::string_view line = TakeLine(text);
  FUZZ_CHECK(absl::StartsWith(line, "HTTP/1.1 ") && line.size() > 13 && line[12] == ' ');
  FUZZ_CHECK(absl::SimpleAtoi(line.substr(9, 3), &out->status));
  FUZZ_CHECK(out->status == 100 || (out->status >= 200 && out->status < 600));
  for (;;) {
    const absl::string_view header = TakeLine(text);
    if (header.empty()) return;
    const size_t colon = header.find(": ");
    FUZZ_CHECK(colon != absl::string_view::npos && IsToken(header.substr(0, colon)));
    out->headers.emplace(absl::AsciiStrToLower(header.substr(0, colon)), header.substr(colon + 2));
  }
}

// False: the connection ended before the last chunk.
bool TakeChunks(absl::string_view* text, std::string* body) {
  for (;;) {
    const size_t end = text->find("\r\n");
    if (end == absl::string_view::npos) return text->remove_prefix(text->size()), false;
    uint64_t size = 0;
    FUZZ_CHECK(end > 0 && end <= 8 && absl::SimpleHexAtoi(text->substr(0, end), &size));
    text->remove_prefix(end + 2);
    if (text->size() < size + 2) return text->remove_prefix(text->size()), false;
    FUZZ_CHECK(text->substr(size, 2) == "\r\n");
    absl::StrAppend(body, text->substr(0, size));
    text->remove_prefix(size + 2);
    if (size == 0) return true;
  }
}

void TakeBody(const Asked& asked, absl::string_view* text, Answer* out) {
  const std::string length = out->Get("content-length");
  const std::string coding = out->Get("transfer-encoding");
  FUZZ_CHECK(length.empty() || coding.empty());
  const bool never = out->status == 204 || out->status == 304;
  FUZZ_CHECK(!never || (length.empty() && coding.empty()));
  size_t bytes = 0;
  FUZZ_CHECK(length.empty() || absl::SimpleAtoi(length, &bytes));
  if (asked.head || never) return;
  if (!coding.empty()) {
    FUZZ_CHECK(coding == "chunked" && !asked.http_1_0);
    out->complete = TakeChunks(text, &out->body);
    return;
  }
  if (length.empty()) {
    FUZZ_CHECK(out->closes());
    bytes = text->size();
  }
  FUZZ_CHECK(text->size() >= bytes);
  out->body = std::string(text->substr(0, bytes));
  text->remove_prefix(bytes);
}

void CheckAnswer(const Asked& asked, const Answer& answer) {
  const std::string type = answer.Get("content-type");
  FUZZ_CHECK(!answer.Get("date").empty() && answer.Get("x-content-type-options") == "nosniff");
  FUZZ_CHECK(answer.status != 405 || asked.end != Asked::End::kWhole || answer.Has("allow"));
  FUZZ_CHECK(asked.end != Asked::End::kRefused || (answer.status >= 400 && answer.closes()));
  FUZZ_CHECK(!asked.closes || answer.closes());
  FUZZ_CHECK(answer.complete || asked.follows);
  FUZZ_CHECK(answer.status < 400 || asked.head || !answer.body.empty());
  FUZZ_CHECK(answer.status != 500);  // nothing here may fail by itself
  const bool json = type == "application/json" || absl::StartsWith(type, "application/json;");
  if (!json || asked.head || !answer.complete) return;
  rapidjson::Document document;
  document.Parse<rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag>(
      answer.body.data(), answer.body.size());
  FUZZ_CHECK(!document.HasParseError() && document.IsObject());
}

void Ask(absl::string_view bytes) {
  static Plugin plugin;
  const std::string received = plugin.Converse(bytes);
  absl::string_view text = received;
  for (const Asked& asked : Requests(bytes, plugin.limits())) {
    Answer answer;
    if (asked.may_continue && absl::StartsWith(text, "HTTP/1.1 100 ")) {
      TakeHead(&text, &answer);
      answer = Answer();
    }
    if (asked.end == Asked::End::kMissing) break;
    TakeHead(&text, &answer);
    FUZZ_CHECK(answer.status != 100);
    TakeBody(asked, &text, &answer);
    CheckAnswer(asked, answer);
    if (answer.closes() || !answer.complete) break;
  }
  FUZZ_CHECK(text.empty());
}

}  // namespace
}  // namespace session_status

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::Ask(
      {reinterpret_cast<const char*>(data), std::min(size, session_status::kInputBytesMax)});
  return 0;
}
