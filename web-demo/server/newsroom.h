// Newsroom: made-up headlines and made-up talk, in English and Chinese, the same for the same seed.
//
// Headlines are events of type `news` on `demo/news`: {"n","time","desk","en","zh"}. Talk is of type `chat` on
// `demo/chat/<room>`: {"n","time","room","name","en","zh"}. People publish to the same topics; theirs have a "text"
// in place of "en" and "zh", and no n.
#pragma once

#include <cstdint>
#include <random>

#include "demo_event.h"

namespace millrace::demo {

class Newsroom {
 public:
  explicit Newsroom(std::uint64_t seed) : random_(seed) {}

  DemoEvent headline(std::int64_t time);
  DemoEvent remark(std::int64_t time);

  /// Milliseconds until the next one.
  int until_headline();
  int until_remark();

 private:
  std::mt19937_64 random_;
  std::uint64_t headlines_ = 0;
  std::uint64_t remarks_ = 0;
};

}  // namespace millrace::demo
