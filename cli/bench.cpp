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

namespace millrace::cli {

namespace {

using load::Load;

struct BenchOptions {
  std::string url;
  double seconds = 5;
  Load load;
};

void set_server(const std::string& text, Load& load) {
  const Url url = events_url(text);
  load.server.sin_family = AF_INET;
  load.server.sin_port = htons(url.port);
  const std::string address = url.host == "localhost" ? "127.0.0.1" : url.host;
  if (url.https || inet_pton(AF_INET, address.c_str(), &load.server.sin_addr) != 1) {
    throw UsageError("URL \"" + text + "\": expected http:// and an IPv4 address or localhost");
  }
  load.host = url.authority();
}

void check(const Load& load) {
  if (load.subscribers % load.topics != 0) throw UsageError("--subscribers must be a multiple of --topics");
  if (load.processes > load.subscribers) throw UsageError("--processes: there are fewer subscribers");
  if (load.strangers + load.replays > 0 && load.topic_prefix.empty()) {
    throw UsageError("--strangers and --replays need --topic-prefix, for their patterns to take in");
  }
  if (!load.topic_prefix.empty() && !load.topic_prefix.ends_with('/')) {
    throw UsageError("--topic-prefix must end with /");
  }
  if (load.raw_body && load.batch > 1) throw UsageError("--batch: only JSON bodies can hold several events");
  if (load.behind > 0 && (load.topics > 1 || load.batch > 1 || load.publishers == 0)) {
    throw UsageError("--behind takes one topic, published one by one");
  }
  if (!load.trigger_path.empty() && load.expected == 0) throw UsageError("--trigger needs --expect");
}

// A socket is an open file: as many as the system lets us.
void raise_open_files() {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

int bench(BenchOptions& options) {
  set_server(options.url, options.load);
  options.load.duration = std::chrono::duration<double>(options.seconds);
  check(options.load);
  raise_open_files();
  const auto report = load::run_load(options.load);
  std::cout << report.dump(2) << std::endl;
  return load::is_clean(report) ? kSuccess : kFailure;
}

}  // namespace

void add_bench(CLI::App& app, Command& command) {
  auto options = std::make_shared<BenchOptions>();
  Load& load = options->load;
  CLI::App* bench_app = app.add_subcommand(
      "bench",
      "Put a load on a server of event streams, check what comes, and report it as JSON (exit 1: not all came)");
  const auto count = CLI::Range(std::size_t{1}, std::size_t{10'000'000});
  const auto add = [&](const char* name, auto& value, const char* meaning) {
    return bench_app->add_option(name, value, meaning)->capture_default_str()->take_last();
  };
  bench_app->add_option("URL", options->url, "Of the server: http://localhost:8080")->required();
  add("--subscribers", load.subscribers, "Event streams held open")->check(count);
  add("--topics", load.topics, "Topics they are spread over")->check(count);
  add("--processes", load.processes, "Processes that hold them")->check(CLI::Range(std::size_t{1}, std::size_t{64}));
  add("--connect-window", load.connect_window, "Connections being made at a time, by each process")->check(count);
  add("--rate", load.rate, "Events a second; 0: as fast as the subscribers are served")->check(CLI::NonNegativeNumber);
  add("--seconds", options->seconds, "How long to publish")->check(CLI::Range(0.01, 86400.0));
  add("--window", load.window, "Without a rate: events on their way to the average subscriber")->check(count);
  add("--publishers", load.publishers, "Connections that publish; 0: nothing is published")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1000}));
  add("--pipeline", load.pipeline, "Without a rate: requests on their way on one connection")->check(count);
  add("--batch", load.batch, "Events in one request, as NDJSON")->check(count);
  add("--data-bytes", load.data_bytes, "Of one event")->check(CLI::Range(std::size_t{40}, std::size_t{1} << 20));
  add("--behind", load.behind, "Events are published first; then all subscribers resume, so many events behind")
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}));
  add("--subscribe-path", load.subscribe_path, "What subscribers GET; {topic} stands for the topic");
  add("--publish-path", load.publish_path, "Where events are POSTed");
  bench_app->add_option("--topic-prefix", load.topic_prefix, "What all topics begin with: segments, each with its /");
  add("--strangers", load.strangers, "Connections beside those, of patterns that match nothing")
      ->check(CLI::Range(std::size_t{0}, std::size_t{100'000}));
  add("--patterns", load.patterns, "Patterns of each of them")->check(CLI::Range(std::size_t{1}, std::size_t{64}));
  add("--replays", load.replays, "Such connections that ask for the whole log anew every second")
      ->check(CLI::Range(std::size_t{0}, std::size_t{1'000}));
  add("--fill", load.fill, "Events published before anybody subscribes")
      ->check(CLI::Range(std::size_t{0}, std::size_t{10'000'000}));
  bench_app->add_flag("--raw-body", load.raw_body, "Publish the data alone, not as a JSON object");
  add("--trigger", load.trigger_path, "Publish nothing, but make the server do it by a POST to this path");
  add("--expect", load.expected, "Events that come of the trigger, for all subscribers together");
  bench_app->add_flag("--gzip", load.gzip, "Ask for compressed streams");
  bench_app
      ->add_option("--server-pid", load.server_pids,
                   "Count CPU time and memory of this process and its children; may be repeated")
      ->allow_extra_args(false);
  bench_app->callback([options, &command] { command = [options] { return bench(*options); }; });
}

}  // namespace millrace::cli
