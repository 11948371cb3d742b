#include "http2/bench_server.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include "millrace/server/server.h"
#include "test_tls.h"

namespace millrace::bench {

namespace {

using Clock = std::chrono::steady_clock;

void allow_many_files() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

double cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

double allocated_bytes() {
  const struct mallinfo2 memory = mallinfo2();
  return static_cast<double>(memory.uordblks + memory.hblkhd);
}

double resident_bytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/smaps_rollup");
  for (std::string word; file >> word;) {
    if (double kilobytes = 0; word == "Pss:" && file >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

std::string data_of(int number) {
  std::string data = std::to_string(number) + ' ';
  data.resize(BenchServer::kDataBytes - BenchServer::kMarks, 'x');
  return data.append(BenchServer::kMarks, BenchServer::kMark);
}

// What the benchmark asks of the server's process, beside the server: a connection of its own would wait with the
// others.
struct Order {
  int events = 0;  // 0: only the usage
  int rate = 1;
  int number = 1;
};

void publish(Server& server, const Order& order) {
  const auto pause = std::chrono::nanoseconds(1'000'000'000 / order.rate);
  auto due = Clock::now();
  for (int i = 0; i < order.events; ++i, due += pause) {
    std::this_thread::sleep_until(due);
    server.hub().publish("a", {.data = data_of(order.number + i)}).or_throw();
  }
}

// Writes its port to `control`, and then the usage after each order.
[[noreturn]] void serve(int control, std::size_t streams, bool tls) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ServerOptions options;
  if (tls) {
    const test::TestCertificate made = test::test_authority().issue();
    options.tls = ServerTls{.certificates = {{.chain = Pem::text(made.chain), .key = Pem::text(made.key)}}};
  }
  options.threads.loops = 1;
  options.threads.workers = 2;
  options.shares.max_connections = 2 * streams + 1'000;
  options.shares.max_connections_per_address.reset();
  Server server(options);
  server.events("/events");
  const int port = server.bind_to_any_port("127.0.0.1");
  if (write(control, &port, sizeof port) != sizeof port) std::exit(1);
  std::thread([&server, control] {
    for (Order order; read(control, &order, sizeof order) == sizeof order;) {
      publish(server, order);
      const std::array<double, 2> usage{cpu_seconds(), allocated_bytes()};
      if (write(control, usage.data(), sizeof usage) != sizeof usage) break;
    }
    std::_Exit(0);
  }).detach();
  server.listen_after_bind();
  std::exit(0);
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
  std::exit(1);
}

BenchServer::BenchServer(std::size_t streams, bool tls) : tls_(tls) {
  std::signal(SIGPIPE, SIG_IGN);  // a lost connection is reported by what uses it
  allow_many_files();
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) fail("no socket pair");
  process_ = fork();
  if (process_ < 0) fail("cannot create a process");
  if (process_ == 0) serve(ends[1], streams, tls);
  close(ends[1]);
  control_ = ends[0];
  if (read(control_, &port_, sizeof port_) != sizeof port_) fail("the server does not start");
}

BenchServer::~BenchServer() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  close(control_);
}

BenchServer::Usage BenchServer::publish(int events, int rate, int number) const {
  const Order order{.events = events, .rate = rate, .number = number};
  std::array<double, 2> usage{};
  if (write(control_, &order, sizeof order) != sizeof order ||
      read(control_, usage.data(), sizeof usage) != sizeof usage) {
    fail("the server has ended");
  }
  return {.cpu = usage[0], .allocated = usage[1], .resident = resident_bytes(process_)};
}

}  // namespace millrace::bench
