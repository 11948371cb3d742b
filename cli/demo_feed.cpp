#include "demo_feed.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <string_view>

namespace millrace::cli {

namespace {

struct Stock {
  std::string_view symbol;
  double price;
};

constexpr std::array<Stock, 8> kStocks{{{"ALDER", 48.20},
                                        {"BROOK", 131.75},
                                        {"CHALK", 9.84},
                                        {"DELTA", 276.10},
                                        {"EMBER", 64.55},
                                        {"FJORD", 18.32},
                                        {"GROVE", 402.90},
                                        {"HEATH", 87.05}}};

constexpr double kVolatility = 0.004;  // of a price, per tick
constexpr double kLowestPrice = 0.01;

double rounded_to_cents(double price) {
  return std::round(price * 100) / 100;
}

std::int64_t milliseconds_since_epoch() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

DemoFeed::DemoFeed(Hub& hub, std::uint64_t seed) : hub_(hub), thread_([this, seed] { run(seed); }) {}

DemoFeed::~DemoFeed() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ending_.notify_one();
  thread_.join();
}

void DemoFeed::run(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<std::size_t> which(0, kStocks.size() - 1);
  std::normal_distribution<double> change(0, kVolatility);
  std::uniform_int_distribution<int> pause(100, 300);  // ms; five a second on average, as uneven as life
  auto stocks = kStocks;

  for (std::uint64_t n = 1;; ++n) {
    Stock& stock = stocks[which(random)];
    stock.price = std::max(rounded_to_cents(stock.price * (1 + change(random))), kLowestPrice);
    const nlohmann::ordered_json tick{
        {"n", n}, {"symbol", stock.symbol}, {"price", stock.price}, {"time", milliseconds_since_epoch()}};
    try {
      hub_.publish("demo/ticks", {.type = "tick", .data = tick.dump()});
    } catch (const StoreUnavailable&) {
      // A tick that cannot be stored is no loss: the next one brings the price.
    }

    std::unique_lock lock(mutex_);
    if (ending_.wait_for(lock, std::chrono::milliseconds(pause(random)), [this] { return ended_; })) return;
  }
}

}  // namespace millrace::cli
