#include "signal_watch.h"

#include <utility>

#include "thread_name.h"

namespace millrace::cli {

BlockedSignals::BlockedSignals() {
  sigset_t signals{};
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, &before_);
}

BlockedSignals::~BlockedSignals() {
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

SignalWatch::SignalWatch(std::function<void()> on_end, std::function<void()> on_hangup) {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  if (on_hangup != nullptr) sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  thread_ = std::thread([this, on_end = std::move(on_end), on_hangup = std::move(on_hangup)] {
    name_this_thread("millrace-signal");
    int signal = 0;
    while (sigwait(&signals_, &signal) == 0 && signal == SIGHUP) on_hangup();
    if (!ending_) on_end();
  });
}

SignalWatch::~SignalWatch() {
  ending_ = true;
  // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): every thread has it blocked; this one takes it by sigwait.
  pthread_kill(thread_.native_handle(), SIGTERM);  // wakes it, unless a signal already did
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace millrace::cli
