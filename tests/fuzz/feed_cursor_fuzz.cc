// Followers of the change feed who name a position: query, Last-Event-ID, watch sets.
// Either refused with 400, or a stream of events whose numbers rise and never lie at or
// before the position asked for.
//
// The input is lines: `+ID` connects, `-ID` ends, `?QUERY` follows (server-sent events), `:ID` sets
// the Last-Event-ID of the next, `*` heartbeat.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "plugin/feed/changes_surface.h"
#include "tests/fuzz/fuzz.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::feed {
namespace {

using listing::kEpoch;

constexpr int kLinesMax = 200;
constexpr size_t kFollowersMax = 8;
constexpr int kReadsMax = 1000;

struct Follower {
  std::unique_ptr<http::BodyStream> stream;
  std::string text;
  uint64_t last = 0;
};

class World {
 public:
  ~World() {
    for (Follower& f : followers_) Read(&f);
  }

  void Do(absl::string_view line) {
    if (line.empty()) return;
    const absl::string_view rest = line.substr(1);
    switch (line.front()) {
      case '+':
        if (!rest.empty() && rest.size() < 100) writer_.Connect(rest);
        break;
      case '-':
        if (writer_.current.count(std::string(rest)) > 0) writer_.End(rest);
        break;
      case ':':
        last_event_id_ = std::string(rest);
        break;
      case '?':
        return Follow(rest);
      case '*':
        poller_.PollOnce(now_ += absl::Seconds(20));
        break;
      default:
        break;
    }
    for (Follower& f : followers_) Read(&f);
  }

 private:
  void Follow(absl::string_view query) {
    const std::string id = std::exchange(last_event_id_, "");
    const http::Header headers[] = {{"Last-Event-ID", id}};
    http::Request request;
    request.method = "GET";
    request.path = SseSurface::kPath;
    request.query = query;
    request.headers = headers;
    http::Reply reply;
    surface_.Handle(request, &reply);
    if (reply.stream == nullptr) {
      FUZZ_CHECK(reply.status >= 400 && reply.status < 500 && !reply.body.empty());
      return;
    }
    FUZZ_CHECK(reply.status == 200);
    if (followers_.size() == kFollowersMax) followers_.erase(followers_.begin());
    followers_.push_back({std::move(reply.stream), std::move(reply.body), 0});
    followers_.back().stream->Start([] {});
    Read(&followers_.back());
  }

  void Read(Follower* f) {
    int reads = 0;
    while (f->stream->Next(1000, &f->text) == http::BodyStream::Progress::kMore) {
      FUZZ_CHECK(++reads < kReadsMax);
    }
    for (absl::string_view line : absl::StrSplit(f->text, '\n')) {
      if (!absl::ConsumePrefix(&line, "id: ")) continue;
      uint64_t sequence = 0;
      FUZZ_CHECK(absl::ConsumePrefix(&line, absl::StrCat(kEpoch, "-")));
      FUZZ_CHECK(absl::SimpleAtoi(line, &sequence));
      FUZZ_CHECK(sequence >= f->last);
      f->last = sequence;
    }
    f->text.clear();
  }

  os::Poller poller_{absl::Milliseconds(10)};
  listing::Writer writer_{poller_, {}, {}, size_t{1} << 20};
  SseSurface surface_{writer_.feed};
  std::string last_event_id_;
  absl::Duration now_;
  std::vector<Follower> followers_;  // before the feed they read goes
};

}  // namespace
}  // namespace session_status::feed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::fuzz::Input input(data, size);
  session_status::feed::World world;
  for (int i = 0; i < session_status::feed::kLinesMax && !input.empty(); ++i) {
    world.Do(input.Until('\n'));
  }
  return 0;
}
