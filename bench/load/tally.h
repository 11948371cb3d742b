// Tally: the results of one process's subscribers, in memory shared with the process that reports.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "latency_distribution.h"

namespace millrace::load {

/// The subscribers' process writes and the other reads; except the atomic counters, only when `finished` is set.
struct Tally {
  /// Events whose arrivals are recorded one by one.
  static constexpr std::size_t kFollowed = 8192;
  struct Arrivals {
    std::uint64_t count = 0;
    std::int64_t published_ns = 0;
    std::int64_t last_ns = 0;
  };

  std::atomic<std::uint64_t> connected = 0;   ///< subscribers that got an event stream
  std::atomic<std::uint64_t> failed = 0;      ///< subscribers that did not
  std::atomic<std::uint64_t> deliveries = 0;  ///< events received
  std::atomic<bool> stop = false;             ///< set from outside: ends the process
  std::atomic<bool> finished = false;

  // Failures, all of them
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t gaps = 0;     ///< reported by the server
  std::uint64_t skipped = 0;  ///< by a server that sends only newest events: not a failure
  std::uint64_t closed = 0;   ///< streams that ended

  std::uint64_t bytes = 0;  ///< received
  std::int64_t last_connected_ns = 0;
  std::int64_t last_delivery_ns = 0;
  LatencyDistribution latency;
  Arrivals arrivals[kFollowed];  ///< of one topic's events, by sequence; unused with several topics
};

/// The tallies of all processes; created before the processes.
class TallyBoard {
 public:
  /// Throws std::system_error if there is no memory.
  explicit TallyBoard(std::size_t processes);
  ~TallyBoard();
  TallyBoard(const TallyBoard&) = delete;
  TallyBoard& operator=(const TallyBoard&) = delete;

  std::span<Tally> tallies() const { return tallies_; }

  std::uint64_t connected() const { return sum(&Tally::connected); }
  std::uint64_t failed() const { return sum(&Tally::failed); }
  std::uint64_t deliveries() const { return sum(&Tally::deliveries); }
  bool finished() const;
  void stop() const;

 private:
  std::uint64_t sum(std::atomic<std::uint64_t> Tally::*counter) const;

  std::span<Tally> tallies_;
};

}  // namespace millrace::load
