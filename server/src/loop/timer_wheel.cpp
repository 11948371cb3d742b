#include "timer_wheel.h"

#include <algorithm>

namespace millrace {

void TimerWheel::set(Timer& timer, TimePoint deadline) {
  const bool later = timer.tick_ != 0 && deadline >= timer.deadline_;
  timer.deadline_ = deadline;
  if (later) return;  // filed anew when its old slot comes up
  cancel(timer);
  file(timer);
}

void TimerWheel::cancel(Timer& timer) {
  if (timer.tick_ != 0) unfile(timer);
}

void TimerWheel::advance(TimePoint now) {
  const std::int64_t last = tick_of(now);
  // After a long pause it visits every slot once, not once per tick.
  for (std::int64_t tick = std::max(tick_ + 1, last - static_cast<std::int64_t>(kSlots) + 1); tick <= last; ++tick) {
    tick_ = tick;
    while (occupied_[slot_of(tick)]) {
      // A timer for a later round goes back into the same slot: this visit must not meet it again.
      Timer* timer = slots_[slot_of(tick)];
      while (timer != nullptr && timer->tick_ > tick) timer = timer->next_;
      if (timer == nullptr) break;
      unfile(*timer);
      if (timer->deadline_ <= now) {
        timer->on_timer(now);
      } else {
        file(*timer);
      }
    }
  }
  tick_ = last;
}

std::optional<TimePoint> TimerWheel::next() const {
  if (occupied_.none()) return std::nullopt;
  std::int64_t tick = tick_ + 1;
  while (!occupied_[slot_of(tick)]) ++tick;
  return TimePoint{tick * kTick};
}

// Files the timer under the first tick that begins at or after the deadline and is still ahead.
void TimerWheel::file(Timer& timer) {
  timer.tick_ = std::max(tick_of(timer.deadline_ + kTick - Duration{1}), tick_ + 1);
  Timer*& head = slots_[slot_of(timer.tick_)];
  timer.previous_ = nullptr;
  timer.next_ = head;
  if (head != nullptr) head->previous_ = &timer;
  head = &timer;
  occupied_.set(slot_of(timer.tick_));
}

void TimerWheel::unfile(Timer& timer) {
  Timer*& head = slots_[slot_of(timer.tick_)];
  if (timer.previous_ != nullptr) {
    timer.previous_->next_ = timer.next_;
  } else {
    head = timer.next_;
  }
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  if (head == nullptr) occupied_.reset(slot_of(timer.tick_));
  timer.tick_ = 0;
}

}  // namespace millrace
