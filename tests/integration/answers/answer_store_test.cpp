#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "answer_server.h"
#include "millrace/server/indexed_store.h"
#include "millrace/server/stores/sqlite.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

const std::string kInterruptedEvent = R"(interrupted {"reason":"the server that produced the answer has ended"})";

ServerOptions stored_in(const std::string& path) {
  ServerOptions options;
  options.store = open_sqlite(path);
  return options;
}

std::unique_ptr<AnswerServer> serve(const std::string& path, AnswersOptions options = {}, BeginOptions begin = {}) {
  return std::make_unique<AnswerServer>(std::move(options), stored_in(path), std::move(begin));
}

// What is in the file at this moment, as if the program died now.
std::string copy_of(const TemporaryFolder& folder, const std::string& name) {
  const std::string copy = name + "-copy";
  for (const char* end : {"", "-wal"}) {
    std::filesystem::copy_file(folder.path(name + end), folder.path(copy + end));
  }
  return folder.path(copy);
}

TEST(StoredAnswers, ReachTheirListenersInOrder) {
  const TemporaryFolder folder;
  const auto server = serve(folder.path("log"));
  StreamClient stream = server->ask();
  Lines expected;
  for (int n = 0; n < 500; ++n) {
    ASSERT_TRUE(server->producer().send({.data = std::to_string(n)}));
    expected.push_back(std::to_string(n));
  }
  server->forget_producers();
  EXPECT_EQ(rest_of(stream), expected);
}

// Each event its own commit would keep the producer waiting for the disk as often.
TEST(StoredAnswers, EventsShareCommits) {
  const TemporaryFolder folder;
  const auto server = serve(folder.path("log"));
  StreamClient stream = server->ask();
  for (int n = 0; n < 1'000; ++n) ASSERT_TRUE(server->producer().send({.data = "x"}));
  server->forget_producers();
  EXPECT_EQ(rest_of(stream).size(), 1'000u);
  const StoreStatistics store = *server->server().hub().statistics().store;
  EXPECT_LT(store.commits, 500u);
}

TEST(StoredAnswers, FinishedOnesReplayAfterARestartToTheLastByte) {
  const TemporaryFolder folder;
  std::string id;
  std::string text;
  {
    const auto server = serve(folder.path("log"), {}, {.owner = "ada", .note = "toy"});
    StreamClient stream = server->ask("Idempotency-Key: k1\r\n");
    id = id_of(stream);
    for (const char* word : {"one", "two", "three"}) ASSERT_TRUE(server->producer().send({.data = word}));
    server->forget_producers();
    EXPECT_TRUE(stream.read_to_end());
    text = stream.decoder().text();
  }
  const auto server = serve(folder.path("log"));
  const auto info = (*server)->find(id);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->end, AnswerEnd::kFinished);
  EXPECT_EQ(info->events, 3u);
  EXPECT_EQ(info->owner, "ada");
  EXPECT_EQ(info->note, "toy");
  EXPECT_EQ(server->resume_in_vain(id).status, 404) << "it is still its owner's";
}

TEST(StoredAnswers, ListenersComeBackToWhatIsLeftAfterARestart) {
  const TemporaryFolder folder;
  std::string id;
  {
    const auto server = serve(folder.path("log"));
    StreamClient stream = server->ask("Idempotency-Key: k1\r\n");
    id = id_of(stream);
    for (const char* word : {"one", "two", "three"}) ASSERT_TRUE(server->producer().send({.data = word}));
    server->forget_producers();
    EXPECT_TRUE(stream.read_to_end());
  }
  const auto server = serve(folder.path("log"));
  StreamClient whole = server->resume(id);
  EXPECT_EQ(rest_of(whole), (Lines{"one", "two", "three"}));
  StreamClient rest = server->resume(id, "Last-Event-ID: " + id + ":2\r\n");
  EXPECT_EQ(rest_of(rest), Lines{"three"});
  EXPECT_EQ(server->resume_in_vain(id, {}, "?starting_after=3").status, 204);
  EXPECT_EQ(server->stop(id).status, 204);
  StreamClient again = server->ask("Idempotency-Key: k1\r\n");
  EXPECT_EQ(id_of(again), id) << "it is not paid for twice";
  EXPECT_TRUE(server->producer().is_joined());
}

TEST(StoredAnswers, ThoseWhoseProducerDiedAreInterrupted) {
  const TemporaryFolder folder;
  const auto died = serve(folder.path("log"));
  StreamClient stream = died->ask();
  const std::string id = id_of(stream);
  ASSERT_TRUE(died->producer().send({.data = "one"}));
  ASSERT_TRUE(died->producer().send({.data = "two"}));
  EXPECT_EQ(stream.next_data(), "one");
  EXPECT_EQ(stream.next_data(), "two");
  const std::string copy = copy_of(folder, "log");
  {
    const auto server = serve(copy);
    EXPECT_EQ((*server)->find(id)->end, AnswerEnd::kInterrupted);
    EXPECT_EQ((*server)->statistics().interrupted, 1u);
    StreamClient back = server->resume(id, "Last-Event-ID: " + id + ":1\r\n");
    EXPECT_EQ(back.next_data(), "two");
    EXPECT_EQ(back.next()->id, id + ":3");
    EXPECT_TRUE(back.read_to_end());
  }
  const auto server = serve(copy);
  EXPECT_EQ((*server)->statistics().interrupted, 0u) << "once is enough";
  StreamClient back = server->resume(id);
  EXPECT_EQ(rest_of(back), (Lines{"one", "two", kInterruptedEvent}));
}

// A store in memory, which counts the answers' own events that it is asked for.
class CountingStore final : public IndexedStore {
 public:
  explicit CountingStore(std::vector<LogEntry> entries = {})
      : IndexedStore("sabcdefg", entries, 100'000), entries_(std::move(entries)) {}

  std::vector<LogEntry> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }
  std::size_t answers_read() const { return answers_read_; }

  Page read_newest(std::uint64_t sequence, std::uint64_t until, const TopicFilter& filter,
                   Topics topics) const override {
    Page page = IndexedStore::read_newest(sequence, until, filter, topics);
    for (const LogEntry& entry : page.entries) answers_read_ += entry.topic.text().starts_with("answers/") ? 1 : 0;
    return page;
  }

 private:
  void persist(std::span<const LogEntry> entries) override {
    const std::lock_guard lock(mutex_);
    entries_.insert(entries_.end(), entries.begin(), entries.end());
  }

  mutable std::mutex mutex_;
  std::vector<LogEntry> entries_;
  mutable std::atomic<std::size_t> answers_read_ = 0;
};

std::unique_ptr<AnswerServer> serve(std::shared_ptr<EventStore> store) {
  ServerOptions options;
  options.store = std::move(store);
  return std::make_unique<AnswerServer>(AnswersOptions{}, options);
}

// A log of days has many answers that are over: what a start costs must not depend on their events.
TEST(StoredAnswers, AStartReadsNoEventsOfAnswersThatAreOver) {
  const auto store = std::make_shared<CountingStore>();
  std::vector<LogEntry> left;
  {
    const auto died = serve(store);
    for (int n = 0; n < 20; ++n) {
      const Answer whole = (*died)->begin({});
      ASSERT_TRUE(whole.send({.data = "word"}));
    }
    const Answer running = (*died)->begin({.id = "running"});
    ASSERT_TRUE(running.send({.data = "one"}));
    ASSERT_TRUE(running.send({.data = "two"}));
    ASSERT_TRUE(eventually([&] {
      left = store->entries();
      return !left.empty() && left.back().publisher_id == "running:2";
    }));
  }
  const auto again = std::make_shared<CountingStore>(left);
  const auto server = serve(again);
  EXPECT_EQ((*server)->statistics().kept, 21u);
  EXPECT_EQ(again->answers_read(), 1u);
  StreamClient back = server->resume("running");
  EXPECT_EQ(rest_of(back), (Lines{"one", "two", kInterruptedEvent}));
}

// More than are ended in one commit.
TEST(StoredAnswers, ThousandsThatDiedAtOnceAreEachInterruptedAfterTheirLastEvent) {
  const auto store = std::make_shared<CountingStore>();
  constexpr std::size_t kAnswers = 1'000;
  std::vector<LogEntry> left;
  {
    const auto died = serve(store);
    std::vector<Answer> answers;
    for (std::size_t n = 0; n < kAnswers; ++n) {
      answers.push_back((*died)->begin({.id = std::to_string(n)}));
      for (std::size_t i = 0; i < n % 3; ++i) ASSERT_TRUE(answers.back().send({.data = "word"}));
    }
    ASSERT_TRUE(eventually([&] { return (*died)->statistics().waiting_bytes == 0; }));
    left = store->entries();
  }
  const auto server = serve(std::make_shared<CountingStore>(left));
  EXPECT_EQ((*server)->statistics().interrupted, kAnswers);
  for (std::size_t n = 0; n < kAnswers; ++n) {
    EXPECT_EQ((*server)->find(std::to_string(n))->events, n % 3 + 1) << n;
  }
}

TEST(StoredAnswers, AnEndOfTheServiceIsKept) {
  const TemporaryFolder folder;
  std::string id;
  {
    const auto server = serve(folder.path("log"));
    id = id_of(server->ask());
    ASSERT_TRUE(server->producer().send({.data = "one"}));
    server->end_service();
  }
  const auto server = serve(folder.path("log"));
  StreamClient back = server->resume(id);
  EXPECT_EQ(rest_of(back), (Lines{"one", kInterruptedEvent}));
}

TEST(StoredAnswers, OldOnesAreForgottenOverARestart) {
  const TemporaryFolder folder;
  std::string id;
  {
    const auto server = serve(folder.path("log"));
    StreamClient stream = server->ask();
    id = id_of(stream);
    server->forget_producers();
    EXPECT_TRUE(stream.read_to_end());
  }
  const auto server = serve(folder.path("log"), {.keep_for = 1ms});
  EXPECT_EQ(server->resume_in_vain(id).status, 404);
}

// Records name users: no client's wildcard may bring them.
TEST(StoredAnswers, NoSubscriberToEverythingGetsTheirRecords) {
  const TemporaryFolder folder;
  std::unique_ptr<Answers> answers;
  RunningServer server(stored_in(folder.path("log")), [&](Server& configured) {
    answers = std::make_unique<Answers>(configured);
    configured.events("/events");
  });
  StreamClient everything(server.port(), "/events?topic=**&lastEventId=earliest");
  {
    const Answer answer = answers->begin({.id = "a", .owner = "ada"});
    EXPECT_TRUE(answer.send({.data = "word"}));
  }
  EXPECT_EQ(everything.next_data(), "word");
  ASSERT_TRUE(eventually([&] { return answers->statistics().waiting_bytes == 0; })) << "its last record is written";
  server->hub().publish("other", {.data = "end"}).or_throw();
  EXPECT_EQ(everything.next_data(), "end");
  server.stop();
  answers.reset();
}

}  // namespace
}  // namespace millrace::test
