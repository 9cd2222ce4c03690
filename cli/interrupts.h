// Ctrl-C and friends as a descriptor to wait for, so that long commands end cleanly: cursor shown,
// last line whole, exit status 0.
//
// While an object lives, SIGINT and SIGTERM (and what else was asked for) are blocked and readable
// from fd() instead.
//
// Threads: one; before others are started.
#ifndef SESSION_STATUS_CLI_INTERRUPTS_H_
#define SESSION_STATUS_CLI_INTERRUPTS_H_

#include <signal.h>

#include <initializer_list>

#include "absl/time/time.h"

namespace session_status::cli {

class Interrupts {
 public:
  explicit Interrupts(std::initializer_list<int> further = {});
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int fd() const { return fd_; }
  // The next signal that came; 0: none came within `patience`.
  int Wait(absl::Duration patience);

 private:
  sigset_t before_;
  int fd_;
};

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_INTERRUPTS_H_
