// Answers that run at once: ANSWERS SECONDS WAY [RATE]. WAY is `answers` (millrace::Answers, 8 workers, one event
// loop), or `threads`: plain cpp-httplib with a thread for each, as far as that gets. The clients are a process of
// their own.
//
// Prints JSON: threads of the server, memory an answer, and how long an event takes from send() until its client has
// read it. CLOCK_MONOTONIC is the same for both processes, and each event carries the time at which it was sent.
#include "millrace/server/answers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/server/server.h"

namespace {

using Clock = std::chrono::steady_clock;

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch()).count();
}

// About as long as a token is, as JSON of a vendor.
std::string token() {
  return "t=" + std::to_string(now_us()) + R"( {"choices":[{"index":0,"delta":{"content":" mill"}}]})";
}

std::size_t threads_of_this() {
  const std::filesystem::directory_iterator all("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// --- The clients ----------------------------------------------------------------------------------------------------

struct Latencies {
  std::vector<std::uint32_t> bins = std::vector<std::uint32_t>(200'000);  // hundredths of a millisecond
  std::uint64_t count = 0;

  void add(std::int64_t microseconds) {
    const auto bin = static_cast<std::size_t>(std::max<std::int64_t>(0, microseconds / 10));
    ++bins[std::min(bin, bins.size() - 1)];
    ++count;
  }
  double percentile(double part) const {
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count));
    std::uint64_t seen = 0;
    for (std::size_t bin = 0; bin < bins.size(); ++bin) {
      seen += bins[bin];
      if (seen > wanted) return static_cast<double>(bin) / 100;
    }
    return static_cast<double>(bins.size()) / 100;
  }
};

// From many addresses: the ports of one do not last.
int connect_to(int port, std::size_t number) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7f000101u + static_cast<std::uint32_t>(number % 50));
  ::bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) std::perror("connect");
  constexpr std::string_view kRequest = "POST /v1/answers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nwhy?";
  if (::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) std::perror("send");
  return fd;
}

// Times in a piece of a stream. One that is cut by the piece's end is not counted.
void read_times(std::string_view bytes, Latencies& latencies) {
  const std::int64_t now = now_us();
  for (std::size_t at = bytes.find("data: t="); at != std::string_view::npos; at = bytes.find("data: t=", at + 8)) {
    const std::size_t end = bytes.find(' ', at + 8);
    if (end == std::string_view::npos) return;
    latencies.add(now - std::strtoll(bytes.data() + at + 8, nullptr, 10));
  }
}

// What the server's process says to the clients' by a byte each.
constexpr char kCountFromHere = 'c';
constexpr char kReport = 'r';

struct Report {
  std::uint64_t events = 0;
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
  double cpu = 0;  // seconds
};

// In a process of its own, which it ends.
[[noreturn]] void listen_to_all(int port, std::size_t answers, int orders, int reports) {
  const int epoll = ::epoll_create1(0);
  for (std::size_t i = 0; i < answers; ++i) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = connect_to(port, i)}};
    ::fcntl(event.data.fd, F_SETFL, O_NONBLOCK);
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
  }
  epoll_event order{.events = EPOLLIN, .data = {.fd = orders}};
  ::epoll_ctl(epoll, EPOLL_CTL_ADD, orders, &order);
  Latencies latencies;
  double cpu = cpu_seconds();
  std::array<epoll_event, 512> events{};
  std::array<char, 64 * 1024> buffer{};
  while (true) {
    const int count = ::epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      const ssize_t size = ::read(fd, buffer.data(), fd == orders ? 1 : buffer.size());
      if (fd != orders) {
        if (size <= 0) ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
        if (size > 0) read_times({buffer.data(), static_cast<std::size_t>(size)}, latencies);
      } else if (size == 1 && buffer[0] == kCountFromHere) {
        latencies = {};
        cpu = cpu_seconds();
      } else {
        const Report report{.events = latencies.count,
                            .p50 = latencies.percentile(0.5),
                            .p99 = latencies.percentile(0.99),
                            .p999 = latencies.percentile(0.999),
                            .cpu = cpu_seconds() - cpu};
        std::_Exit(::write(reports, &report, sizeof report) == sizeof report ? 0 : 1);
      }
    }
  }
}

// --- The servers ----------------------------------------------------------------------------------------------------

struct Plan {
  std::size_t answers;
  int seconds;
  int rate;  // events a second of each
};

// One thread in place of a model for all: each answer has its turn every 1 / rate seconds.
void generate(const std::vector<millrace::Answer>& answers, const Plan& plan) {
  const auto begin = Clock::now();
  const auto period = std::chrono::microseconds(1'000'000 / plan.rate);
  constexpr std::size_t kSlices = 50;  // of a period
  for (int turn = 0; turn < plan.seconds * plan.rate; ++turn) {
    for (std::size_t slice = 0; slice < kSlices; ++slice) {
      std::this_thread::sleep_until(begin + turn * period + slice * period / kSlices);
      for (std::size_t i = slice; i < answers.size(); i += kSlices) answers[i].send({.data = token()});
    }
  }
}

class AnswersWay {
 public:
  explicit AnswersWay(const Plan& plan)
      : server_({.threads = {.workers = 8, .loops = 1}}),
        service_(server_, {.max_running = plan.answers, .max_running_per_client = plan.answers}) {
    server_.Post("/v1/answers", [this](const httplib::Request& request, httplib::Response& response) {
      auto answer = service_.begin(request, response);
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(answer));
    });
  }
  ~AnswersWay() { answers_.clear(); }
  httplib::Server& server() { return server_; }
  bool bind_and_listen() { return server_.listen_after_bind(); }
  void stop() { server_.stop(); }
  std::size_t begun() {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }
  void run(const Plan& plan) { generate(answers_, plan); }

 private:
  millrace::Server server_;
  millrace::Answers service_;
  std::mutex mutex_;
  std::vector<millrace::Answer> answers_;
};

// A thread of cpp-httplib's is in each answer from its beginning to its end.
class ThreadsWay {
 public:
  explicit ThreadsWay(const Plan& plan) {
    server_.new_task_queue = [&plan] { return new httplib::ThreadPool(plan.answers); };
    server_.Post("/v1/answers", [this, &plan](const httplib::Request&, httplib::Response& response) {
      response.set_chunked_content_provider("text/event-stream", [this, &plan](std::size_t, httplib::DataSink& sink) {
        const std::size_t number = begun_++;
        while (!runs_) std::this_thread::sleep_for(std::chrono::milliseconds(10));
        const auto period = std::chrono::microseconds(1'000'000 / plan.rate);
        auto next = Clock::now() + number % 50 * period / 50;
        for (int turn = 0; turn < plan.seconds * plan.rate; ++turn, next += period) {
          std::this_thread::sleep_until(next);
          const std::string event = "data: " + token() + "\n\n";
          if (!sink.write(event.data(), event.size())) return false;
        }
        sink.done();
        return true;
      });
    });
  }
  httplib::Server& server() { return server_; }
  bool bind_and_listen() { return server_.listen_after_bind(); }
  void stop() { server_.stop(); }
  std::size_t begun() { return begun_; }
  void run(const Plan& plan) {
    runs_ = true;
    std::this_thread::sleep_for(std::chrono::seconds(plan.seconds));
  }

 private:
  httplib::Server server_;
  std::atomic<std::size_t> begun_ = 0;
  std::atomic<bool> runs_ = false;
};

// The clients' process is forked while there is no thread yet, and gets the port when there is one.
struct Clients {
  explicit Clients(std::size_t answers) {
    if (::pipe(orders_) != 0 || ::pipe(reports_) != 0) throw std::runtime_error("pipe");
    if (::fork() == 0) {
      int port = 0;
      if (::read(orders_[0], &port, sizeof port) != sizeof port) std::_Exit(1);
      listen_to_all(port, answers, orders_[0], reports_[1]);
    }
  }
  void connect(int port) const { send(&port, sizeof port); }
  void count_from_here() const { send(&kCountFromHere, 1); }
  Report report() const {
    Report report;
    send(&kReport, 1);
    if (::read(reports_[0], &report, sizeof report) != sizeof report) throw std::runtime_error("the clients are gone");
    ::wait(nullptr);
    return report;
  }

 private:
  void send(const void* bytes, std::size_t size) const {
    if (::write(orders_[1], bytes, size) != static_cast<ssize_t>(size))
      throw std::runtime_error("the clients are gone");
  }
  int orders_[2]{};
  int reports_[2]{};
};

template <typename Way>
int measure(const Plan& plan) {
  const Clients clients(plan.answers);
  Way way(plan);
  const int port = way.server().bind_to_any_port("127.0.0.1");
  std::thread listening([&] { way.bind_and_listen(); });
  while (!way.server().is_running()) std::this_thread::yield();
  const std::size_t before = resident_kib();
  clients.connect(port);
  const auto give_up = Clock::now() + std::chrono::seconds(60);
  while (way.begun() < plan.answers && Clock::now() < give_up)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const std::size_t begun = way.begun();
  const std::size_t with_all = resident_kib();
  clients.count_from_here();
  const double cpu = cpu_seconds();
  way.run(plan);
  const double used = cpu_seconds() - cpu;
  const std::size_t threads = threads_of_this();
  const Report report = clients.report();
  std::printf(
      R"({"answers":%zu,"seconds":%d,"rate":%d,"threads":%zu,"bytesAnAnswer":%zu,"events":%llu,"serverCpuSeconds":%.2f,)"
      R"("clientCpuSeconds":%.2f,"p50Ms":%.2f,"p99Ms":%.2f,"p999Ms":%.2f})"
      "\n",
      begun, plan.seconds, plan.rate, threads, begun > 0 ? (with_all - before) * 1024 / begun : 0,
      static_cast<unsigned long long>(report.events), used, report.cpu, report.p50, report.p99, report.p999);
  way.stop();
  listening.join();
  return begun == plan.answers ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Answers that run at once"};
  Plan plan{.answers = 0, .seconds = 0, .rate = 20};
  std::string way;
  app.add_option("ANSWERS", plan.answers)->required()->check(CLI::Range(1, 1'000'000'000));
  app.add_option("SECONDS", plan.seconds)->required()->check(CLI::Range(1, 1'000'000'000));
  app.add_option("WAY", way)->required()->check(CLI::IsMember({"answers", "threads"}));
  app.add_option("RATE", plan.rate, "Events a second of each answer (20)")->check(CLI::Range(1, 1'000'000'000));
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  return way == "threads" ? measure<ThreadsWay>(plan) : measure<AnswersWay>(plan);
}
