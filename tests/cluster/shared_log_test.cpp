// JetStreamEventLog, where several servers have the same log.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "log/digest.h"
#include "lone_hub.h"
#include "loop/event_loop.h"
#include "nats_server.h"
#include "scripted_outlet.h"
#include "stores/jetstream/jetstream_event_log.h"

namespace millrace::test {
namespace {

class SharedLog : public ::testing::Test {
 protected:
  // A server's, as others have it, too.
  class Log {
   public:
    explicit Log(
        const SharedLog& test, const std::function<void(const LogEntry&)>& heard = [](const LogEntry&) {})
        : log_(test.options()) {
      log_.start({.on_appended =
                      [this, heard](std::span<const LogEntry> entries) {
                        for (const LogEntry& entry : entries) {
                          handed_over_[entry.sequence] = entry.payload;
                          heard(entry);
                        }
                      },
                  .on_status = [](const StoreStatus&) {}});
    }
    std::uint64_t append(std::string_view data, std::string_view id = "") {
      const Publication publication{.topic = *Topic::parse("a"), .event = {.data = data, .id = *EventId::parse(id)}};
      std::uint64_t sequence = 0;
      log_.append({&publication, 1}, {&sequence, 1});
      return sequence;
    }
    JetStreamEventLog* operator->() { return &log_; }
    /// In order of sequence; call it while nothing is published.
    const std::map<std::uint64_t, std::string>& handed_over() const { return handed_over_; }

   private:
    std::map<std::uint64_t, std::string> handed_over_;
    JetStreamEventLog log_;
  };

  JetStreamEventLog::Options options() const {
    return {.address = StoreAddress::parse(nats_.url() + "/log"), .bounds = {}, .new_epoch = "e"};
  }

  NatsServer nats_;
};

// As one leaves it that dies when its event is in the stream, and what is found by its ID is not.
TEST_F(SharedLog, TakesAnEventOnceThoughItsPublisherSendsItAgainToAnotherServerThatCannotFindItsId) {
  Log one(*this);
  Log other(*this);
  ASSERT_NE(one.append("x", "mine"), 0u);
  const NatsConnection connection({.address = StoreAddress::parse(nats_.url()), .credentials = {}, .on_change = [] {}});
  ASSERT_TRUE(connection.ask("STREAM.PURGE.log-ids", nullptr).value("success", false));
  ASSERT_FALSE(other->find("mine", *filter_for({"a"})).has_value());
  EXPECT_EQ(other.append("x", "mine"), 0u);
  EXPECT_EQ(other->find("mine", *filter_for({"*"})), 1) << "and then it can be found";
  ASSERT_NE(other.append("y", "yours"), 0u);
  EXPECT_EQ(other->head(), 2U);
}

// A stream as versions before have left it, in which IDs were the log's, or, in the scope of their topic, that topic's.
TEST_F(SharedLog, FindsTheIdsOfAnOlderStream) {
  NatsConnection connection({.address = StoreAddress::parse(nats_.url()), .credentials = {}, .on_change = [] {}});
  const auto make = [&](const char* name, const char* subject) {
    return connection.ask("STREAM.CREATE." + std::string(name), {{"name", name},
                                                                 {"description", "Millrace event log, epoch old"},
                                                                 {"subjects", {subject}},
                                                                 {"retention", "limits"},
                                                                 {"storage", "file"},
                                                                 {"num_replicas", 1}});
  };
  ASSERT_FALSE(make("log", "log.>").contains("error"));
  ASSERT_FALSE(make("log-ids", "log-ids.*").contains("error"));
  const auto send = [&](const NatsMessage& message) {
    std::promise<NatsAck> acked;
    connection.send(
        {message},
        std::make_shared<NatsConnection::OnAck>([&](std::size_t, NatsAck ack) { acked.set_value(std::move(ack)); }), 0);
    const NatsAck ack = acked.get_future().get();
    EXPECT_EQ(ack.trouble, "");
    return ack.sequence;
  };
  send({.subject = "log.e.a", .headers = {{"Millrace-Id", "one"}}, .data = "x"});
  send({.subject = "log-ids." + sha256("one"), .headers = {}, .data = "1 old"});
  send({.subject = "log.e.users.ada", .headers = {{"Millrace-Id", "one"}, {"Millrace-Scope", "topic"}}, .data = "y"});
  send({.subject = "log-ids." + sha256("users/ada\none"), .headers = {}, .data = "2 old"});

  Log log(*this);
  const auto find = [&](const char* pattern) { return log->find("one", *filter_for({pattern})); };
  EXPECT_EQ(log->epoch(), "old");
  EXPECT_EQ(find("a"), 1u);
  EXPECT_EQ(find("*"), 1u);
  EXPECT_EQ(find("users/ada"), 2u);
  EXPECT_FALSE(find("b").has_value());
  EXPECT_EQ(log.append("again", "one"), 0u) << "sent again, after the program has changed";
  const auto page = log->read_after(0, *filter_for({"**"}));
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(page.entries[1].payload, "id: one\ndata: y\n\n");
  ASSERT_NE(log.append("y", "two"), 0u);
  EXPECT_EQ(log->find("two", *filter_for({"a"})), 3u);
  EXPECT_FALSE(log->find("two", *filter_for({"b"})).has_value());
}

// An event is handed over before what it is found by is written: who got it from one server, and is cut off, comes to
// another at once.
TEST_F(SharedLog, IsResumedByAPublishersIdThatCannotBeFoundInItYet) {
  constexpr std::uint64_t kEvents = 1'000;
  const LoneHub hub({.history_events = 10'000,
                     .history_bytes = 1'000'000,
                     .epoch = {},
                     .clock = monotonic_now,
                     .store = std::make_shared<JetStreamEventLog>(options())});
  Log one(*this, [&](const LogEntry& entry) {
    const auto filter = filter_for({"*"});
    const Feed::Cursor cursor = hub.resolve(entry.publisher_id, filter.get());
    EXPECT_EQ(cursor.gap_reason, "");
    EXPECT_EQ(cursor.sequence, entry.sequence);
  });
  for (std::uint64_t i = 1; i <= kEvents; ++i) ASSERT_NE(one.append("x", "mine" + std::to_string(i)), 0u);
  EXPECT_EQ(one.handed_over().size(), kEvents);
  EXPECT_EQ(hub.resolve("nobody's").gap_reason, "unknown");
}

// They go out together, and come back together.
TEST_F(SharedLog, AnswersEachOfManyPublishersForItsOwnEventAlone) {
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
          const std::uint64_t sequence = log.append(data);
          appended[p][sequence] = "id: e-" + std::to_string(sequence) + "\ndata: " + data + "\n\n";
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
