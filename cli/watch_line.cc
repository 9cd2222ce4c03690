#include "cli/watch_line.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "cli/words.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr int kTimeColumns = 12;     // "22:30:01.250"
constexpr size_t kWordColumns = 21;  // "offline, session kept"

Colour ColourOf(pb::SessionState state) {
  switch (state) {
    case pb::SESSION_STATE_ONLINE:
      return Colour::kGreen;
    case pb::SESSION_STATE_OFFLINE_SESSION_KEPT:
      return Colour::kYellow;
    case pb::SESSION_STATE_OFFLINE:
      return Colour::kRed;
    default:
      return Colour::kDim;
  }
}

std::string TimeOfDay(int64_t unix_ms) {
  if (unix_ms == 0)
    return absl::StrFormat("%-*s", kTimeColumns, "-");  // found at a start: not known
  return absl::FormatTime("%H:%M:%E3S", absl::FromUnixMillis(unix_ms), absl::LocalTimeZone());
}

// What kind of change; of a state, the state; of a repair, whose kind does not say it, both.
std::string Word(const pb::SessionChange& change) {
  if (change.kind() == pb::CHANGE_KIND_UNSPECIFIED) return StateText(change.state());
  if (change.kind() == pb::CHANGE_KIND_REPAIRED) {
    return absl::StrCat("repaired: ", StateText(change.state()));
  }
  return absl::StrReplaceAll(EnumWords(pb::ChangeKind_descriptor()).WordOf(change.kind()),
                             {{"_", " "}});
}

std::string Details(const pb::SessionChange& change) {
  std::vector<std::string> parts;
  if (change.end_reason() != pb::END_REASON_NONE) parts.push_back(ReasonText(change.end_reason()));
  if (change.taken_over()) parts.emplace_back("took over");
  if (!change.address().empty()) parts.push_back(Printable(change.address()));
  if (!change.protocol_version().empty()) parts.push_back(change.protocol_version());
  return absl::StrJoin(parts, ", ");
}

std::string ClientLine(const pb::SessionChange& change, bool is_state, bool colour) {
  const std::string word = Word(change);
  // A state was not seen happening: the time column says "now" instead.
  const std::string time =
      is_state ? absl::StrFormat("%-*s", kTimeColumns, "now") : TimeOfDay(change.time_ms());
  return absl::StrCat(
      Painted(time, Colour::kDim, colour), "  ", Painted(word, ColourOf(change.state()), colour),
      std::string(kWordColumns > word.size() ? kWordColumns - word.size() : 0, ' '), "  ",
      Painted(Printable(change.client_id()), Colour::kBold, colour), "  ", Details(change));
}

// Numbers of two lives say nothing about each other.
std::string WhyGap(const pb::FeedGap& gap, int64_t came_from_epoch) {
  if (came_from_epoch != 0 && came_from_epoch != gap.feed_epoch()) {
    return "the broker was started anew";
  }
  if (gap.restart_sequence() > gap.missed_after()) {
    return absl::StrCat("changes ", gap.missed_after() + 1, " to ", gap.restart_sequence(),
                        " were missed");
  }
  return "the change asked for is none of this life of the broker";
}

}  // namespace

std::string WatchLine(const pb::WatchSessionsResponse& event, int64_t came_from_epoch,
                      bool colour) {
  std::string line;
  if (event.has_started()) {
    line = Painted(absl::StrCat("following after change ", event.started().sequence()),
                   Colour::kDim, colour);
  } else if (event.has_gap()) {
    line = Painted(absl::StrCat("gap: ", WhyGap(event.gap(), came_from_epoch),
                                "; list again for what is true now"),
                   Colour::kCyan, colour);
  } else if (event.has_state()) {
    line = ClientLine(event.state(), true, colour);
  } else {
    line = ClientLine(event.change(), false, colour);
  }
  return line.erase(line.find_last_not_of(' ') + 1);
}

}  // namespace session_status::cli
