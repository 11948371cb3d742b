// Newsroom: made-up headlines and made-up talk, in English and Chinese, the same for the same seed.
//
// Headlines are events of type `news` on `demo/news`: {"n","time","desk","en","zh"}. Talk is of type `chat` on
// `demo/chat/<room>`: {"n","time","room","name","en","zh"}; n counts separately in each room. People publish to the
// same topics; their events have "text" in place of "en" and "zh", and no n.
//
// Nothing repeats within some minutes: each story appears again after all others, in another order, and the talk of a
// room follows its script to the end before it begins again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "demo_event.h"

namespace millrace::demo {

class Newsroom {
 public:
  explicit Newsroom(std::uint64_t seed);

  DemoEvent headline(std::int64_t time);
  DemoEvent remark(std::int64_t time);

  /// Milliseconds until the next event.
  int until_headline();
  int until_remark();

 private:
  std::mt19937_64 random_;
  std::vector<std::size_t> stories_;  // all stories, shuffled
  std::uint64_t headlines_ = 0;
  struct Room {
    std::size_t next = 0;  // line of its script
    std::uint64_t remarks = 0;
  };
  Room lobby_;
  Room workshop_;
};

}  // namespace millrace::demo
