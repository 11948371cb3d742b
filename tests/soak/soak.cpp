// Everything at once, on the program and real sockets: `millrace_soak [--rounds N | --seconds N] [--seed N]
// [--attacks N]`. It ends after N attacks of each attacker or, by default, after N seconds (20); --attacks bounds them
// in a second.
//
// A few subscribers listen to one topic, to which little is published, in order. Beside them others do all that hurts:
// thousands of connections that are gone again, half requests, garbage, readers that never read, readers of single
// bytes, resets in the middle, floods of events, bodies and heads beyond every limit. The program may open few files
// and little memory. The subscribers must get everything, once and in order; and when it is over, the program must
// have given back its files and its memory.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "eventually.h"
#include "program.h"
#include "raw_client.h"
#include "stream_client.h"

using namespace millrace::test;
using namespace std::string_literals;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kSteadySubscribers = 6;
constexpr int kTroubleMakers = 2;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// A sanitizer opens a pipe to see whether an object can be read, wants all of the address space, and keeps what has
// been freed.
constexpr rlim_t kMaxFiles = RLIM_INFINITY;
constexpr rlim_t kMaxMemory = RLIM_INFINITY;
constexpr std::size_t kMaxGrowthKilobytes = 2'048 * 1024;
#else
constexpr rlim_t kMaxFiles = 700;
constexpr rlim_t kMaxMemory = rlim_t{2} << 30;  // of address space
constexpr std::size_t kMaxGrowthKilobytes = 48 * 1024;
#endif

const std::string kJson = "Content-Type: application/json\r\n";

// What the program holds.
struct Holdings {
  std::size_t files = 0;
  std::size_t kilobytes = 0;
};

Holdings holdings_of(pid_t process) {
  Holdings holdings;
  const auto folder = std::filesystem::path("/proc") / std::to_string(process);
  for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder / "fd")) ++holdings.files;
  std::ifstream status(folder / "status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) holdings.kilobytes = std::stoul(line.substr(6));
  }
  return holdings;
}

// The limit that a program started now has for its own.
class LowLimit {
 public:
  LowLimit(__rlimit_resource resource, rlim_t limit) : resource_(resource) {
    getrlimit(resource_, &before_);
    rlimit lower = before_;
    lower.rlim_cur = std::min(limit, before_.rlim_max);
    setrlimit(resource_, &lower);
  }
  ~LowLimit() { setrlimit(resource_, &before_); }
  LowLimit(const LowLimit&) = delete;
  LowLimit& operator=(const LowLimit&) = delete;

 private:
  __rlimit_resource resource_;
  rlimit before_{};
};

// Attacks the server again and again. That the server refuses is no failure.
class TroubleMaker {
 public:
  /// `pause` is between the beginnings of two attacks, at least.
  TroubleMaker(int port, std::uint64_t seed, Clock::duration pause) : port_(port), random_(seed), pause_(pause) {}

  void run(const std::atomic<bool>& over, std::uint64_t rounds) {
    while (!over && acts < rounds) {
      const auto next = Clock::now() + pause_;
      try {
        act();
      } catch (const std::exception&) {
        ++refusals;
      }
      ++acts;
      std::this_thread::sleep_until(next);
    }
  }

  std::uint64_t acts = 0;
  std::uint64_t refusals = 0;

 private:
  std::size_t below(std::size_t bound) { return random_() % bound; }

  void act() {
    switch (below(9)) {
      case 0:
        return come_and_go(500);
      case 1:
        return leave(get("/events?topic=flood&topic=steady&lastEventId=earliest").substr(0, 1 + below(60)));
      case 2:
        return garbage();
      case 3:
        return never_read();
      case 4:
        return flood();
      case 5:
        return oversize();
      case 6:
        return pipeline();
      case 7:
        return read_bytes();
      default:
        return odd_requests();
    }
  }

  void come_and_go(int count) {
    std::vector<RawClient> clients;
    for (int i = 0; i < count; ++i) clients.emplace_back(port_);
    for (RawClient& client : clients) client.reset();
  }

  // Says it, perhaps in single bytes, and goes.
  void leave(const std::string& bytes) {
    RawClient client(port_);
    if (below(2) == 0) {
      for (const char byte : bytes) client.send_some({&byte, 1});
    } else {
      client.send_some(bytes);
    }
    if (below(2) == 0) client.reset();
  }

  void garbage() {
    std::string bytes(below(3'000), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    leave(bytes + "\r\n\r\n");
  }

  void never_read() {
    if (idle_.size() >= 60) idle_.erase(idle_.begin(), idle_.begin() + 30);
    for (int i = 0; i < 5; ++i) {
      idle_.emplace_back(port_, 1'024);
      idle_.back().send_some(get("/events?topic=flood&lastEventId=earliest"));
    }
  }

  void flood() {
    std::string lines;
    for (int i = 0; i < 400; ++i) lines += R"({"topic":"flood","data":")" + std::string(1'000, 'f') + "\"}\n";
    RawClient client(port_);
    client.send(post("/events", lines, kJson));
    if (below(4) > 0) client.read_response();
  }

  void oversize() {
    leave("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n");
    leave("POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999999\r\n\r\n" + std::string(10'000, 'x'));
    leave("POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n" +
          std::string(10'000, 'x'));
    leave(
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: "
        "300000\r\n\r\n--b\r\n"
        "Content-Disposition: form-data; name=\"" +
        std::string(290'000, 'x'));
  }

  void pipeline() {
    std::string requests;
    for (int i = 0; i < 50; ++i) requests += get(below(2) == 0 ? "/healthz" : "/metrics");
    leave(requests + get("/events?topic=steady"));
  }

  void read_bytes() {
    RawClient client(port_, 1'024);
    client.send(get("/events?topic=flood&lastEventId=earliest"));
    for (int i = 0; i < 300; ++i) client.read_exactly(1);
    client.reset();
  }

  void odd_requests() {
    const std::array<std::string, 8> requests{
        "HEAD /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "OPTIONS /events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://elsewhere\r\n\r\n"s,
        "GET /events?topic=a HTTP/1.0\r\n\r\n"s,
        "GET /events?topic=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "GET /events?topic=\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "GET /events?topic=a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n"s,
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"s,
        "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"topic\":\"a\",\"data\":\"\xff\xff\xff\"}}"s};
    leave(requests[below(requests.size())]);
  }

  const int port_;
  std::mt19937_64 random_;
  const Clock::duration pause_;
  std::vector<RawClient> idle_;
};

// What one steady subscriber has to say: nothing, if it has seen every number up to the end.
std::string listen(StreamClient& stream, const std::atomic<std::uint64_t>& published) {
  std::uint64_t next = 0;
  while (const auto event = stream.next()) {
    if (event->type == "end") return next == published ? "" : "ended at " + std::to_string(next);
    if (event->data != std::to_string(next))
      return "got " + event->data + " where " + std::to_string(next) + " was next";
    ++next;
  }
  return "lost its connection at " + std::to_string(next);
}

// Why a publish was not accepted; nothing if it was.
std::string refusal_of(RawClient& publisher, const std::string& event) {
  try {
    const auto response = publisher.exchange(post("/events", event, kJson));
    return response.status == 200 ? "" : std::to_string(response.status) + " " + response.body;
  } catch (const std::exception& error) {
    return error.what();
  }
}

struct Arguments {
  std::uint64_t rounds = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t seconds = 0;  // 0: until the rounds are over
  std::uint64_t seed = std::random_device{}();
  std::uint64_t attacks = 0;  // a second; 0: as many as it comes to
};

[[noreturn]] void refuse(const std::string& sentence) {
  std::fprintf(stderr, "soak: %s\n", sentence.c_str());
  std::exit(2);
}

Arguments read(int count, char** values) {
  Arguments arguments;
  bool has_rounds = false;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = values[i];
    const std::string_view value = i + 1 < count ? values[i + 1] : "";
    std::uint64_t number = 0;
    const auto [end, failure] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool is_number = !value.empty() && failure == std::errc{} && end == value.data() + value.size();
    if (is_number && name == "--rounds" && number > 0) {
      arguments.rounds = number;
      has_rounds = true;
    } else if (is_number && name == "--seconds" && number > 0) {
      arguments.seconds = number;
    } else if (is_number && name == "--seed") {
      arguments.seed = number;
    } else if (is_number && name == "--attacks") {
      arguments.attacks = number;
    } else {
      refuse("unknown or invalid: " + std::string(name) + " " + std::string(value) +
             "; expected --rounds N, --seconds N, --seed N or --attacks N");
    }
  }
  if (has_rounds && arguments.seconds > 0) refuse("--rounds and --seconds exclude each other: give one of them");
  if (!has_rounds && arguments.seconds == 0) arguments.seconds = 20;
  return arguments;
}

int soak(const Arguments& arguments) {
  const std::uint64_t seed = arguments.seed;
  std::printf("soak: %llu %s, seed %llu\n",
              static_cast<unsigned long long>(arguments.seconds > 0 ? arguments.seconds : arguments.rounds),
              arguments.seconds > 0 ? "s" : "rounds", static_cast<unsigned long long>(seed));
  const auto started = [] {
    const LowLimit files(RLIMIT_NOFILE, kMaxFiles);
    const LowLimit memory(RLIMIT_AS, kMaxMemory);
    return std::make_unique<millrace::test::ServeProgram>(std::vector<std::string>{
        "--insecure", "--history-events", "1000", "--heartbeat", "2", "--workers", "8", "--log-level", "error"});
  }();
  millrace::test::ServeProgram& server = *started;
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  const pid_t process = server.program().pid();

  std::vector<StreamClient> streams;
  for (int i = 0; i < kSteadySubscribers; ++i) streams.emplace_back(port, "/events?topic=steady");
  RawClient publisher(port);
  // The log is full and every thread has worked once before what is held is counted.
  std::string lines;
  for (int i = 0; i < 900; ++i) lines += R"({"topic":"flood","data":")" + std::string(1'000, 'f') + "\"}\n";
  if (publisher.exchange(post("/events", lines, kJson)).status != 200) throw std::runtime_error("cannot publish");
  const Holdings before = holdings_of(process);

  std::atomic<std::uint64_t> published = 0;
  std::atomic<bool> over = false;
  std::vector<std::string> complaints(streams.size());
  std::vector<std::thread> listening;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    listening.emplace_back([&, i] { complaints[i] = listen(streams[i], published); });
  }
  Clock::duration pause{};
  if (arguments.attacks > 0) {
    pause = Clock::duration(std::chrono::seconds(kTroubleMakers)) / static_cast<int>(arguments.attacks);
  }
  std::vector<TroubleMaker> trouble;
  for (std::uint64_t i = 0; i < kTroubleMakers; ++i) trouble.emplace_back(port, seed + i, pause);
  std::atomic<int> attacking = kTroubleMakers;
  std::vector<std::thread> troubling;
  for (TroubleMaker& one : trouble) {
    troubling.emplace_back([&] {
      one.run(over, arguments.rounds);
      --attacking;
    });
  }

  std::size_t most_files = 0;
  std::size_t most_kilobytes = 0;
  Clock::duration longest{};
  std::string failure;
  const auto begin = Clock::now();
  const auto has_time = [&] {
    return arguments.seconds == 0 || Clock::now() < begin + std::chrono::seconds(arguments.seconds);
  };
  while (attacking > 0 && has_time()) {
    const auto asked = Clock::now();
    const std::string event = R"({"topic":"steady","data":")" + std::to_string(published) + "\"}";
    failure = refusal_of(publisher, event);
    if (!failure.empty()) break;
    ++published;
    longest = std::max(longest, Clock::now() - asked);
    const Holdings now = holdings_of(process);
    most_files = std::max(most_files, now.files);
    most_kilobytes = std::max(most_kilobytes, now.kilobytes);
    std::this_thread::sleep_until(asked + std::chrono::milliseconds(20));
  }
  const std::chrono::duration<double> taken = Clock::now() - begin;
  over = true;
  for (std::thread& thread : troubling) thread.join();
  std::uint64_t acts = 0;
  std::uint64_t refusals = 0;
  for (const TroubleMaker& one : trouble) {
    acts += one.acts;
    refusals += one.refusals;
  }
  trouble.clear();
  if (failure.empty()) failure = refusal_of(publisher, R"({"topic":"steady","event":"end","data":""})");
  if (!failure.empty()) server.program().signal(SIGKILL);  // so that the subscribers end all the same
  for (std::thread& thread : listening) thread.join();

  int status = 0;
  if (!failure.empty()) {
    std::printf("a publish failed: %s\n", failure.c_str());
    return 1;
  }
  for (const std::string& complaint : complaints) {
    if (complaint.empty()) continue;
    std::printf("a steady subscriber %s\n", complaint.c_str());
    status = 1;
  }
  if (!eventually([&] { return holdings_of(process).files <= before.files; })) status = 1;
  const Holdings after = holdings_of(process);
  if (after.kilobytes > before.kilobytes + kMaxGrowthKilobytes) status = 1;
  std::printf("%llu attacks (%llu refused) in %.0f s; %llu steady events to each of %d; slowest publish %lld ms\n",
              static_cast<unsigned long long>(acts), static_cast<unsigned long long>(refusals), taken.count(),
              static_cast<unsigned long long>(published), kSteadySubscribers,
              static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(longest).count()));
  std::printf("files: %zu before, %zu at most, %zu after\n", before.files, most_files, after.files);
  std::printf("resident kB: %zu before, %zu at most, %zu after\n", before.kilobytes, most_kilobytes, after.kilobytes);
  std::printf("%s\n", status == 0 ? "nothing was lost, and nothing leaked" : "FAILED");
  return status;
}

}  // namespace

int main(int count, char** values) try { return soak(read(count, values)); } catch (const std::exception& failure) {
  std::printf("soak: %s\n", failure.what());
  return 1;
}
