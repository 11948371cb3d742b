// DemoFeed: a made-up market that publishes to `demo/ticks` while it lives, for the demo page to show.
//
// About five events a second of type `tick`, with compact JSON {"n","symbol","price","time"}: n counts from 1, time is
// in milliseconds since the epoch. The same seed makes the same market.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "millrace/server/hub.h"

namespace millrace::cli {

class DemoFeed {
 public:
  /// Publishes to `hub`, which outlives it, on a thread of its own.
  DemoFeed(Hub& hub, std::uint64_t seed);
  ~DemoFeed();
  DemoFeed(const DemoFeed&) = delete;
  DemoFeed& operator=(const DemoFeed&) = delete;

 private:
  void run(std::uint64_t seed);

  Hub& hub_;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace millrace::cli
