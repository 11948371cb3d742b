// Stops of answers: RUNNING STOPS here|there. How long a stop takes from a client's DELETE until the producer of the
// answer is told (on_stop), while RUNNING others get 20 events a second. `here`: over another connection to the server
// that produces it. `there`: at a second server, through a JetStream of its own.
//
// Prints JSON. Clients, servers and the producer are one process, so that one clock counts.
#include <httplib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/server/answers.h"
#include "millrace/server/server.h"
#include "millrace/server/stores/jetstream.h"
#include "nats_server.h"

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kRate = 20;  // events a second of each
constexpr int kSlices = 50;

double milliseconds_since(Clock::time_point from) {
  return std::chrono::duration<double, std::milli>(Clock::now() - from).count();
}

class Node {
 public:
  Node(const std::string& name, const std::string& nats)
      : server_(options(nats)),
        answers_(std::make_unique<millrace::Answers>(
            server_, millrace::AnswersOptions{.node = nats.empty() ? std::string() : name})) {
    server_.Delete("/v1/answers/([^/]+)", [this](const httplib::Request& request, httplib::Response& response) {
      answers_->stop(request, response, request.matches[1].str());
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    listening_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Node() {
    server_.stop();
    listening_.join();
    answers_.reset();
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  int port() const { return port_; }
  millrace::Answers& answers() { return *answers_; }

 private:
  static millrace::ServerOptions options(const std::string& nats) {
    millrace::ServerOptions options{.threads = {.workers = 8, .loops = 1}};
    if (!nats.empty()) options.store = millrace::open_jetstream(nats);
    return options;
  }

  millrace::Server server_;
  std::unique_ptr<millrace::Answers> answers_;
  int port_ = 0;
  std::thread listening_;
};

// The load, and the answers that are stopped.
class Running {
 public:
  Running(millrace::Answers& answers, std::size_t count) : answers_(answers) {
    for (std::size_t i = 0; i < count; ++i) running_.push_back(begin());
    thread_ = std::thread([this] { generate(); });
  }
  ~Running() {
    ends_ = true;
    thread_.join();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // The one that has run for the longest; another takes its place.
  millrace::Answer take() {
    millrace::Answer next = begin();
    const std::lock_guard lock(mutex_);
    return std::exchange(running_[next_++ % running_.size()], std::move(next));
  }

 private:
  millrace::Answer begin() {
    millrace::Answer answer = answers_.begin(millrace::BeginOptions{});
    if (!answer) throw std::runtime_error("an answer cannot be begun");
    return answer;
  }
  void generate() {
    const auto period = std::chrono::microseconds(1'000'000 / kRate);
    const auto began = Clock::now();
    for (std::size_t step = 0; !ends_; ++step) {
      std::this_thread::sleep_until(began + step * period / kSlices);
      const std::lock_guard lock(mutex_);
      for (std::size_t i = step % kSlices; i < running_.size(); i += kSlices) {
        running_[i].send({.data = R"({"choices":[{"index":0,"delta":{"content":" mill"}}]})"});
      }
    }
  }

  millrace::Answers& answers_;
  std::mutex mutex_;
  std::vector<millrace::Answer> running_;
  std::size_t next_ = 0;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

double stop(httplib::Client& client, const millrace::Answer& answer) {
  std::promise<double> told;
  std::future<double> when = told.get_future();
  const auto asked = Clock::now();
  answer.on_stop([&told, asked] { told.set_value(milliseconds_since(asked)); });
  const auto result = client.Delete("/v1/answers/" + answer.id());
  if (!result || result->status != 204) throw std::runtime_error("a stop is refused");
  return when.get();
}

int measure(std::size_t count, std::size_t stops, bool there) {
  std::unique_ptr<millrace::test::NatsServer> nats;
  if (there) nats = std::make_unique<millrace::test::NatsServer>();
  const std::string url = nats != nullptr ? nats->url() : std::string();
  Node one("one", url);
  std::unique_ptr<Node> two;
  if (there) two = std::make_unique<Node>("two", url);
  Node& asked = two != nullptr ? *two : one;
  httplib::Client client("127.0.0.1", asked.port());
  client.set_keep_alive(true);
  Running running(one.answers(), count);
  std::vector<double> times;
  while (times.size() < stops) {
    const millrace::Answer answer = running.take();
    while (!asked.answers().find(answer.id())) std::this_thread::sleep_for(1ms);
    times.push_back(stop(client, answer));
    std::this_thread::sleep_for(5ms);
  }
  std::sort(times.begin(), times.end());
  std::printf(R"({"way":"%s","running":%zu,"stops":%zu,"p50Ms":%.2f,"p99Ms":%.2f,"maxMs":%.2f})"
              "\n",
              there ? "there" : "here", count, stops, times[stops / 2], times[stops * 99 / 100], times.back());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"How long stops of answers take"};
  std::size_t running = 0;
  std::size_t stops = 0;
  std::string way;
  app.add_option("RUNNING", running)->required();
  app.add_option("STOPS", stops)->required()->check(CLI::Range(1, 1'000'000'000));
  app.add_option("WAY", way)->required()->check(CLI::IsMember({"here", "there"}));
  CLI11_PARSE(app, argc, argv);
  try {
    return measure(running, stops, way == "there");
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
