#include "run.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <utility>

#include "handshakes.h"
#include "http2_session.h"
#include "link.h"
#include "millrace/core/event_stream_parser.h"
#include "millrace/core/protocol.h"
#include "publisher.h"
#include "server_usage.h"
#include "strangers.h"
#include "stream_body.h"
#include "subscribers.h"
#include "tally.h"

namespace millrace::load {

namespace {

constexpr std::chrono::milliseconds kLook{2};
// Pause between connecting and the measurement of memory, before publishing begins.
constexpr std::chrono::milliseconds kSettle{250};

double seconds_between(std::int64_t from_ns, std::int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / 1e9;
}

// Waits until `count` has reached `wanted`, or has not changed for kPatience.
void wait_for(const std::function<std::uint64_t()>& count, std::uint64_t wanted) {
  std::uint64_t seen = count();
  std::int64_t changed_at = clock_ns();
  while (seen < wanted && clock_ns() - changed_at < std::chrono::nanoseconds(kPatience).count()) {
    std::this_thread::sleep_for(kLook);
    const std::uint64_t now = count();
    if (now != seen) changed_at = clock_ns();
    seen = now;
  }
}

// Throws std::runtime_error if the server does not speak HTTP/2, or allows fewer streams on a connection than the load
// has.
void check_http2(const Load& load) {
  struct Nothing final : Http2Receiver {
    void head(std::int32_t, const Http2Head&) override {}
    void body(std::int32_t, std::string_view) override {}
    void end(std::int32_t) override {}
  } nothing;
  const char* const refusal = "the server does not speak HTTP/2; without --http2, HTTP/1.1 is used";
  const TlsSetUp tls = tls_set_up(load);
  const auto link = Link::connect(load, tls.get());
  if (!link->may_speak_http2()) throw std::runtime_error(refusal);
  Http2Session session(nothing);
  for (auto bytes = session.output(); !bytes.empty(); bytes = session.output()) link->write_all(bytes);
  std::array<char, 4096> buffer;
  while (!session.max_streams()) {
    const ssize_t count = link->wait_for_input() ? link->read(buffer.data(), buffer.size()) : 0;
    if (count == -EAGAIN) continue;
    if (count <= 0 || !session.receive({buffer.data(), static_cast<std::size_t>(count)}))
      throw std::runtime_error(refusal);
  }
  if (*session.max_streams() < load.streams_each) {
    throw std::runtime_error("--streams-each " + std::to_string(load.streams_each) + ": the server allows " +
                             std::to_string(*session.max_streams()) + " at a time on a connection");
  }
}

// The load of the few connections beside it, which are not measured.
Load over_http1(Load load) {
  load.http2 = false;
  return load;
}

// The ID of the server's first event. Calls `publish` when the stream is open.
std::string id_of_first_event(const Load& measured, const std::function<void()>& publish) {
  const Load load = over_http1(measured);
  const TlsSetUp tls = tls_set_up(load);
  const auto link = Link::connect(load, tls.get());
  link->write_all("GET " + with_topic(load, load.subscribe_path, 0) + " HTTP/1.1\r\nHost: " + load.host +
                  "\r\nAccept: text/event-stream\r\n\r\n");
  StreamBody body;
  EventStreamParser parser;
  std::string id;
  bool published = false;
  std::array<char, 4096> buffer;
  while (id.empty()) {
    const ssize_t count = link->wait_for_input() ? link->read(buffer.data(), buffer.size()) : 0;
    if (count == -EAGAIN) continue;
    if (count <= 0) throw std::runtime_error("the server's stream ended before its first event");
    const auto state = body.read({buffer.data(), static_cast<std::size_t>(count)}, [&](std::string_view bytes) {
      parser.feed(bytes);
      for (auto item = parser.next(); item != EventStreamParser::Item::kNeedMore; item = parser.next()) {
        const bool is_event = item == EventStreamParser::Item::kEvent;
        if (is_event && parser.event().type != protocol::kCursorEventType) id = parser.event().last_event_id;
      }
    });
    if (state == StreamBody::State::kOpen && !std::exchange(published, true)) publish();
  }
  return id;
}

// Makes the server publish.
void trigger(const Load& measured) {
  const Load load = over_http1(measured);
  const TlsSetUp tls = tls_set_up(load);
  const auto link = Link::connect(load, tls.get());
  link->write_all("POST " + load.trigger_path + " HTTP/1.1\r\nHost: " + load.host + "\r\nContent-Length: 0\r\n\r\n");
  std::array<char, 4096> buffer;
  ssize_t count = -EAGAIN;
  while (count == -EAGAIN && link->wait_for_input()) count = link->read(buffer.data(), buffer.size());
  const std::string_view answer(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  if (!answer.starts_with("HTTP/1.1 2")) throw std::runtime_error("the server refused " + load.trigger_path);
}

// Publishes events before there are subscribers, many per request.
void fill_log(Load load) {
  if (load.fill == 0) return;
  load.publishers = 1;
  load.batch = 100;
  load.pipeline = 8;
  Publisher publisher(load, [] { return std::uint64_t{0}; });
  publisher.publish((load.fill + load.batch - 1) / load.batch);
}

// The subscribers' processes; ends them.
class SubscriberProcesses {
 public:
  SubscriberProcesses(const Load& load, const TallyBoard& board, const std::string& last_event_id,
                      std::uint64_t next_sequence)
      : board_(board) {
    for (std::size_t i = 0; i < load.processes; ++i) {
      const pid_t pid = ::fork();
      if (pid < 0) throw std::runtime_error("cannot create a process");
      if (pid == 0) {
        Tally& tally = board.tallies()[i];
        try {
          Subscribers subscribers(load, load.subscribers * i / load.processes,
                                  load.subscribers * (i + 1) / load.processes, last_event_id, next_sequence, tally);
          subscribers.run();
        } catch (const std::exception&) {
          ::_exit(1);
        }
        tally.finished = true;
        ::_exit(0);
      }
      pids_.push_back(pid);
    }
  }
  ~SubscriberProcesses() { stop(); }
  SubscriberProcesses(const SubscriberProcesses&) = delete;
  SubscriberProcesses& operator=(const SubscriberProcesses&) = delete;

  /// Afterwards the tallies are complete.
  void stop() {
    board_.stop();
    for (const pid_t pid : std::exchange(pids_, {})) ::waitpid(pid, nullptr, 0);
  }

 private:
  const TallyBoard& board_;
  std::vector<pid_t> pids_;
};

struct Measurements {
  std::int64_t connecting_ns = 0;
  std::int64_t publishing_ns = 0;
  std::uint64_t published = 0;
  std::uint64_t expected = 0;
  std::uint64_t handshakes = 0;
  LatencyDistribution publishing;
  ServerUsage before;     // without clients
  ServerUsage connected;  // with all clients
  ServerUsage after;      // after the last delivery
};

// Milliseconds from publishing an event until the last subscriber got it, for events that all received.
LatencyDistribution last_arrivals(const TallyBoard& board, const Load& load) {
  LatencyDistribution histogram;
  for (std::size_t sequence = 0; sequence < Tally::kFollowed; ++sequence) {
    std::uint64_t count = 0;
    std::int64_t published = 0;
    std::int64_t last = 0;
    for (const Tally& tally : board.tallies()) {
      count += tally.arrivals[sequence].count;
      published = std::max(published, tally.arrivals[sequence].published_ns);
      last = std::max(last, tally.arrivals[sequence].last_ns);
    }
    if (count == load.subscribers) histogram.add(last - published);
  }
  return histogram;
}

nlohmann::ordered_json quantiles(const LatencyDistribution& histogram) {
  return {{"p50", histogram.quantile_ms(0.5)},
          {"p99", histogram.quantile_ms(0.99)},
          {"p999", histogram.quantile_ms(0.999)},
          {"max", histogram.max_ms()}};
}

nlohmann::ordered_json report_of(const Load& load, const TallyBoard& board, const Measurements& time) {
  Tally sum;
  for (const Tally& tally : board.tallies()) {
    sum.lost += tally.lost;
    sum.skipped += tally.skipped;
    sum.doubled += tally.doubled;
    sum.out_of_order += tally.out_of_order;
    sum.gaps += tally.gaps;
    sum.closed += tally.closed;
    sum.bytes += tally.bytes;
    sum.last_connected_ns = std::max(sum.last_connected_ns, tally.last_connected_ns);
    sum.last_delivery_ns = std::max(sum.last_delivery_ns, tally.last_delivery_ns);
    sum.latency.add(tally.latency);
  }
  const std::uint64_t deliveries = board.deliveries();
  const auto per = [](double total, std::uint64_t count) {
    return count == 0 ? 0 : total / static_cast<double>(count);
  };
  const double connect_seconds = seconds_between(time.connecting_ns, sum.last_connected_ns);
  const double seconds = deliveries == 0 ? 0 : seconds_between(time.publishing_ns, sum.last_delivery_ns);
  const double connect_cpu = time.connected.cpu_seconds - time.before.cpu_seconds;
  // Subscribers that resume get events while they connect.
  const double cpu = time.after.cpu_seconds - (load.behind > 0 ? time.before : time.connected).cpu_seconds;
  const auto rate = [](std::uint64_t count, double in) { return in > 0 ? static_cast<double>(count) / in : 0; };
  // Events missing at the end are lost, like those found missing on the way.
  const std::uint64_t missing = time.expected > deliveries ? time.expected - deliveries : 0;
  nlohmann::ordered_json report{{"subscribers", load.subscribers},
                                {"connected", board.connected()},
                                {"connectSeconds", connect_seconds},
                                {"connectsPerSecond", rate(board.connected(), connect_seconds)},
                                {"published", time.published},
                                {"deliveries", deliveries},
                                {"skipped", sum.skipped},
                                {"seconds", seconds},
                                {"deliveriesPerSecond", rate(deliveries, seconds)},
                                {"megabytesReceived", static_cast<double>(sum.bytes) / 1e6},
                                {"latencyMs", quantiles(sum.latency)},
                                {"publishMs", quantiles(time.publishing)},
                                {"cpuSeconds", cpu},
                                {"cpuMicrosecondsPerDelivery", per(cpu * 1e6, deliveries)},
                                {"cpuMicrosecondsPerConnect", per(connect_cpu * 1e6, board.connected())},
                                {"memoryBytes", time.connected.memory_bytes},
                                {"memoryBytesPerSubscriber", per(static_cast<double>(time.connected.memory_bytes) -
                                                                     static_cast<double>(time.before.memory_bytes),
                                                                 board.connected())},
                                {"threads", time.connected.threads},
                                {"failures",
                                 {{"lost", std::max(sum.lost, missing)},
                                  {"doubled", sum.doubled},
                                  {"outOfOrder", sum.out_of_order},
                                  {"gaps", sum.gaps},
                                  {"refused", load.subscribers - board.connected()},
                                  {"closed", sum.closed}}}};
  if (load.handshakes > 0) report["handshakesPerSecond"] = rate(time.handshakes, load.duration.count());
  if (load.topics == 1) report["lastArrivalMs"] = quantiles(last_arrivals(board, load));
  return report;
}

}  // namespace

nlohmann::ordered_json run_load(const Load& load) {
  if (load.http2) check_http2(load);
  const TallyBoard board(load.processes);
  const auto deliveries = [&board] { return board.deliveries(); };
  Measurements time;
  std::string last_event_id;
  if (load.behind > 0) {
    Publisher publisher(load, deliveries);
    last_event_id = id_of_first_event(load, [&] { publisher.publish(1); });
    publisher.publish(load.behind);
  }

  fill_log(load);
  const Strangers strangers(load);
  time.before = ServerUsage::of(load.server_pids);
  time.connecting_ns = clock_ns();
  SubscriberProcesses processes(load, board, last_event_id, last_event_id.empty() ? 1 : 2);
  wait_for([&board] { return board.connected() + board.failed(); }, load.subscribers);
  if (load.behind > 0) {
    time.publishing_ns = time.connecting_ns;
    time.expected = load.behind * load.subscribers;
  } else {
    std::this_thread::sleep_for(kSettle);
    time.connected = ServerUsage::of(load.server_pids);
    const HandshakeLoad handshakes(load);
    time.publishing_ns = clock_ns();
    if (!load.trigger_path.empty()) {
      trigger(load);
      time.published = time.expected = load.expected;
    } else if (load.publishers > 0) {
      Publisher publisher(load, deliveries);
      publisher.run();
      time.published = publisher.published();
      time.publishing.add(publisher.latency());
      time.expected = load.conflate > 0 ? 0 : time.published * load.subscribers * load.topics_each / load.topics;
      // The newest event arrives once more.
      if (load.conflate > 0) std::this_thread::sleep_for(2 * std::chrono::milliseconds(load.conflate));
      time.handshakes = handshakes.done();
    }
  }
  wait_for(deliveries, time.expected);
  time.after = ServerUsage::of(load.server_pids);
  if (load.behind > 0) time.connected = time.after;
  processes.stop();
  return report_of(load, board, time);
}

bool is_clean(const nlohmann::ordered_json& report) {
  return std::all_of(report.at("failures").begin(), report.at("failures").end(),
                     [](const auto& count) { return count == 0; });
}

}  // namespace millrace::load
