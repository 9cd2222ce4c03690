// mosquitto_session top: a live screen. q or Ctrl-C ends it; without a terminal, one frame.
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cmath>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/top_frame.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr char kEscape = 27;

// The alternate screen without cursor and line editing; what was there comes back at the end, and
// while somebody else has the terminal.
class FullScreen {
 public:
  FullScreen() : raw_(tcgetattr(STDIN_FILENO, &before_) == 0) { Enter(); }
  ~FullScreen() { Leave(); }
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;

  void Enter() const {
    if (raw_) {
      termios wanted = before_;
      wanted.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
      wanted.c_cc[VMIN] = 0;
      wanted.c_cc[VTIME] = 0;
      tcsetattr(STDIN_FILENO, TCSANOW, &wanted);
    }
    Write("\x1b[?1049h\x1b[?25l");
  }
  void Leave() const {
    Write("\x1b[?25h\x1b[?1049l");
    if (raw_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  void Show(const std::vector<std::string>& lines) const {
    std::string out = "\x1b[H";
    for (size_t i = 0; i < lines.size(); ++i)
      absl::StrAppend(&out, i == 0 ? "" : "\r\n", lines[i], "\x1b[K");
    Write(out + "\x1b[J");
  }
  bool keys() const { return raw_; }

 private:
  static void Write(absl::string_view text) {
    const Interrupts::Output output;
    std::cout << text << std::flush;
  }

  termios before_{};
  const bool raw_;
};

std::vector<std::vector<std::string>> FlapperRows(const pb::ListFlappersResponse& reply) {
  std::vector<std::vector<std::string>> rows;
  for (const pb::Flapper& flapper : reply.flappers()) {
    rows.push_back({absl::StrCat(flapper.flaps()), flapper.client_id(),
                    ReasonText(flapper.last_reason()), flapper.address()});
  }
  return rows;
}

absl::Status Read(AdminClient* client, int stop_fd, TopReading* out) {
  if (absl::Status s =
          client->Call("GetServerStatus", pb::GetServerStatusRequest(), &out->status, stop_fd);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = client->Call("GetCounts", pb::GetCountsRequest(), &out->counts, stop_fd);
      !s.ok()) {
    return s;
  }
  pb::ListFlappersResponse flappers;
  if (absl::Status s = client->Call("ListFlappers", pb::ListFlappersRequest(), &flappers, stop_fd);
      !s.ok()) {
    return s;
  }
  out->flappers = FlapperRows(flappers);
  std::string metrics;
  if (absl::Status s = client->Get("/metrics", stop_fd,
                                   [&metrics](absl::string_view bytes) {
                                     metrics.append(bytes.data(), bytes.size());
                                     return true;
                                   });
      !s.ok()) {
    return s;
  }
  out->queries = QueryLatencies(ParseMetrics(metrics));
  out->at = absl::Now();
  return absl::OkStatus();
}

void Advance(AdminClient* client, int stop_fd, TopScreen* screen) {
  TopReading reading;
  const absl::Status status = Read(client, stop_fd, &reading);
  if (absl::IsCancelled(status)) return;  // Pause() looks which signal it was
  screen->trouble = status.ok() ? "" : std::string(status.message());
  if (!status.ok()) return;
  // Another life of the plugin has nothing in common with the last reading.
  screen->has_before = screen->now.status.started_at_ms() == reading.status.started_at_ms();
  screen->before = std::move(screen->now);
  screen->now = std::move(reading);
}

// False: the signal asks for the end.
bool Heed(int signal, const FullScreen& full, Interrupts* interrupts) {
  switch (signal) {
    case SIGTSTP:
      full.Leave();
      interrupts->Deliver(SIGTSTP);
      full.Enter();
      return true;
    case SIGCONT:  // of a SIGSTOP, too, which nobody is told
      full.Enter();
      return true;
    case SIGWINCH:
      return true;
    default:
      return false;
  }
}

// Waits for the next turn. False: the end was asked for.
bool Pause(absl::Time until, const FullScreen& full, Interrupts* interrupts,
           const std::function<void()>& redraw) {
  for (;;) {
    const absl::Duration left = until - absl::Now();
    if (left <= absl::ZeroDuration()) return true;
    pollfd waited[] = {{interrupts->fd(), POLLIN, 0}, {full.keys() ? STDIN_FILENO : -1, POLLIN, 0}};
    poll(waited, 2, static_cast<int>(std::ceil(absl::ToDoubleMilliseconds(left))));
    if (waited[0].revents != 0) {
      if (!Heed(interrupts->Wait(absl::ZeroDuration()), full, interrupts)) return false;
      redraw();
    }
    if (waited[1].revents != 0) {
      char key = 0;
      if (read(STDIN_FILENO, &key, 1) != 1) return false;  // the terminal is gone
      if (key == 'q' || key == 'Q' || key == kEscape) return false;
    }
  }
}

void RunLive(AdminClient* client, TopScreen* screen, absl::Duration interval) {
  Interrupts interrupts({SIGWINCH, SIGTSTP, SIGCONT});
  const FullScreen full;
  const bool colour = WantsColour(STDOUT_FILENO);
  const auto draw = [&] { full.Show(TopFrame(*screen, SizeOf(STDOUT_FILENO), colour)); };
  draw();
  while (Pause(absl::Now() + interval, full, &interrupts, draw)) {
    Advance(client, interrupts.fd(), screen);
    draw();
  }
}

void Run(double interval_s, bool once, Context* context) {
  AdminClient client = context->MakeClient();
  TopScreen screen;
  if (absl::Status s = Read(&client, -1, &screen.now); !s.ok()) return context->Fail(s);
  if (!once && IsTerminal(STDOUT_FILENO))
    return RunLive(&client, &screen, absl::Seconds(interval_s));
  TerminalSize size = SizeOf(STDOUT_FILENO);
  for (const std::string& line : TopFrame(screen, size, WantsColour(STDOUT_FILENO))) {
    std::cout << line << "\n";
  }
}

}  // namespace

void AddTopCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "top", "Watch the whole: counts, rates, slow queries, ends and flappers, on a live screen");
  auto interval_s = std::make_shared<double>(1);
  auto once = std::make_shared<bool>(false);
  command->add_option("-i,--interval", *interval_s, "Seconds between two readings")
      ->capture_default_str()
      ->type_name("SECONDS")
      ->check(IsNoNan())
      ->check(CLI::Range(0.1, 3600.0));
  command->add_flag("--once", *once, "Print one screen and end, as without a terminal");
  command->footer(
      "q or Ctrl-C ends it. Rates are those between the last two readings. The times of queries "
      "are\n"
      "bounds of the histogram in /metrics.\n\n"
      "Examples:\n  mosquitto_session top\n  mosquitto_session top --once");
  command->callback([interval_s, once, context] {
    if (context->json) throw CLI::ValidationError("--json", "top has none; see status and count");
    Run(*interval_s, *once, context);
  });
}

}  // namespace session_status::cli
