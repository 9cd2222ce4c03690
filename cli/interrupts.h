// Ctrl-C and friends as a descriptor to wait for, so that long commands end cleanly: cursor shown,
// last line whole, exit status 0.
//
// While an object lives, SIGINT and SIGTERM (and what else was asked for) are blocked and readable
// from fd() instead. Whatever may wait has to wait for that as well. Output cannot, and is written
// while an Output lives.
//
// Threads: one; before others are started. One object at a time. Uses SIGALRM.
#ifndef SESSION_STATUS_CLI_INTERRUPTS_H_
#define SESSION_STATUS_CLI_INTERRUPTS_H_

#include <signal.h>

#include <array>
#include <initializer_list>

#include "absl/time/time.h"

namespace session_status::cli {

class Interrupts {
 public:
  explicit Interrupts(std::initializer_list<int> further = {});
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // A reader of our output who does not read holds it up for ever. While an Output lives, SIGINT
  // and SIGTERM give him a second: if all is written by then, the signal is read from fd() as any
  // other, else the process dies of it.
  class Output {
   public:
    Output();
    ~Output();
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

   private:
    const bool listens_;
    sigset_t before_;
  };

  int fd() const { return fd_; }
  // The next signal that came; 0: none came within `patience`.
  int Wait(absl::Duration patience);
  // Lets a signal that was read do what it does without us; returns when that is no end, or over.
  void Deliver(int signal);

 private:
  sigset_t before_;
  std::array<struct sigaction, 3> actions_before_;
  int fd_;
};

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_INTERRUPTS_H_
