// A reconnection storm, simulated: a million clients, each the real state machine on simulated time, lose their server.
// What counts is how many ask for a connection in the same tenth of a second, and when all are back.
//
// Prints JSON: for each storm, attempts in each tenth of a second. The same seed, the same storm.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "millrace/core/event_source_state.h"

namespace {

using millrace::Duration;
using millrace::EventSourceState;
using millrace::TimePoint;

constexpr std::size_t kClients = 1'000'000;
constexpr std::size_t kNodes = 20;
constexpr Duration kBin{100};
constexpr Duration kRoundTrip{50};

struct Storm {
  const char* name;
  std::size_t nodes_lost;
  Duration down;  // no attempt succeeds before
  bool drained;   // the stream ends in order; the retry before its end is drawn from the window
  Duration window{0};
  bool state_machine = true;  // else: clients that come back after exactly 3 s, and again
};

struct Result {
  std::vector<std::uint32_t> attempts;  // in each bin
  Duration calm{0};                     // when the last was back
};

class Simulation {
 public:
  explicit Simulation(const Storm& storm) : storm_(storm) {}

  Result run() {
    const std::size_t lost = kClients / kNodes * storm_.nodes_lost;
    clients_.reserve(lost);
    std::mt19937_64 random(1);
    std::uniform_int_distribution<Duration::rep> spread(0, storm_.window.count());
    for (std::size_t i = 0; i < lost; ++i) {
      clients_.emplace_back(EventSourceState::Policy{}, std::string_view(), random());
      EventSourceState& client = clients_.back();
      // Long connected, so that the connection counted as stable.
      client.start();
      act(i, TimePoint{});
      client.handle_response({.status = 200, .content_type = "text/event-stream"}, TimePoint{});
      client.handle_bytes("retry: 3000\nid: e-1\n\n", TimePoint{});
      act(i, TimePoint{});
      if (storm_.drained) {
        const std::string retry = "retry: " + std::to_string(3000 + spread(random)) + "\nid: e-1\n\n";
        client.handle_bytes(retry, kBegin);
        act(i, kBegin);
        client.handle_end(kBegin);
      } else {
        client.handle_network_error(kBegin);
      }
      act(i, kBegin);
    }
    while (!wakes_.empty()) {
      const auto [time, index] = wakes_.top();
      wakes_.pop();
      wake(index, time);
    }
    return result_;
  }

 private:
  static constexpr TimePoint kBegin{Duration{60'000}};

  struct Wake {
    TimePoint time;
    std::size_t client;
    bool operator>(const Wake& other) const { return time > other.time; }
  };

  // Does what the client wants.
  void act(std::size_t index, TimePoint now) {
    EventSourceState& client = clients_[index];
    for (auto output = client.poll(now); output != EventSourceState::Output::kNothing; output = client.poll(now)) {
      if (output == EventSourceState::Output::kConnect && now >= kBegin) connect(index, now);
    }
    if (client.ready_state() == EventSourceState::ReadyState::kOpen) return;
    const auto timeout = client.poll_timeout();
    if (timeout && now >= kBegin) {
      const TimePoint fixed = now + Duration{3000};
      wakes_.push({storm_.state_machine ? *timeout : fixed, index});
    }
  }

  void connect(std::size_t index, TimePoint now) {
    const auto bin = static_cast<std::size_t>((now - kBegin) / kBin);
    if (result_.attempts.size() <= bin) result_.attempts.resize(bin + 1);
    ++result_.attempts[bin];
    const TimePoint answered = now + kRoundTrip;
    EventSourceState& client = clients_[index];
    if (now - kBegin < storm_.down) {
      client.handle_network_error(answered);
    } else {
      client.handle_response({.status = 200, .content_type = "text/event-stream"}, answered);
      result_.calm = std::max(result_.calm, answered - kBegin);
    }
  }

  void wake(std::size_t index, TimePoint now) {
    if (storm_.state_machine) {
      clients_[index].handle_timeout(now);
    } else {
      clients_[index].handle_restart(now);
    }
    act(index, now);
  }

  const Storm storm_;
  std::vector<EventSourceState> clients_;
  std::priority_queue<Wake, std::vector<Wake>, std::greater<>> wakes_;
  Result result_;
};

}  // namespace

int main() {
  const Storm storms[] = {
      {.name = "drain, spread over 30 s",
       .nodes_lost = 1,
       .down = Duration{0},
       .drained = true,
       .window = Duration{30'000}},
      {.name = "drain, not spread", .nodes_lost = 1, .down = Duration{0}, .drained = true},
      {.name = "killed, with jitter", .nodes_lost = 1, .down = Duration{0}, .drained = false},
      {.name = "killed, fixed 3 s", .nodes_lost = 1, .down = Duration{0}, .drained = false, .state_machine = false},
      {.name = "region cut 30 s, with jitter", .nodes_lost = 10, .down = Duration{30'000}, .drained = false},
      {.name = "region cut 30 s, fixed 3 s",
       .nodes_lost = 10,
       .down = Duration{30'000},
       .drained = false,
       .state_machine = false},
  };
  std::printf("{\"clients\": %zu, \"nodes\": %zu, \"binMs\": %d, \"storms\": [", kClients, kNodes,
              static_cast<int>(kBin.count()));
  const char* comma = "";
  for (const Storm& storm : storms) {
    const Result result = Simulation(storm).run();
    std::printf("%s\n{\"name\": \"%s\", \"clients\": %zu, \"calmMs\": %lld, \"attempts\": [", comma, storm.name,
                kClients / kNodes * storm.nodes_lost, static_cast<long long>(result.calm.count()));
    comma = ",";
    const char* separator = "";
    for (const std::uint32_t attempts : result.attempts) {
      std::printf("%s%u", separator, attempts);
      separator = ",";
    }
    std::printf("]}");
  }
  std::printf("]}\n");
}
