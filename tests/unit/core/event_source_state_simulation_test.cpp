// Thousands of random lives of an EventSourceState: it keeps its promises in all of them.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "simulated_client.h"
#include "stream_generator.h"

namespace millrace::test {
namespace {

using State = EventSourceState;
using ReadyState = State::ReadyState;
using Output = State::Output;

// What the standard lets follow what, watched from outside.
class Watcher {
 public:
  Watcher(SimulatedClient& client, std::uint64_t seed) : client_(client), seed_(seed) {
    client.act = [this](Output output) { see(output); };
  }

  void close() {
    closed_ = true;
    client_.close();
  }

  void check_at_rest() {
    const State& state = client_.state;
    EXPECT_EQ(state.ready_state() == ReadyState::kClosed, closed_) << "seed " << seed_;
    EXPECT_GE(state.poll_timeout().value_or(client_.now), client_.now) << "seed " << seed_;
  }

 private:
  void see(Output output) {
    EXPECT_FALSE(closed_) << "seed " << seed_ << ": an output after the end";
    const ReadyState ready_state = client_.state.ready_state();
    switch (output) {
      case Output::kNothing:
        break;
      case Output::kConnect:
        EXPECT_FALSE(connected_) << "seed " << seed_;
        EXPECT_EQ(ready_state, ReadyState::kConnecting) << "seed " << seed_;
        if (lost_at_ && !online_since_) {
          EXPECT_GE(client_.now - *lost_at_, reconnection_time_) << "seed " << seed_ << ": came back too soon";
        }
        EXPECT_EQ(client_.state.last_event_id(), last_event_id_) << "seed " << seed_;
        connected_ = true;
        break;
      case Output::kOpen:
        EXPECT_TRUE(connected_ && !open_) << "seed " << seed_;
        EXPECT_EQ(ready_state, ReadyState::kOpen) << "seed " << seed_;
        open_ = true;
        break;
      case Output::kEvent:
      case Output::kComment:
        EXPECT_TRUE(open_) << "seed " << seed_;
        EXPECT_EQ(ready_state, ReadyState::kOpen) << "seed " << seed_;
        break;
      case Output::kReconnect:
      case Output::kFail:
        EXPECT_TRUE(connected_) << "seed " << seed_;
        EXPECT_EQ(ready_state, output == Output::kFail ? ReadyState::kClosed : ReadyState::kConnecting);
        connected_ = open_ = online_since_ = false;
        closed_ = output == Output::kFail;
        lost_at_ = client_.now;
        reconnection_time_ = client_.state.reconnection_time();
        break;
    }
    last_event_id_ = std::string(client_.state.last_event_id());
  }

  SimulatedClient& client_;
  std::uint64_t seed_;
  bool connected_ = false;
  bool open_ = false;
  bool closed_ = false;
  std::string last_event_id_;
  std::optional<TimePoint> lost_at_;
  Duration reconnection_time_{0};

 public:
  bool online_since_ = false;  // the network has come back since the connection was lost
};

void live_once(std::uint64_t seed) {
  StreamGenerator random(seed);
  State::Policy policy;
  policy.backoff.reconnection_time = Duration{static_cast<Duration::rep>(random.below(5'000))};
  policy.idle_timeout = Duration{random.below(2) == 0 ? 0 : 20'000};
  policy.retry_on_server_error = random.below(2) == 0;
  policy.max_event_bytes = random.below(4) == 0 ? 40 : kMaxEventBytes;
  SimulatedClient client(policy, "", seed);
  Watcher watcher(client, seed);
  client.start();
  for (int step = 0; step < 60 && !testing::Test::HasFailure(); ++step) {
    switch (random.below(12)) {
      case 0:
      case 1:
      case 2:
        client.respond(200);
        break;
      case 3:
        client.respond(random.below(2) == 0 ? 503 : 200, random.below(4) == 0 ? "text/plain" : "text/event-stream");
        break;
      case 4:
      case 5:
      case 6:
        client.receive(random.stream());
        break;
      case 7:
        client.end();
        break;
      case 8:
        client.break_connection();
        break;
      case 9:
        client.pass(Duration{static_cast<Duration::rep>(random.below(30'000))});
        client.state.handle_timeout(client.now);
        client.poll_all();
        break;
      case 10:
        if (random.below(10) == 0) watcher.close();
        break;
      default:
        watcher.online_since_ = true;
        client.go_online();
    }
    watcher.check_at_rest();
  }
}

TEST(EventSourceStateSimulation, KeepsItsPromisesInEveryLife) {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    live_once(seed);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace millrace::test
