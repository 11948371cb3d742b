// Starting, stopping, and what it costs to hold streams open.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "any_httplib.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

void with_routes(Server& server) {
  server.events("/events");
  server.Get("/plain",
             [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
}

std::size_t threads_of_this_process() {
  std::size_t threads = 0;
  for ([[maybe_unused]] const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) ++threads;
  return threads;
}

TEST(ServerLife, StreamsCostNoThread) {
  ServerOptions options;
  options.threads.workers = 2;
  RunningServer server(options, with_routes);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain")).status, 200);
  const std::size_t before = threads_of_this_process();
  std::vector<StreamClient> streams;
  for (int i = 0; i < 500; ++i) streams.emplace_back(server.port(), "/events?topic=a");
  EXPECT_EQ(threads_of_this_process(), before);
  EXPECT_EQ(server->open_streams(), 500u);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain")).status, 200);
  server->hub().publish("a", {.data = "1"}).or_throw();
  for (StreamClient& stream : streams) EXPECT_EQ(stream.next_data(), "1");
}

TEST(ServerLife, StoppingEndsOpenStreams) {
  RunningServer server({}, with_routes);
  std::vector<StreamClient> streams;
  for (int i = 0; i < 20; ++i) streams.emplace_back(server.port(), "/events?topic=a");
  StreamClient stalled(server.port(), "/events?topic=a", "", 4'096);
  for (int i = 0; i < 5'000; ++i) server->hub().publish("a", {.data = std::string(1'000, 'x')}).or_throw();
  RawClient idle(server.port());
  RawClient half(server.port());
  half.send("GET /plain HTTP/1.1\r\nHost: localhost\r\n");
  server.stop();
  for (StreamClient& stream : streams) stream.read_to_end();
  EXPECT_TRUE(idle.is_at_end());
  half.read_to_end();
  EXPECT_EQ(server->open_streams(), 0u);
}

TEST(ServerLife, CanBeStoppedFromAHandler) {
  RunningServer server({}, [](Server& one) {
    with_routes(one);
    one.Get("/stop", [&one](const httplib::Request&, httplib::Response& response) {
      one.stop();
      response.set_content("bye", "text/plain");
    });
  });
  StreamClient stream(server.port(), "/events?topic=a");
  EXPECT_EQ(RawClient(server.port()).exchange(get("/stop")).body, "bye") << "what has been asked is answered";
  stream.read_to_end();
  server.join();
}

TEST(ServerLife, ListensAgainAfterAStopWithTheSameLog) {
  RunningServer server({}, with_routes);
  std::string last;
  for (int round = 0; round < 3; ++round) {
    StreamClient stream(server.port(), "/events?topic=a", last.empty() ? "" : "Last-Event-ID: " + last + "\r\n");
    if (round > 0) {
      EXPECT_EQ(stream.next_data(), "between");
    }
    server->hub().publish("a", {.data = "live"}).or_throw();
    EXPECT_EQ(stream.next_data(), "live");
    last = stream.decoder().last_event_id();
    server.stop();
    server->hub().publish("a", {.data = "between"}).or_throw();
    stream.read_to_end();
    server.start();
  }
}

TEST(ServerLife, AHandlerThatIsAtWorkHoldsUpTheStop) {
  std::promise<void> entered;
  std::promise<void> leave;
  RunningServer server({}, [&](Server& one) {
    one.Get("/slow", [&](const httplib::Request&, httplib::Response& response) {
      entered.set_value();
      leave.get_future().wait();
      response.set_content("done", "text/plain");
    });
  });
  RawClient client(server.port());
  client.send(get("/slow"));
  entered.get_future().wait();
  std::thread stopping([&] { server.stop(); });
  leave.set_value();
  EXPECT_EQ(client.read_response().body, "done");
  stopping.join();
}

TEST(ServerLife, RunsItsHandlersOnTheUsersTaskQueue) {
  class CountingQueue final : public httplib::TaskQueue {
   public:
    explicit CountingQueue(std::atomic<int>& tasks) : tasks_(tasks) {}
    EnqueueResult enqueue(std::function<void()> task) override {
      ++tasks_;
      return pool_.enqueue(std::move(task));
    }
    void shutdown() override { pool_.shutdown(); }

   private:
    std::atomic<int>& tasks_;
    httplib::ThreadPool pool_{2};
  };
  std::atomic<int> tasks = 0;
  RunningServer server({}, [&](Server& one) {
    with_routes(one);
    one.new_task_queue = [&] { return new CountingQueue(tasks); };
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(RawClient(server.port()).exchange(get("/plain")).status, 200);
  EXPECT_EQ(tasks, 5);
  server.stop();
  server.start();
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain")).status, 200);
  EXPECT_EQ(tasks, 6) << "also when it listens again";
}

TEST(ServerLife, RefusesOptionsThatMakeNoSense) {
  const auto refused = [](auto change) {
    ServerOptions options;
    change(options);
    try {
      const Server server(options);
      ADD_FAILURE() << "accepted";
      return std::string();
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
  };
  EXPECT_NE(refused([](ServerOptions& options) { options.threads.workers = 0; }).find("workers"), std::string::npos);
  EXPECT_NE(refused([](ServerOptions& options) { options.streams.heartbeat = Duration{0}; }).find("heartbeat"),
            std::string::npos);
  EXPECT_NE(refused([](ServerOptions& options) { options.streams.retry = Duration{-1}; }).find("retry"),
            std::string::npos);
  EXPECT_NE(refused([](ServerOptions& options) { options.history.events = 0; }).find("history.events"),
            std::string::npos);
}

TEST(ServerLife, StartedAsAnHttplibServerItSaysWhatIsWrong) {
  Server server;
  httplib::Server& base = server;
  const int port = base.bind_to_any_port("127.0.0.1");
  std::thread listening([&] { base.listen_after_bind(); });
  ASSERT_TRUE(eventually([&] { return base.is_running(); }));
  RawClient client(port);
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.status, 503);
  EXPECT_NE(response.body.find("call millrace::Server::listen()"), std::string::npos) << response.body;
  base.stop();
  listening.join();
}

TEST(ServerLife, NeedNotListenAtAll) {
  Server server;
  EXPECT_EQ(server.open_streams(), 0u);
  EXPECT_EQ(server.disconnect("nobody"), 0u);
  server.hub().publish("a", {.data = "x"}).or_throw();
}

TEST(ServerLife, ManyPublishersAndComingAndGoingSubscribersLoseNothing) {
  RunningServer server({}, with_routes);
  constexpr int kPublishers = 3;
  constexpr int kEach = 1'000;
  std::vector<std::thread> publishers;
  std::atomic<bool> go = false;
  for (int p = 0; p < kPublishers; ++p) {
    publishers.emplace_back([&, p] {
      while (!go) std::this_thread::yield();
      for (int i = 0; i < kEach; ++i) server->hub().publish("a", {.data = std::to_string(p * kEach + i)}).or_throw();
    });
  }
  // Reads everything over connections that are cut all the time.
  std::vector<int> next(kPublishers);
  std::string last = "earliest";
  go = true;
  int received = 0;
  for (int connection = 0; received < kPublishers * kEach; ++connection) {
    StreamClient stream(server.port(), "/events?topic=a", "Last-Event-ID: " + last + "\r\n");
    for (int i = 0; i <= connection % 400 && received < kPublishers * kEach; ++i, ++received) {
      const auto event = stream.next();
      ASSERT_TRUE(event);
      ASSERT_EQ(event->type, "message");
      const int number = std::stoi(event->data);
      ASSERT_EQ(number % kEach, next[number / kEach]++);
      last = event->id;
    }
    stream.client().reset();
  }
  for (std::thread& publisher : publishers) publisher.join();
}

}  // namespace
}  // namespace millrace::test
