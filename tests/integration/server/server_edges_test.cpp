// A server that is used by everybody while it starts, stops and is destroyed, again and again.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/push_service.h"
#include "require_soon.h"
#include "running_server.h"
#include "stream_client.h"
#include "test_seed.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

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
