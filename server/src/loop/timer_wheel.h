// TimerWheel: one deadline for each of very many connections, at a constant cost.
//
// Moving a deadline to later, as each written event does with the heartbeat, is a single store: the timer moves when
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

    /// The deadline has passed; the timer is no longer set.
    virtual void on_timer(TimePoint now) = 0;

   protected:
    ~Timer() = default;

   private:
    friend class TimerWheel;
    Timer* previous_ = nullptr;
    Timer* next_ = nullptr;
    TimePoint deadline_{};
    std::int64_t tick_ = 0;  // the tick under which it is filed; 0 if it is not set
  };

  explicit TimerWheel(TimePoint now) : tick_(tick_of(now)) {}

  void set(Timer& timer, TimePoint deadline);
  void cancel(Timer& timer);

  /// Calls on_timer() of every timer whose deadline is at or before `now`. on_timer() may set and cancel timers.
  void advance(TimePoint now);

  /// When to call advance() next; nothing if no timer is set. May be earlier than the first deadline.
  std::optional<TimePoint> next() const;

 private:
  static constexpr std::size_t kSlots = 1024;  // times kTick; later deadlines come up several times

  static std::int64_t tick_of(TimePoint time) { return time.time_since_epoch() / kTick; }
  static std::size_t slot_of(std::int64_t tick) { return static_cast<std::size_t>(tick) % kSlots; }
  void file(Timer& timer);
  void unfile(Timer& timer);

  std::int64_t tick_;  // the last tick advanced through
  std::array<Timer*, kSlots> slots_{};
  std::bitset<kSlots> occupied_;
};

}  // namespace millrace
