// Everything at once, on the program and real sockets: `millrace_soak [--rounds N | --seconds N] [--seed N]
// [--attacks N] [--tls]`. It ends after N attacks of each attacker or, by default, after N seconds (20); --attacks
// bounds them in a second. With --tls all of it is over TLS.
//
// A few subscribers, over HTTP/1.1 and HTTP/2, listen to one topic, to which little is published, in order. Beside them
// others do all that hurts: thousands of connections that are gone again, half requests, garbage, readers that never
// read, readers of single bytes, resets in the middle, floods of events, bodies and heads beyond every limit, streams
// that are reset at once, frames at random, windows that stay shut. The program may open few files and little memory.
// The subscribers must get everything, once and in order; and when it is over, the program must have given back its
// files and its memory.
#include <sys/resource.h>

#include <algorithm>
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
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "eventually.h"
#include "http2_stream.h"
#include "program.h"
#include "raw_client.h"
#include "stream_client.h"
#include "temporary_folder.h"
#include "test_tls.h"
#include "trouble_maker.h"

using namespace millrace::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kSteadySubscribers = 6;  // over HTTP/1.1,
constexpr int kSteadyStreams = 2;      // and over HTTP/2
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

// What one steady subscriber has to say: nothing, if it has seen every number up to the end.
template <typename Stream>
std::string listen(Stream& stream, const std::atomic<std::uint64_t>& published) {
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
  bool tls = false;
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
    if (name == "--tls") {
      arguments.tls = true;
      --i;  // it has no value
      continue;
    }
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
             "; expected --rounds N, --seconds N, --seed N, --attacks N or --tls");
    }
  }
  if (has_rounds && arguments.seconds > 0) refuse("--rounds and --seconds exclude each other: give one of them");
  if (!has_rounds && arguments.seconds == 0) arguments.seconds = 20;
  return arguments;
}

std::unique_ptr<ServeProgram> serve(const Arguments& arguments, const TemporaryFolder& folder) {
  std::vector<std::string> options{"--insecure", "--history-events", "1000", "--heartbeat", "2", "--workers",
                                   "8",          "--log-level",      "error"};
  if (arguments.tls) {
    const TestCertificate certificate = test_authority().issue();
    const std::string chain = folder.path("chain.pem");
    const std::string key = folder.path("key.pem");
    std::ofstream(chain) << certificate.chain;
    std::ofstream(key) << certificate.key;
    options.insert(options.end(), {"--tls-cert", chain, "--tls-key", key});
  }
  const LowLimit files(RLIMIT_NOFILE, kMaxFiles);
  const LowLimit memory(RLIMIT_AS, kMaxMemory);
  return std::make_unique<ServeProgram>(std::move(options));
}

int soak(const Arguments& arguments) {
  const std::uint64_t seed = arguments.seed;
  std::printf("soak: %llu %s, seed %llu\n",
              static_cast<unsigned long long>(arguments.seconds > 0 ? arguments.seconds : arguments.rounds),
              arguments.seconds > 0 ? "s" : "rounds", static_cast<unsigned long long>(seed));
  const TemporaryFolder folder;
  const auto started = serve(arguments, folder);
  ServeProgram& server = *started;
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  set_speaks_tls(port, arguments.tls);
  const pid_t process = server.program().pid();

  std::vector<StreamClient> streams;
  for (int i = 0; i < kSteadySubscribers; ++i) streams.emplace_back(port, "/events?topic=steady");
  std::vector<std::unique_ptr<Http2Stream>> http2_streams;
  for (int i = 0; i < kSteadyStreams; ++i) {
    http2_streams.push_back(std::make_unique<Http2Stream>(port, "/events?topic=steady"));
  }
  RawClient publisher(port);
  // The log is full and every thread has worked once before what is held is counted.
  std::string lines;
  for (int i = 0; i < 900; ++i) lines += R"({"topic":"flood","data":")" + std::string(1'000, 'f') + "\"}\n";
  if (publisher.exchange(post("/events", lines, kJson)).status != 200) throw std::runtime_error("cannot publish");
  const Holdings before = holdings_of(process);

  std::atomic<std::uint64_t> published = 0;
  std::atomic<bool> over = false;
  std::vector<std::string> complaints(kSteadySubscribers + kSteadyStreams);
  std::vector<std::thread> listening;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    listening.emplace_back([&, i] { complaints[i] = listen(streams[i], published); });
  }
  for (std::size_t i = 0; i < http2_streams.size(); ++i) {
    listening.emplace_back([&, i] { complaints[kSteadySubscribers + i] = listen(*http2_streams[i], published); });
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
              static_cast<unsigned long long>(published), kSteadySubscribers + kSteadyStreams,
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
