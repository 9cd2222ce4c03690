// Followers over a real socket: what is killed at random rebuilds exactly what the registry holds,
// and a listing of any length takes next to no memory.
//
// SESSION_STATUS_MIRROR_KILLS: how many followers are killed (default 15; the promise is held at
// 1,000). SESSION_STATUS_LISTED_SESSIONS: how many are listed (default 50,000; the promise: 10^6).
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "plugin/feed/changes_surface.h"
#include "plugin/http/router.h"
#include "plugin/listing/lister.h"
#include "plugin/listing/sessions_surface.h"
#include "plugin/transport/listener.h"
#include "tests/listing/listing_fixture.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace session_status::listing {
namespace {

constexpr int kChangesPerSecond = 5'000;

int FromEnvironment(const char* name, int otherwise) {
  const char* text = getenv(name);
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

transport::ListenerOptions OnSocket(const std::string& path) {
  transport::ListenerOptions options;
  options.unix_socket_path = path;
  options.nice_level = 0;
  return options;
}

// The plugin's reading side without a broker.
struct Host {
  Host() {
    router.Add(http::Router::Match::kExact, feed::SseSurface::kPath, &sse);
    router.Add(http::Router::Match::kExact, SessionsSurface::kPath, &sessions);
    EXPECT_TRUE(poller.Start(0).ok());
    EXPECT_TRUE(listener.Start().ok());
  }
  ~Host() { poller.Stop(); }

  testing::TempDir dir;
  os::Poller poller{absl::Milliseconds(10)};
  Writer writer{poller, {}, {}, size_t{16} << 20};
  Lister lister{writer.cuts, kEpoch, absl::Seconds(5)};
  feed::SseSurface sse{writer.feed};
  SessionsSurface sessions{lister};
  http::Router router;
  transport::Listener listener{OnSocket(dir.File("s")), router};
};

// A client that reads line by line and is killed, without a word, when it has had enough.
class Client {
 public:
  using OnLine = std::function<bool(absl::string_view line)>;  // false: killed

  explicit Client(std::string socket_path) : path_(std::move(socket_path)) {}

  // True: the answer was read to its end.
  bool Get(const std::string& target, OnLine on_line, uint64_t bytes_until_killed = UINT64_MAX) {
    on_line_ = std::move(on_line);
    bytes_left_ = bytes_until_killed;
    rest_.clear();
    CURL* curl = curl_easy_init();
    const std::string url = absl::StrCat("http://localhost", target);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path_.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
    const bool whole = curl_easy_perform(curl) == CURLE_OK;
    curl_easy_cleanup(curl);  // closes the connection, whatever it was about to bring
    return whole;
  }
  uint64_t cut_sequence() const { return cut_sequence_; }

 private:
  static size_t Take(char* data, size_t size, size_t count, void* self_ptr) {
    auto& self = *static_cast<Client*>(self_ptr);
    const size_t bytes = size * count;
    if (bytes > self.bytes_left_) return 0;
    self.bytes_left_ -= bytes;
    self.rest_.append(data, bytes);
    size_t begin = 0;
    for (size_t end; (end = self.rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
      if (!self.on_line_(absl::string_view(self.rest_).substr(begin, end - begin))) return 0;
    }
    self.rest_.erase(0, begin);
    return bytes;
  }
  static size_t TakeHeader(char* data, size_t size, size_t count, void* self_ptr) {
    absl::string_view line(data, size * count);
    if (absl::ConsumePrefix(&line, "Session-Sequence: ")) {
      EXPECT_TRUE(absl::SimpleAtoi(line, &static_cast<Client*>(self_ptr)->cut_sequence_));
    }
    return size * count;
  }

  const std::string path_;
  OnLine on_line_;
  uint64_t bytes_left_ = 0;
  std::string rest_;
  uint64_t cut_sequence_ = 0;
};

// A session or a change in JSON, into the mirror. The change's sequence, or 0.
uint64_t ApplyJson(absl::string_view json, Mirror* mirror) {
  rapidjson::Document d;
  d.Parse(json.data(), json.size());
  EXPECT_FALSE(d.HasParseError() || d.HasMember("error")) << json;
  if (!d.HasMember("clientId")) return 0;
  Known known;
  const std::string state = d.HasMember("state") ? d["state"].GetString() : "";
  if (state == "SESSION_STATE_ONLINE") known.state = registry::SessionState::kOnline;
  if (state == "SESSION_STATE_OFFLINE") known.state = registry::SessionState::kOffline;
  if (state == "SESSION_STATE_OFFLINE_SESSION_KEPT") {
    known.state = registry::SessionState::kOfflineSessionKept;
  }
  EXPECT_TRUE(absl::SimpleAtoi(d["incarnation"].GetString(), &known.incarnation));
  (*mirror)[d["clientId"].GetString()] = known;
  uint64_t sequence = 0;
  if (d.HasMember("sequence")) {
    EXPECT_TRUE(absl::SimpleAtoi(d["sequence"].GetString(), &sequence));
  }
  return sequence;
}

// Applies events at the promised rate until it is stopped; can be asked for the truth at a moment.
class Broker {
 public:
  Broker(Writer* writer, uint64_t ids) : thread_([this, writer, ids] { Run(writer, ids); }) {}
  ~Broker() {
    stop_ = true;
    thread_.join();
  }
  // What the registry holds after the change of that sequence.
  std::pair<Mirror, uint64_t> Truth() {
    std::lock_guard<std::mutex> lock(mu_);
    Mirror truth;
    for (const auto& [id, known] : model_) {
      if (known.state != registry::SessionState::kUnknown) truth.emplace(id, known);
    }
    return {truth, sequence_};
  }
  absl::Duration longest() const { return longest_; }

 private:
  void Run(Writer* writer, uint64_t ids) {
    std::mt19937_64 rng(11);
    uint64_t incarnation = 1'000'000'000;
    std::string id;
    const absl::Time begin = absl::Now();
    for (int64_t i = 0; !stop_; ++i) {
      testing::WaitUntil(
          [&] { return stop_ || absl::Now() >= begin + absl::Seconds(i) / kChangesPerSecond; },
          testing::kPatience, absl::Milliseconds(1));
      std::lock_guard<std::mutex> lock(mu_);
      const registry::SessionEvent event = RandomEvent(&rng, ids, &incarnation, &model_, &id);
      const absl::Time before = absl::Now();
      sequence_ = writer->Apply(event).sequence;
      longest_ = std::max(longest_, absl::Now() - before);
    }
  }

  std::atomic<bool> stop_{false};
  std::mutex mu_;
  Mirror model_;
  uint64_t sequence_ = 0;
  absl::Duration longest_;
  std::thread thread_;
};

TEST(MirrorTest, AFollowerKilledAtRandomRebuildsWhatTheRegistryHoldsEachTime) {
  Host host;
  Broker broker(&host.writer, 2'000);
  std::mt19937 rng(5);
  const int kills = FromEnvironment("SESSION_STATUS_MIRROR_KILLS", 15);
  uint64_t followed = 0;
  for (int kill = 1; kill <= kills; ++kill) {
    Client client(host.dir.File("s"));
    Mirror mirror;
    // Killed anywhere in a listing or in the feed …
    const auto nowhere = [](absl::string_view) { return true; };
    client.Get(kill % 2 == 0 ? "/v1/sessions" : "/v1/changes", nowhere, rng() % 50'000 + 1);
    // … and starts over.
    ASSERT_TRUE(client.Get("/v1/sessions?fields=state,incarnation", [&](absl::string_view line) {
      ApplyJson(line, &mirror);
      return true;
    }));
    uint64_t at = client.cut_sequence();
    const auto [truth, until] = broker.Truth();
    ASSERT_GE(until, at);
    const std::string changes = absl::StrCat("/v1/changes?after=", kEpoch, "-", at);
    const auto follow = [&, end = until](absl::string_view line) {
      EXPECT_NE(line, "event: gap");
      if (!absl::ConsumePrefix(&line, "data: ")) return true;
      if (const uint64_t sequence = ApplyJson(line, &mirror); sequence != 0) at = sequence;
      ++followed;
      return at < end;
    };
    if (at < until) client.Get(changes, follow);
    ASSERT_EQ(at, until);
    ASSERT_TRUE(mirror == truth) << "after kill " << kill << " at sequence " << until;
  }
  RecordProperty("kills", kills);
  RecordProperty("changes_followed", static_cast<int>(followed));
}

// The peak of this process's memory since the last call, in bytes; and the memory now.
size_t MemoryOf(absl::string_view name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest(line);
    size_t kilobytes = 0;
    if (absl::ConsumePrefix(&rest, name) && absl::ConsumeSuffix(&rest, " kB") &&
        absl::SimpleAtoi(rest, &kilobytes)) {
      return kilobytes << 10;
    }
  }
  return 0;
}

TEST(MirrorTest, AListingOfManySessionsUnderChurnTakesLittleMemory) {
  Host host;
  const int sessions = FromEnvironment("SESSION_STATUS_LISTED_SESSIONS", 50'000);
  for (int i = 0; i < sessions; ++i) host.writer.Connect(absl::StrCat("session-", i));
  Broker broker(&host.writer, 2'000);
  Client client(host.dir.File("s"));
  const auto list = [&] {
    int listed = 0;
    EXPECT_TRUE(client.Get("/v1/sessions?prefix=session-", [&](absl::string_view line) {
      EXPECT_FALSE(absl::StartsWith(line, "{\"error\"")) << line;
      ++listed;
      return true;
    }));
    return listed;
  };
  EXPECT_EQ(list(), sessions);                    // buffers that stay are there now
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const size_t before = MemoryOf("VmRSS:");
  const absl::Time begin = absl::Now();
  EXPECT_EQ(list(), sessions);
  const absl::Duration took = absl::Now() - begin;
  const size_t peak = MemoryOf("VmHWM:");
  ASSERT_GT(before, 0u);
  const size_t extra = peak > before ? peak - before : 0;
#ifndef SESSION_STATUS_SANITIZED  // a sanitizer keeps freed memory back
  EXPECT_LT(extra, size_t{10} << 20);
#endif
  RecordProperty("sessions", sessions);
  RecordProperty("extra_kb", static_cast<int>(extra >> 10));
  RecordProperty("milliseconds", static_cast<int>(absl::ToInt64Milliseconds(took)));
  RecordProperty("longest_apply_us", static_cast<int>(absl::ToInt64Microseconds(broker.longest())));
}

}  // namespace
}  // namespace session_status::listing
