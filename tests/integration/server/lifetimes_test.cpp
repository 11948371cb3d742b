// Where callbacks run, what they may do, what becomes of what they throw, and who may end a server when.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
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
#include "require_soon.h"
#include "running_server.h"
#include "stream_client.h"
#include "test_seed.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

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
  const auto count = [&] {
    const std::lock_guard lock(mutex);
    return ran_on.size();
  };
  require_soon([&] { return count() == 2; }, "on_close");
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

}  // namespace
}  // namespace millrace::test
