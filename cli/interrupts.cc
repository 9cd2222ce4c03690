#include "cli/interrupts.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace session_status::cli {
namespace {

constexpr unsigned kGraceS = 1;
constexpr int kHandled[] = {SIGINT, SIGTERM, SIGALRM};

// The signal that an Output took up, because a handler is told nothing else; 0: none.
volatile sig_atomic_t taken_up = 0;

sigset_t Ends() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  return ends;
}

sigset_t Only(int signal) {
  sigset_t it;
  sigemptyset(&it);
  sigaddset(&it, signal);
  return it;
}

// Of SIGINT and SIGTERM, and of the SIGALRM that the first of them has ordered.
void OnSignal(int signal) {
  if (signal != SIGALRM) {
    if (taken_up == 0) alarm(kGraceS);
    taken_up = signal;
    return;
  }
  const int ends_us = taken_up != 0 ? taken_up : SIGALRM;
  const sigset_t it = Only(ends_us);
  ::signal(ends_us, SIG_DFL);
  pthread_sigmask(SIG_UNBLOCK, &it, nullptr);
  raise(ends_us);
}

}  // namespace

// A second signal is none of an Output's: the first has to be read from the descriptor before.
Interrupts::Output::Output() : listens_(taken_up == 0) {
  const sigset_t ends = Ends();
  pthread_sigmask(listens_ ? SIG_UNBLOCK : SIG_BLOCK, &ends, &before_);
}

Interrupts::Output::~Output() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  if (listens_ && taken_up != 0) raise(taken_up);  // blocked again: the descriptor has it
}

Interrupts::Interrupts(std::initializer_list<int> further) {
  sigset_t wanted = Ends();
  for (const int signal : further) sigaddset(&wanted, signal);
  pthread_sigmask(SIG_BLOCK, &wanted, &before_);
  fd_ = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
  struct sigaction ours = {};
  ours.sa_handler = OnSignal;
  ours.sa_flags = SA_RESTART;  // of the writing
  for (size_t i = 0; i < actions_before_.size(); ++i) {
    sigaction(kHandled[i], &ours, &actions_before_[i]);
  }
}

Interrupts::~Interrupts() {
  // What was not read would be delivered now, and end us after the work is done.
  while (Wait(absl::ZeroDuration()) != 0) {
  }
  close(fd_);
  alarm(0);
  taken_up = 0;
  for (size_t i = 0; i < actions_before_.size(); ++i) {
    sigaction(kHandled[i], &actions_before_[i], nullptr);
  }
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

int Interrupts::Wait(absl::Duration patience) {
  pollfd waited{fd_, POLLIN, 0};
  if (poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) <= 0) return 0;
  signalfd_siginfo info{};
  return read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
}

void Interrupts::Deliver(int signal) {
  const sigset_t it = Only(signal);
  pthread_sigmask(SIG_UNBLOCK, &it, nullptr);
  raise(signal);
  pthread_sigmask(SIG_BLOCK, &it, nullptr);
}

}  // namespace session_status::cli
