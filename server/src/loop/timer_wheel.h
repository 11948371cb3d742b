// TimerWheel: one deadline for each of very many connections, at a constant cost.
//
// Moving a deadline to later, as with every written event for the heartbeat, is a single store: the timer moves when
// its old slot comes up. A deadline fires within one tick. Time is a parameter. One thread.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

#include "millrace/core/time.h"

namespace millrace {

class TimerWheel {
 public:
  static constexpr Duration kTick{50};

  class Timer {
   public:
    Timer() = default;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// The deadline has passed; the timer is not set any more.
    virtual void on_timer(TimePoint now) = 0;

   protected:
    ~Timer() = default;

   private:
    friend class TimerWheel;
    Timer* previous_ = nullptr;
    Timer* next_ = nullptr;
    TimePoint deadline_{};
    std::int64_t tick_ = 0;  // under which it is filed; 0 if it is not set
  };

  explicit TimerWheel(TimePoint now) : tick_(tick_of(now)) {}

  void set(Timer& timer, TimePoint deadline);
  void cancel(Timer& timer);

  /// Calls on_timer() of every timer whose deadline is at or before `now`. Timers may be set and cancelled in there.
  void advance(TimePoint now);

  /// When advance() is worth calling next; nothing if no timer is set. May be earlier than the first deadline.
  std::optional<TimePoint> next() const;

 private:
  static constexpr std::size_t kSlots = 1024;  // x kTick: deadlines further off come by several times

  static std::int64_t tick_of(TimePoint time) { return time.time_since_epoch() / kTick; }
  static std::size_t slot_of(std::int64_t tick) { return static_cast<std::size_t>(tick) % kSlots; }
  void file(Timer& timer);
  void unfile(Timer& timer);

  std::int64_t tick_;  // the last one advanced through
  std::array<Timer*, kSlots> slots_{};
  std::bitset<kSlots> occupied_;
};

}  // namespace millrace
