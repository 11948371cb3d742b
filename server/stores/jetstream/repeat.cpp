#include "repeat.h"

#include <exception>
#include <utility>

namespace millrace {

Repetition::Repetition(std::function<void(const IsStopping&)> work, Duration pause)
    : state_(std::make_unique<State>()),
      thread_([&state = *state_, work = std::move(work), pause] { run(state, work, pause); }) {}

Repetition& Repetition::operator=(Repetition&& other) noexcept {
  stop();
  state_ = std::move(other.state_);
  thread_ = std::move(other.thread_);
  return *this;
}

void Repetition::stop() {
  if (state_ == nullptr) return;
  {
    const MutexLock lock(state_->mutex);
    state_->is_stopping = true;
    state_->stopping.notify_all();
  }
  thread_.join();
  state_ = nullptr;
}

void Repetition::run(State& state, const std::function<void(const IsStopping&)>& work, Duration pause) {
  while (!state.is_stopping) {
    try {
      work(state.is_stopping);
    } catch (const std::exception&) {
      // The work reports its own failures; after a lack of memory, the next attempt may succeed.
    }
    MutexLock lock(state.mutex);
    state.stopping.wait_for(lock, pause, [&] { return state.is_stopping.load(); });
  }
}

}  // namespace millrace
