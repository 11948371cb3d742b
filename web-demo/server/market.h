// Market: made-up stock prices, the same for the same seed. First each stock gets an opening price; then the prices
// change.
//
// Events of type `tick` on `demo/stocks/<SYMBOL>`, with compact JSON {"n","symbol","price","time"}: n counts from 1 for
// each symbol, so that a listener can detect a missing one. They are retained: a page begins with all prices.
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

  /// The next opening price, or the next change of a price, at `time` (wall_clock()).
  DemoEvent next(std::int64_t time);

  /// The number of events in `seconds` of trading: first all opening prices, then about 300 changes a second, which
  /// rises and falls with the time of day.
  std::size_t due(double seconds);

 private:
  struct Stock {
    std::string_view symbol;
    double base;  // the price tends to return to it
    double price;
    std::uint64_t changes = 0;
  };

  static DemoEvent tick(Stock& stock, std::int64_t time);

  std::mt19937_64 random_;
  std::vector<Stock> stocks_;
  std::size_t opened_ = 0;  // stocks that have their opening price
  double day_ = 0;          // seconds of trading so far
  double owed_ = 0;         // changes due, less those handed out
};

}  // namespace millrace::demo
