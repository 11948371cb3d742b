// A server of Millrace's that also publishes from inside, as a program that embeds it does: `millrace serve` cannot.
//
//   GET, POST /events            the events route
//   GET /tokens                  a request-scoped stream, that POST /start writes to
//   POST /start?rate=R&events=N  producer threads send N events to each of them, R a second
//   POST /inside?topics=T&events=N   Hub::publish of N events to topics t0 … tT-1 at random
//
// `--help` lists the options. Prints `listening on PORT` once it is.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "joined_thread.h"
#include "millrace/server/server.h"
#include "millrace/server/stores/file.h"
#include "millrace/server/stores/sqlite.h"

namespace {

// Threads that answer: as many as the ceiling has, whose CPU this is held against.
constexpr std::size_t kProducers = 1;

std::int64_t clock_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string event_data(std::uint64_t sequence, std::int64_t published_ns) {
  std::string data = std::to_string(sequence) + ' ' + std::to_string(published_ns) + ' ';
  if (data.size() < 120) data.resize(120, 'x');
  return data;
}

std::uint64_t parameter(const httplib::Request& request, const char* name, std::uint64_t otherwise) {
  return request.has_param(name) ? std::stoull(request.get_param_value(name)) : otherwise;
}

// Sends to every kProducers-th of the streams.
void produce(const std::vector<millrace::EventStream>& streams, std::size_t first, std::uint64_t rate,
             std::uint64_t events) {
  const std::int64_t begin = clock_ns();
  for (std::uint64_t sequence = 1; sequence <= events; ++sequence) {
    for (std::size_t i = first; i < streams.size(); i += kProducers) {
      const auto due = begin + static_cast<std::int64_t>(((sequence - 1) * streams.size() + i) * 1'000'000'000 /
                                                         (rate * streams.size()));
      const auto now = clock_ns();
      if (due > now) std::this_thread::sleep_for(std::chrono::nanoseconds(due - now));
      const std::string data = event_data(sequence, due);
      if (!streams[i].send({.data = data})) std::fprintf(stderr, "a stream has ended\n");
    }
  }
}

void publish_inside(millrace::Hub& hub, std::uint64_t topics, std::uint64_t events) {
  std::vector<std::string> names;
  for (std::uint64_t i = 0; i < topics; ++i) names.push_back(std::to_string(i).insert(0, 1, 't'));
  std::vector<std::uint64_t> published(topics);
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::uint64_t> any(0, topics - 1);
  for (std::uint64_t i = 0; i < events; ++i) {
    const std::uint64_t topic = any(random);
    const std::string data = event_data(++published[topic], clock_ns());
    hub.publish(names[topic], {.data = data}).or_throw();
  }
}

struct Arguments {
  bool by_workers = false;
  std::vector<std::string> tls;
  std::string files;
  std::string sqlite;
  std::size_t loops = 0;  // 0: as many as the server takes by itself
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"A server of Millrace's that also publishes from inside"};
  Arguments arguments;
  app.add_flag("--by-workers", arguments.by_workers,
               "A worker answers each request, as with a program's logger or authorizer");
  app.add_option("--tls", arguments.tls, "Files of a certificate chain and its key")
      ->expected(2)
      ->check(CLI::ExistingFile);
  auto* const in_files = app.add_option("--files", arguments.files, "A folder for a store of files");
  app.add_option("--sqlite", arguments.sqlite, "A file for a store of SQLite")->excludes(in_files);
  app.add_option("--loops", arguments.loops, "Event loops")->check(CLI::Range(1, 1'000'000'000));
  CLI11_PARSE(app, argc, argv);

  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  millrace::ServerOptions options{.publishing = {.anonymous = true}};
  if (!arguments.tls.empty()) {
    options.tls = millrace::ServerTls{.certificates = {{.chain = millrace::Pem::file(arguments.tls[0]),
                                                        .key = millrace::Pem::file(arguments.tls[1])}}};
  }
  if (!arguments.sqlite.empty()) options.store = millrace::open_sqlite(arguments.sqlite);
  if (!arguments.files.empty()) options.store = millrace::open_file_log(arguments.files);
  if (arguments.loops > 0) options.threads.loops = arguments.loops;
  options.streams.gzip = true;  // for those who ask
  options.history.events = 1'000'000;
  options.history.bytes = 512 * 1024 * 1024;
  millrace::Server server(options);
  server.events("/events");
  if (arguments.by_workers)
    server.set_logger([](const auto&, const auto&) {});  // then no loop answers events routes itself

  std::mutex mutex;
  std::vector<millrace::EventStream> streams;
  std::vector<millrace::JoinedThread> threads;
  server.Get("/tokens", [&](const httplib::Request& request, httplib::Response& response) {
    const std::lock_guard lock(mutex);
    streams.push_back(server.open_stream(request, response));
  });
  server.Post("/start", [&](const httplib::Request& request, httplib::Response&) {
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < kProducers; ++i) {
      threads.emplace_back(produce, streams, i, parameter(request, "rate", 50), parameter(request, "events", 100));
    }
  });
  server.Post("/inside", [&](const httplib::Request& request, httplib::Response&) {
    const std::lock_guard lock(mutex);
    threads.emplace_back([&hub = server.hub(), topics = parameter(request, "topics", 1),
                          events = parameter(request, "events", 1)] { publish_inside(hub, topics, events); });
  });

  const int port = server.bind_to_any_port("127.0.0.1");
  std::printf("listening on %d\n", port);
  std::fflush(stdout);
  return server.listen_after_bind() ? 0 : 1;
}
