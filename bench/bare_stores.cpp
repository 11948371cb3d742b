#include "bare_stores.h"

#include <nats/nats.h>
#include <sqlite3.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <utility>

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

}  // namespace

Figures bare_sqlite(const std::string& path, const char* sync, std::size_t group, std::chrono::milliseconds length) {
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
  while (Clock::now() - begun < length) {
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
  const auto took = Clock::now() - begun;
  for (sqlite3_stmt* statement : {begin, insert, commit}) sqlite3_finalize(statement);
  sqlite3_close(database);
  return figures(std::move(latencies), rows, took);
}

Figures bare_jetstream(const std::string& url, std::size_t replicas, std::size_t window,
                       std::chrono::milliseconds length, bool follows) {
  static int streams = 0;
  const std::string stream = "bare" + std::to_string(++streams);
  const std::string subjects = stream + ".>";
  natsConnection* connection = nullptr;
  check(natsConnection_ConnectTo(&connection, url.c_str()), "cannot connect to NATS");
  Acks acks;
  jsOptions options;
  check(jsOptions_Init(&options), "JetStream");
  options.PublishAsync.MaxPending = static_cast<std::int64_t>(window);
  options.PublishAsync.StallWait = 10'000;
  options.PublishAsync.AckHandler = take_ack;
  options.PublishAsync.AckHandlerClosure = &acks;
  jsCtx* jetstream = nullptr;
  check(natsConnection_JetStream(&jetstream, connection, &options), "JetStream");
  jsStreamConfig config;
  check(jsStreamConfig_Init(&config), "JetStream");
  const char* const subject_list[] = {subjects.c_str()};
  config.Name = stream.c_str();
  config.Subjects = const_cast<const char**>(subject_list);
  config.SubjectsLen = 1;
  config.Storage = js_FileStorage;
  config.Replicas = static_cast<std::int64_t>(replicas);
  check(js_AddStream(nullptr, jetstream, &config, nullptr, nullptr), "the stream cannot be made");

  natsSubscription* following = nullptr;
  if (follows) {
    jsSubOptions ordered;
    check(jsSubOptions_Init(&ordered), "JetStream");
    ordered.Ordered = true;
    const auto count = [](natsConnection*, natsSubscription*, natsMsg* message, void*) { natsMsg_Destroy(message); };
    check(js_Subscribe(&following, jetstream, subjects.c_str(), count, nullptr, nullptr, &ordered, nullptr),
          "the stream cannot be followed");
  }

  const std::string data(kDataBytes, 'x');
  std::size_t sent = 0;
  const auto begun = Clock::now();
  for (; Clock::now() - begun < length; ++sent) {
    const std::string subject = stream + ".e.t." + std::to_string(sent % window);
    natsMsg* message = nullptr;
    check(natsMsg_Create(&message, subject.c_str(), nullptr, data.data(), static_cast<int>(data.size())), "a message");
    {
      const std::lock_guard lock(acks.mutex);
      acks.begun.push_back(Clock::now());
    }
    check(js_PublishMsgAsync(jetstream, &message, nullptr), "cannot publish");
  }
  check(js_PublishAsyncComplete(jetstream, nullptr), "acknowledgements are missing");
  const auto took = Clock::now() - begun;
  if (acks.failed > 0) check(NATS_ERR, "some were not taken");
  natsSubscription_Destroy(following);
  check(js_DeleteStream(jetstream, stream.c_str(), nullptr, nullptr), "the stream cannot be deleted");
  jsCtx_Destroy(jetstream);
  natsConnection_Destroy(connection);
  return figures(std::move(acks.latencies), sent, took);
}

}  // namespace millrace::bench
