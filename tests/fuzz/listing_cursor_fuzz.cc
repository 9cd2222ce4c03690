// ListSessions with cursors and filters from outside, beside a registry that changes: never more
// than a page, no session twice along one listing, and only the documented errors.
//
// The input is lines: `+ID` connects, `-ID` ends, `>` goes on with the last reply's cursor, `SIZE
// CURSOR` asks with that cursor, `<` closes the last reply's cursor, and `=NAME VALUE` sets a
// filter of the next new listing, which a blank line starts.
#include <set>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/listing/lister.h"
#include "tests/fuzz/fuzz.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::listing {
namespace {

constexpr int kLinesMax = 100;

class World {
 public:
  World() {
    for (int i = 0; i < 20; ++i) writer_.Connect(absl::StrCat("c", i));
  }

  void Do(absl::string_view line) {
    if (line.empty()) return Ask(std::exchange(filter_, {}), /*goes_on=*/false);
    const absl::string_view rest = line.substr(1);
    switch (line.front()) {
      case '+':
        if (!rest.empty() && rest.size() < 100) writer_.Connect(rest);
        return;
      case '-':
        if (writer_.current.count(std::string(rest)) > 0) writer_.End(rest);
        return;
      case '=':
        return SetFilter(rest);
      case '<':
      case '>': {
        pb::ListSessionsRequest request;
        request.set_cursor(next_cursor_);
        request.set_close_cursor(line.front() == '<');
        return Ask(request, /*goes_on=*/!next_cursor_.empty());
      }
      default: {
        const size_t blank = line.find(' ');
        pb::ListSessionsRequest request;
        uint32_t size = 0;
        if (absl::SimpleAtoi(line.substr(0, blank), &size)) request.set_page_size(size);
        if (blank != absl::string_view::npos)
          request.set_cursor(std::string(line.substr(blank + 1)));
        return Ask(request, /*goes_on=*/false);
      }
    }
  }

 private:
  void SetFilter(absl::string_view text) {
    const size_t blank = text.find(' ');
    const absl::string_view name = text.substr(0, blank);
    const std::string value(blank == absl::string_view::npos ? "" : text.substr(blank + 1));
    int64_t number = 0;
    const bool is_number = absl::SimpleAtoi(value, &number);
    if (name == "prefix") filter_.set_client_id_prefix(value);
    if (name == "group") filter_.set_group(value);
    if (name == "address") filter_.set_address(value);
    if (name == "protocol") filter_.set_protocol_version(value);
    if (name == "field") filter_.add_fields(value);
    if (name == "size" && is_number) filter_.set_page_size(static_cast<uint32_t>(number));
    if (name == "state" && is_number) filter_.add_states(static_cast<pb::SessionState>(number));
    if (name == "from" && is_number) filter_.set_connected_from_ms(number);
    if (name == "until" && is_number) filter_.set_disconnected_until_ms(number);
  }

  void Ask(const pb::ListSessionsRequest& request, bool goes_on) {
    pb::ListSessionsResponse reply;
    const absl::Status status = lister_.ListSessions(request, kStart, &reply);
    if (!status.ok()) {
      FUZZ_CHECK(absl::IsInvalidArgument(status) || absl::IsAborted(status) ||
                 absl::IsFailedPrecondition(status) || absl::IsResourceExhausted(status));
      FUZZ_CHECK(!status.message().empty());
      return;
    }
    FUZZ_CHECK(reply.sessions_size() <= static_cast<int>(kPageSizeMax));
    if (!goes_on) seen_.clear();
    for (const auto& session : reply.sessions())
      FUZZ_CHECK(seen_.insert(session.client_id()).second);
    next_cursor_ = reply.next_cursor();
  }

  os::Poller poller_{absl::Milliseconds(10)};
  Writer writer_{poller_, {.ring_bytes = size_t{1} << 16}, {}, size_t{1} << 16};
  Lister lister_{writer_.cuts, kEpoch, absl::Seconds(1)};
  pb::ListSessionsRequest filter_;
  std::string next_cursor_;
  std::set<std::string> seen_;  // along the listing of next_cursor_
};

}  // namespace
}  // namespace session_status::listing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::fuzz::Input input(data, size);
  session_status::listing::World world;
  for (int i = 0; i < session_status::listing::kLinesMax && !input.empty(); ++i) {
    world.Do(input.Until('\n'));
  }
  return 0;
}
