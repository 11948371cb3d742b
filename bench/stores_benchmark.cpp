// What a store costs: acknowledged publishes a second through the hub, and their latency, beside a bare loop on the
// same engine that commits groups of the same size. Prints a Markdown table; rounds are interleaved, and medians shown.
//
//   millrace_stores_benchmark [--rounds 3] [--milliseconds 1000] [--folder DIR]
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "log/sqlite/sqlite_event_log.h"
#include "loop/event_loop.h"
#include "millrace/server/hub.h"

namespace {

using namespace millrace;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kDataBytes = 100;

struct Settings {
  std::size_t rounds = 3;
  std::chrono::milliseconds length{1'000};
  std::filesystem::path folder = std::filesystem::temp_directory_path();
};

struct Figures {
  double per_second = 0;
  double p50 = 0;  // microseconds from the call to its return
  double p99 = 0;
  double delivered_p50 = 0;  // to where event loops are handed the event
  double delivered_p99 = 0;
};

double quantile(std::vector<double>& sorted, double which) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(which * static_cast<double>(sorted.size())))];
}

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

// Each publisher's event says who it is of: its latency is taken when it comes by.
class Receiver final : public Hub::Sink {
 public:
  explicit Receiver(std::size_t publishers) : begun_(publishers), latencies_(publishers) {}
  void begin(std::size_t publisher) { begun_[publisher] = Clock::now(); }
  void post(const Hub::FramePtr& frame) override {
    const auto publisher = static_cast<std::size_t>(std::stoul(frame->topic.substr(2)));
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
  Hub hub({.history_events = 100'000,
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
      const std::string topic = "t/" + std::to_string(p);
      const std::string data(kDataBytes, 'x');
      while (!stop) {
        receiver.begin(p);
        const auto before = Clock::now();
        hub.publish(*Topic::parse(topic), {.data = data});
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
  return {.per_second = static_cast<double>(all.size()) / seconds,
          .p50 = quantile(all, 0.5),
          .p99 = quantile(all, 0.99),
          .delivered_p50 = quantile(delivered, 0.5),
          .delivered_p99 = quantile(delivered, 0.99)};
}

// The engine by itself: a table with the two indexes that the log cannot be without, one thread, `group` rows a commit.
Figures bare(const std::string& path, const char* sync, std::size_t group, const Settings& settings) {
  sqlite3* database = nullptr;
  sqlite3_open(path.c_str(), &database);
  const auto execute = [&](const std::string& sql) { sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr); };
  execute("PRAGMA journal_mode = WAL");
  execute(std::string("PRAGMA synchronous = ") + sync);
  execute(
      "CREATE TABLE entries (sequence INTEGER PRIMARY KEY, topic TEXT, kind INTEGER, id_key TEXT,"
      " published INTEGER, payload BLOB)");
  execute("CREATE INDEX by_topic ON entries (topic)");
  execute("CREATE INDEX by_id ON entries (id_key) WHERE id_key IS NOT NULL");
  const auto prepare = [&](const char* sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database, sql, -1, &statement, nullptr);
    return statement;
  };
  sqlite3_stmt* const begin = prepare("BEGIN");
  sqlite3_stmt* const insert = prepare("INSERT INTO entries (topic, kind, published, payload) VALUES (?1, 0, ?2, ?3)");
  sqlite3_stmt* const commit = prepare("COMMIT");
  const auto run = [](sqlite3_stmt* statement) {
    sqlite3_step(statement);
    sqlite3_reset(statement);
  };
  const std::string payload = "id: epoch678-1234567\ndata: " + std::string(kDataBytes, 'x') + "\n\n";
  std::vector<double> latencies;
  std::size_t rows = 0;
  const auto begun = Clock::now();
  while (Clock::now() - begun < settings.length) {
    const auto before = Clock::now();
    run(begin);
    for (std::size_t i = 0; i < group; ++i, ++rows) {
      const std::string topic = "t/" + std::to_string(i);
      sqlite3_bind_text(insert, 1, topic.data(), static_cast<int>(topic.size()), nullptr);
      sqlite3_bind_int64(insert, 2, static_cast<sqlite3_int64>(rows));
      sqlite3_bind_blob(insert, 3, payload.data(), static_cast<int>(payload.size()), nullptr);
      run(insert);
    }
    run(commit);
    latencies.push_back(microseconds(Clock::now() - before));
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  for (sqlite3_stmt* statement : {begin, insert, commit}) sqlite3_finalize(statement);
  sqlite3_close(database);
  std::sort(latencies.begin(), latencies.end());
  const double p50 = quantile(latencies, 0.5);
  const double p99 = quantile(latencies, 0.99);
  return {static_cast<double>(rows) / seconds, p50, p99, p50, p99};
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
  const char* beside;  // what it is compared with
  std::function<Figures(const std::string& file, std::size_t publishers)> measure;
};

std::vector<Subject> subjects(const Settings& settings) {
  const auto stored = [&settings](const std::string& file, StoreSync sync, std::size_t publishers) {
    return through_hub(std::make_shared<SqliteEventLog>(
                           SqliteEventLog::Options{.path = file,
                                                   .sync = sync,
                                                   .bounds = {},
                                                   .new_epoch = "bench",
                                                   .clock = [] { return std::chrono::system_clock::now(); }}),
                       publishers, settings);
  };
  return {
      {"memory", nullptr,
       [&settings](const std::string&, std::size_t publishers) { return through_hub(nullptr, publishers, settings); }},
      {"bare sqlite3, normal", nullptr,
       [&settings](const std::string& file, std::size_t publishers) {
         return bare(file, "NORMAL", publishers, settings);
       }},
      {"SQLite, normal", "bare sqlite3, normal",
       [stored](const std::string& file, std::size_t publishers) {
         return stored(file, StoreSync::kNormal, publishers);
       }},
      {"bare sqlite3, full", nullptr,
       [&settings](const std::string& file, std::size_t publishers) {
         return bare(file, "FULL", publishers, settings);
       }},
      {"SQLite, full", "bare sqlite3, full",
       [stored](const std::string& file, std::size_t publishers) {
         return stored(file, StoreSync::kFull, publishers);
       }},
  };
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--rounds") settings.rounds = std::stoul(argv[i + 1]);
    if (name == "--milliseconds") settings.length = std::chrono::milliseconds(std::stoul(argv[i + 1]));
    if (name == "--folder") settings.folder = argv[i + 1];
  }
  const auto folder = settings.folder / ("millrace-stores-" + std::to_string(::getpid()));
  std::printf("| publishers | log | publishes/s | of the bare loop | p50 µs | p99 µs | delivered p50 µs | p99 µs |\n");
  std::printf("|-:|-|-:|-:|-:|-:|-:|-:|\n");
  const std::vector<Subject> all = subjects(settings);
  for (const std::size_t publishers : {1, 16, 256}) {
    std::map<std::string, std::vector<Figures>> rounds;
    for (std::size_t round = 0; round < settings.rounds; ++round) {
      for (const Subject& subject : all) {
        std::filesystem::create_directories(folder);
        rounds[subject.name].push_back(subject.measure((folder / "log").string(), publishers));
        std::filesystem::remove_all(folder);
      }
    }
    for (const Subject& subject : all) {
      const Figures figures = medians(rounds[subject.name]);
      std::string ratio;
      if (subject.beside != nullptr) {
        char text[32];
        std::snprintf(text, sizeof text, "%.2f", figures.per_second / medians(rounds[subject.beside]).per_second);
        ratio = text;
      }
      std::printf("| %zu | %s | %.0f | %s | %.0f | %.0f | %.0f | %.0f |\n", publishers, subject.name,
                  figures.per_second, ratio.c_str(), figures.p50, figures.p99, figures.delivered_p50,
                  figures.delivered_p99);
      std::fflush(stdout);
    }
  }
  return 0;
}
