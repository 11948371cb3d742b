// The promise itself, under load: at any behaviour of publishers and subscribers, each subscriber gets its events in
// the order of the log, nothing twice, nothing missing.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/hub.h"
#include "running_server.h"
#include "stream_client.h"
#include "test_seed.h"

namespace millrace::test {

namespace {

constexpr int kPublishers = 8;
constexpr int kSubscribers = 200;
constexpr int kEventsPerPublisher = 1'000;
constexpr int kEvents = kPublishers * kEventsPerPublisher;
constexpr std::array<const char*, 4> kTopics{"t/a", "t/b", "t/c", "t/d"};

// What each subscriber may listen to. All of them hear of the end.
struct Filter {
  const char* query;
  const char* topics;  // the last letters of the topics it matches
};
constexpr std::array<Filter, 4> kFilters{{{"topic=t/**", "abcd"},
                                          {"topic=*/*", "abcd"},
                                          {"topic=t/a&topic=t/b&topic=t/c&topic=t/d&topic=t/end", "abcd"},
                                          {"topic=t/b&topic=t/d&topic=t/end", "bd"}}};

// What has been published, by sequence; threads can wait until it is a given number.
class Published {
 public:
  void add(const std::string& id, char topic, const std::string& data) {
    const std::uint64_t sequence = std::stoull(id.substr(id.find('-') + 1));
    {
      const std::lock_guard lock(mutex_);
      events_[sequence] = {topic, data};
    }
    ++count_;
    count_.notify_all();
  }

  void wait_for(int count) const { wait(count_, count); }

  // Publishers keep within reach of one subscriber that never stalls, so that the others see the log grow all along.
  void keep_pace() const { wait(seen_by_steady_, count_ - kLead); }
  void seen_by_steady(int count) {
    seen_by_steady_ = count;
    seen_by_steady_.notify_all();
  }

  int count() const { return count_; }

  std::vector<std::string> of(std::string_view topics) const {
    std::vector<std::string> data;
    for (const auto& [sequence, event] : events_) {
      if (topics.find(event.topic) != std::string_view::npos) data.push_back(event.data);
    }
    return data;
  }

 private:
  static constexpr int kLead = 100;

  static void wait(const std::atomic<int>& value, int least) {
    for (int now = value; now < least; now = value) value.wait(now);
  }

  struct Entry {
    char topic;
    std::string data;
  };
  std::mutex mutex_;
  std::map<std::uint64_t, Entry> events_;
  std::atomic<int> count_ = 0;
  std::atomic<int> seen_by_steady_ = 0;
};

void publish(Hub& hub, int publisher, Published& published) {
  for (int i = 0; i < kEventsPerPublisher; ++i) {
    const std::size_t topic = static_cast<std::size_t>(publisher + i) % kTopics.size();
    const std::string data =
        std::to_string(publisher) + ':' + std::to_string(i) + std::string(i % 2 == 0 ? 40 : 300, 'x');
    const std::string id = hub.publish(*Topic::parse(kTopics[topic]), {.data = data}).id;
    published.add(id, kTopics[topic][2], data);
    published.keep_pace();
  }
}

// Listens from the beginning to the end, with a mind of its own: it stops reading while others publish, and drops its
// connection, to resume where its last event ID says. The steady one does neither.
std::vector<std::string> listen(int port, const Filter& filter, std::uint64_t seed, bool steady, Published& published) {
  std::mt19937_64 random(seed);
  const auto chance = [&](int of) { return !steady && random() % static_cast<std::uint64_t>(of) == 0; };
  std::vector<std::string> data;
  std::string last_event_id = "earliest";
  while (true) {
    // A small receive buffer, so that a subscriber that does not read is soon one that cannot be written to.
    const std::string fields =
        "Last-Event-ID: " + last_event_id + (random() % 2 == 0 ? "\r\n" : "\r\nAccept-Encoding: gzip\r\n");
    StreamClient client(port, std::string("/events?") + filter.query, fields, 4096);
    std::size_t seen = 0;
    bool dropped = false;
    while (!dropped) {
      if (!client.read_until([&](const StreamDecoder& decoder) { return decoder.events().size() > seen; })) break;
      const auto& events = client.decoder().events();
      for (; seen < events.size(); ++seen) {
        if (events[seen].type == "end") return data;
        data.push_back(events[seen].type == "message" ? events[seen].data : events[seen].type);
      }
      if (steady) published.seen_by_steady(static_cast<int>(data.size()));
      if (chance(40)) published.wait_for(std::min(kEvents, published.count() + 400));
      dropped = chance(40);
    }
    last_event_id = client.decoder().last_event_id();
  }
}

}  // namespace

class Delivery : public ::testing::TestWithParam<bool> {};

TEST_P(Delivery, IsCompleteOrderedAndOnceForSubscribersThatStallDropAndResume) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("MILLRACE_TEST_SEED=" + std::to_string(seed));
  ServerOptions options;
  options.history.events = kEvents + 1;
  options.threads.workers = 16;
  options.threads.io_uring = GetParam();
  options.streams.gzip = true;
  RunningServer server(options, [](Server& made) { made.events("/events"); });

  Published published;
  std::vector<std::vector<std::string>> received(kSubscribers);
  std::vector<std::thread> subscribers;
  for (int i = 0; i < kSubscribers; ++i) {
    subscribers.emplace_back([&, i] {
      const Filter& filter = kFilters[static_cast<std::size_t>(i) % kFilters.size()];
      received[static_cast<std::size_t>(i)] =
          listen(server.port(), filter, seed + static_cast<std::uint64_t>(i), i == 0, published);
    });
  }
  std::vector<std::thread> publishers;
  for (int i = 0; i < kPublishers; ++i) publishers.emplace_back([&, i] { publish(server->hub(), i, published); });
  for (std::thread& thread : publishers) thread.join();
  server->hub().publish("t/end", {.type = "end", .data = ""}).or_throw();
  for (std::thread& thread : subscribers) thread.join();

  std::size_t deliveries = 0;
  for (std::size_t i = 0; i < received.size(); ++i) {
    EXPECT_EQ(received[i], published.of(kFilters[i % kFilters.size()].topics)) << "subscriber " << i;
    deliveries += received[i].size();
  }
  EXPECT_GE(deliveries, 1'000'000u);
}

INSTANTIATE_TEST_SUITE_P(Sending, Delivery, ::testing::Bool(),
                         [](const auto& io_uring) { return io_uring.param ? "IoUring" : "SystemCalls"; });

}  // namespace millrace::test
