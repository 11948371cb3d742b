// Newsroom: made-up headlines and made-up talk, in English and Chinese, the same for the same seed.
//
// Headlines are events of type `news` on `demo/news`: {"n","time","desk","en","zh"}. Talk is of type `chat` on
// `demo/chat/<room>`: {"n","time","room","name","en","zh"}, with an n of each room. People publish to the same topics;
// theirs have a "text" in place of "en" and "zh", and no n.
//
// Nobody who listens for some minutes reads anything twice: each story comes again after all others, at another place,
// and the talk of a room goes on as it is written until it begins anew.
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

  /// Milliseconds until the next one.
  int until_headline();
  int until_remark();

 private:
  std::mt19937_64 random_;
  std::vector<std::size_t> stories_;  // a shuffled pack of all
  std::uint64_t headlines_ = 0;
  struct Room {
    std::size_t next = 0;  // of its script
    std::uint64_t remarks = 0;
  };
  Room lobby_;
  Room workshop_;
};

}  // namespace millrace::demo
