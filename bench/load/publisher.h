// Publisher: publishes over HTTP at a rate, or as fast as the server delivers.
//
// One connection carries all events of a topic, which keeps their order. At a rate, an event counts as published when
// it was due, so that a server that falls behind cannot hide it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "latency_distribution.h"
#include "link.h"
#include "load.h"

namespace millrace::load {

class Publisher {
 public:
  /// `deliveries` returns how many events the subscribers have received. Throws std::system_error if the server cannot
  /// be reached.
  Publisher(const Load& load, std::function<std::uint64_t()> deliveries);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  /// Publishes for the load's duration and waits for all answers. Throws std::runtime_error if the server refuses an
  /// event, closes a connection, or stops answering.
  void run();

  /// Publishes this many events at once, without a rate or a window.
  void publish(std::uint64_t events);

  std::uint64_t published() const { return published_; }
  /// From the time when a request was due to its answer.
  const LatencyDistribution& latency() const { return latency_; }
  /// The number of events of each topic, which is its last event's sequence.
  const std::vector<std::uint64_t>& sequences() const { return sequences_; }

 private:
  struct Connection;

  bool window_is_open() const;
  void add_request(Connection& connection, std::size_t topic, std::int64_t published_ns);
  std::size_t next_topic();
  std::size_t another_topic_of_its_connection(std::size_t topic);
  void exchange(std::chrono::nanoseconds wait);
  void finish();
  static void write(Connection& connection);
  void read(Connection& connection);

  const Load& load_;
  const std::function<std::uint64_t()> deliveries_;
  const TlsSetUp tls_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::uint64_t> sequences_;
  std::mt19937_64 random_{1};  // a fixed seed: every run publishes the same
  std::uint64_t published_ = 0;
  LatencyDistribution latency_;
};

}  // namespace millrace::load
