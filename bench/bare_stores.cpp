#include "bare_stores.h"

#include <fcntl.h>
#include <nats/nats.h>
#include <sqlite3.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "log/turns.h"

namespace millrace::bench {

namespace {

using Clock = std::chrono::steady_clock;

void check(natsStatus status, const char* doing) {
  if (status == NATS_OK) return;
  std::fprintf(stderr, "%s: %s\n", doing, natsStatus_GetText(status));
  std::exit(1);
}

// Acknowledgements come in the order in which was published.
struct Acks {
  std::mutex mutex;
  std::deque<Clock::time_point> begun;  // guarded by mutex, as what follows
  std::vector<double> latencies;
  std::size_t failed = 0;
};

void take_ack(jsCtx*, natsMsg* message, jsPubAck* ack, jsPubAckErr*, void* closure) {
  Acks& acks = *static_cast<Acks*>(closure);
  {
    const std::lock_guard lock(acks.mutex);
    if (ack == nullptr) ++acks.failed;
    acks.latencies.push_back(microseconds(Clock::now() - acks.begun.front()));
    acks.begun.pop_front();
  }
  natsMsg_Destroy(message);
}

Figures figures(std::vector<double> latencies, std::size_t rows, Clock::duration took) {
  std::sort(latencies.begin(), latencies.end());
  const double p50 = quantile(latencies, 0.5);
  const double p99 = quantile(latencies, 0.99);
  return {static_cast<double>(rows) / std::chrono::duration<double>(took).count(), p50, p99, p50, p99};
}

// What threads do until time is up, each with its number, again and again.
Figures with_threads(std::size_t threads, std::chrono::milliseconds length,
                     const std::function<void(std::size_t thread)>& publish) {
  std::atomic<bool> stop = false;
  std::vector<std::vector<double>> latencies(threads);
  std::vector<std::thread> running;
  const auto begun = Clock::now();
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back([&, i] {
      while (!stop) {
        const auto before = Clock::now();
        publish(i);
        latencies[i].push_back(microseconds(Clock::now() - before));
      }
    });
  }
  std::this_thread::sleep_for(length);
  stop = true;
  for (std::thread& thread : running) thread.join();
  const auto took = Clock::now() - begun;
  std::vector<double> all;
  for (const auto& some : latencies) all.insert(all.end(), some.begin(), some.end());
  const std::size_t published = all.size();
  return figures(std::move(all), published, took);
}

class BareTable {
 public:
  BareTable(const std::string& path, const std::string& sync) {
    sqlite3_open(path.c_str(), &database_);
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = " + sync);
    execute(
        "CREATE TABLE entries (sequence INTEGER PRIMARY KEY, topic TEXT, kind INTEGER, id_key TEXT,"
        " published INTEGER, payload BLOB)");
    execute("CREATE INDEX by_topic ON entries (topic)");
    execute("CREATE INDEX by_id ON entries (id_key) WHERE id_key IS NOT NULL");
    begin_ = prepare("BEGIN");
    insert_ = prepare("INSERT INTO entries (topic, kind, published, payload) VALUES (?1, 0, ?2, ?3)");
    commit_ = prepare("COMMIT");
  }
  ~BareTable() {
    for (sqlite3_stmt* statement : {begin_, insert_, commit_}) sqlite3_finalize(statement);
    sqlite3_close(database_);
  }
  BareTable(const BareTable&) = delete;
  BareTable& operator=(const BareTable&) = delete;

  void begin() { run(begin_); }
  void commit() { run(commit_); }
  void insert(std::size_t topic_number) {
    const std::string topic = "t/" + std::to_string(topic_number);
    sqlite3_bind_text(insert_, 1, topic.data(), static_cast<int>(topic.size()), nullptr);
    sqlite3_bind_int64(insert_, 2, static_cast<sqlite3_int64>(++rows_));
    sqlite3_bind_blob(insert_, 3, payload_.data(), static_cast<int>(payload_.size()), nullptr);
    run(insert_);
  }
  std::size_t rows() const { return rows_; }

 private:
  void execute(const std::string& sql) { sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr); }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr);
    return statement;
  }
  static void run(sqlite3_stmt* statement) {
    sqlite3_step(statement);
    sqlite3_reset(statement);
  }

  const std::string payload_ = "id: epoch678-1234567\ndata: " + std::string(kDataBytes, 'x') + "\n\n";
  sqlite3* database_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  std::size_t rows_ = 0;
};

// A file to which groups of records are appended. As encode_entry() makes them: numbers, topic, the event as it is
// sent.
class BareFile {
 public:
  explicit BareFile(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600)) {}
  ~BareFile() { ::close(file_); }
  BareFile(const BareFile&) = delete;
  BareFile& operator=(const BareFile&) = delete;

  void begin() { group_.clear(); }
  void insert(std::size_t /*topic*/) {
    group_ += record_;
    ++rows_;
  }
  void commit() {
    if (::write(file_, group_.data(), group_.size()) == static_cast<ssize_t>(group_.size()) &&
        ::fdatasync(file_) == 0) {
      return;
    }
    std::perror("cannot append to the file");
    std::exit(1);
  }
  std::size_t rows() const { return rows_; }

 private:
  const std::string record_ =
      "1000000 0 1790000000000 5 0 0 130\nt/100id: sbench12-1000000\ndata: " + std::string(kDataBytes, 'x') + "\n\n\n";
  const int file_;
  std::string group_;
  std::size_t rows_ = 0;
};

// Rows of many threads, committed together.
template <typename Table>
class GroupCommit {
 public:
  explicit GroupCommit(Table& table) : table_(table) {}

  void insert(std::size_t topic) {
    std::unique_lock lock(mutex_);
    waiting_.push_back(topic);
    const std::size_t mine = group_;
    while (committed_ <= mine) {
      if (is_committing_) {
        over_.wait(lock);
        continue;
      }
      is_committing_ = true;
      const std::vector<std::size_t> topics = std::exchange(waiting_, {});
      ++group_;
      lock.unlock();
      table_.begin();
      for (const std::size_t one : topics) table_.insert(one);
      table_.commit();
      lock.lock();
      is_committing_ = false;
      committed_ = group_;
      over_.notify_all();
    }
  }

 private:
  Table& table_;
  std::mutex mutex_;
  std::condition_variable over_;
  std::vector<std::size_t> waiting_;  // topics of the rows; guarded by mutex_, as what follows
  std::size_t group_ = 0;             // that they belong to
  std::size_t committed_ = 0;         // groups
  bool is_committing_ = false;
};

// A connection, and a stream that is made for it and deleted with it.
class BareStream {
 public:
  BareStream(const std::string& url, std::size_t replicas, jsOptions* options) {
    static int streams = 0;
    name_ = "bare" + std::to_string(++streams);
    check(natsConnection_ConnectTo(&connection_, url.c_str()), "cannot connect to NATS");
    check(natsConnection_JetStream(&jetstream_, connection_, options), "JetStream");
    jsStreamConfig config;
    check(jsStreamConfig_Init(&config), "JetStream");
    const std::string subjects = name_ + ".>";
    const char* const subject_list[] = {subjects.c_str()};
    config.Name = name_.c_str();
    config.Subjects = const_cast<const char**>(subject_list);
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Replicas = static_cast<std::int64_t>(replicas);
    check(js_AddStream(nullptr, jetstream_, &config, nullptr, nullptr), "the stream cannot be made");
  }
  ~BareStream() {
    natsSubscription_Destroy(following_);
    check(js_DeleteStream(jetstream_, name_.c_str(), nullptr, nullptr), "the stream cannot be deleted");
    jsCtx_Destroy(jetstream_);
    natsConnection_Destroy(connection_);
  }
  BareStream(const BareStream&) = delete;
  BareStream& operator=(const BareStream&) = delete;

  void follow() {
    jsSubOptions ordered;
    check(jsSubOptions_Init(&ordered), "JetStream");
    ordered.Ordered = true;
    const auto drop = [](natsConnection*, natsSubscription*, natsMsg* message, void*) { natsMsg_Destroy(message); };
    check(js_Subscribe(&following_, jetstream_, (name_ + ".>").c_str(), drop, nullptr, nullptr, &ordered, nullptr),
          "the stream cannot be followed");
  }
  jsCtx* jetstream() const { return jetstream_; }
  std::string subject(std::size_t topic) const { return name_ + ".e.t." + std::to_string(topic); }

 private:
  std::string name_;
  natsConnection* connection_ = nullptr;
  jsCtx* jetstream_ = nullptr;
  natsSubscription* following_ = nullptr;
};

}  // namespace

Figures bare_sqlite(const std::string& path, const char* sync, std::size_t group, std::chrono::milliseconds length) {
  BareTable table(path, sync);
  std::vector<double> latencies;
  const auto begun = Clock::now();
  while (Clock::now() - begun < length) {
    const auto before = Clock::now();
    table.begin();
    for (std::size_t i = 0; i < group; ++i) table.insert(i);
    table.commit();
    latencies.push_back(microseconds(Clock::now() - before));
  }
  return figures(std::move(latencies), table.rows(), Clock::now() - begun);
}

Figures bare_sqlite_threads(const std::string& path, const char* sync, std::size_t threads,
                            std::chrono::milliseconds length) {
  BareTable table(path, sync);
  GroupCommit commit(table);
  return with_threads(threads, length, [&](std::size_t thread) { commit.insert(thread); });
}

Figures bare_file(const std::string& path, std::size_t group, std::chrono::milliseconds length) {
  BareFile file(path);
  std::vector<double> latencies;
  const auto begun = Clock::now();
  while (Clock::now() - begun < length) {
    const auto before = Clock::now();
    file.begin();
    for (std::size_t i = 0; i < group; ++i) file.insert(i);
    file.commit();
    latencies.push_back(microseconds(Clock::now() - before));
  }
  return figures(std::move(latencies), file.rows(), Clock::now() - begun);
}

Figures bare_file_threads(const std::string& path, std::size_t threads, std::chrono::milliseconds length) {
  BareFile file(path);
  GroupCommit commit(file);
  return with_threads(threads, length, [&](std::size_t thread) { commit.insert(thread); });
}

Figures bare_waiting_threads(std::size_t threads, std::chrono::milliseconds length) {
  Turns<std::size_t> turns;
  return with_threads(threads, length, [&](std::size_t thread) {
    const auto place = turns.join(thread, 1, kDataBytes);
    if (!place.works()) place.wait_until_done();
  });
}

Figures bare_waiting_threads(const std::string& path, std::size_t threads, std::chrono::milliseconds length) {
  BareFile file(path);
  Turns<std::size_t> turns;
  return with_threads(threads, length, [&](std::size_t thread) {
    auto place = turns.join(thread, 1, kDataBytes);
    if (!place.works()) return place.wait_until_done();
    place.wait_for_turn();
    file.begin();
    file.insert(thread);
    file.commit();
  });
}

Figures bare_jetstream(const std::string& url, std::size_t replicas, std::size_t window,
                       std::chrono::milliseconds length, bool follows) {
  Acks acks;
  jsOptions options;
  check(jsOptions_Init(&options), "JetStream");
  options.PublishAsync.MaxPending = static_cast<std::int64_t>(window);
  options.PublishAsync.StallWait = 10'000;
  options.PublishAsync.AckHandler = take_ack;
  options.PublishAsync.AckHandlerClosure = &acks;
  BareStream stream(url, replicas, &options);
  if (follows) stream.follow();
  const std::string data(kDataBytes, 'x');
  std::size_t sent = 0;
  const auto begun = Clock::now();
  for (; Clock::now() - begun < length; ++sent) {
    natsMsg* message = nullptr;
    check(natsMsg_Create(&message, stream.subject(sent % window).c_str(), nullptr, data.data(),
                         static_cast<int>(data.size())),
          "a message");
    {
      const std::lock_guard lock(acks.mutex);
      acks.begun.push_back(Clock::now());
    }
    check(js_PublishMsgAsync(stream.jetstream(), &message, nullptr), "cannot publish");
  }
  check(js_PublishAsyncComplete(stream.jetstream(), nullptr), "acknowledgements are missing");
  const auto took = Clock::now() - begun;
  if (acks.failed > 0) check(NATS_ERR, "some were not taken");
  return figures(std::move(acks.latencies), sent, took);
}

Figures bare_jetstream_threads(const std::string& url, std::size_t replicas, std::size_t threads,
                               std::chrono::milliseconds length) {
  BareStream stream(url, replicas, nullptr);
  stream.follow();
  const std::string data(kDataBytes, 'x');
  return with_threads(threads, length, [&](std::size_t thread) {
    check(js_Publish(nullptr, stream.jetstream(), stream.subject(thread).c_str(), data.data(),
                     static_cast<int>(data.size()), nullptr, nullptr),
          "cannot publish");
  });
}

}  // namespace millrace::bench
