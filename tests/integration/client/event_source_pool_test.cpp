// Many sources on few threads.

#include "millrace/client/event_source_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "eventually.h"
#include "millrace/client/event_source.h"
#include "millrace/client/limits.h"
#include "millrace/server/hub.h"
#include "millrace/server/server.h"

namespace millrace::test {
namespace {

std::size_t threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// Counts up, and can be waited for.
class Count {
 public:
  void add() { ++value_; }
  /// False if it has not come so far in time.
  bool wait_for(int wanted) const {
    return eventually([&] { return value_ >= wanted; }, kWholeDeadline);
  }
  int value() const { return value_; }

 private:
  std::atomic<int> value_{0};
};

class PooledServer {
 public:
  PooledServer() : server_(options()) {
    server_.events("/events");
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    EXPECT_TRUE(eventually([this] { return server_.is_running(); }));
  }
  ~PooledServer() {
    server_.stop();
    thread_.join();
  }
  Hub& hub() { return server_.hub(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/events?topic=all"; }

 private:
  static ServerOptions options() {
    ServerOptions options;
    options.threads.loops = 1;
    options.threads.workers = 2;
    options.streams.retry = Duration{1};
    return options;
  }
  Server server_;
  int port_ = 0;
  std::thread thread_;
};

TEST(EventSourcePool, HoldsManySourcesOnOneThread) {
  constexpr int kSources = 2'000;
  PooledServer server;
  EventSourcePool pool;
  std::size_t threads_with_one = 0;
  Count opened;
  Count received;
  std::vector<std::unique_ptr<EventSource>> sources;
  for (int i = 0; i < kSources; ++i) {
    sources.push_back(std::make_unique<EventSource>(pool, server.url()));
    sources.back()->on_open([&] { opened.add(); });
    sources.back()->on_message([&](const MessageEvent& event) {
      if (event.data == "hello") received.add();
    });
    sources.back()->start();
    if (i > 0) continue;
    ASSERT_TRUE(opened.wait_for(1));
    threads_with_one = threads_of_this_process();
  }
  ASSERT_TRUE(opened.wait_for(kSources)) << opened.value();
  EXPECT_EQ(threads_of_this_process(), threads_with_one);
  server.hub().publish("all", {.data = "hello"}).or_throw();
  ASSERT_TRUE(received.wait_for(kSources)) << received.value();
  EXPECT_EQ(received.value(), kSources);
}

TEST(EventSourcePool, SpreadsItsSourcesOverItsThreads) {
  PooledServer server;
  EventSourcePool pool({.threads = 3});
  Count opened;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::vector<std::unique_ptr<EventSource>> sources;
  for (int i = 0; i < 6; ++i) {
    sources.push_back(std::make_unique<EventSource>(pool, server.url()));
    sources.back()->on_open([&] {
      {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      opened.add();
    });
    sources.back()->start();
  }
  ASSERT_TRUE(opened.wait_for(6)) << opened.value();
  const std::lock_guard lock(mutex);
  EXPECT_EQ(threads.size(), 3u);
}

TEST(EventSourcePool, LetsAListenerStartAndDestroyOtherSources) {
  PooledServer server;
  EventSourcePool pool;
  Collector collector;
  auto doomed = std::make_unique<EventSource>(pool, server.url());
  std::unique_ptr<EventSource> born;
  doomed->on_open([&] { collector.add("doomed open"); });
  doomed->on_message([&](const MessageEvent&) { collector.add("doomed heard"); });
  doomed->start();
  ASSERT_TRUE(collector.wait_for(1));

  EventSource first(pool, server.url());
  first.on_open([&] {
    doomed.reset();
    born = std::make_unique<EventSource>(pool, server.url());
    born->on_open([&] { collector.add("born open"); });
    born->on_message([&](const MessageEvent&) { collector.add("born heard"); });
    born->start();
  });
  first.start();
  ASSERT_TRUE(collector.wait_for(2));
  server.hub().publish("all", {.data = "x"}).or_throw();
  ASSERT_TRUE(collector.wait_for(3));
  EXPECT_EQ(collector.lines(), (std::vector<std::string>{"doomed open", "born open", "born heard"}));
}

TEST(EventSourcePool, MayGoBeforeItsSources) {
  PooledServer server;
  auto pool = std::make_unique<EventSourcePool>();
  EventSource source(*pool, server.url());
  EventSource unstarted(*pool, server.url());
  EventSource late(*pool, server.url());
  Collector collector(source);
  source.start();
  ASSERT_TRUE(collector.wait_for(1));
  unstarted.close();
  pool.reset();
  EXPECT_EQ(source.ready_state(), EventSource::ReadyState::kClosed);
  source.restart();
  late.start();
  EXPECT_EQ(late.ready_state(), EventSource::ReadyState::kClosed);
}

TEST(EventSourcePool, RunsItsSourcesItself) {
  EventSourcePool pool;
  EventSource source(pool, "http://127.0.0.1:1/");
  EXPECT_THROW(source.run(), std::logic_error);
  EXPECT_THROW(EventSourcePool({.threads = 0}), std::invalid_argument);
  EXPECT_THROW(EventSourcePool({.threads = kMaxPoolThreads + 1}), std::invalid_argument);
}

}  // namespace
}  // namespace millrace::test
