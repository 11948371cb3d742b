// What a store costs: acknowledged publishes a second through the hub, and their latency, beside its engine by itself:
// one thread, with groups of the same size (SQLite) or as many messages on their way (JetStream); and as many threads
// as there are publishers, each of which waits for its own, as those of the hub do. Prints a Markdown table; rounds are
// interleaved, and medians shown.
//
// `--help` lists the options.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bare_stores.h"
#include "lone_hub.h"
#include "loop/event_loop.h"
#include "millrace/server/stores/file.h"
#include "millrace/server/stores/postgres.h"
#include "millrace/server/stores/redis.h"
#include "nats_cluster.h"
#include "postgres_server.h"
#include "redis_server.h"
#include "stores/jetstream/jetstream_event_log.h"
#include "stores/sqlite/sqlite_event_log.h"

namespace {

using namespace millrace;
using namespace millrace::bench;
using Clock = std::chrono::steady_clock;

struct Settings {
  std::size_t rounds = 3;
  std::chrono::milliseconds length{1'000};
  std::filesystem::path folder = std::filesystem::temp_directory_path();
  std::vector<std::size_t> publishers = {1, 16, 256};
  std::size_t batch = 1;
  std::string log;
};

// Each event names its publisher: the latency is taken when it arrives.
class Receiver final : public Feed::Sink {
 public:
  explicit Receiver(std::size_t publishers) : begun_(publishers), latencies_(publishers) {}
  void begin(std::size_t publisher) { begun_[publisher] = Clock::now(); }
  void post(const FramePtr& frame) override {
    const auto publisher = static_cast<std::size_t>(std::stoul(frame->topic->text().substr(2)));
    latencies_[publisher].push_back(microseconds(Clock::now() - begun_[publisher]));
  }
  std::vector<double> sorted() const {
    std::vector<double> all;
    for (const auto& some : latencies_) all.insert(all.end(), some.begin(), some.end());
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  std::vector<Clock::time_point> begun_;
  std::vector<std::vector<double>> latencies_;
};

Figures through_hub(std::shared_ptr<EventStore> store, std::size_t publishers, const Settings& settings) {
  test::LoneHub hub({.history_events = 100'000,
                     .history_bytes = 64 * 1024 * 1024,
                     .epoch = "bench",
                     .clock = monotonic_now,
                     .store = std::move(store)});
  Receiver receiver(publishers);
  hub.attach(receiver);
  std::atomic<bool> stop = false;
  std::vector<std::vector<double>> latencies(publishers);
  std::vector<std::thread> threads;
  const auto begun = Clock::now();
  for (std::size_t p = 0; p < publishers; ++p) {
    threads.emplace_back([&, p] {
      const OwnedTopic topic = OwnedTopic::parse("t/" + std::to_string(p)).value();
      const std::string data(kDataBytes, 'x');
      const std::vector<Publication> batch(settings.batch, {.topic = topic, .event = {.data = data}});
      while (!stop) {
        receiver.begin(p);
        const auto before = Clock::now();
        for (const Published& published : hub.publish(batch)) published.or_throw();
        latencies[p].push_back(microseconds(Clock::now() - before));
      }
    });
  }
  std::this_thread::sleep_for(settings.length);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  hub.detach(receiver);
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  std::vector<double> delivered = receiver.sorted();
  return {.per_second = static_cast<double>(all.size() * settings.batch) / seconds,
          .p50 = quantile(all, 0.5),
          .p99 = quantile(all, 0.99),
          .delivered_p50 = quantile(delivered, 0.5),
          .delivered_p99 = quantile(delivered, 0.99)};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Figures medians(const std::vector<Figures>& rounds) {
  const auto of = [&](double Figures::*figure) {
    std::vector<double> values;
    for (const Figures& round : rounds) values.push_back(round.*figure);
    return median(std::move(values));
  };
  return {of(&Figures::per_second), of(&Figures::p50), of(&Figures::p99), of(&Figures::delivered_p50),
          of(&Figures::delivered_p99)};
}

struct Subject {
  const char* name;
  std::string beside;  // what it is compared with: this, and this with threads
  std::function<Figures(const std::string& file, std::size_t publishers)> measure;
};

// Whether the nats-server found knows `sync_interval: always`, as those since 2.10 do.
bool nats_syncs_always() {
  const std::unique_ptr<FILE, int (*)(FILE*)> version(::popen("nats-server -v", "r"), ::pclose);
  int major = 0;
  int minor = 0;
  const bool is_read = version && std::fscanf(version.get(), "nats-server: v%d.%d", &major, &minor) == 2;
  return is_read && (major > 2 || (major == 2 && minor >= 10));
}

// The servers that stores need. Their files are in the folder of the settings.
struct Servers {
  test::NatsServer nats;
  std::optional<test::NatsServer> syncing_nats;  // none if it does not know the setting
  test::NatsCluster cluster;
  test::PostgresServer postgres;
  test::RedisServer redis;
  test::RedisServer durable_redis{test::RedisServer::durable()};
};

// `servers` are there when the first subject is measured.
std::vector<Subject> subjects(const Settings& settings, std::optional<Servers>& servers) {
  const auto single = [&servers] { return servers->nats.url(); };
  const auto cluster = [&servers] { return servers->cluster[0].url(); };
  const auto sqlite = [&settings](const std::string& file, StoreSync sync, std::size_t publishers) {
    return through_hub(std::make_shared<SqliteEventLog>(
                           SqliteEventLog::Options{.path = file,
                                                   .sync = sync,
                                                   .bounds = {},
                                                   .new_epoch = "bench",
                                                   .clock = [] { return std::chrono::system_clock::now(); }}),
                       publishers, settings);
  };
  const auto files = [&settings](const std::string& file, StoreSync sync, std::size_t publishers) {
    return through_hub(open_file_log(file, {.sync = sync}), publishers, settings);
  };
  const auto jetstream = [&settings](const std::string& url, std::size_t replicas, std::size_t publishers) {
    static int streams = 0;
    return through_hub(std::make_shared<JetStreamEventLog>(JetStreamEventLog::Options{
                           .address = StoreAddress::parse(url + "/log" + std::to_string(++streams)),
                           .replicas = replicas,
                           .bounds = {},
                           .new_epoch = "bench"}),
                       publishers, settings);
  };
  static int logs = 0;
  const auto postgres = [&settings, &servers](std::size_t publishers) {
    return through_hub(open_postgres(servers->postgres.url(), {.schema = "log" + std::to_string(++logs)}), publishers,
                       settings);
  };
  const auto redis = [&settings](const test::RedisServer& server, std::size_t publishers) {
    return through_hub(open_redis(server.url(), {.name = "log" + std::to_string(++logs)}), publishers, settings);
  };
  using File = const std::string&;
  const auto& length = settings.length;
  std::vector<Subject> all{
      {"memory", {}, [&settings](File, std::size_t n) { return through_hub(nullptr, n, settings); }},
      {"bare threads that wait", {}, [length](File, std::size_t n) { return bare_waiting_threads(n, length); }},
      {"bare threads that wait for a sync",
       {},
       [length](File file, std::size_t n) { return bare_waiting_threads(file, n, length); }},
      {"bare sqlite3, normal",
       {},
       [length](File file, std::size_t n) { return bare_sqlite(file, "NORMAL", n, length); }},
      {"bare sqlite3, normal, threads",
       {},
       [length](File file, std::size_t n) { return bare_sqlite_threads(file, "NORMAL", n, length); }},
      {"SQLite, normal", "bare sqlite3, normal",
       [sqlite](File file, std::size_t n) { return sqlite(file, StoreSync::kNormal, n); }},
      {"bare sqlite3, full", {}, [length](File file, std::size_t n) { return bare_sqlite(file, "FULL", n, length); }},
      {"bare sqlite3, full, threads",
       {},
       [length](File file, std::size_t n) { return bare_sqlite_threads(file, "FULL", n, length); }},
      {"SQLite, full", "bare sqlite3, full",
       [sqlite](File file, std::size_t n) { return sqlite(file, StoreSync::kFull, n); }},
      {"bare file, fdatasync", {}, [length](File file, std::size_t n) { return bare_file(file, n, length); }},
      {"bare file, fdatasync, threads",
       {},
       [length](File file, std::size_t n) { return bare_file_threads(file, n, length); }},
      {"files, full", "bare file, fdatasync",
       [files](File file, std::size_t n) { return files(file, StoreSync::kFull, n); }},
      {"files, normal", {}, [files](File file, std::size_t n) { return files(file, StoreSync::kNormal, n); }},
      {"bare NATS client, 1 replica",
       {},
       [single, length](File, std::size_t n) { return bare_jetstream(single(), 1, n, length, false); }},
      {"bare NATS client that follows, 1 replica",
       {},
       [single, length](File, std::size_t n) { return bare_jetstream(single(), 1, n, length, true); }},
      {"bare NATS client, 1 replica, threads",
       {},
       [single, length](File, std::size_t n) { return bare_jetstream_threads(single(), 1, n, length); }},
      {"JetStream, 1 replica", "bare NATS client, 1 replica",
       [jetstream, single](File, std::size_t n) { return jetstream(single(), 1, n); }},
      {"bare NATS client, 3 replicas",
       {},
       [cluster, length](File, std::size_t n) { return bare_jetstream(cluster(), 3, n, length, false); }},
      {"bare NATS client that follows, 3 replicas",
       {},
       [cluster, length](File, std::size_t n) { return bare_jetstream(cluster(), 3, n, length, true); }},
      {"bare NATS client, 3 replicas, threads",
       {},
       [cluster, length](File, std::size_t n) { return bare_jetstream_threads(cluster(), 3, n, length); }},
      {"JetStream, 3 replicas", "bare NATS client, 3 replicas",
       [jetstream, cluster](File, std::size_t n) { return jetstream(cluster(), 3, n); }},
      {"PostgreSQL", {}, [postgres](File, std::size_t n) { return postgres(n); }},
      {"Redis", {}, [redis, &servers](File, std::size_t n) { return redis(servers->redis, n); }},
      {"Redis, appendfsync always",
       {},
       [redis, &servers](File, std::size_t n) { return redis(servers->durable_redis, n); }},
  };
  if (nats_syncs_always()) {
    all.push_back(
        {"JetStream, 1 replica, sync always", "JetStream, 1 replica",
         [jetstream, &servers](File, std::size_t n) { return jetstream(servers->syncing_nats->url(), 1, n); }});
  }
  return all;
}

// Those of `all` whose names begin with that of `--log`; the sentence of CLI::ValidationError names all that there are.
std::vector<Subject> chosen(std::vector<Subject> all, const std::string& log) {
  std::string known;
  for (const Subject& subject : all) known.append(known.empty() ? "" : "; ").append(subject.name);
  std::erase_if(all, [&](const Subject& subject) { return !std::string_view(subject.name).starts_with(log); });
  if (all.empty()) throw CLI::ValidationError("--log", "no log's name begins with '" + log + "'; there are: " + known);
  return all;
}

void add_options(CLI::App& app, Settings& settings) {
  app.add_option("--rounds", settings.rounds, "Rounds, of which medians are shown (3)")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option_function<std::size_t>(
         "--milliseconds", [&settings](std::size_t count) { settings.length = std::chrono::milliseconds(count); },
         "Length of a round (1000)")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option_function<std::string>(
         "--folder", [&settings](const std::string& folder) { settings.folder = folder; },
         "Where the files of all stores are: it sets the disk")
      ->check(CLI::ExistingDirectory);
  app.add_option_function<std::size_t>(
         "--publishers", [&settings](std::size_t count) { settings.publishers = {count}; },
         "Publishers at once (1, then 16, then 256)")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--batch", settings.batch,
                 "Events that each call of a publisher brings (1); those of the engines by themselves stay one")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--log", settings.log, "Beginning of a line's name: measures no others");
}

using Rounds = std::map<std::string, std::vector<Figures>>;

Rounds measure(const std::vector<Subject>& all, std::size_t publishers, const Settings& settings) {
  const auto folder = settings.folder / ("millrace-stores-" + std::to_string(::getpid()));
  Rounds rounds;
  for (std::size_t round = 0; round < settings.rounds; ++round) {
    for (const Subject& subject : all) {
      std::filesystem::create_directories(folder);
      rounds[subject.name].push_back(subject.measure((folder / "log").string(), publishers));
      std::filesystem::remove_all(folder);
    }
  }
  return rounds;
}

void print(const Subject& subject, std::size_t publishers, const Rounds& rounds) {
  const Figures figures = medians(rounds.at(subject.name));
  const auto ratio_to = [&](const std::string& bare) -> std::string {
    if (subject.beside.empty() || !rounds.contains(bare)) return {};
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", figures.per_second / medians(rounds.at(bare)).per_second);
    return text;
  };
  std::printf("| %zu | %s | %.0f | %s | %s | %.0f | %.0f | %.0f | %.0f |\n", publishers, subject.name,
              figures.per_second, ratio_to(subject.beside).c_str(), ratio_to(subject.beside + ", threads").c_str(),
              figures.p50, figures.p99, figures.delivered_p50, figures.delivered_p99);
  std::fflush(stdout);
}

void measure_all(const std::vector<Subject>& all, const Settings& settings) {
  std::printf(
      "| publishers | log | publishes/s | of the bare loop | of one with threads | p50 µs | p99 µs | delivered p50 µs"
      " | p99 µs |\n");
  std::printf("|-:|-|-:|-:|-:|-:|-:|-:|-:|\n");
  for (const std::size_t publishers : settings.publishers) {
    const Rounds rounds = measure(all, publishers, settings);
    for (const Subject& subject : all) print(subject, publishers, rounds);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  std::optional<Servers> servers;
  std::vector<Subject> all;
  CLI::App app{"What a store costs"};
  add_options(app, settings);
  app.final_callback([&] { all = chosen(subjects(settings, servers), settings.log); });
  CLI11_PARSE(app, argc, argv);

  // The servers' files are to be on the same disk.
  ::setenv("TMPDIR", settings.folder.c_str(), 1);
  servers.emplace();
  if (nats_syncs_always()) {
    servers->syncing_nats.emplace("", true, "sync_interval: always\n");
  } else {
    std::fprintf(stderr,
                 "NATS with `sync_interval: always` is not measured: it needs nats-server 2.10 or newer in PATH\n");
  }
  measure_all(all, settings);
  return 0;
}
