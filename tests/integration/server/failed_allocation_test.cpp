// Stores where memory runs out in the middle of an append, at each of its allocations in turn: nobody is left waiting,
// the next append works, and the log has what was acknowledged, once, and handed over what it has.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "eventually.h"
#include "failing_memory.h"
#include "log/feed.h"
#include "millrace/server/stores/file.h"
#include "millrace/server/stores/postgres.h"
#include "millrace/server/stores/redis.h"
#include "nats_server.h"
#include "postgres_server.h"
#include "redis_server.h"
#include "scripted_outlet.h"
#include "stores/jetstream/message_sender.h"
#include "stores/sqlite/sqlite_event_log.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr std::string_view kLongData = "data that does not fit into a string by itself";

// What has been handed over; it allocates nothing while it is filled.
class HandedOver {
 public:
  StreamFollower::OnAppended taker() {
    return [this](std::span<const LogEntry> entries) {
      for (const LogEntry& entry : entries) sequences_.at(count_++) = entry.sequence;
    };
  }
  EventStore::Callbacks callbacks() {
    return {.on_appended = taker(), .on_status = [](const StoreStatus&) {}};
  }
  std::vector<std::uint64_t> sequences() const { return {sequences_.begin(), sequences_.begin() + count_}; }

 private:
  std::array<std::uint64_t, 20'000> sequences_{};
  std::atomic<std::ptrdiff_t> count_ = 0;
};

bool append(EventStore& log, const std::string& id) {
  const auto event_id = EventId::parse(id);
  const Publication publication{.topic = "a", .event = {.data = "x", .id = *event_id}};
  std::uint64_t sequence = 0;
  try {
    log.append({&publication, 1}, {&sequence, 1});
  } catch (const StoreUnavailable&) {
    return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

// Or the test would hang with what it tests.
void expect_append(EventStore& log, const std::string& id) {
  auto appended = std::make_shared<std::promise<bool>>();
  std::thread([appended, &log, id] {
    // A store that has given its file up for the moment opens it again by itself.
    appended->set_value(eventually([&] { return append(log, id); }));
  }).detach();
  auto future = appended->get_future();
  if (future.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
    std::fprintf(stdout, "the append after a failed one hangs, at %s\n", id.c_str());
    std::_Exit(1);
  }
  EXPECT_TRUE(future.get()) << id;
}

// Each publisher's ID, and how often it is there.
std::map<std::string, int> all_of(EventStore& log) {
  std::map<std::string, int> all;
  log.catch_up_with_others();
  for (std::uint64_t seen = log.oldest() - 1; seen < log.head();) {
    const auto page = log.read_after(seen, *filter_for({"**"}));
    for (const LogEntry& entry : page.entries) ++all[entry.publisher_id];
    seen = page.through;
  }
  return all;
}

// Returns how many allocations could fail.
std::int64_t fail_each_allocation(EventStore& log, const HandedOver& handed_over) {
  std::set<std::string> acknowledged;
  std::set<std::string> refused;
  bool has_failed = true;
  std::int64_t number = 0;
  while (has_failed) {
    const std::string id = "an ID that does not fit into a string by itself: " + std::to_string(++number);
    bool is_taken = false;
    {
      const FailingAllocation failing(number);
      is_taken = append(log, id);
      has_failed = failing.has_failed();
    }
    (is_taken ? acknowledged : refused).insert(id);
    const std::string next = "the next: " + std::to_string(number);
    expect_append(log, next);
    acknowledged.insert(next);
  }
  const auto all = all_of(log);
  for (const std::string& id : acknowledged) EXPECT_EQ(all.contains(id) ? all.at(id) : 0, 1) << id;
  for (const auto& [id, times] : all) EXPECT_EQ(times, 1) << id;
  // What a database has taken although the answer was lost is handed over when it is read.
  EXPECT_TRUE(eventually([&] { return handed_over.sequences().size() == all.size(); }));
  const auto sequences = handed_over.sequences();
  EXPECT_TRUE(std::is_sorted(sequences.begin(), sequences.end()));
  // Sent again, an event that was refused is there, once.
  for (const std::string& id : refused) EXPECT_TRUE(append(log, id));
  for (const auto& [id, times] : all_of(log)) EXPECT_EQ(times, 1) << id;
  EXPECT_EQ(all_of(log).size(), acknowledged.size() + refused.size());
  return number;
}

SqliteEventLog::Options file_in(const TemporaryFolder& folder) {
  return {.path = folder.path("log"),
          .sync = StoreSync::kNormal,
          .bounds = {.bytes = std::nullopt},
          .new_epoch = "e",
          .clock = [] { return std::chrono::system_clock::time_point{}; }};
}

// The store in files, in a folder that goes before it.
struct FolderLog {
  FolderLog() : log(open_file_log(folder.path("log"), {.sync = StoreSync::kNormal})) {}
  const TemporaryFolder folder;
  const std::shared_ptr<EventStore> log;
};

TEST(FailedAllocation, InAFileLeavesNobodyWaiting) {
  const TemporaryFolder folder;
  const auto handed_over = std::make_unique<HandedOver>();
  SqliteEventLog log(file_in(folder));
  log.start(handed_over->callbacks());
  EXPECT_GT(fail_each_allocation(log, *handed_over), 5);
}

TEST(FailedAllocation, InFilesLeavesNobodyWaiting) {
  const auto handed_over = std::make_unique<HandedOver>();
  const FolderLog files;
  files.log->start(handed_over->callbacks());
  EXPECT_GT(fail_each_allocation(*files.log, *handed_over), 5);
  files.log->stop();
}

void fail_allocations_of_a_group(EventStore& log, const HandedOver& handed_over) {
  constexpr int kThreads = 8;
  constexpr int kEach = 150;
  std::array<std::vector<std::string>, kThreads> acknowledged;
  std::atomic<int> returned = 0;
  std::vector<std::thread> publishers;
  for (int t = 0; t < kThreads; ++t) {
    publishers.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string id = "an ID of a publisher: " + std::to_string(t) + "-" + std::to_string(i);
        bool is_taken = false;
        {
          const FailingAllocation failing(1 + (i * kThreads + t) % 40);
          is_taken = append(log, id);
        }
        if (is_taken) acknowledged[static_cast<std::size_t>(t)].push_back(id);
      }
      ++returned;
    });
  }
  if (!eventually([&] { return returned == kThreads; })) {
    std::fprintf(stdout, "publishers hang\n");
    std::_Exit(1);
  }
  for (std::thread& publisher : publishers) publisher.join();
  const auto all = all_of(log);
  std::size_t taken = 0;
  for (const auto& ids : acknowledged) {
    taken += ids.size();
    for (const std::string& id : ids) EXPECT_EQ(all.contains(id) ? all.at(id) : 0, 1) << id;
  }
  EXPECT_EQ(all.size(), taken) << "in a file, what was refused is not there";
  EXPECT_EQ(handed_over.sequences().size(), all.size());
  EXPECT_EQ(log.status().reason, "") << "the file has done nothing wrong";
}

TEST(FailedAllocation, InAFileLeavesNoPublisherOfAGroupWaiting) {
  const TemporaryFolder folder;
  const auto handed_over = std::make_unique<HandedOver>();
  SqliteEventLog log(file_in(folder));
  log.start(handed_over->callbacks());
  fail_allocations_of_a_group(log, *handed_over);
}

TEST(FailedAllocation, InFilesLeavesNoPublisherOfAGroupWaiting) {
  const auto handed_over = std::make_unique<HandedOver>();
  const FolderLog files;
  files.log->start(handed_over->callbacks());
  fail_allocations_of_a_group(*files.log, *handed_over);
  files.log->stop();
}

// A database may have taken an event although there was no memory for its answer; the store then connects again.
TEST(FailedAllocation, InPostgresLeavesNobodyWaiting) {
  PostgresServer database;
  const auto handed_over = std::make_unique<HandedOver>();
  const auto log = open_postgres(database.url());
  log->start(handed_over->callbacks());
  EXPECT_GT(fail_each_allocation(*log, *handed_over), 5);
  log->stop();
}

TEST(FailedAllocation, InRedisLeavesNobodyWaiting) {
  RedisServer redis;
  const auto handed_over = std::make_unique<HandedOver>();
  const auto log = open_redis(redis.url());
  log->start(handed_over->callbacks());
  EXPECT_GT(fail_each_allocation(*log, *handed_over), 5);
  log->stop();
}

// A log in memory has an event or has not: where there is no memory for all of it, the program ends (Feed::append()).
// Each allocation fails in a program of its own, which says with its exit code what it has seen.
constexpr int kTaken = 10;
constexpr int kRefused = 11;
constexpr int kHalf = 12;

[[noreturn]] void append_with_failing_allocation(std::int64_t number) {
  const Feed::Options options{
      .history_events = 10, .history_bytes = 1 << 20, .epoch = "e", .clock = [] { return TimePoint{}; }};
  const Publication publication{.topic = "a", .event = {.data = kLongData, .id = "one"}};
  std::uint64_t sequence = 0;
  Feed usual(options);
  usual.append({&publication, 1}, {&sequence, 1});
  Feed feed(options);
  bool has_failed = false;
  bool is_taken = true;
  {
    const FailingAllocation failing(number);
    try {
      feed.append({&publication, 1}, {&sequence, 1});
    } catch (const std::bad_alloc&) {
      is_taken = false;
    }
    has_failed = failing.has_failed();
  }
  const auto events = [&feed] { return feed.read_after(0, *filter_for({"a"})).frames.size(); };
  if (events() != (is_taken ? 1u : 0u)) std::_Exit(kHalf);
  // What was refused has left nothing behind.
  if (!is_taken) feed.append({&publication, 1}, {&sequence, 1});
  if (events() != 1 || sequence != 1 || feed.statistics().bytes != usual.statistics().bytes) std::_Exit(kHalf);
  std::_Exit(has_failed ? kRefused : kTaken);
}

TEST(FailedAllocation, InMemoryNeverLeavesHalfAnEvent) {
  bool is_taken = false;
  std::int64_t number = 0;
  while (!is_taken) {
    ASSERT_LT(++number, 1000);
    const auto is_whole = [&](int status) {
      is_taken = WIFEXITED(status) && WEXITSTATUS(status) == kTaken;
      const bool is_refused = WIFEXITED(status) && WEXITSTATUS(status) == kRefused;
      return is_taken || is_refused || (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    };
    EXPECT_EXIT(append_with_failing_allocation(number), is_whole, "");
  }
  EXPECT_GT(number, 5);
}

// Of JetStream only what waits for others: the JSON library ends the program where it has no memory to let go of a
// value.
TEST(FailedAllocation, OfWhatIsSentToJetStreamLeavesNobodyWaiting) {
  NatsServer nats;
  NatsConnection connection({.address = StoreAddress::parse(nats.url()), .credentials = {}, .on_change = [] {}});
  StreamQueries queries(connection, {.name = "log", .bounds = {}, .new_epoch = "e"});
  StreamFollower follower(connection, queries,
                          {.stream = "log",
                           .head = 0,
                           .on_trouble = [](const std::string&) {},
                           .append = [](const NatsMessage&) { ADD_FAILURE() << "nothing is lost"; }});
  const auto handed_over = std::make_unique<HandedOver>();
  follower.start(handed_over->taker());
  MessageSender sender(connection, follower);
  const std::vector<NatsMessage> messages = {{.subject = "log.e.a", .headers = {{"Millrace-Type", "t"}}, .data = "x"},
                                             {.subject = "log.e.b", .headers = {}, .data = "y"}};
  std::uint64_t sent = 0;
  std::int64_t number = 0;
  for (bool has_failed = true; has_failed;) {
    std::atomic<int> returned = 0;
    std::array<std::vector<NatsAck>, 2> acks;
    // One alone, then two that share a group or follow each other.
    std::vector<std::thread> publishers;
    for (std::size_t p = 0; p < acks.size(); ++p) {
      publishers.emplace_back([&, p] {
        const FailingAllocation failing(p == 0 ? number + 1 : INT64_MAX);
        try {
          acks[p] = sender.send(messages, MessageSender::Until::kHandedOver);
        } catch (const StoreUnavailable&) {
        } catch (const std::bad_alloc&) {
        }
        if (p == 0) has_failed = failing.has_failed();
        ++returned;
      });
    }
    if (!eventually([&] { return returned == 2; })) {
      std::fprintf(stdout, "a publisher hangs, at allocation %d\n", static_cast<int>(number));
      std::_Exit(1);
    }
    for (std::thread& publisher : publishers) publisher.join();
    for (const auto& one : acks) sent += one.size();
    const std::vector<NatsAck> next = sender.send(messages, MessageSender::Until::kHandedOver);
    ASSERT_EQ(next.size(), 2u);
    EXPECT_EQ(next[1].trouble, "");
    sent += 2;
    ++number;
  }
  EXPECT_GT(number, 5);
  const std::uint64_t head = queries.state().head;
  EXPECT_GE(head, sent);
  EXPECT_TRUE(eventually([&] { return handed_over->sequences().size() == head; }));
}

}  // namespace
}  // namespace millrace::test
