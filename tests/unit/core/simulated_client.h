// SimulatedClient: an EventSourceState with a clock of its own, driven the way its owners drive it.
//
// Every input is followed by polling until there is nothing left; what was polled is written down, one line an output.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/event_source_state.h"

namespace millrace::test {

using Outputs = std::vector<std::string>;

class SimulatedClient {
 public:
  explicit SimulatedClient(const EventSourceState::Policy& policy, std::string_view last_event_id = {},
                           std::uint64_t seed = 1)
      : state(policy, last_event_id, seed) {}

  // Inputs; each returns the outputs that came of it.
  Outputs start();
  Outputs respond(int status, std::string_view content_type = "text/event-stream");
  Outputs respond_from(std::string_view last_event_id);
  Outputs respond_retry_after(int status, Duration retry_after);
  Outputs receive(std::string_view bytes);
  Outputs end();
  Outputs break_connection();
  Outputs go_online();
  Outputs close();

  /// Lets time pass without calling in.
  void pass(Duration time) { now += time; }
  /// Lets time pass until poll_timeout(), and calls handle_timeout().
  Outputs sleep_until_timeout();
  /// From start to an open stream, whose outputs are dropped.
  void connect();
  /// The connection breaks; the time until the next attempt, which is made.
  Duration reconnect_after_break();

  Outputs poll_all();

  EventSourceState state;
  TimePoint now{Duration{1'000'000}};
  /// Called for every output as it is acted on, when set.
  std::function<void(EventSourceState::Output)> act;
};

}  // namespace millrace::test
