// JetStreamEventLog, where several servers have the same log.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "log/jetstream/jetstream_event_log.h"
#include "loop/event_loop.h"
#include "millrace/server/hub.h"
#include "nats_server.h"

namespace millrace::test {
namespace {

class SharedLog : public ::testing::Test {
 protected:
  // A server's, as others have it, too.
  class Log {
   public:
    explicit Log(
        const SharedLog& test, const std::function<void(const Frame&)>& heard = [](const Frame&) {})
        : log_(test.options()) {
      log_.start([this, heard](std::span<const FramePtr> frames) {
        for (const FramePtr& frame : frames) {
          handed_over_[frame->sequence] = frame->payload();
          heard(*frame);
        }
      });
    }
    FramePtr append(std::string_view data, std::string_view id = "") {
      const Publication publication{.topic = *Topic::parse("a"), .event = {.data = data, .id = *EventId::parse(id)}};
      FramePtr frame;
      log_.append({&publication, 1}, monotonic_now(), {&frame, 1});
      return frame;
    }
    JetStreamEventLog* operator->() { return &log_; }
    /// By sequence; while nobody publishes.
    const std::map<std::uint64_t, std::string>& handed_over() const { return handed_over_; }

   private:
    std::map<std::uint64_t, std::string> handed_over_;
    JetStreamEventLog log_;
  };

  JetStreamEventLog::Options options() const {
    return {.address = StoreAddress::parse(nats_.url() + "/log"),
            .bounds = {},
            .new_epoch = "e",
            .clock = monotonic_now,
            .time = [] { return std::chrono::system_clock::now(); }};
  }

  NatsServer nats_;
};

// As one leaves it that dies when its event is in the stream, and what is found by its ID is not.
TEST_F(SharedLog, TakesAnEventOnceThoughItsPublisherSendsItAgainToAnotherServerThatCannotFindItsId) {
  Log one(*this);
  Log other(*this);
  ASSERT_NE(one.append("x", "mine"), nullptr);
  const NatsConnection connection({.address = StoreAddress::parse(nats_.url()), .credentials = {}, .on_change = [] {}});
  ASSERT_TRUE(connection.ask("STREAM.PURGE.log-ids", nullptr).value("success", false));
  ASSERT_FALSE(other->find("mine").has_value());
  EXPECT_EQ(other.append("x", "mine"), nullptr);
  EXPECT_EQ(other->find("mine"), 1) << "and then it can be found";
  ASSERT_NE(other.append("y", "yours"), nullptr);
  EXPECT_EQ(other->head(), 2U);
}

// An event is handed over before what it is found by is written: who got it from one server, and is cut off, comes to
// another at once.
TEST_F(SharedLog, IsResumedByAPublishersIdThatCannotBeFoundInItYet) {
  constexpr std::uint64_t kEvents = 1'000;
  const Hub hub({.history_events = 10'000,
                 .history_bytes = 1'000'000,
                 .epoch = {},
                 .clock = monotonic_now,
                 .store = std::make_shared<JetStreamEventLog>(options())});
  Log one(*this, [&](const Frame& frame) {
    const Hub::Cursor cursor = hub.resolve(frame.publisher_id);
    EXPECT_EQ(cursor.gap_reason, "");
    EXPECT_EQ(cursor.sequence, frame.sequence);
  });
  for (std::uint64_t i = 1; i <= kEvents; ++i) ASSERT_NE(one.append("x", "mine" + std::to_string(i)), nullptr);
  EXPECT_EQ(one.handed_over().size(), kEvents);
  EXPECT_EQ(hub.resolve("nobody's").gap_reason, "unknown");
}

// They go out together, and come back together.
TEST_F(SharedLog, TellsEachOfManyPublishersOfItsOwnEventAndOfNoOthersTrouble) {
  constexpr std::size_t kPublishers = 16;
  constexpr std::size_t kEvents = 50;
  Log log(*this);
  const std::string too_large(2 * log->max_event_bytes(), 'x');
  std::array<std::map<std::uint64_t, std::string>, kPublishers> appended;
  std::atomic<std::size_t> refused = 0;
  std::vector<std::thread> publishing;
  for (std::size_t p = 0; p < kPublishers; ++p) {
    publishing.emplace_back([&, p] {
      for (std::size_t i = 0; i < kEvents; ++i) {
        const bool is_too_large = p == 0 && i % 2 == 1;
        const std::string data = is_too_large ? too_large : std::to_string(p) + "-" + std::to_string(i);
        try {
          const FramePtr frame = log.append(data);
          appended[p][frame->sequence] = frame->payload();
        } catch (const StoreUnavailable&) {
          EXPECT_TRUE(is_too_large) << p << '-' << i;
          ++refused;
        }
      }
    });
  }
  for (std::thread& thread : publishing) thread.join();
  EXPECT_EQ(refused, kEvents / 2);
  std::map<std::uint64_t, std::string> all;
  for (const auto& some : appended) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), kPublishers * kEvents - kEvents / 2);
  EXPECT_EQ(log.handed_over(), all);
}

}  // namespace
}  // namespace millrace::test
