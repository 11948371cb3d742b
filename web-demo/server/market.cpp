#include "market.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace millrace::demo {

namespace {

constexpr std::array kSymbols = {"ALDER",  "BASIN",  "BROOK",  "CAIRN", "CANAL",   "CHALK",  "CREEK",  "DELTA",
                                 "DUNES",  "EMBER",  "ESKER",  "FJORD", "FLINT",   "GORGE",  "GROVE",  "HAVEN",
                                 "HEATH",  "INLET",  "ISLET",  "JETTY", "KARST",   "KNOLL",  "LAGOON", "LARCH",
                                 "LEVEE",  "MARSH",  "MEADOW", "MERE",  "MORAINE", "OXBOW",  "PEBBLE", "PLAIN",
                                 "QUARRY", "RAPID",  "RIDGE",  "SHOAL", "SLUICE",  "SPRING", "STRAIT", "TARN",
                                 "TIDE",   "TUNDRA", "UPLAND", "VALE",  "WEIR",    "WILLOW", "YARROW", "ZEPHYR"};

constexpr double kLowestPrice = 0.01;
constexpr double kVolatility = 0.0011;  // relative change of a price, per change
constexpr double kReversion = 0.0008;   // share of the way back to the opening price, per change
constexpr double kMeanRate = 300;       // changes a second
constexpr double kSwell = 0.3;          // share of the mean rate by which it rises and falls
constexpr double kSwellSeconds = 11;
constexpr double kLongestStep = 0.25;  // seconds: a machine that has slept does not catch up

double rounded_to_cents(double price) {
  return std::round(price * 100) / 100;
}

}  // namespace

Market::Market(std::uint64_t seed) : random_(seed) {
  std::lognormal_distribution<double> price(4, 0.9);
  for (const std::string_view symbol : kSymbols) {
    const double base = std::max(rounded_to_cents(price(random_)), 2.0);
    stocks_.push_back({.symbol = symbol, .base = base, .price = base});
  }
}

DemoEvent Market::next(std::int64_t time) {
  if (opened_ < stocks_.size()) return tick(stocks_[opened_++], time);
  // A stock near the front of the shuffled list trades often, and others rarely, but none so rarely that its place on
  // the board stays empty.
  std::uniform_real_distribution<double> unit(0, 1);
  std::normal_distribution<double> change(0, kVolatility);
  const double place = std::pow(unit(random_), 2);
  const auto index = static_cast<std::size_t>(place * static_cast<double>(stocks_.size())) * 29 % stocks_.size();
  Stock& stock = stocks_[index];
  const double drawn = stock.price + (stock.base - stock.price) * kReversion;
  stock.price = std::max(rounded_to_cents(drawn * (1 + change(random_))), kLowestPrice);
  return tick(stock, time);
}

DemoEvent Market::tick(Stock& stock, std::int64_t time) {
  const nlohmann::ordered_json data{
      {"n", ++stock.changes}, {"symbol", stock.symbol}, {"price", stock.price}, {"time", time}};
  return {.topic = "demo/stocks/" + std::string(stock.symbol), .type = "tick", .data = data.dump(), .retain = true};
}

std::size_t Market::due(double seconds) {
  if (opened_ < stocks_.size()) return stocks_.size() - opened_;
  constexpr double kTurn = 6.283185307179586;
  seconds = std::clamp(seconds, 0.0, kLongestStep);
  day_ += seconds;
  const double rate = kMeanRate * (1 + kSwell * std::sin(day_ / kSwellSeconds * kTurn));
  owed_ += rate * seconds;
  const double whole = std::floor(owed_);
  owed_ -= whole;
  return static_cast<std::size_t>(whole);
}

}  // namespace millrace::demo
