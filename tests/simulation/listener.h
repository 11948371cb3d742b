// Listener: a client with the core's own state machine and parser, on simulated time, over a Wire.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event_source_state.h"
#include "millrace/server/topic_filter.h"
#include "record.h"
#include "schedule.h"
#include "simulated_server.h"
#include "view.h"
#include "wire.h"

namespace millrace::simulation {

class Listener final : private Wire::ClientEnd {
 public:
  struct Options {
    std::string name;
    std::shared_ptr<const TopicFilter> filter;
    EventSourceState::Policy policy;
    bool http_1_0 = false;
    bool poll = false;
    CursorForm cursor = CursorForm::kEvent;
    bool latest = false;
    std::optional<Duration> conflate = {};
  };
  /// Sends a request over a wire of its own.
  using Connect = std::function<std::shared_ptr<Wire>(Wire::ClientEnd& client, const Request& request)>;

  using Filter = std::shared_ptr<const TopicFilter>;
  /// Changes the topics of the stream on the wire, as SimulatedServer::change().
  using Change =
      std::function<std::optional<std::uint64_t>(const std::shared_ptr<Wire>& wire, const Filter&, const Filter&)>;

  Listener(Schedule& schedule, Record& record, const Options& options, Connect connect, Change change);

  void start(std::string_view last_event_id, std::uint64_t seed);

  /// Listens to other topics from now on: on its stream, or else by another one.
  void listen_to(const Filter& filter, std::uint64_t seed);

  /// The page is loaded again: a new state machine that has kept its last event ID.
  void reload(std::uint64_t seed);
  void close();
  void go_online();
  void restart();
  /// The machine sleeps: nothing is heard and no timer rings.
  void sleep(Duration time);
  /// It wakes, if it sleeps, and its connection is fast and wide from now on.
  void heal();

  const std::string& name() const { return options_.name; }
  const std::shared_ptr<Wire>& wire() const { return wire_; }
  bool has_watchdog() const { return options_.policy.idle_timeout > Duration{0}; }
  bool is_subscribed_to(const std::string& topic) const { return filter_->matches(*Topic::parse(topic)); }
  bool is_closed() const { return state_->ready_state() == EventSourceState::ReadyState::kClosed; }
  const View& view() const { return view_; }

 private:
  enum class Reading : std::uint8_t { kHead, kSize, kData, kDataEnd, kBare, kEnd };

  void on_bytes(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;

  bool read_some();
  void read_head(std::string_view head);
  void take(std::size_t bytes);
  void poll();
  void act(EventSourceState::Output output);
  void connect();
  bool change(const std::vector<std::string>& added);
  void drop();
  void expect_timeout();
  void tell(const std::string& line) { schedule_.tell(options_.name + " " + line); }

  Schedule& schedule_;
  const Options options_;
  const Connect connect_;
  const Change change_;
  Filter filter_;
  std::vector<std::string> unsure_;  // topics whose state may not have come
  View view_;
  std::unique_ptr<EventSourceState> state_;
  std::shared_ptr<Wire> wire_;
  Reading reading_ = Reading::kHead;
  std::string pending_;   // of the response
  std::size_t left_ = 0;  // of the chunk
  TimePoint asleep_until_{};
  TimePoint timeout_expected_ = TimePoint::max();
  bool healed_ = false;
  bool wire_is_sound_ = false;            // nothing has gone wrong with it
  std::optional<TimePoint> not_before_;   // the next attempt, by the policy
  std::optional<TimePoint> retry_after_;  // the same, by the server's word, which no network's return shortens
};

}  // namespace millrace::simulation
