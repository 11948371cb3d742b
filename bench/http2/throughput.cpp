// Event streams over HTTP/2 and HTTP/1.1: what a delivery and a stream cost the server, and how long one event takes to
// all. The server is a process of its own, with one event loop; this one has all the clients.
//
//   millrace_bench_http2 clear|tls STREAMS STREAMS_A_CONNECTION EVENTS RATE
//
// STREAMS_A_CONNECTION is 0 for HTTP/1.1. Prints JSON.
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http2/bench_server.h"
#include "http2/client_end.h"

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kConnectsAtOnce = 256;
constexpr Clock::duration kLongest = std::chrono::minutes(5);

std::string requests_of(std::size_t streams_a_connection) {
  if (streams_a_connection == 0) return "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string out = http2_preface();
  for (std::uint32_t i = 0; i < streams_a_connection; ++i) append_subscription(2 * i + 1, {}, out);
  return out;
}

class Clients {
 public:
  Clients(const BenchServer& server, std::size_t streams, std::size_t each)
      : tls_(server.tls() ? client_tls(each > 0) : nullptr), epoll_(epoll_create1(0)) {
    const std::string requests = requests_of(each);
    for (std::size_t opened = 0; opened < streams;) {
      for (int i = 0; i < kConnectsAtOnce && opened < streams; ++i, opened += std::max<std::size_t>(each, 1)) {
        connect(server.port(), requests);
      }
      await([&] { return primed_ >= opened; }, "not all streams began");
    }
  }
  ~Clients() { close(epoll_); }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  std::size_t connections() const { return ends_.size(); }
  std::size_t streams() const { return primed_; }
  double deliveries() const { return static_cast<double>(marks_) / BenchServer::kMarks; }

  /// Reads until so many events have been delivered.
  void await_deliveries(double count) {
    await([&] { return deliveries() >= count; }, "not all events came");
  }

 private:
  void connect(int port, const std::string& requests) {
    ends_.push_back(std::make_unique<ClientEnd>(port, tls_.get(), ends_.size(), requests));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = ends_.back().get()}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, ends_.back()->socket(), &event);
  }

  template <typename Condition>
  void await(Condition is_so, const char* otherwise) {
    const auto end = Clock::now() + kLongest;
    std::array<epoll_event, 256> events;
    while (!is_so()) {
      if (Clock::now() > end) fail(otherwise);
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1'000);
      for (int i = 0; i < count; ++i) {
        static_cast<ClientEnd*>(events[static_cast<std::size_t>(i)].data.ptr)->read([this](std::string_view bytes) {
          take(bytes);
        });
      }
    }
  }

  // A stream has begun with its reconnection time; a word that is cut between two reads is seen all the same, by its
  // last letter but one.
  void take(std::string_view bytes) {
    marks_ += static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), BenchServer::kMark));
    if (marks_ > 0) return;
    for (std::size_t at = bytes.find("retry:"); at != std::string_view::npos; at = bytes.find("retry:", at + 1))
      ++primed_;
  }

  const TlsContext tls_;  // null in clear
  const int epoll_;
  std::vector<std::unique_ptr<ClientEnd>> ends_;
  std::size_t primed_ = 0;
  std::size_t marks_ = 0;
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void measure(bool tls, std::size_t streams, std::size_t each, int events, int rate) {
  const BenchServer server(streams, tls);
  const auto before = server.usage();
  const auto begin = Clock::now();
  Clients clients(server, streams, each);
  const double open_seconds = seconds_since(begin);
  const auto idle = server.usage();
  const auto count = static_cast<double>(clients.streams());

  const auto one = Clock::now();
  server.publish(1, 1);
  clients.await_deliveries(count);
  const double one_seconds = seconds_since(one);

  const auto warm = server.usage();
  std::thread publisher([&] { server.publish(events, rate); });
  clients.await_deliveries(count * (events + 1));
  publisher.join();
  const auto after = server.usage();
  std::printf(
      "{\"streams\": %.0f, \"connections\": %zu, \"openSeconds\": %.3f, \"bytesAStream\": %.1f, \"oneEventMs\": %.2f, "
      "\"cpuMicrosecondsADelivery\": %.4f}\n",
      count, clients.connections(), open_seconds, (idle.allocated - before.allocated) / count, one_seconds * 1e3,
      (after.cpu - warm.cpu) * 1e6 / (count * events));
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  CLI::App app{"What event streams over HTTP/2 and HTTP/1.1 cost"};
  std::string wire;
  std::size_t streams = 0;
  std::size_t streams_a_connection = 0;
  int events = 0;
  int rate = 0;
  app.add_option("WIRE", wire)->required()->check(CLI::IsMember({"clear", "tls"}));
  app.add_option("STREAMS", streams)->required()->check(CLI::Range(1, 1'000'000'000));
  app.add_option("STREAMS_A_CONNECTION", streams_a_connection, "0 for HTTP/1.1")->required();
  app.add_option("EVENTS", events)->required()->check(CLI::Range(1, 1'000'000'000));
  app.add_option("RATE", rate, "Events a second")->required()->check(CLI::Range(1, 1'000'000'000));
  CLI11_PARSE(app, argc, argv);
  millrace::bench::measure(wire == "tls", streams, streams_a_connection, events, rate);
}
