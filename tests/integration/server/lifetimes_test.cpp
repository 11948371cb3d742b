// Where callbacks run, what they may do, what becomes of what they throw, and who may end a server when.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "any_httplib.h"
#include "millrace/server/push_service.h"
#include "running_server.h"
#include "stream_client.h"
#include "test_seed.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

// Ends the test program, not only the test, where something hangs: what hangs could not be joined either.
void require_soon(const std::function<bool()>& condition, const char* what) {
  if (eventually(condition)) return;
  std::fprintf(stderr, "hangs: %s\n", what);
  std::abort();
}

// What has been reported, in any order.
class Reports {
 public:
  std::function<void(const std::string&)> callback() {
    return [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      texts_.push_back(text);
    };
  }
  bool has(const std::string& text) const {
    const std::lock_guard lock(mutex_);
    return std::find(texts_.begin(), texts_.end(), text) != texts_.end();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> texts_;
};

// A pool that says when it is to end, which is when the server has begun to stop.
class WatchedPool final : public httplib::TaskQueue {
 public:
  WatchedPool(std::size_t workers, std::promise<void>& ending) : pool_(workers), ending_(ending) {}
  EnqueueResult enqueue(std::function<void()> task) override { return pool_.enqueue(std::move(task)); }
  void shutdown() override {
    ending_.set_value();
    pool_.shutdown();
  }

 private:
  httplib::ThreadPool pool_;
  std::promise<void>& ending_;
};

TEST(Callbacks, MayAskTheServerWhileItStops) {
  ServerOptions options;
  options.threads.loops = 1;
  std::promise<void> ending;
  std::promise<void> entered;
  std::promise<void> leave;
  std::atomic<bool> asked = false;
  RunningServer server(options, [&](Server& one) {
    one.new_task_queue = [&] { return new WatchedPool(1, ending); };
    one.Get("/slow", [&](const Request&, Response& response) {
      entered.set_value();
      leave.get_future().wait();
      response.set_content("done", "text/plain");
    });
    one.Get("/stream", [&](const Request& request, Response& response) {
      one.subscribe(request, response, {.topics = {"a"}, .on_close = [&](StreamEnd) {
                                          one.subscriptions();
                                          one.disconnect("nobody");
                                          one.open_streams();
                                          one.hub().publish("closed", {.data = "x"}).or_throw();
                                          one.stop();
                                          asked = true;
                                        }});
    });
  });
  auto stream = std::make_unique<StreamClient>(server.port(), "/stream");
  RawClient slow(server.port());
  slow.send(get("/slow"));
  entered.get_future().wait();
  // The only worker is busy when the server begins to stop, and the stream ends while it waits for that.
  server->stop();
  ending.get_future().wait();
  stream.reset();
  require_soon([&] { return server->open_streams() == 0; }, "the loop, in a callback that asks it something");
  leave.set_value();
  auto stopped = std::async(std::launch::async, [&] { server.join(); });
  require_soon([&] { return stopped.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }, "listen()");
  EXPECT_TRUE(asked) << "listen() has returned before the callback has run";
}

TEST(Callbacks, RunOnWorkersAndInTheEndOnTheThreadOfListen) {
  std::mutex mutex;
  std::vector<std::thread::id> ran_on;
  const auto note = [&] {
    const std::lock_guard lock(mutex);
    ran_on.push_back(std::this_thread::get_id());
  };
  std::thread::id worker;
  ServerOptions options;
  options.threads.workers = 1;
  std::thread::id listening;
  options.on_listening = [&] { listening = std::this_thread::get_id(); };
  std::vector<EventStream> kept;
  RunningServer server(options, [&](Server& one) {
    one.Get("/stream", [&](const Request& request, Response& response) {
      worker = std::this_thread::get_id();
      one.subscribe(request, response, {.topics = {"a"}, .on_close = [&](StreamEnd) { note(); }});
    });
    one.Get("/own", [&](const Request& request, Response& response) {
      kept.push_back(one.open_stream(request, response));
      kept.back().on_close(note);
    });
  });
  {
    StreamClient first(server.port(), "/stream");
    RawClient second(server.port());
    second.send(get("/own"));
    second.read_until("\r\n\r\n");
  }
  require_soon([&] { return std::lock_guard(mutex), ran_on.size() == 2; }, "on_close");
  EXPECT_EQ(ran_on, (std::vector{worker, worker}));
  const StreamClient third(server.port(), "/stream");
  RawClient fourth(server.port());
  fourth.send(get("/own"));
  fourth.read_until("\r\n\r\n");
  server.stop();
  ASSERT_EQ(ran_on.size(), 4u);
  EXPECT_EQ(ran_on[2], listening);
  EXPECT_EQ(ran_on[3], listening);
  kept.back().on_close(note);
  EXPECT_EQ(ran_on.back(), std::this_thread::get_id()) << "one that is over calls back here and now";
}

TEST(Callbacks, ThatThrowAreReportedAndEndNothing) {
  Reports reports;
  ServerOptions options;
  options.on_failure = reports.callback();
  options.on_listening = [] { throw std::runtime_error("of on_listening"); };
  std::vector<EventStream> kept;
  RunningServer server(options, [&](Server& one) {
    one.events("/events");
    one.Get("/stream", [&](const Request& request, Response& response) {
      one.subscribe(request, response,
                    {.topics = {"a"}, .on_close = [](StreamEnd) { throw std::runtime_error("of a subscription"); }});
    });
    one.Get("/own", [&](const Request& request, Response& response) {
      kept.push_back(one.open_stream(request, response));
      kept.back().on_close([] { throw 17; });
    });
    one.Get("/provider", [](const Request&, Response& response) {
      response.set_content_provider(8, "text/plain", [](std::size_t, std::size_t, httplib::DataSink&) -> bool {
        throw std::runtime_error("of a provider");
      });
    });
    one.Get("/released", [](const Request&, Response& response) {
      response.set_content_provider(
          1, "text/plain",
          [](std::size_t, std::size_t, httplib::DataSink& sink) {
            sink.write("x", 1);
            return true;
          },
          [](bool) {});
    });
  });
  require_soon([&] { return reports.has("on_listening: of on_listening"); }, "the report");
  { StreamClient stream(server.port(), "/stream"); }
  require_soon([&] { return reports.has("on_close: of a subscription"); }, "the report");
  {
    RawClient own(server.port());
    own.send(get("/own"));
    own.read_until("\r\n\r\n");
  }
  require_soon([&] { return reports.has("on_close: an exception that is not a std::exception"); }, "the report");
  kept.back().on_close([] { throw std::runtime_error("of one that is over"); });
  EXPECT_TRUE(reports.has("on_close: of one that is over"));
  RawClient provided(server.port());
  provided.send(get("/provider?secret"));
  provided.read_to_end();
  require_soon([&] { return reports.has("GET /provider: of a provider"); }, "the report");
  EXPECT_EQ(RawClient(server.port()).exchange(get("/released")).body, "x");
  // All of that has cost nothing.
  StreamClient still(server.port(), "/events?topic=a");
  server->hub().publish("a", {.data = "there"}).or_throw();
  EXPECT_EQ(still.next_data(), "there");
}

TEST(Callbacks, OfOthersMayThrowToo) {
  Reports reports;
  ServerOptions options;
  options.on_failure = reports.callback();
  RunningServer server(options, [&](Server& one) {
    one.Get("/plain", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
    one.set_logger([](const Request&, const Response&) { throw std::runtime_error("of the logger"); });
  });
  RawClient client(server.port());
  client.send(get("/plain"));
  client.read_to_end();
  require_soon([&] { return reports.has("GET /plain: of the logger"); }, "the report");
}

TEST(Callbacks, OfAPushServiceMayThrowAndKeepNobodyWaiting) {
  Reports reports;
  ServerOptions options;
  options.on_failure = reports.callback();
  const auto throwing = [](const char* what) { return [what](const std::string&) { throw std::runtime_error(what); }; };
  std::unique_ptr<PushService> push;
  RunningServer server(options, [&](Server& one) {
    push = std::make_unique<PushService>(one, PushOptions{.lifetime = Duration{1},
                                                          .on_open = throwing("1"),
                                                          .on_timeout = throwing("2"),
                                                          .on_error = throwing("3"),
                                                          .on_close = throwing("4")});
    one.Get("/stream", [&](const Request& request, Response& response) { push->connect(request, response, "ada"); });
  });
  StreamClient(server.port(), "/stream").read_to_end();
  for (const char* text : {"on_open: 1", "on_timeout: 2", "on_close: 4"}) {
    require_soon([&] { return reports.has(text); }, text);
  }
  require_soon([&] { return push->connected().empty(); }, "the end of the visit");
  auto gone = std::async(std::launch::async, [&] { push.reset(); });
  require_soon([&] { return gone.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }, "~PushService");
}

TEST(Callbacks, ForFailuresMayThrowToo) {
  ServerOptions options;
  std::atomic<int> reported = 0;
  options.on_failure = [&](const std::string&) {
    ++reported;
    throw std::runtime_error("once more");
  };
  RunningServer server(options, [&](Server& one) {
    one.Get("/throws", [](const Request&, Response&) { throw std::runtime_error("of a handler"); });
    one.Get("/stream", [&](const Request& request, Response& response) {
      one.subscribe(request, response,
                    {.topics = {"a"}, .on_close = [](StreamEnd) { throw std::runtime_error("of a subscription"); }});
    });
  });
  EXPECT_EQ(RawClient(server.port()).exchange(get("/throws")).status, 500);
  { StreamClient stream(server.port(), "/stream"); }
  require_soon([&] { return reported == 2; }, "the second report");
  EXPECT_EQ(RawClient(server.port()).exchange(get("/throws")).status, 500);
}

TEST(ServerLife, EndsWhileListenIsOnItsWayInOrOut) {
  for (int round = 0; round < 60; ++round) {
    auto server = std::make_unique<Server>(ServerOptions{.threads = {.workers = 2, .loops = 2}});
    server->events("/events");
    Server* const one = server.get();
    const int port = one->bind_to_any_port("127.0.0.1");
    std::promise<void> entering;
    std::thread listening([&] {
      entering.set_value();
      one->listen_after_bind();
    });
    entering.get_future().wait();
    require_soon([&] { return one->is_running(); }, "listen()");
    RawClient client(port);
    client.send(get("/events?topic=a"));
    if (round % 3 == 1) one->stop();
    if (round % 3 == 2) std::thread([&] { one->stop(); }).join();
    server.reset();
    listening.join();
  }
}

TEST(ServerLife, StopsAListenThatHasNotBegunToAccept) {
  for (int round = 0; round < 20; ++round) {
    std::promise<void> making;
    ServerOptions options;
    options.threads.workers = 1;
    Server server(options);
    // Asked for by cpp-httplib, when it has begun to run and nothing can be accepted yet.
    server.new_task_queue = [&] {
      making.set_value();
      return new httplib::ThreadPool(1);
    };
    server.bind_to_any_port("127.0.0.1");
    auto listening = std::async(std::launch::async, [&] { return server.listen_after_bind(); });
    making.get_future().wait();
    server.stop();
    require_soon([&] { return listening.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }, "listen()");
  }
}

TEST(ServerLife, RefusesASecondListen) {
  RunningServer server;
  EXPECT_FALSE(server->listen("127.0.0.1", 0));
  StreamClient stream(server.port(), "/events?topic=a");
  server->hub().publish("a", {.data = "there"}).or_throw();
  EXPECT_EQ(stream.next_data(), "there");
}

TEST(ServerLifeDeathTest, CannotEndInACallbackOfItsOwn) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        ServerOptions options;
        std::unique_ptr<Server> server;
        options.on_listening = [&] { server.reset(); };
        server = std::make_unique<Server>(options);
        server->listen("127.0.0.1", 0);
      },
      "do not destroy a Server in one of its own handlers or callbacks");
}

// --- All at once ----------------------------------------------------------------------------------------------------

// One life of a server: it starts, is used by clients, publishers and those who ask it things, stops, and is destroyed
// while listen() is still returning; its callbacks call back into it.
class Life {
 public:
  explicit Life(std::uint64_t seed) : random_(seed) {
    ServerOptions options;
    options.threads.workers = 1 + random_() % 3;
    options.threads.loops = 1 + random_() % 2;
    options.streams.presence = chance(2);
    options.streams.gzip = chance(3);
    options.on_failure = [this](const std::string&) { ++failures_; };
    options.on_listening = [this] {
      if (asked_to_stop_early_) one_->stop();
    };
    asked_to_stop_early_ = chance(20);
    server_ = std::make_unique<Server>(options);
    one_ = server_.get();
    if (chance(3)) {
      push_ =
          std::make_unique<PushService>(*one_, PushOptions{.lifetime = Duration{20},
                                                           .keep_for_later = true,
                                                           .on_open = [this](const std::string&) { call_back(); },
                                                           .on_close = [this](const std::string&) { call_back(); }});
      one_->Get("/push",
                [this](const Request& request, Response& response) { push_->connect(request, response, "ada"); });
    }
    one_->events("/events").operations();
    one_->Get("/sub", [this](const Request& request, Response& response) {
      one_->subscribe(
          request, response,
          {.topics = {"a", "b/*"}, .client = "c", .user = "u", .lifetime = Duration{5}, .on_close = [this](StreamEnd) {
             call_back();
           }});
    });
    one_->Get("/own", [this](const Request& request, Response& response) {
      const EventStream stream = one_->open_stream(request, response);
      stream.on_close([this, stream] {
        stream.send({.data = "late"});
        stream.close();
        call_back();
      });
      stream.send({.data = "first"});
      const std::lock_guard lock(mutex_);
      kept_.push_back(stream);
    });
  }

  void live() {
    port_ = one_->bind_to_any_port("127.0.0.1");
    std::atomic<bool> is_back = false;
    std::thread listening([&, server = one_] {
      server->listen_after_bind();
      is_back = true;
    });
    std::vector<std::thread> threads;
    threads.emplace_back([this, seed = random_()] { publish(seed); });
    threads.emplace_back([this, seed = random_()] { ask(seed); });
    for (int i = 0; i < 4; ++i) threads.emplace_back([this, seed = random_()] { be_a_client(seed); });
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 12'000));
    if (chance(4)) one_->drain(Duration{static_cast<Duration::rep>(random_() % 10)});
    if (chance(2)) one_->stop();
    is_over_ = true;
    for (std::thread& thread : threads) thread.join();
    // Nobody else uses it any more; listen() has been called, and may still be on its way, in or out.
    require_soon([&] { return one_->is_running() || is_back; }, "listen()");
    if (push_ != nullptr) {
      one_->stop();
      listening.join();
      push_.reset();
      server_.reset();
    } else {
      server_.reset();
      listening.join();
    }
    for (const EventStream& stream : kept_) {
      stream.send({.data = "later"});
      stream.on_close([this] { ++called_back_; });
    }
  }

  std::size_t called_back() const { return called_back_; }
  std::size_t failures() const { return failures_; }

 private:
  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  // In a callback, on any thread.
  void call_back() {
    const std::size_t turn = ++called_back_;
    switch (turn % 7) {
      case 0:
        one_->hub().publish("a", {.data = "from a callback"}).or_throw();
        break;
      case 1:
        one_->open_streams();
        break;
      case 2:
        one_->subscriptions();
        break;
      case 3:
        one_->disconnect("c");
        break;
      case 4:
        if (turn % 5 == 0) one_->stop();
        break;
      case 5:
        throw std::runtime_error("from a callback");
      default: {
        const std::lock_guard lock(mutex_);
        if (!kept_.empty()) kept_[turn % kept_.size()].send({.data = "from a callback"});
      }
    }
  }

  void publish(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!is_over_) {
      const OwnedTopic topic = OwnedTopic::parse("b/" + std::to_string(random() % 3)).value();
      one_->hub().publish(topic, {.data = std::string(random() % 2'000, 'x')}).or_throw();
      if (random() % 20 == 0) one_->hub().finish(topic).or_throw();
      if (random() % 20 == 0) one_->hub().begin(topic).or_throw();
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 200));
    }
  }

  void ask(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!is_over_) {
      one_->subscriptions();
      one_->open_streams();
      if (random() % 4 == 0) one_->disconnect("c");
      if (random() % 4 == 0) one_->sending();
      {
        const std::lock_guard lock(mutex_);
        for (const EventStream& stream : kept_) stream.send({.data = "tick"});
        if (!kept_.empty() && random() % 4 == 0) kept_.back().close();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    }
  }

  void be_a_client(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const std::vector<std::string> targets{
        "/sub", "/own", "/push", "/events?topic=b/*&lastEventId=earliest", "/events?topic=b/1&client=c", "/metrics"};
    while (!is_over_) {
      try {
        const RawClient client(port_);
        client.send(get(targets[random() % targets.size()], random() % 3 == 0 ? "Accept-Encoding: gzip\r\n" : ""));
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 1'500));
      } catch (const std::runtime_error&) {
        // It is gone, or not there yet.
      }
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<Server> server_;
  Server* one_ = nullptr;  // the same, also while it is being destroyed
  std::unique_ptr<PushService> push_;
  int port_ = 0;
  bool asked_to_stop_early_ = false;
  std::atomic<bool> is_over_ = false;
  std::atomic<std::size_t> called_back_ = 0;
  std::atomic<std::size_t> failures_ = 0;
  std::mutex mutex_;
  std::vector<EventStream> kept_;  // guarded by mutex_
};

TEST(ServerLife, IsSafeAtItsEdgesRoundAfterRound) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("MILLRACE_TEST_SEED=" + std::to_string(seed));
  const char* const wanted = std::getenv("MILLRACE_TEST_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 60;
  std::size_t called_back = 0;
  std::size_t failures = 0;
  for (int round = 0; round < rounds; ++round) {
    Life life(seed + static_cast<std::uint64_t>(round));
    life.live();
    called_back += life.called_back();
    failures += life.failures();
  }
  EXPECT_GT(called_back, static_cast<std::size_t>(rounds) / 2);
  std::printf("%d rounds, %zu callbacks, %zu of them threw; seed %llu\n", rounds, called_back, failures,
              static_cast<unsigned long long>(seed));
}

}  // namespace
}  // namespace millrace::test
