// SimulatedServer::Loop: what ConnectionLoop is in the server. It delivers what is published, and owns streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "simulated_server.h"

namespace millrace::simulation {

class SimulatedServer::Loop final : public Feed::Sink, private DeliveryWriter {
 public:
  explicit Loop(SimulatedServer& server) : server_(server), timers_(server.schedule_.now()) { hub().attach(*this); }
  ~Loop();

  void post(const FramePtr& frame) override {
    has_missed_frames_ = has_missed_frames_ || posted_.size() >= server_.options_.max_posted;
    if (!has_missed_frames_) posted_.push_back(frame);
    expect_turn();
  }

  void post_page(std::uint64_t, const Feed::PagePtr&) override {}  // streams read their pages themselves

  void add(std::unique_ptr<Stream> stream) { streams_.push_back(std::move(stream)); }
  void discard(Stream& stream) {
    discarded_.push_back(&stream);
    expect_turn();
  }
  void set_timer(TimerWheel::Timer& timer, Duration after) {
    timers_.set(timer, server_.schedule_.now() + after);
    expect_timers();
  }

  SimulatedServer& server() { return server_; }
  test::LoneHub& hub() { return *server_.hub_; }
  SubscriberTable& subscribers() { return subscribers_; }
  TimerWheel& timers() { return timers_; }
  WorkBudget& reading() { return reading_; }
  /// Events that wait to be delivered.
  std::size_t waiting() const { return posted_.size() + subscribers_.batched(); }
  std::vector<std::unique_ptr<Stream>>& streams() { return streams_; }
  const std::vector<std::unique_ptr<Stream>>& streams() const { return streams_; }

 private:
  void expect_turn();
  void turn();
  void write(std::span<Delivery> deliveries) override;
  void on_served(const Frame&) override {}
  void expect_timers();

  SimulatedServer& server_;
  TimerWheel timers_;
  SubscriberTable subscribers_;
  WorkBudget reading_;  // what is left of it is whose turn comes next
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<Stream*> discarded_;
  std::vector<FramePtr> posted_;
  bool has_missed_frames_ = false;
  bool turn_expected_ = false;
  TimePoint timers_expected_ = TimePoint::max();
};

}  // namespace millrace::simulation
