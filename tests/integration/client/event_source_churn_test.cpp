// Opening, closing and restarting ten thousand times, from several threads at once: for the sanitizers above all.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "collector.h"
#include "millrace/client/event_source.h"
#include "millrace/client/event_source_pool.h"
#include "stream_server.h"

namespace millrace::test {
namespace {

constexpr int kTimes = 10'000;
constexpr int kThreads = 4;

// One life of a source, which ends in a random state.
void live(const std::function<std::unique_ptr<EventSource>(std::mt19937&)>& make, std::mt19937& dice) {
  std::atomic<int> heard{0};  // outlives the source, whose listeners count
  const std::unique_ptr<EventSource> made = make(dice);
  EventSource& source = *made;
  source.on_open([&] { ++heard; });
  source.on_any([&](const MessageEvent&) {
    if (++heard == 3) source.restart();
  });
  source.on_error([&](const EventSourceError&) { ++heard; });
  source.start();
  const int wanted = static_cast<int>(dice() % 4);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  while (heard < wanted && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  if (dice() % 2 == 0) source.restart();
  if (dice() % 3 == 0) std::this_thread::yield();
  if (dice() % 2 == 0) source.close();
  source.ready_state();
  source.last_event_id();
}

EventSourceOptions eager() {
  EventSourceOptions options;
  options.policy.backoff = {.reconnection_time = Duration{1}, .max = Duration{2}};
  return options;
}

void churn(const std::function<std::unique_ptr<EventSource>(std::mt19937&)>& make) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 dice(seed + static_cast<unsigned>(t));
      for (int i = 0; i < kTimes / 2 / kThreads; ++i) live(make, dice);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Half of the ten thousand each.
TEST(EventSourceChurn, OfSourcesWithThreadsOfTheirOwn) {
  StreamServer server;
  churn([&](std::mt19937& dice) { return std::make_unique<EventSource>(server.url(dice()), eager()); });
}

TEST(EventSourceChurn, OfSourcesInAPool) {
  StreamServer server;
  EventSourcePool pool({.threads = 2});
  churn([&](std::mt19937& dice) { return std::make_unique<EventSource>(pool, server.url(dice()), eager()); });
}

}  // namespace
}  // namespace millrace::test
