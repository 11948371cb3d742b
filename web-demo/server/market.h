// Market: made-up stock prices, the same for the same seed.
//
// Events of type `tick` on `demo/stocks/<SYMBOL>`, with compact JSON {"n","symbol","price","time"}: n counts from 1 for
// each symbol, so that a listener can detect a missing one.
#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "demo_event.h"

namespace millrace::demo {

class Market {
 public:
  explicit Market(std::uint64_t seed);

  /// The next change of some price, at `time` (wall_clock()).
  DemoEvent next(std::int64_t time);

  /// How many changes belong into `seconds` of trading: about 300 a second, more or less as the day goes.
  std::size_t due(double seconds);

 private:
  struct Stock {
    std::string_view symbol;
    double base;  // where the price is drawn back to
    double price;
    std::uint64_t changes = 0;
  };

  std::mt19937_64 random_;
  std::vector<Stock> stocks_;
  double day_ = 0;   // seconds of trading so far
  double owed_ = 0;  // changes due, less those handed out
};

}  // namespace millrace::demo
