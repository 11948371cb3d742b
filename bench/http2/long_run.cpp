// A long life of many event streams over HTTP/2, 100 on a connection: minutes of events and heartbeats, then a tenth of
// the connections is cut and comes back, then all of them at once. Each stream checks that it gets every event once.
//
//   millrace_bench_long_run clear|tls STREAMS MINUTES
//
// Each minute has events for its first half, one every five seconds, and is quiet for the other, so that heartbeats
// are sent. Prints a line of each step on stderr, and at the end JSON; exit code 1 if an event was lost or doubled.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "http2/bench_server.h"
#include "http2/numbered_streams.h"

namespace millrace::bench {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::duration;
using std::chrono::milliseconds;

constexpr std::size_t kStreamsAConnection = 100;
constexpr milliseconds kEventsEvery{5'000};
constexpr milliseconds kQuiet{30'000};  // two heartbeats
constexpr int kEventsAMinute = 6;
constexpr int kEventsWhileCut = 3;
constexpr double kMega = 1e6;

double seconds_since(Clock::time_point begin) {
  return duration<double>(Clock::now() - begin).count();
}

class LongRun {
 public:
  LongRun(const BenchServer& server, std::size_t streams)
      : server_(server),
        before_(server.usage()),
        began_at_(Clock::now()),
        streams_(server, streams, kStreamsAConnection) {
    open_seconds_ = seconds_since(began_at_);
    note("open");
  }

  void minute(int number) {
    for (int i = 0; i < kEventsAMinute; ++i) {
      const auto due = Clock::now() + kEventsEvery;
      const auto begin = Clock::now();
      server_.publish(1, 1, static_cast<int>(++published_));
      streams_.await(published_);
      slowest_ms_ = std::max(slowest_ms_, seconds_since(begin) * 1e3);
      streams_.read_for(std::max(milliseconds(0), std::chrono::ceil<milliseconds>(due - Clock::now())));
    }
    streams_.read_for(kQuiet);
    note("minute " + std::to_string(number));
  }

  /// Returns the seconds from the first connection that is made again until all streams have all events.
  double cut_and_resume(std::size_t connections, const std::string& what) {
    streams_.cut(connections);
    server_.publish(kEventsWhileCut, 10, static_cast<int>(published_ + 1));
    published_ += kEventsWhileCut;
    streams_.await(published_);  // by those that were not cut
    note(what + " cut");
    const auto begin = Clock::now();
    streams_.resume();
    streams_.await(published_);
    const double seconds = seconds_since(begin);
    note(what + " back");
    return seconds;
  }

  std::size_t connections() const { return streams_.connections(); }

  bool report(double tenth_seconds, double all_seconds) const {
    const auto& counts = streams_.counts();
    const std::uint64_t missing = published_ * streams_.streams() - counts.delivered - counts.lost;
    std::printf(
        "{\"streams\": %zu, \"connections\": %zu, \"openSeconds\": %.3f, \"published\": %u, \"delivered\": %llu, "
        "\"heartbeats\": %llu, \"slowestEventMs\": %.1f, \"tenthBackSeconds\": %.3f, \"allBackSeconds\": %.3f, "
        "\"lost\": %llu, \"doubled\": %llu, \"gaps\": %llu, \"steps\": [",
        streams_.streams(), streams_.connections(), open_seconds_, published_, as_number(counts.delivered),
        as_number(counts.heartbeats), slowest_ms_, tenth_seconds, all_seconds, as_number(counts.lost + missing),
        as_number(counts.doubled), as_number(counts.gaps));
    for (const Step& step : steps_) {
      std::printf("%s{\"step\": \"%s\", \"allocatedBytes\": %.0f, \"residentBytes\": %.0f, \"cpuSeconds\": %.2f}",
                  &step == steps_.data() ? "" : ", ", step.name.c_str(), step.usage.allocated - before_.allocated,
                  step.usage.resident, step.usage.cpu);
    }
    std::printf("]}\n");
    return counts.lost + missing + counts.doubled + counts.gaps == 0;
  }

 private:
  struct Step {
    std::string name;
    BenchServer::Usage usage;
  };

  static unsigned long long as_number(std::uint64_t count) { return count; }

  void note(const std::string& name) {
    const Step& step = steps_.emplace_back(name, server_.usage());
    const auto& counts = streams_.counts();
    std::fprintf(stderr,
                 "%6.1f s  %-18s %7.1f MB allocated, %7.1f MB resident; %llu delivered, %llu heartbeats, %llu lost, "
                 "%llu doubled\n",
                 seconds_since(began_at_), name.c_str(), (step.usage.allocated - before_.allocated) / kMega,
                 step.usage.resident / kMega, as_number(counts.delivered), as_number(counts.heartbeats),
                 as_number(counts.lost), as_number(counts.doubled));
  }

  const BenchServer& server_;
  const BenchServer::Usage before_;
  const Clock::time_point began_at_;
  NumberedStreams streams_;
  std::vector<Step> steps_;
  double open_seconds_ = 0;
  double slowest_ms_ = 0;  // from publishing an event until all streams have it
  std::uint32_t published_ = 0;
};

int run(bool tls, std::size_t streams, int minutes) {
  const BenchServer server(streams, tls);
  LongRun life(server, streams);
  for (int i = 1; i <= minutes; ++i) life.minute(i);
  const double tenth_seconds = life.cut_and_resume((life.connections() + 9) / 10, "a tenth");
  const double all_seconds = life.cut_and_resume(life.connections(), "all");
  return life.report(tenth_seconds, all_seconds) ? 0 : 1;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  CLI::App app{"A long life of many event streams over HTTP/2"};
  std::string wire;
  std::size_t streams = 0;
  int minutes = 0;
  app.add_option("WIRE", wire)->required()->check(CLI::IsMember({"clear", "tls"}));
  app.add_option("STREAMS", streams)->required()->check(CLI::Range(1, 1'000'000'000));
  app.add_option("MINUTES", minutes)->required()->check(CLI::Range(1, 1'000'000'000));
  CLI11_PARSE(app, argc, argv);
  return millrace::bench::run(wire == "tls", streams, minutes);
}
