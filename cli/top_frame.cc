#include "cli/top_frame.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

// A line being made: counts columns, not escape sequences, and stops at the edge.
class Line {
 public:
  Line(int columns, bool colour) : left_(columns), colour_(colour) {}
  Line& Add(absl::string_view text, Colour colour = Colour::kPlain) {
    size_t bytes = 0;
    // A code point is a column, near enough; its continuation bytes go with it.
    for (; bytes < text.size(); ++bytes) {
      if ((static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) continue;
      if (left_ == 0) break;
      --left_;
    }
    text_ += Painted(text.substr(0, bytes), colour, colour_);
    return *this;
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
  int left_;
  const bool colour_;
};

std::string Rate(const TopScreen& s, double now, double before) {
  const double seconds = absl::ToDoubleSeconds(s.now.at - s.before.at);
  if (!s.has_before || seconds <= 0 || now < before) return "-";
  return absl::StrFormat("%.1f/s", (now - before) / seconds);
}

double Ends(const pb::GetCountsResponse& counts) {
  double ends = 0;
  for (const pb::ReasonCount& row : counts.ends_by_reason()) {
    // The broker's expiry of a kept session is no disconnect.
    if (row.reason() != pb::END_REASON_SESSION_EXPIRED) ends += static_cast<double>(row.count());
  }
  return ends;
}

std::string Millis(double seconds) {
  if (std::isinf(seconds)) return "slower";
  return absl::StrFormat("≤ %gms", seconds * 1000);
}

struct Query {
  QueryLatency latency;
  double rate;
};

// Those with news since the last reading (all, at the first), slowest first.
std::vector<Query> SlowestQueries(const TopScreen& s) {
  std::vector<Query> queries;
  const double seconds = std::max(0.001, absl::ToDoubleSeconds(s.now.at - s.before.at));
  for (const QueryLatency& now : s.now.queries) {
    QueryLatency since = now;
    for (const QueryLatency& before : s.before.queries) {
      if (s.has_before && before.surface == now.surface && before.operation == now.operation) {
        since = now.Since(before);
      }
    }
    if (since.count > 0) queries.push_back({since, s.has_before ? since.count / seconds : 0});
  }
  std::sort(queries.begin(), queries.end(), [](const Query& a, const Query& b) {
    return a.latency.Quantile(0.99) > b.latency.Quantile(0.99);
  });
  return queries;
}

class Frame {
 public:
  Frame(const TerminalSize& size, bool colour) : size_(size), colour_(colour) {}

  Line Start() const { return Line(size_.columns, colour_); }
  void Put(Line& line) {
    if (static_cast<int>(lines_.size()) < size_.rows) lines_.push_back(line.Take());
  }
  void Heading(absl::string_view text) {
    Line blank = Start();
    Put(blank);
    Line line = Start();
    Put(line.Add(text, Colour::kBold));
  }
  int rows_left() const { return size_.rows - static_cast<int>(lines_.size()); }
  std::vector<std::string> Take() { return std::move(lines_); }

 private:
  const TerminalSize size_;
  const bool colour_;
  std::vector<std::string> lines_;
};

void PutHead(const TopScreen& s, Frame* frame) {
  const pb::GetServerStatusResponse& status = s.now.status;
  Line title = frame->Start();
  title.Add(Printable(status.instance_id()), Colour::kBold)
      .Add(absl::StrCat("  ", status.broker(), ", plugin ", status.version(), ", up ",
                        ShortDuration(status.uptime_ms()), "  ",
                        absl::FormatTime("%H:%M:%S", s.now.at, absl::LocalTimeZone())));
  frame->Put(title);
  Line counts = frame->Start();
  const pb::StateCounts& sessions = s.now.counts.sessions();
  counts.Add("online ")
      .Add(absl::StrCat(sessions.online()), Colour::kGreen)
      .Add("   session kept ")
      .Add(absl::StrCat(sessions.offline_session_kept()), Colour::kYellow)
      .Add("   offline ")
      .Add(absl::StrCat(sessions.offline()), Colour::kRed);
  if (status.has_fleet()) {
    counts.Add("   elsewhere in the fleet ")
        .Add(absl::StrCat(s.now.counts.online_elsewhere()), Colour::kGreen);
  }
  frame->Put(counts);
  Line rates = frame->Start();
  const auto rate = [&s](uint64_t now, uint64_t before) {
    return Rate(s, static_cast<double>(now), static_cast<double>(before));
  };
  rates.Add(absl::StrCat("connects ", rate(s.now.counts.connects(), s.before.counts.connects()),
                         "   disconnects ", Rate(s, Ends(s.now.counts), Ends(s.before.counts)),
                         "   takeovers ",
                         rate(s.now.counts.takeovers(), s.before.counts.takeovers()), "   changes ",
                         rate(s.now.counts.sequence(), s.before.counts.sequence())));
  frame->Put(rates);
  Line snapshot = frame->Start();
  snapshot.Add(absl::StrCat("snapshot ", ShortDuration(status.snapshot().age_ms()), " old of ",
                            ShortDuration(status.snapshot_refresh_ms()), "   registry ",
                            status.registry_memory_bytes() / 1024, " KiB"));
  frame->Put(snapshot);
}

void PutRows(absl::string_view title, const std::vector<std::vector<std::string>>& rows,
             int rows_max, Frame* frame) {
  if (rows_max < 3 || rows.empty()) return;
  frame->Heading(title);
  for (int i = 0; i < static_cast<int>(rows.size()) && i < rows_max - 2; ++i) {
    const std::vector<std::string>& row = rows[static_cast<size_t>(i)];
    Line line = frame->Start();
    line.Add(absl::StrFormat("%10s", row[0]));
    for (size_t cell = 1; cell < row.size(); ++cell) line.Add("  ").Add(Printable(row[cell]));
    frame->Put(line);
  }
}

std::vector<std::vector<std::string>> ReasonRows(const TopScreen& s) {
  std::vector<std::vector<std::string>> rows;
  std::vector<pb::ReasonCount> ends(s.now.counts.ends_by_reason().begin(),
                                    s.now.counts.ends_by_reason().end());
  std::sort(ends.begin(), ends.end(),
            [](const auto& a, const auto& b) { return a.count() > b.count(); });
  for (const pb::ReasonCount& row : ends) {
    uint64_t before = 0;
    for (const pb::ReasonCount& old : s.before.counts.ends_by_reason()) {
      if (old.reason() == row.reason()) before = old.count();
    }
    rows.push_back({absl::StrCat(row.count()), ReasonText(row.reason()),
                    Rate(s, static_cast<double>(row.count()), static_cast<double>(before))});
  }
  return rows;
}

std::vector<std::vector<std::string>> QueryRows(const TopScreen& s) {
  std::vector<std::vector<std::string>> rows;
  for (const Query& query : SlowestQueries(s)) {
    rows.push_back({s.has_before ? absl::StrFormat("%.1f/s", query.rate)
                                 : absl::StrFormat("%.0f", query.latency.count),
                    query.latency.operation,
                    absl::StrCat("median ", Millis(query.latency.Quantile(0.5)), ", 99 % ",
                                 Millis(query.latency.Quantile(0.99)))});
  }
  return rows;
}

}  // namespace

std::vector<std::string> TopFrame(const TopScreen& screen, const TerminalSize& size, bool colour) {
  Frame frame(size, colour);
  if (!screen.trouble.empty()) {
    Line line = frame.Start();
    frame.Put(line.Add(Printable(screen.trouble), Colour::kRed));
  }
  PutHead(screen, &frame);
  const auto flappers = screen.now.flappers;
  const auto reasons = ReasonRows(screen);
  const auto queries = QueryRows(screen);
  // Each part gets a fair share of what is left, so that a long one pushes none out.
  PutRows(screen.has_before ? "Queries, slowest first" : "Queries since the start, slowest first",
          queries, frame.rows_left() / 3, &frame);
  PutRows("Ends since the start, and now", reasons, frame.rows_left() / (flappers.empty() ? 1 : 2),
          &frame);
  PutRows("Flappers", flappers, frame.rows_left(), &frame);
  return frame.Take();
}

}  // namespace session_status::cli
