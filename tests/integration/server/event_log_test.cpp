// What every log does: the tests that are shipped for users' own stores, run for all of Millrace's.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "log/ring_event_log.h"
#include "millrace/server/stores/jetstream.h"
#include "millrace/server/stores/postgres.h"
#include "millrace/server/stores/redis.h"
#include "millrace/testing/event_store_conformance.h"
#include "nats_server.h"
#include "postgres_server.h"
#include "redis_server.h"
#include "stores/file/file_event_log.h"
#include "stores/file/system_folder.h"
#include "stores/sqlite/sqlite_event_log.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr TimePoint kAnyTime{Duration{1'000}};

// The log in memory, as if it were a store.
class RingStore final : public EventStore {
 public:
  explicit RingStore(std::uint64_t events) : ring_("e", {.events = events, .bytes = 64 * 1024 * 1024}) {}

  void start(Callbacks callbacks) override {
    if (callbacks_.on_appended != nullptr) throw std::logic_error("in use");
    callbacks_ = std::move(callbacks);
  }
  void stop() override { callbacks_ = {}; }
  const std::string& epoch() const override { return ring_.epoch(); }
  std::uint64_t head() const override { return locked().head(); }
  std::uint64_t oldest() const override { return locked().oldest(); }
  void append(std::span<const Publication> publications, std::span<std::uint64_t> sequences) override {
    if (callbacks_.on_appended == nullptr) throw StoreUnavailable("not in use");
    const std::lock_guard lock(mutex_);
    if (const auto conflict = ring_.id_conflict(publications)) throw IdConflict(*conflict);
    std::vector<LogEntry> entries;
    for (std::size_t i = 0; i < publications.size(); ++i) {
      const FramePtr frame = ring_.append(publications[i], kAnyTime);
      sequences[i] = frame != nullptr ? frame->sequence : 0;
      if (frame != nullptr) entries.push_back(entry_of(*frame));
    }
    callbacks_.on_appended(entries);
  }
  std::optional<std::uint64_t> find(std::string_view publisher_id, const TopicFilter& filter) const override {
    const std::lock_guard lock(mutex_);
    return ring_.find(publisher_id, filter);
  }
  std::optional<std::uint64_t> finished_at(const TopicFilter& filter, std::uint64_t seen) const override {
    const std::lock_guard lock(mutex_);
    return ring_.finished_at(filter, seen);
  }
  Page read_after(std::uint64_t sequence, const TopicFilter& filter) const override {
    const std::lock_guard lock(mutex_);
    const EventLog::Page read = ring_.read_after(sequence, filter);
    Page page{.through = read.through, .oldest = read.oldest};
    for (const FramePtr& frame : read.frames) page.entries.push_back(entry_of(*frame));
    return page;
  }
  Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                   Topics topics) const override {
    const std::lock_guard lock(mutex_);
    const auto reads = topics == Topics::kAll ? Place::Reads::kNewest : Place::Reads::kState;
    const EventLog::Page read = ring_.read_newest({.sequence = sequence, .reads = reads, .until = until}, filter);
    Page page{.through = read.through, .oldest = read.oldest};
    for (const FramePtr& frame : read.frames) page.entries.push_back(entry_of(*frame));
    return page;
  }
  bool retains() const override { return true; }
  std::uint64_t first_after(std::uint64_t sequence, const TopicFilter& filter) const override {
    const std::lock_guard lock(mutex_);
    return ring_.first_after(sequence, filter);
  }
  bool takes_several_topics() const override { return true; }
  StoreStatus status() const override { return {}; }
  StoreStatistics statistics() const override { return {}; }

 private:
  static LogEntry entry_of(const Frame& frame) {
    LogEntry entry{.sequence = frame.sequence, .topic = *frame.topic};
    if (frame.further_topics != nullptr) entry.further_topics = *frame.further_topics;
    if (frame.is_mark) entry.kind = frame.finishes_topic ? Publication::Kind::kFinish : Publication::Kind::kBegin;
    if (frame.is_mark) return entry;
    entry.publisher_id = frame.publisher_id;
    entry.publisher_key = frame.publisher;
    entry.payload = std::string(frame.trace_fields()).append(frame.payload());
    return entry;
  }
  struct Locked {
    const std::lock_guard<std::mutex> lock;
    const RingEventLog& ring;
    std::uint64_t head() const { return ring.head(); }
    std::uint64_t oldest() const { return ring.oldest(); }
  };
  Locked locked() const { return {std::lock_guard(mutex_), ring_}; }

  mutable std::mutex mutex_;
  RingEventLog ring_;  // guarded by mutex_
  Callbacks callbacks_;
};

StoreUnderTest memory() {
  return {.name = "Memory",
          .open_new = [](std::uint64_t events) { return std::make_shared<RingStore>(events); },
          .histories = 100};
}

// Each new one in a folder of its own.
StoreUnderTest sqlite() {
  const auto folder = std::make_shared<std::unique_ptr<TemporaryFolder>>();
  const auto open = [folder](std::uint64_t events) {
    return std::make_shared<SqliteEventLog>(
        SqliteEventLog::Options{.path = (*folder)->path("log"),
                                .sync = StoreSync::kNormal,
                                .bounds = {.events = events, .bytes = std::nullopt},
                                .new_epoch = "e",
                                .clock = [] { return std::chrono::system_clock::time_point{}; }});
  };
  return {.name = "Sqlite",
          .open_new =
              [folder, open](std::uint64_t events) {
                *folder = std::make_unique<TemporaryFolder>();
                return open(events);
              },
          .open_again = open};
}

StoreUnderTest file() {
  const auto folder = std::make_shared<std::unique_ptr<TemporaryFolder>>();
  const auto open = [folder](std::uint64_t events) {
    const auto files = std::make_shared<SystemFolder>((*folder)->path("log"));
    files->make();
    files->lock();
    return std::make_shared<FileEventLog>(
        FileEventLog::Options{.folder = files,
                              .sync = StoreSync::kNormal,
                              .bounds = {.events = events, .bytes = std::nullopt},
                              .new_epoch = "e",
                              .clock = [] { return std::chrono::system_clock::time_point{}; },
                              .boot_id = "boot",
                              .segment_bytes = 8'000});
  };
  return {.name = "File",
          .open_new =
              [folder, open](std::uint64_t events) {
                *folder = std::make_unique<TemporaryFolder>();
                return open(events);
              },
          .open_again = open};
}

// Each new one in a stream of its own, of one server.
StoreUnderTest jetstream() {
  const auto open = [](std::uint64_t events, int number) {
    static NatsServer server;
    return open_jetstream(server.url() + "/log" + std::to_string(number),
                          {.bounds = {.events = events, .bytes = std::nullopt}, .preload = 0});
  };
  const auto logs = std::make_shared<int>(0);
  return {.name = "JetStream",
          .open_new = [logs, open](std::uint64_t events) { return open(events, ++*logs); },
          .open_again = [logs, open](std::uint64_t events) { return open(events, *logs); },
          .histories = 3};
}

// Each new one in a schema of its own, of one server.
StoreUnderTest postgres() {
  const auto open = [](std::uint64_t events, int number) {
    static PostgresServer server;
    return open_postgres(
        server.url(),
        {.bounds = {.events = events, .bytes = std::nullopt}, .schema = "log" + std::to_string(number), .preload = 0});
  };
  const auto logs = std::make_shared<int>(0);
  return {.name = "Postgres",
          .open_new = [logs, open](std::uint64_t events) { return open(events, ++*logs); },
          .open_again = [logs, open](std::uint64_t events) { return open(events, *logs); },
          .histories = 3};
}

// Each new one under a name of its own, of one server.
StoreUnderTest redis() {
  const auto open = [](std::uint64_t events, int number) {
    static RedisServer server(RedisServer::durable());
    return open_redis(
        server.url(),
        {.bounds = {.events = events, .bytes = std::nullopt}, .name = "log" + std::to_string(number), .preload = 0});
  };
  const auto logs = std::make_shared<int>(0);
  return {.name = "Redis",
          .open_new = [logs, open](std::uint64_t events) { return open(events, ++*logs); },
          .open_again = [logs, open](std::uint64_t events) { return open(events, *logs); },
          .histories = 2};
}

const auto kOurs = ::testing::Values(memory(), sqlite(), file(), jetstream(), postgres(), redis());
constexpr auto kName = [](const auto& info) { return info.param.name; };

// What ours do beyond that: a page costs no more than it may.
class OurEventStores : public EventStoreConformance {};

TEST_P(OurEventStores, LookAtABoundedNumberOfEntriesForAPage) {
  EventStore& store = keeping(100'000);
  std::vector<Publication> publications(EventStore::kPageScan * 2, {.topic = "small", .event = {.data = "x"}});
  publications.push_back({.topic = "last", .event = {.data = "x"}});
  Sequences sequences(publications.size());
  store.append(publications, sequences);
  const auto scanned = page_after(10, {"nothing/*"});
  EXPECT_TRUE(scanned.entries.empty());
  EXPECT_EQ(scanned.through, 10 + EventStore::kPageScan);
  EXPECT_EQ(page_after(10, {"last"}).entries.size(), 1u) << "an index costs what it delivers";
}

INSTANTIATE_TEST_SUITE_P(Ours, OurEventStores, kOurs, kName);

}  // namespace

INSTANTIATE_TEST_SUITE_P(Ours, EventStoreConformance, kOurs, kName);

}  // namespace millrace::test
