// Schedule: simulated time. What is to happen next happens at once; nothing ever waits.
//
// It also keeps the story of a life, where it is wanted: what happened, and when.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/time.h"

namespace millrace::simulation {

/// A promise that was not kept.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Schedule {
 public:
  using Step = std::function<void()>;

  explicit Schedule(bool tells_story) : tells_story_(tells_story) {}

  TimePoint now() const { return now_; }

  void at(TimePoint time, Step step) {
    steps_.push({.time = std::max(time, now_), .order = ++last_, .step = std::move(step)});
  }
  void after(Duration delay, Step step) { at(now_ + delay, std::move(step)); }

  /// Runs what is due until `end`, which is then the time. Throws Broken if time stands still.
  void run_until(TimePoint end) {
    std::uint64_t steps_at_once = 0;
    while (!steps_.empty() && steps_.top().time <= end) {
      Entry entry = std::move(const_cast<Entry&>(steps_.top()));  // a priority_queue cannot be moved from otherwise
      steps_.pop();
      steps_at_once = entry.time == now_ ? steps_at_once + 1 : 0;
      if (steps_at_once > kMaxStepsAtOnce) throw Broken("time stands still: something wakes itself again and again");
      now_ = entry.time;
      ++taken_;
      entry.step();
    }
    now_ = end;
  }

  /// How many steps have been taken.
  std::uint64_t taken() const { return taken_; }

  bool tells_story() const { return tells_story_; }
  void tell(const std::string& line) {
    if (tells_story_) story_.push_back(std::to_string(now_.time_since_epoch().count()) + " ms  " + line);
  }
  const std::vector<std::string>& story() const { return story_; }

 private:
  static constexpr std::uint64_t kMaxStepsAtOnce = 3'000'000;  // single bytes of much that waits, without a delay

  struct Entry {
    TimePoint time;
    std::uint64_t order;
    Step step;
    bool operator<(const Entry& other) const { return time != other.time ? time > other.time : order > other.order; }
  };

  TimePoint now_{Duration{1'000'000}};
  std::uint64_t last_ = 0;
  std::uint64_t taken_ = 0;
  std::priority_queue<Entry> steps_;
  const bool tells_story_;
  std::vector<std::string> story_;
};

}  // namespace millrace::simulation
