#include "bench.h"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "load/load.h"
#include "load/run.h"
#include "tls.h"

namespace millrace::cli {

namespace {

using load::Load;

struct BenchOptions {
  std::string url;
  double seconds = 5;
  TlsClientOptions tls;
  Load load;
};

void set_server(const std::string& text, Load& load) {
  const Url url = events_url(text);
  load.server.sin_family = AF_INET;
  load.server.sin_port = htons(url.port);
  const std::string address = url.host == "localhost" ? "127.0.0.1" : url.host;
  if (inet_pton(AF_INET, address.c_str(), &load.server.sin_addr) != 1) {
    throw UsageError("URL \"" + text + "\": expected an IPv4 address or localhost");
  }
  load.host = url.authority();
  load.tls = url.https;
}

void check(const Load& load) {
  if (load.subscribers * load.topics_each % load.topics != 0) {
    throw UsageError("--subscribers, times --topics-each, must be a multiple of --topics");
  }
  if (load.topics_each > 1 && load.topics % load.topics_each != 0) {
    throw UsageError("--topics must be a multiple of --topics-each");
  }
  if (load.processes > load.subscribers) throw UsageError("--processes must not be larger than --subscribers");
  if (load.strangers + load.replays > 0 && load.topic_prefix.empty()) {
    throw UsageError("--strangers and --replays need --topic-prefix, which their patterns match");
  }
  if (!load.topic_prefix.empty() && !load.topic_prefix.ends_with('/')) {
    throw UsageError("--topic-prefix must end with /");
  }
  if (load.raw_body && load.batch > 1)
    throw UsageError("--batch cannot be combined with --raw-body: only JSON bodies can hold several events");
  if (load.behind > 0 && (load.topics > 1 || load.batch > 1 || load.publishers == 0)) {
    throw UsageError("--behind needs --topics 1, --batch 1 and at least one publisher");
  }
  if (!load.tls && (load.resume_tls || load.handshakes > 0)) {
    throw UsageError("--resume-tls and --handshakes need https://");
  }
  if (load.tls && load.strangers + load.replays > 0) {
    throw UsageError("--strangers and --replays need http://");
  }
  if (load.streams_each > 1 && !load.http2) throw UsageError("--streams-each needs --http2");
  if (!load.trigger_path.empty() && load.expected == 0) throw UsageError("--trigger needs --expect");
}

// Raises the limit of open files, which include sockets, to the system's maximum.
void raise_open_files() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int bench(BenchOptions& options) {
  set_server(options.url, options.load);
  options.load.verify_tls = !options.tls.insecure;
  options.load.ca_file = options.tls.ca_file;
  options.load.duration = std::chrono::duration<double>(options.seconds);
  check(options.load);
  raise_open_files();
  const auto report = load::run_load(options.load);
  std::cout << report.dump(2) << std::endl;
  return load::is_clean(report) ? kSuccess : kFailure;
}

CLI::Range count() {
  return {std::size_t{1}, std::size_t{10'000'000}};
}

template <typename Value>
CLI::Option* add(CLI::App& app, const char* name, Value& value, const char* meaning) {
  return app.add_option(name, value, meaning)->capture_default_str()->take_last();
}

void add_subscribers(CLI::App& app, Load& load) {
  add(app, "--subscribers", load.subscribers, "Open event streams")->check(count());
  add(app, "--topics", load.topics, "Topics over which the subscribers are spread")->check(count());
  add(app, "--topics-each", load.topics_each, "Topics of each subscriber, of a Millrace server")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}));
  add(app, "--conflate", load.conflate,
      "Interval in milliseconds at which a subscriber gets only the newest events; 0: it gets all")
      ->check(CLI::Range(std::size_t{0}, std::size_t{3'600'000}));
  add(app, "--processes", load.processes, "Processes that hold the subscribers")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}));
  add(app, "--connect-window", load.connect_window, "Connections that each process makes at the same time")
      ->check(count());
}

void add_publishing(CLI::App& app, BenchOptions& options) {
  Load& load = options.load;
  add(app, "--rate", load.rate, "Events a second; 0: as fast as the subscribers receive them")
      ->check(CLI::NonNegativeNumber);
  add(app, "--seconds", options.seconds, "Seconds to publish")->check(CLI::Range(0.01, 86400.0));
  add(app, "--window", load.window, "Without --rate: events in flight to the average subscriber")->check(count());
  add(app, "--publishers", load.publishers, "Connections that publish; 0: publish nothing")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1000}));
  add(app, "--pipeline", load.pipeline, "Without --rate: requests in flight on each connection")->check(count());
  add(app, "--batch", load.batch, "Events in one request, as NDJSON")->check(count());
  add(app, "--data-bytes", load.data_bytes, "Data bytes of each event")
      ->check(CLI::Range(std::size_t{40}, std::size_t{1} << 20));
  add(app, "--behind", load.behind, "Publish this many events first; then all subscribers resume that far behind")
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}));
}

void add_paths(CLI::App& app, Load& load) {
  add(app, "--subscribe-path", load.subscribe_path, "Path for GET; {topic} stands for the topic");
  add(app, "--publish-path", load.publish_path, "Path for POST");
  app.add_option("--topic-prefix", load.topic_prefix, "Prefix of all topics: segments, each followed by /");
}

void add_strangers(CLI::App& app, Load& load) {
  add(app, "--strangers", load.strangers, "Additional connections with patterns that match no published topic")
      ->check(CLI::Range(std::size_t{0}, std::size_t{100'000}));
  add(app, "--patterns", load.patterns, "Patterns of each such connection")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}));
  add(app, "--replays", load.replays, "Such connections that request the whole log again every second")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1'000}));
  add(app, "--fill", load.fill, "Events to publish before the first subscriber connects")
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}));
}

void add_trigger(CLI::App& app, Load& load) {
  app.add_flag("--raw-body", load.raw_body, "Publish only the data, not a JSON object");
  add(app, "--trigger", load.trigger_path, "Publish nothing; the server publishes after a POST to this path");
  add(app, "--expect", load.expected, "Events after --trigger, for all subscribers together");
}

void add_transport(CLI::App& app, BenchOptions& options) {
  Load& load = options.load;
  add_tls_client(app, options.tls);
  app.add_flag("--resume-tls", load.resume_tls,
               "https: each process makes one full handshake; the others resume its session");
  add(app, "--handshakes", load.handshakes,
      "https: connections a second that are made and closed while events are published")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--http2", load.http2,
               "Subscribe and publish over HTTP/2: https: the handshake must choose it; http: without asking");
  add(app, "--streams-each", load.streams_each, "With --http2: subscribers on one connection")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
  app.add_flag("--gzip", load.gzip, "Request compressed streams");
  app.add_option("--server-pid", load.server_pids,
                 "Measure CPU time and memory of this process and its children; can be repeated")
      ->allow_extra_args(false);
}

}  // namespace

void add_bench(CLI::App& app, Command& command) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* bench_app = app.add_subcommand("bench",
                                           "Load a server of event streams, check every received event, and report as "
                                           "JSON (exit code 1: an event is missing "
                                           "or wrong)");
  bench_app->add_option("URL", options->url, "The server's URL, such as http://localhost:8080")->required();
  add_subscribers(*bench_app, options->load);
  add_publishing(*bench_app, *options);
  add_paths(*bench_app, options->load);
  add_strangers(*bench_app, options->load);
  add_trigger(*bench_app, options->load);
  add_transport(*bench_app, *options);
  bench_app->callback([options, &command] { command = [options] { return bench(*options); }; });
}

}  // namespace millrace::cli
