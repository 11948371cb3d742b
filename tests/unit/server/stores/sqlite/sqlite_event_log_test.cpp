// What only a log in a file does: it survives, it is looked after, and it can be in trouble. What all logs do is in
// event_log_test.cpp.
#include "stores/sqlite/sqlite_event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "eventually.h"
#include "scripted_outlet.h"
#include "stores/sqlite/database.h"
#include "stores/sqlite/schema.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kNow = UINT64_MAX;

class SqliteEventLogTest : public ::testing::Test {
 protected:
  SqliteEventLog& open(const StoreBounds& bounds = {}, StoreSync sync = StoreSync::kNormal) {
    log_.reset();
    log_ = std::make_unique<SqliteEventLog>(
        SqliteEventLog::Options{.path = file_,
                                .sync = sync,
                                .bounds = bounds,
                                .new_epoch = "epoch" + std::to_string(++opened_),
                                .clock = [this] { return std::chrono::system_clock::time_point{now_}; }});
    log_->start({.on_appended =
                     [this](std::span<const LogEntry> entries) {
                       for (const LogEntry& entry : entries) delivered_.push_back(entry.sequence);
                     },
                 .on_status = [](const StoreStatus&) {}});
    return *log_;
  }

  std::uint64_t append(std::string_view data = "x", EventId id = {}, Topic topic = "a") {
    return append({.topic = topic, .event = {.data = data, .id = id}});
  }
  std::uint64_t append(const Publication& publication) {
    std::uint64_t sequence = 0;
    log_->append({&publication, 1}, {&sequence, 1});
    return sequence;
  }

  // Why it cannot be opened.
  std::string refusal() {
    try {
      open();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "opened";
  }

  std::vector<std::uint64_t> everything() {
    std::vector<std::uint64_t> sequences;
    for (std::uint64_t seen = log_->oldest() - 1; seen < log_->head();) {
      const auto page = log_->read_after(seen, *filter_for({"**"}));
      for (const LogEntry& entry : page.entries) sequences.push_back(entry.sequence);
      seen = page.through;
    }
    return sequences;
  }

  std::uint64_t file_bytes() const { return std::filesystem::file_size(file_); }

  TemporaryFolder folder_;
  const std::string file_ = folder_.path("log");
  int opened_ = 0;
  std::chrono::milliseconds now_{1'000'000};
  std::vector<std::uint64_t> delivered_;
  std::unique_ptr<SqliteEventLog> log_;
};

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

TEST_F(SqliteEventLogTest, BringsAnOlderFileUpToDate) {
  {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, 1);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
    old.execute("INSERT INTO entries VALUES (7, 'a', 0, 'seven', 1000, CAST('id: seven' || char(10, 10) AS BLOB))");
    old.execute("INSERT INTO entries VALUES (8, 'a', 1, NULL, 1000, NULL)");
  }
  SqliteEventLog& log = open();
  EXPECT_EQ(log.epoch(), "old");
  EXPECT_EQ(log.head(), 8u);
  EXPECT_EQ(log.oldest(), 7u);
  EXPECT_EQ(log.find("seven", *filter_for({"*"})), 7u);
  EXPECT_EQ(log.finished_at(*filter_for({"a"}), kNow), 8u);
  EXPECT_EQ(append(), 9u);
  log_.reset();
  SqliteDatabase file(file_, SqliteDatabase::Mode::kRead);
  EXPECT_EQ(file.number("PRAGMA user_version"), kSqliteSchemaVersion);
  EXPECT_EQ(file.number("SELECT count(*) FROM sqlite_schema WHERE name = 'finishes'"), 1);
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

// As the fifth version left it: each retained event in one row, found by its sequence.
TEST_F(SqliteEventLogTest, KeepsWhatAnOlderFileRetains) {
  {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, 5);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
    old.execute(
        "INSERT INTO retained (sequence, topic, publisher_id, published, payload, publisher)"
        " VALUES (3, 'b', 'mine', 1000, CAST('id: mine' || char(10) || 'data: x' || char(10, 10) AS BLOB), '*')");
    old.execute("INSERT INTO meta VALUES ('head', 9)");
  }
  SqliteEventLog& log = open();
  const auto page = log.read_newest(0, 9, *filter_for({"**"}), EventStore::Topics::kGoingOn);
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].sequence, 3u);
  EXPECT_EQ(page.entries[0].payload, "id: mine\ndata: x\n\n");
  EXPECT_EQ(append("again", "mine", "b"), 0u);
  const std::vector<Topic> further{"b"};
  append({.topic = "c", .further_topics = further, .event = {.data = "y"}, .retain = true});
  EXPECT_EQ(log.read_newest(0, log.head(), *filter_for({"**"}), EventStore::Topics::kGoingOn).entries.size(), 1u);
}

// As the second version left it: IDs were the log's, or with their topic before them that topic's own.
TEST_F(SqliteEventLogTest, FindsTheIdsOfAnOlderFile) {
  {
    SqliteDatabase old(file_, SqliteDatabase::Mode::kWrite);
    create_schema(old, 2);
    old.execute("INSERT INTO meta VALUES ('epoch', 'old')");
    old.execute("INSERT INTO entries VALUES (1, 'a', 0, 'one', 1000, CAST('id: one' || char(10, 10) AS BLOB))");
    old.execute(
        "INSERT INTO entries VALUES (2, 'users/ada', 0, 'users/ada' || char(10) || 'one', 1000,"
        " CAST('id: one' || char(10, 10) AS BLOB))");
    old.execute("INSERT INTO entries VALUES (3, 'a', 0, NULL, 1000, CAST('id: old-3' || char(10, 10) AS BLOB))");
  }
  SqliteEventLog& log = open();
  EXPECT_EQ(log.find("one", *filter_for({"a"})), 1u);
  EXPECT_EQ(log.find("one", *filter_for({"users/ada"})), 2u);
  EXPECT_EQ(log.find("one", *filter_for({"users/*"})), 2u);
  EXPECT_FALSE(log.find("one", *filter_for({"b"})));
  EXPECT_EQ(append("again", "one"), 0u) << "sent again, after the program has changed";
  EXPECT_EQ(append("again", "one", "users/ada"), 0u);
  EXPECT_EQ(append("x", "one", "b"), 4u);
  const auto page = log.read_after(0, *filter_for({"**"}));
  ASSERT_EQ(page.entries.size(), 4u);
  EXPECT_EQ(page.entries[1].publisher_id, "one");
  EXPECT_EQ(page.entries[1].payload, "id: one\n\n");
  EXPECT_EQ(page.entries[2].publisher_id, "");
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
