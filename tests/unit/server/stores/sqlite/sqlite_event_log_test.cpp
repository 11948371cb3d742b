// What only a log in a file does: it survives, it is looked after, and it can be in trouble. What all logs do is in
// event_log_test.cpp.
#include "stores/sqlite/sqlite_event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sqlite_event_log_test.h"
#include "stores/sqlite/database.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kNow = UINT64_MAX;

TEST_F(SqliteEventLogTest, GoesOnWhereItWasWhenItIsOpenedAgain) {
  open();
  append("first", "one");
  append();
  append({.topic = "b", .kind = Publication::Kind::kFinish});

  SqliteEventLog& log = open();
  EXPECT_EQ(log.epoch(), "epoch1");
  EXPECT_EQ(log.head(), 3u);
  EXPECT_EQ(log.oldest(), 1u);
  EXPECT_EQ(log.find("one", *filter_for({"**"})), 1u);
  EXPECT_EQ(log.finished_at(*filter_for({"b"}), kNow), 3u);
  EXPECT_EQ(append("again", "one"), 0u);
  EXPECT_EQ(append(), 4u);
  const auto page = log.read_after(0, *filter_for({"a"}));
  ASSERT_EQ(page.entries.size(), 3u);
  EXPECT_EQ(page.entries[0].payload, "id: one\ndata: first\n\n");
  EXPECT_EQ(page.entries[1].payload, "id: epoch1-2\ndata: x\n\n");
}

TEST_F(SqliteEventLogTest, KeepsItsSequenceWhenEverythingHasGone) {
  open({.age = Duration{1'000}});
  for (int i = 0; i < 5; ++i) append();
  now_ += std::chrono::seconds(2);
  log_->tend();
  EXPECT_EQ(log_->oldest(), 6u);
  EXPECT_TRUE(everything().empty());
  open();
  EXPECT_EQ(log_->head(), 5u);
  EXPECT_EQ(log_->oldest(), 6u);
  EXPECT_EQ(append(), 6u);
}

TEST_F(SqliteEventLogTest, LetsGoOfWhatIsTooOld) {
  open({.age = Duration{1'000}});
  append();
  now_ += std::chrono::milliseconds(600);
  append();
  now_ += std::chrono::milliseconds(600);
  log_->tend();
  EXPECT_EQ(everything(), (std::vector<std::uint64_t>{2}));
}

TEST_F(SqliteEventLogTest, KeepsToItsBytesAndToTheFilesSize) {
  constexpr std::uint64_t kBytes = 2 * 1024 * 1024;
  open({.bytes = kBytes});
  const std::string data(10'000, 'x');
  for (int i = 0; i < 2'000; ++i) append(data);
  log_->tend();  // while the log may be a little too large
  EXPECT_LE(log_->statistics().bytes, kBytes + 128 * 1024);
  EXPECT_GE(log_->statistics().bytes, kBytes / 2);
  EXPECT_LE(file_bytes(), 2 * kBytes) << "20 MB have gone through it";
  EXPECT_GT(log_->oldest(), 1'700u);
  EXPECT_EQ(everything().size(), log_->statistics().entries);
}

TEST_F(SqliteEventLogTest, GivesRoomBackWhenItIsToKeepLess) {
  open();
  const std::string data(10'000, 'x');
  for (int i = 0; i < 3'000; ++i) append(data);
  open({.events = 10});
  log_->tend();
  EXPECT_EQ(everything().size(), 10u);
  EXPECT_EQ(log_->oldest(), 2'991u);
  log_.reset();
  EXPECT_LT(file_bytes(), 8u * 1024 * 1024) << "of 30 MB";
}

TEST_F(SqliteEventLogTest, DeliversInOneOrderBeforeAppendReturnsAndCommitsTogether) {
  open({}, StoreSync::kFull);
  constexpr int kThreads = 16;
  constexpr int kEach = 50;
  std::vector<std::thread> publishers;
  for (int t = 0; t < kThreads; ++t) {
    publishers.emplace_back([this] {
      for (int i = 0; i < kEach; ++i) {
        const std::uint64_t sequence = append();
        ASSERT_GE(log_->head(), sequence) << "an entry that was handed over can be read";
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  ASSERT_EQ(delivered_.size(), std::size_t{kThreads} * kEach);
  for (std::size_t i = 0; i < delivered_.size(); ++i) ASSERT_EQ(delivered_[i], i + 1);
  EXPECT_EQ(everything(), delivered_);
  EXPECT_LT(log_->statistics().commits, std::uint64_t{kThreads} * kEach);
}

// --- Newest events: the file's table of them is behind the log
// --------------------------------------------------------

using Newest = std::vector<std::pair<std::uint64_t, std::string>>;  // sequence and topics

template <typename Read>
Newest all_newest(const SqliteEventLog& log, std::uint64_t after, const Read& read) {
  Newest newest;
  for (std::uint64_t seen = after; seen < log.head();) {
    const EventStore::Page page = read(seen, log.head());
    for (const LogEntry& entry : page.entries) newest.emplace_back(entry.sequence, entry.joined_topics());
    seen = page.through;
  }
  return newest;
}

// By the table, and by a look at the log.
void expect_the_same_newest(const SqliteEventLog& log, std::uint64_t after, const std::string& patterns) {
  const auto filter =
      filter_for(patterns == "**" ? std::vector<std::string>{"**"} : std::vector<std::string>{"t1", "t2"});
  for (const auto topics : {EventStore::Topics::kAll, EventStore::Topics::kGoingOn}) {
    EXPECT_EQ(all_newest(log, after,
                         [&](std::uint64_t seen, std::uint64_t until) {
                           return log.read_newest(seen, until, *filter, topics);
                         }),
              all_newest(log, after,
                         [&](std::uint64_t seen, std::uint64_t until) {
                           return log.EventStore::read_newest(seen, until, *filter, topics);
                         }))
        << "after " << after << ", head " << log.head() << ", " << patterns;
  }
}

TEST_F(SqliteEventLogTest, FindsNewestEventsAsALookAtTheLogDoes) {
  std::mt19937 random(7);
  open();
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) names.push_back("t" + std::to_string(i));
  const auto any_topic = [&] { return Topic::parse(names[random() % names.size()]).value(); };
  for (int step = 1; step <= 900 && !HasFailure(); ++step) {
    const Topic topic = any_topic();
    const Topic other = any_topic();
    Publication publication{.topic = topic, .event = {.data = "x"}, .retain = random() % 5 == 0};
    if (other.view() != topic.view() && random() % 4 == 0) publication.further_topics = {&other, 1};
    if (random() % 10 == 0) publication = {.topic = topic, .kind = Publication::Kind::kFinish};
    if (random() % 20 == 0) publication = {.topic = topic, .kind = Publication::Kind::kBegin};
    append(publication);
    if (step == 450) open();
    if (step % 45 != 0) continue;
    expect_the_same_newest(*log_, random() % (log_->head() + 1), "**");
    expect_the_same_newest(*log_, 0, "**");
    expect_the_same_newest(*log_, 0, "t1, t2");
  }
}

TEST_F(SqliteEventLogTest, FindsNewestEventsAfterTheProgramWasKilled) {
  constexpr std::array<Topic, 7> topics = {"t0", "t1", "t2", "t3", "t4", "t5", "t6"};
  open();
  for (int i = 0; i < 300; ++i) append("x", {}, topics[static_cast<std::size_t>(i % 7)]);
  append({.topic = "t3", .kind = Publication::Kind::kFinish});
  append({.topic = "t4", .event = {.data = "kept"}, .retain = true});
  const std::string here = file_;
  for (const char* part : {"", "-wal"}) std::filesystem::copy_file(here + part, folder_.path("copy") + part);
  const SqliteEventLog copy({.path = folder_.path("copy"), .bounds = {}, .new_epoch = "none", .clock = [] {
                               return std::chrono::system_clock::now();
                             }});
  const auto newest = copy.read_newest(0, 302, *filter_for({"**"}), EventStore::Topics::kGoingOn);
  std::vector<std::uint64_t> sequences;
  for (const LogEntry& entry : newest.entries) sequences.push_back(entry.sequence);
  EXPECT_THAT(sequences, ::testing::ElementsAre(294, 295, 296, 297, 300, 302));
}

TEST_F(SqliteEventLogTest, ForgetsNewestEventsThatItHasDropped) {
  open({.age = Duration{1'000}});
  const auto newest = [&] {
    return log_->read_newest(0, log_->head(), *filter_for({"**"}), EventStore::Topics::kAll).entries.size();
  };
  append("x", {}, "t0");
  append("x", {}, "t1");
  now_ += std::chrono::milliseconds(600);
  append("x", {}, "t2");
  EXPECT_EQ(newest(), 3u);
  now_ += std::chrono::milliseconds(600);
  log_->tend();
  EXPECT_EQ(log_->oldest(), 3u);
  EXPECT_EQ(newest(), 1u);
}

// Each page takes about as long as the event itself: one for its row, one by which its topic finds it.
TEST_F(SqliteEventLogTest, WritesTwoPagesForAnEvent) {
  open();
  append();
  const auto log_bytes = [&] { return std::filesystem::file_size(file_ + "-wal"); };
  const auto before = log_bytes();
  constexpr std::uint64_t kEvents = 200;
  for (std::uint64_t i = 0; i < kEvents; ++i) append();
  constexpr std::uint64_t kPage = 4096 + 24;
  EXPECT_LE((log_bytes() - before) / kPage, kEvents * 2 + kEvents / 10);
}

TEST_F(SqliteEventLogTest, NeverGivesASequenceTwiceThoughAPowerCutTookItBack) {
  open();
  append();
  log_.reset();
  // As it would be: open, on a machine that has been started anew since.
  SqliteDatabase(file_, SqliteDatabase::Mode::kWrite).execute("UPDATE meta SET value = 'boot' WHERE key = 'running'");
  open();
  EXPECT_GT(append(), 1'000'000u);
  EXPECT_EQ(everything().size(), 2u);
  const std::uint64_t last = log_->head();
  open();
  EXPECT_EQ(append(), last + 1) << "closed in order, it goes on";
}

TEST_F(SqliteEventLogTest, SaysWhyItCannotBeOpened) {
  std::ofstream(file_) << std::string(10'000, 'x');
  EXPECT_THAT(refusal(), HasSubstr("not a database"));
  std::filesystem::remove(file_);
  std::filesystem::create_directory(file_);
  EXPECT_THAT(refusal(), HasSubstr("unable to open database file"));
  std::filesystem::remove(file_);
  SqliteDatabase(file_, SqliteDatabase::Mode::kWrite).execute("CREATE TABLE theirs (x)");
  EXPECT_THAT(refusal(), HasSubstr("belongs to another program"));
  std::filesystem::remove(file_);
  open();
  append();
  log_.reset();
  SqliteDatabase(file_, SqliteDatabase::Mode::kWrite).execute("PRAGMA user_version = 99");
  EXPECT_THAT(refusal(), HasSubstr("newer Millrace"));
}

TEST_F(SqliteEventLogTest, IsOneProgramsAtATime) {
  open();
  EXPECT_THROW(
      {
        try {
          SqliteEventLog another({.path = file_, .bounds = {}, .new_epoch = "e", .clock = {}});
        } catch (const std::runtime_error& error) {
          EXPECT_STREQ(error.what(), "another program uses the store");
          throw;
        }
      },
      std::runtime_error);
}

TEST_F(SqliteEventLogTest, TakesNoMoreEventsOnceItsFileIsFoundDamaged) {
  open();
  for (int i = 0; i < 2'000; ++i) append(std::string(1'000, 'x'));
  log_.reset();
  const std::uint64_t bytes = file_bytes();
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(bytes / 2));
    for (std::uint64_t i = bytes / 2; i < bytes; ++i) file.put('\x5a');
  }
  // Where the damage is decides whether it shows at once or when what it hit is read.
  std::string said;
  try {
    open();
    everything();
  } catch (const StoreUnavailable& error) {
    said = error.what();
  }
  EXPECT_THAT(said, HasSubstr("malformed"));
  if (log_ == nullptr) return;
  EXPECT_THAT(log_->status().reason, HasSubstr("malformed"));
  EXPECT_THROW(append(), StoreUnavailable);
  log_->tend();
  EXPECT_THROW(append(), StoreUnavailable) << "that does not mend by itself";
}

}  // namespace
}  // namespace millrace::test
