#include "http2/bench_server.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

// Writes its port to `pipe`. GET /usage: CPU seconds and allocated bytes; GET /publish?events=N&rate=R&number=M.
[[noreturn]] void serve(int pipe, std::size_t streams, bool tls) {
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
  server.Get("/usage", [](const auto&, auto& response) {
    response.set_content(std::to_string(cpu_seconds()) + " " + std::to_string(allocated_bytes()), "text/plain");
  });
  server.Get("/publish", [&server](const httplib::Request& request, auto&) {
    const auto parameter = [&request](const char* name) { return std::stoi(request.get_param_value(name)); };
    const int first = parameter("number");
    const auto pause = std::chrono::nanoseconds(1'000'000'000 / parameter("rate"));
    auto due = Clock::now();
    for (int i = 0; i < parameter("events"); ++i, due += pause) {
      std::this_thread::sleep_until(due);
      server.hub().publish("a", {.data = data_of(first + i)}).or_throw();
    }
  });
  const int port = server.bind_to_any_port("127.0.0.1");
  if (write(pipe, &port, sizeof port) != sizeof port) std::exit(1);
  server.listen_after_bind();
  std::exit(0);
}

}  // namespace

void fail(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
  std::exit(1);
}

BenchServer::BenchServer(std::size_t streams, bool tls) : tls_(tls) {
  allow_many_files();
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) fail("no pipe");
  process_ = fork();
  if (process_ < 0) fail("cannot create a process");
  if (process_ == 0) serve(ends[1], streams, tls);
  close(ends[1]);
  if (read(ends[0], &port_, sizeof port_) != sizeof port_) fail("the server does not start");
  close(ends[0]);
}

BenchServer::~BenchServer() {
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

std::unique_ptr<httplib::Client> BenchServer::client() const {
  auto client =
      std::make_unique<httplib::Client>((tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_));
  client->enable_server_certificate_verification(false);
  client->set_read_timeout(600);
  return client;
}

BenchServer::Usage BenchServer::usage() const {
  const auto response = client()->Get("/usage");
  if (!response) fail("the server does not answer");
  Usage usage;
  std::sscanf(response->body.c_str(), "%lf %lf", &usage.cpu, &usage.allocated);
  usage.resident = resident_bytes(process_);
  return usage;
}

void BenchServer::publish(int events, int rate, int number) const {
  const auto response = client()->Get("/publish?events=" + std::to_string(events) + "&rate=" + std::to_string(rate) +
                                      "&number=" + std::to_string(number));
  if (!response || response->status != 200) fail("cannot publish");
}

}  // namespace millrace::bench
