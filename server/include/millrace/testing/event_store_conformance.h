// EventStoreConformance: GoogleTest tests of what every EventStore must do, for a store of your own.
//
// Include this header in one source file of a test program, and say how to open your store:
//
//   using millrace::EventStoreConformance;
//   INSTANTIATE_TEST_SUITE_P(MyStore, EventStoreConformance,
//                            ::testing::Values(millrace::StoreUnderTest{
//                                .name = "MyStore",
//                                .open_new = [](std::uint64_t events) { return std::make_shared<MyStore>(events); }}));
//
// Link millrace::server and GTest::gtest_main. examples/own_store.cpp is a store that passes it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/server/limits.h"

namespace millrace {

/// How the tests open a store.
struct StoreUnderTest {
  std::string name;  ///< letters and digits

  /// Opens a new, empty store that keeps at most `events` entries; stores of earlier calls stay open.
  std::function<std::shared_ptr<EventStore>(std::uint64_t events)> open_new;

  /// Opens the last new store again after its object was destroyed, as a restarted program does. If empty, the tests
  /// about restarts are skipped.
  std::function<std::shared_ptr<EventStore>(std::uint64_t events)> open_again = nullptr;

  /// Random histories that a test compares with a model; use fewer for a slow store.
  std::uint32_t histories = 20;

  /// Prints the name, for GoogleTest's output.
  friend std::ostream& operator<<(std::ostream& out, const StoreUnderTest& store) { return out << store.name; }
};

/// The tests, for each StoreUnderTest.
class EventStoreConformance : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  using Sequences = std::vector<std::uint64_t>;
  static constexpr std::uint64_t kNow = UINT64_MAX;  ///< `seen` of a reader at the end

  ~EventStoreConformance() override { close(); }

  /// Opens a new store and starts it as a server does.
  EventStore& keeping(std::uint64_t events) {
    close();
    bound_ = events;
    return use(GetParam().open_new(events));
  }
  /// Destroys the store and opens it again.
  EventStore& again() {
    close();
    return use(GetParam().open_again(bound_));
  }

  void start() {
    store_->start({.on_appended =
                       [this](std::span<const LogEntry> entries) {
                         const std::lock_guard lock(mutex_);
                         handed_over_.insert(handed_over_.end(), entries.begin(), entries.end());
                       },
                   .on_status = [](const StoreStatus&) {}});
  }

  std::vector<LogEntry> handed_over() {
    const std::lock_guard lock(mutex_);
    return handed_over_;
  }

  std::uint64_t append(const Publication& publication) {
    std::uint64_t sequence = 0;
    store_->append({&publication, 1}, {&sequence, 1});
    return sequence;
  }
  std::uint64_t append(Topic topic, std::string_view data = "x", EventId id = {}, std::string_view publisher = {}) {
    return append({.topic = topic, .event = {.data = data, .id = id}, .publisher = publisher});
  }
  std::uint64_t finish(Topic topic) { return append({.topic = topic, .kind = Publication::Kind::kFinish}); }
  std::uint64_t begin(Topic topic) { return append({.topic = topic, .kind = Publication::Kind::kBegin}); }

  static TopicFilter filter_for(const std::vector<std::string>& patterns) {
    std::vector<TopicPattern> parsed;
    for (const std::string& pattern : patterns) parsed.push_back(TopicPattern::parse(pattern).value());
    return TopicFilter(parsed);
  }
  /// 0 if the store finds nothing.
  std::uint64_t find(std::string_view id, const std::vector<std::string>& patterns = {"**"}) {
    return store_->find(id, filter_for(patterns)).value_or(0);
  }
  std::uint64_t finished_at(const std::vector<std::string>& patterns, std::uint64_t seen = kNow) {
    return store_->finished_at(filter_for(patterns), seen).value_or(0);
  }
  EventStore::Page page_after(std::uint64_t sequence, const std::vector<std::string>& patterns) {
    return store_->read_after(sequence, filter_for(patterns));
  }

  /// All matching entries after `sequence`, page by page.
  Sequences read_all(std::uint64_t sequence, const std::vector<std::string>& patterns) {
    Sequences result;
    while (true) {
      const EventStore::Page page = page_after(sequence, patterns);
      EXPECT_LE(page.entries.size(), EventStore::kPageEntries);
      for (const LogEntry& entry : page.entries) result.push_back(entry.sequence);
      if (page.through >= store_->head()) return result;
      if (page.through <= sequence) {
        ADD_FAILURE() << "the page after " << sequence << " leads nowhere";
        return result;
      }
      sequence = page.through;
    }
  }

  using Topics = EventStore::Topics;
  /// The newest event of each topic after `sequence` and up to `until`, page by page.
  Sequences read_newest(std::uint64_t sequence, const std::vector<std::string>& patterns,
                        Topics topics = Topics::kGoingOn, std::uint64_t until = 0) {
    if (until == 0) until = store_->head();
    Sequences result;
    while (sequence < until) {
      const EventStore::Page page = store_->read_newest(sequence, until, filter_for(patterns), topics);
      EXPECT_LE(page.entries.size(), EventStore::kPageEntries);
      EXPECT_LE(page.through, until);
      for (const LogEntry& entry : page.entries) {
        EXPECT_EQ(entry.kind, Publication::Kind::kEvent);
        EXPECT_FALSE(entry.payload.empty());
        result.push_back(entry.sequence);
      }
      if (page.through <= sequence) {
        ADD_FAILURE() << "the page after " << sequence << " leads nowhere";
        return result;
      }
      sequence = page.through;
    }
    return result;
  }
  std::uint64_t retain(Topic topic, EventId id = {}) {
    return append({.topic = topic, .event = {.data = "x", .id = id}, .retain = true});
  }

  /// An event of several topics, the first of which is `topics[0]`.
  std::uint64_t append(const std::vector<Topic>& topics, EventId id = {}, bool retain = false) {
    return append({.topic = topics.front(),
                   .further_topics = std::span(topics).subspan(1),
                   .event = {.data = "x", .id = id},
                   .retain = retain});
  }
  static std::vector<std::string> topics_of(const LogEntry& entry) {
    std::vector<std::string> topics;
    for (std::size_t i = 0; i < entry.topic_count(); ++i) topics.push_back(entry.topic_at(i).text());
    return topics;
  }
  /// The topics of each entry in read_newest()'s page.
  std::vector<std::vector<std::string>> newest_topics(const std::vector<std::string>& patterns,
                                                      Topics topics = Topics::kGoingOn) {
    std::vector<std::vector<std::string>> result;
    const auto page = store_->read_newest(0, store_->head(), filter_for(patterns), topics);
    for (const LogEntry& entry : page.entries) result.push_back(topics_of(entry));
    for (std::vector<std::string>& names : result) std::sort(names.begin(), names.end());
    return result;
  }

  void compare_with_model(std::uint32_t seed);

  std::shared_ptr<EventStore> store_;

 private:
  EventStore& use(std::shared_ptr<EventStore> store) {
    store_ = std::move(store);
    start();
    return *store_;
  }
  void close() {
    if (store_ != nullptr) store_->stop();
    store_.reset();
    const std::lock_guard lock(mutex_);
    handed_over_.clear();
  }

  std::uint64_t bound_ = 0;
  std::mutex mutex_;
  std::vector<LogEntry> handed_over_;  // guarded by mutex_
};

// --- Appending ------------------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, BeginsEmptyAndCountsFromOne) {
  EventStore& store = keeping(10);
  EXPECT_EQ(store.head(), 0u);
  EXPECT_EQ(store.oldest(), 1u);
  EXPECT_TRUE(store.status().is_accepting());
  EXPECT_TRUE(store.statistics().takes_events);
  EXPECT_EQ(append("a"), 1u);
  EXPECT_EQ(store.head(), 1u);
  EXPECT_EQ(store.oldest(), 1u);
}

TEST_P(EventStoreConformance, HasAnEpochThatIdsCanBeMadeOf) {
  const std::string epoch = keeping(10).epoch();
  EXPECT_FALSE(epoch.empty());
  EXPECT_LE(epoch.size(), EventStore::kMaxEpochBytes);
  for (const char c : epoch) EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) != 0) << epoch;
}

TEST_P(EventStoreConformance, KeepsAndHandsOverEventsAsSubscribersGetThem) {
  const std::string epoch = keeping(10).epoch();
  append({.topic = "a", .event = {.type = "t", .data = "x\ny"}});
  append("a", "x", "mine", "user ada");
  finish("a");
  const std::vector<LogEntry> appended = handed_over();
  const EventStore::Page page = page_after(0, {"a"});
  EXPECT_EQ(page.through, 3u);
  EXPECT_EQ(page.oldest, 1u);
  for (const std::vector<LogEntry>& entries : {appended, page.entries}) {
    ASSERT_EQ(entries.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(entries[i].sequence, i + 1);
      EXPECT_EQ(entries[i].topic.text(), "a");
    }
    EXPECT_EQ(entries[0].payload, "event: t\nid: " + epoch + "-1\ndata: x\ndata: y\n\n");
    EXPECT_EQ(entries[0].kind, Publication::Kind::kEvent);
    EXPECT_EQ(entries[0].publisher_id, "");
    EXPECT_EQ(entries[1].payload, "id: mine\ndata: x\n\n");
    EXPECT_EQ(entries[1].publisher_id, "mine");
    EXPECT_EQ(entries[1].publisher_key, publisher_key("user ada"));
    EXPECT_EQ(entries[2].kind, Publication::Kind::kFinish);
    EXPECT_EQ(entries[2].payload, "");
  }
}

TEST_P(EventStoreConformance, KeepsEveryByteOfDataAndTopics) {
  keeping(10);
  const std::string data("\0 \xff\xfe \xe6\xb6\x88\r", 9);
  append("\xe6\xb6\x88/\xc3\xbc", data);
  const EventStore::Page page = page_after(0, {"\xe6\xb6\x88/*"});
  ASSERT_EQ(page.entries.size(), 1u);
  ASSERT_EQ(handed_over().size(), 1u);
  EXPECT_EQ(page.entries[0].payload, handed_over()[0].payload);
  EXPECT_NE(page.entries[0].payload.find(data.substr(0, 8)), std::string::npos);
  EXPECT_EQ(page.entries[0].topic.text(), "\xe6\xb6\x88/\xc3\xbc");
}

TEST_P(EventStoreConformance, AppendsSeveralInOrder) {
  EventStore& store = keeping(10);
  const std::vector<Publication> publications = {{.topic = "a", .event = {.data = "1", .id = "one"}},
                                                 {.topic = "a", .event = {.data = "again", .id = "one"}},
                                                 {.topic = "a", .event = {.data = "2"}},
                                                 {.topic = "a", .kind = Publication::Kind::kFinish}};
  Sequences sequences(publications.size(), 77);
  store.append(publications, sequences);
  EXPECT_EQ(sequences, (Sequences{1, 0, 2, 3})) << "the second has the ID of the first";
  EXPECT_EQ(store.head(), 3u);
  EXPECT_EQ(read_all(0, {"**"}), (Sequences{1, 2, 3}));
  store.append({}, {});
  EXPECT_EQ(store.head(), 3u);
}

TEST_P(EventStoreConformance, HandsOverEachEntryOnceInOrderBeforeAppendReturns) {
  EventStore& store = keeping(10'000);
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kEach = 25;
  std::vector<std::thread> publishers;
  for (std::size_t t = 0; t < kThreads; ++t) {
    publishers.emplace_back([&] {
      for (std::size_t i = 0; i < kEach; ++i) {
        const std::uint64_t sequence = append("a");
        EXPECT_GE(store.head(), sequence);
        const std::vector<LogEntry> entries = handed_over();
        EXPECT_TRUE(std::any_of(entries.begin(), entries.end(),
                                [&](const LogEntry& entry) { return entry.sequence == sequence; }));
      }
    });
  }
  for (std::thread& publisher : publishers) publisher.join();
  const std::vector<LogEntry> entries = handed_over();
  ASSERT_EQ(entries.size(), kThreads * kEach);
  for (std::size_t i = 0; i < entries.size(); ++i) ASSERT_EQ(entries[i].sequence, i + 1);
  EXPECT_EQ(read_all(0, {"a"}).size(), kThreads * kEach);
}

TEST_P(EventStoreConformance, DropsTheOldestEntriesBeyondItsBound) {
  EventStore& store = keeping(3);
  for (int i = 0; i < 5; ++i) append("a");
  EXPECT_EQ(store.head(), 5u);
  EXPECT_EQ(store.oldest(), 3u);
  EXPECT_EQ(read_all(2, {"a"}), (Sequences{3, 4, 5}));
  EXPECT_EQ(page_after(2, {"*"}).oldest, 3u);
}

// --- Publishers' IDs ------------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, FindsAPublishersIdWhileItsEventIsHere) {
  const std::string epoch = keeping(2).epoch();
  append("a", "x", "one");
  append("a", "x", "two");
  EXPECT_EQ(append("a", "x", "two"), 0u) << "an event that is sent again is appended once";
  EXPECT_EQ(find("one"), 1u);
  append("b");
  EXPECT_EQ(find("one"), 0u);
  EXPECT_EQ(find("two"), 2u);
  EXPECT_EQ(find(""), 0u);
  EXPECT_EQ(find(epoch + "-2"), 0u);
  EXPECT_NE(append("a", "x", "one"), 0u) << "an ID whose event was dropped is new";
}

TEST_P(EventStoreConformance, TellsTheIdsOfTopicsAndPublishersApart) {
  keeping(20);
  EXPECT_NE(append("a", "x", "1"), 0u);
  EXPECT_NE(append("b", "x", "1"), 0u);
  EXPECT_NE(append("b", "x", "1", "user ada"), 0u);
  EXPECT_NE(append("a/b", "x", "1", "user " + std::string(2'000, '\n')), 0u) << "a publisher may have any name";
  EXPECT_EQ(append("a", "x", "1"), 0u);
  EXPECT_EQ(append("b", "x", "1", "user ada"), 0u);
  EXPECT_EQ(find("1"), 1u) << "the oldest, so that nothing is lost";
  EXPECT_EQ(find("1", {"a"}), 1u);
  EXPECT_EQ(find("1", {"b"}), 2u);
  EXPECT_EQ(find("1", {"a/*"}), 4u);
  EXPECT_EQ(find("1", {"a/**", "b"}), 2u);
  EXPECT_EQ(find("1", {"c"}), 0u);
  EXPECT_EQ(find("1", {"c/*"}), 0u);
  EXPECT_EQ(find("1", {"*/c"}), 0u);
  EXPECT_EQ(find("11"), 0u);
  const EventStore::Page page = page_after(2, {"b"});
  ASSERT_EQ(page.entries.size(), 1u);
  EXPECT_EQ(page.entries[0].publisher_id, "1");
  EXPECT_EQ(page.entries[0].publisher_key, publisher_key("user ada"));
}

TEST_P(EventStoreConformance, ForgetsATopicsIdsWhenItBeginsAnew) {
  keeping(20);
  EXPECT_NE(append("a", "x", "1"), 0u);
  finish("a");
  EXPECT_EQ(append("a", "x", "1"), 0u) << "a publisher without an answer sends everything again, the finish included";
  EXPECT_EQ(finish("a"), 0u);
  ASSERT_NE(begin("a"), 0u);
  EXPECT_NE(append("a", "x", "1"), 0u);
  EXPECT_EQ(append("a", "x", "1"), 0u);
  EXPECT_EQ(find("1", {"a"}), 4u);
  finish("a");
  EXPECT_EQ(append("a", "x", "1"), 0u);
  EXPECT_NE(append("a", "x", "2"), 0u);
  EXPECT_NE(append("a", "x", "1"), 0u) << "the event before has begun the topic anew";
}

TEST_P(EventStoreConformance, FindsAnIdThatManyOtherTopicsHave) {
  EventStore& store = keeping(100'000);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 3 * kMaxIdHolders; ++i) names.push_back("many/" + std::to_string(i) + "/x");
  std::vector<Publication> publications;
  for (const std::string& name : names) publications.push_back({.topic = *Topic::parse(name), .event = {.id = "1"}});
  Sequences sequences(publications.size());
  store.append(publications, sequences);
  const std::uint64_t own = append("mine/7/x", "x", "1");
  EXPECT_EQ(find("1", {"mine/7/x"}), own);
  EXPECT_EQ(find("1", {"mine/*/x"}), own);
  EXPECT_EQ(find("1", {"mine/**"}), own);
  EXPECT_EQ(find("1", {names[2'000]}), 2'001u);
  EXPECT_EQ(find("1", {"nobody/**"}), 0u);
  EXPECT_EQ(find("1", {"*/7"}), 0u);
}

// --- Reading --------------------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, ReadsNothingBehindItsHead) {
  keeping(10);
  append("a");
  append("b");
  const EventStore::Page page = page_after(2, {"**"});
  EXPECT_TRUE(page.entries.empty());
  EXPECT_EQ(page.through, 2u);
}

TEST_P(EventStoreConformance, ForgetsATopicWithItsLastEntry) {
  keeping(2);
  append("a");
  append("b");
  append("b");
  const EventStore::Page page = page_after(1, {"a"});
  EXPECT_TRUE(page.entries.empty());
  EXPECT_EQ(page.through, 3u) << "up to the head there is no entry of this topic";
  append("a");
  EXPECT_EQ(read_all(2, {"a"}), (Sequences{4}));
}

TEST_P(EventStoreConformance, BoundsAPageInEntriesAndBytes) {
  EventStore& store = keeping(100'000);
  const std::string large(EventStore::kPageBytes / 2, 'x');
  std::vector<Publication> publications;
  for (int i = 0; i < 10; ++i) publications.push_back({.topic = "large/x", .event = {.data = large}});
  for (std::size_t i = 0; i < EventStore::kPageScan * 2; ++i) {
    publications.push_back({.topic = "small", .event = {.data = "x"}});
  }
  publications.push_back({.topic = "last", .event = {.data = "x"}});
  Sequences sequences(publications.size());
  store.append(publications, sequences);
  for (const char* pattern : {"large/x", "large/**", "small", "*"}) {
    const EventStore::Page page = page_after(0, {pattern});
    EXPECT_FALSE(page.entries.empty()) << pattern;
    EXPECT_LE(page.entries.size(), EventStore::kPageEntries) << pattern;
    std::size_t bytes = 0;
    for (const LogEntry& entry : page.entries) bytes += entry.payload.size();
    EXPECT_LE(bytes, 2 * EventStore::kPageBytes) << pattern;
  }
  EXPECT_EQ(read_all(0, {"large/**"}).size(), 10u);
  EXPECT_EQ(read_all(10, {"nothing/*"}), Sequences());
  EXPECT_EQ(read_all(10, {"last"}), (Sequences{store.head()}));
}

// --- Topics that end ------------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, RemembersThatATopicIsFinishedUntilItBeginsAnewOrIsForgotten) {
  keeping(3);
  EXPECT_EQ(finished_at({"a"}), 0u);
  append("a");
  EXPECT_EQ(finished_at({"a"}), 0u);
  EXPECT_EQ(finish("a"), 2u);
  EXPECT_EQ(finished_at({"a"}), 2u);
  EXPECT_EQ(finished_at({"a", "b"}), 0u);
  EXPECT_EQ(finished_at({"*"}), 0u);
  finish("b");
  EXPECT_EQ(finished_at({"a", "b"}), 3u);
  append("a");
  EXPECT_EQ(finished_at({"a"}), 0u);
  EXPECT_EQ(finished_at({"a"}, 2), 2u) << "a reader from before still comes to its end";
  finish("a");
  EXPECT_EQ(finished_at({"a"}), 5u);
  for (int i = 0; i < 3; ++i) append("c");
  EXPECT_EQ(finished_at({"a"}), 0u) << "forgotten with its last entry";
}

TEST_P(EventStoreConformance, BeginsOnlyWhatIsFinished) {
  keeping(10);
  EXPECT_EQ(begin("a"), 0u);
  append("a");
  EXPECT_EQ(begin("a"), 0u);
  finish("a");
  EXPECT_EQ(begin("a"), 3u);
  EXPECT_EQ(handed_over().back().kind, Publication::Kind::kBegin);
  EXPECT_EQ(begin("a"), 0u);
  EXPECT_EQ(finished_at({"a"}), 0u);
}

// --- The newest events ----------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, ReadsTheNewestEventOfEachTopic) {
  keeping(20);
  EXPECT_EQ(read_newest(0, {"**"}), Sequences());
  for (const char* topic : {"a", "b", "a", "a/x", "b", "c"}) append(*Topic::parse(std::string_view(topic)));
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{3, 4, 5, 6}));
  EXPECT_EQ(read_newest(0, {"a", "c", "none"}), (Sequences{3, 6}));
  EXPECT_EQ(read_newest(0, {"a/*"}), Sequences{4});
  EXPECT_EQ(read_newest(4, {"**"}), (Sequences{5, 6}));
  EXPECT_EQ(read_newest(0, {"**"}, Topics::kAll, 5), (Sequences{3, 4, 5}));
  append("a");
  EXPECT_EQ(read_newest(0, {"**"}, Topics::kAll, 5), (Sequences{4, 5})) << "what is newer than asked for replaces, too";
}

TEST_P(EventStoreConformance, TellsTheNewestEventsOfFinishedTopicsApart) {
  keeping(20);
  append("a");
  append("b");
  finish("a");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{2});
  EXPECT_EQ(read_newest(0, {"a", "b"}), Sequences{2});
  EXPECT_EQ(read_newest(0, {"**"}, Topics::kAll), (Sequences{1, 2}));
  begin("a");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{2}) << "beginning anew brings nothing back";
  append("a");
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{2, 5}));
}

TEST_P(EventStoreConformance, RetainsEventsBeyondItsBoundWhereItCan) {
  EventStore& store = keeping(3);
  if (!store.retains()) GTEST_SKIP() << "the store retains nothing";
  retain("a");
  retain("b", "mine");
  retain("a");
  for (int i = 0; i < 5; ++i) append("x");
  EXPECT_EQ(store.oldest(), 6u);
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{2, 3, 8}));
  EXPECT_EQ(read_newest(0, {"a", "x"}), (Sequences{3, 8}));
  EXPECT_EQ(store.first_after(0, filter_for({"**"})), 2u);
  EXPECT_EQ(store.first_after(0, filter_for({"a"})), 3u);
  EXPECT_EQ(store.first_after(0, filter_for({"x/*"})), 6u);
  EXPECT_EQ(store.first_after(3, filter_for({"**"})), 6u);
  EXPECT_EQ(find("mine"), 2u);
  EXPECT_EQ(append("b", "x", "mine"), 0u) << "it is still here";
  append("a");
  finish("b");
  for (int i = 0; i < 5; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{store.head()}) << "one replaced, one finished";
  EXPECT_EQ(find("mine"), 0u);
  EXPECT_EQ(store.first_after(0, filter_for({"**"})), store.oldest());
}

TEST_P(EventStoreConformance, KeepsWhatItRetainsWhereItOutlivesTheProgram) {
  if (GetParam().open_again == nullptr) GTEST_SKIP() << "the store does not say how it is opened again";
  if (!keeping(2).retains()) GTEST_SKIP() << "the store retains nothing";
  retain("a");
  append("b");
  append("b");
  append("b");
  again();
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{1, 4}));
  finish("a");
  again();
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{4});
}

// --- Events of several topics ---------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, AppendsAnEventOfSeveralTopicsOnce) {
  if (!keeping(20).takes_several_topics()) GTEST_SKIP() << "an event has one topic";
  EXPECT_EQ(append({"a", "b/x", "c"}), 1u);
  append("b/x");
  EXPECT_EQ(read_all(0, {"a"}), Sequences{1});
  EXPECT_EQ(read_all(0, {"b/x"}), (Sequences{1, 2}));
  EXPECT_EQ(read_all(0, {"c", "b/x", "a"}), (Sequences{1, 2})) << "once, although several of its topics match";
  EXPECT_EQ(read_all(0, {"b/*", "*"}), (Sequences{1, 2}));
  EXPECT_EQ(read_all(0, {"d", "e"}), Sequences());
  const EventStore::Page page = page_after(0, {"**"});
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(topics_of(page.entries[0]), (std::vector<std::string>{"a", "b/x", "c"}));
  EXPECT_EQ(topics_of(handed_over().at(0)), (std::vector<std::string>{"a", "b/x", "c"}));
}

TEST_P(EventStoreConformance, CountsAnEventOfSeveralTopicsForEach) {
  if (!keeping(20).takes_several_topics()) GTEST_SKIP() << "an event has one topic";
  append({"a", "b", "c"});
  append("a");
  using Lists = std::vector<std::vector<std::string>>;
  EXPECT_EQ(newest_topics({"**"}), (Lists{{"b", "c"}, {"a"}})) << "a has a newer one";
  EXPECT_EQ(newest_topics({"a", "b"}), (Lists{{"b"}, {"a"}}));
  EXPECT_EQ(read_newest(0, {"a"}), Sequences{2});
  EXPECT_EQ(finish("b"), 3u);
  EXPECT_EQ(newest_topics({"**"}), (Lists{{"c"}, {"a"}}));
  EXPECT_EQ(newest_topics({"*", "b"}, Topics::kAll), (Lists{{"b", "c"}, {"a"}}));
  EXPECT_EQ(finished_at({"b"}), 3u);
  EXPECT_EQ(append({"d", "b"}), 4u);
  EXPECT_EQ(finished_at({"b"}), 0u) << "it has begun again, with an event that names it second";
  EXPECT_EQ(begin("b"), 0u);
}

TEST_P(EventStoreConformance, KnowsAPublishersIdInEachTopicOfItsEvent) {
  if (!keeping(4).takes_several_topics()) GTEST_SKIP() << "an event has one topic";
  EXPECT_EQ(append({"a", "b"}, "1"), 1u);
  EXPECT_EQ(append({"b", "a"}, "1"), 0u);
  EXPECT_EQ(append("b", "x", "1"), 0u);
  EXPECT_EQ(find("1", {"b"}), 1u);
  EXPECT_EQ(find("1", {"b/*", "b"}), 1u);
  EXPECT_THROW(append({"a", "c"}, "1"), IdConflict);
  EXPECT_THROW(append({"c", "b"}, "1"), IdConflict);
  EXPECT_EQ(append("c", "x", "1"), 2u) << "nothing of a refused event was kept";
  EXPECT_THROW(append({"a", "c"}, "1"), IdConflict) << "two different events";
  EXPECT_TRUE(store_->status().is_accepting());
  finish("b");
  begin("b");
  EXPECT_THROW(append({"a", "b"}, "1"), IdConflict) << "b has begun anew";
  append("x");
  EXPECT_EQ(find("1", {"b"}), 0u) << "dropped in all of its topics";
  EXPECT_NE(append({"a", "b"}, "1"), 0u);
}

TEST_P(EventStoreConformance, RetainsAnEventForEachOfItsTopics) {
  EventStore& store = keeping(3);
  if (!store.takes_several_topics() || !store.retains()) GTEST_SKIP() << "the store does not do both";
  append({"a", "b"}, "mine", true);
  for (int i = 0; i < 4; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{1, 5})) << "once";
  EXPECT_EQ(read_newest(0, {"b", "a"}), Sequences{1});
  EXPECT_EQ(store.first_after(0, filter_for({"b"})), 1u);
  EXPECT_EQ(append({"a", "b"}, "mine"), 0u);
  append("a");
  using Lists = std::vector<std::vector<std::string>>;
  EXPECT_EQ(newest_topics({"a", "b"}), (Lists{{"b"}, {"a"}}));
  EXPECT_EQ(find("mine", {"b"}), 1u);
  for (int i = 0; i < 4; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), (Sequences{1, 10})) << "the topic a is forgotten";
  EXPECT_EQ(newest_topics({"a", "b"}), Lists{{"b"}});
  EXPECT_EQ(append("a", "x", "mine"), 11u) << "in a, it is gone";
  finish("b");
  for (int i = 0; i < 4; ++i) append("x");
  EXPECT_EQ(read_newest(0, {"**"}), Sequences{store.head()});
  EXPECT_EQ(find("mine"), 0u);
}

// --- Its life -------------------------------------------------------------------------------------------------------

TEST_P(EventStoreConformance, IsUsedByOneServerAfterTheOther) {
  EventStore& store = keeping(10);
  append("a");
  EXPECT_THROW(start(), std::logic_error) << "one server at a time";
  append("a");
  store.stop();
  EXPECT_THROW(append("a"), StoreUnavailable) << "nobody would deliver it";
  start();
  const std::uint64_t sequence = append("a");
  EXPECT_EQ(sequence, 3u);
  EXPECT_EQ(handed_over().back().sequence, sequence);
  EXPECT_EQ(read_all(0, {"a"}), (Sequences{1, 2, 3}));
}

TEST_P(EventStoreConformance, OutlivesTheProgram) {
  if (GetParam().open_again == nullptr) GTEST_SKIP() << "the store does not say how it is opened again";
  const std::string epoch = keeping(10).epoch();
  append("a", "first", "one", "user ada");
  append("b");
  finish("b");
  append(store_->takes_several_topics() ? std::vector<Topic>{"c", "a/x"} : std::vector<Topic>{"c"});
  const EventStore::Page before = page_after(0, {"**"});
  EventStore& store = again();
  EXPECT_EQ(store.epoch(), epoch);
  EXPECT_EQ(store.head(), 4u);
  EXPECT_EQ(store.oldest(), 1u);
  EXPECT_EQ(find("one"), 1u);
  EXPECT_EQ(append("a", "again", "one", "user ada"), 0u);
  EXPECT_EQ(finished_at({"b"}), 3u);
  const EventStore::Page after = page_after(0, {"**"});
  ASSERT_EQ(after.entries.size(), before.entries.size());
  for (std::size_t i = 0; i < after.entries.size(); ++i) {
    EXPECT_EQ(topics_of(after.entries[i]), topics_of(before.entries[i]));
    EXPECT_EQ(after.entries[i].kind, before.entries[i].kind);
    EXPECT_EQ(after.entries[i].payload, before.entries[i].payload);
    EXPECT_EQ(after.entries[i].publisher_id, before.entries[i].publisher_id);
    EXPECT_EQ(after.entries[i].publisher_key, before.entries[i].publisher_key);
  }
  EXPECT_EQ(append("a"), 5u) << "no sequence is given twice";
  EXPECT_TRUE(covers(store.durability(), Durability::kProcess)) << "override durability(): publishers are told";
}

// --- Against a model that keeps everything and looks at all of it ---------------------------------------------------

inline void EventStoreConformance::compare_with_model(std::uint32_t seed) {
  struct Entry {
    std::uint64_t sequence;
    std::vector<std::string> topics;
    std::string id;
    bool has(const std::string& topic) const { return std::count(topics.begin(), topics.end(), topic) > 0; }
  };
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const std::vector<std::string> topics = {"a", "b", "a/x", "a/y", "b/x", "a/x/1", "c"};
  const std::vector<std::vector<std::string>> filters = {
      {"a"},       {"a", "b/x"}, {"b", "a/x", "a/y", "c"}, {"*"}, {"a/*"}, {"a/**", "c"}, {"**"},
      {"nowhere"}, {"*/x"},      {"*", "*/*", "a/**"}};
  const std::size_t capacity = 1 + up_to(200);
  EventStore& store = keeping(capacity);
  std::vector<Entry> model;

  for (int step = 0; step < 300; ++step) {
    Entry entry{.sequence = model.size() + 1, .topics = {topics[up_to(topics.size() - 1)]}, .id = {}};
    while (store.takes_several_topics() && up_to(3) == 0) {
      const std::string& further = topics[up_to(topics.size() - 1)];
      if (!entry.has(further)) entry.topics.push_back(further);
    }
    if (up_to(3) == 0) {
      entry.id = "id" + std::to_string(up_to(400));
      if (find(entry.id) != 0) entry.id.clear();
    }
    std::vector<Topic> its_topics;
    for (const std::string& topic : entry.topics) its_topics.push_back(Topic::parse(topic).value());
    append(its_topics, EventId::parse(entry.id).value());
    model.push_back(entry);
    const std::uint64_t oldest = model.size() > capacity ? model.size() - capacity + 1 : 1;
    ASSERT_EQ(store.oldest(), oldest) << "seed " << seed;
    ASSERT_EQ(store.head(), model.size()) << "seed " << seed;

    std::map<std::string, std::uint64_t> kept;
    for (const Entry& one : model) {
      if (one.sequence >= oldest && !one.id.empty()) kept[one.id] = one.sequence;
    }
    const std::string asked = "id" + std::to_string(up_to(400));
    ASSERT_EQ(find(asked), kept.contains(asked) ? kept[asked] : 0) << "seed " << seed;

    const auto& patterns = filters[up_to(filters.size() - 1)];
    const std::uint64_t after = oldest - 1 + up_to(model.size() - (oldest - 1));
    const TopicFilter filter = filter_for(patterns);
    const auto matches = [&](const std::string& topic) { return filter.matches(Topic::parse(topic).value()); };
    Sequences expected;
    for (const Entry& one : model) {
      const bool is_wanted = std::any_of(one.topics.begin(), one.topics.end(), matches);
      if (one.sequence > after && is_wanted) expected.push_back(one.sequence);
    }
    ASSERT_EQ(read_all(after, patterns), expected) << "seed " << seed << ", step " << step;
    std::erase_if(expected, [&](std::uint64_t sequence) {
      const auto is_replaced = [&](const std::string& topic) {
        return !matches(topic) || std::any_of(model.begin() + static_cast<std::ptrdiff_t>(sequence), model.end(),
                                              [&](const Entry& later) { return later.has(topic); });
      };
      const auto& its_topics_then = model[sequence - 1].topics;
      return std::all_of(its_topics_then.begin(), its_topics_then.end(), is_replaced);
    });
    ASSERT_EQ(read_newest(after, patterns), expected) << "seed " << seed << ", step " << step;
  }
}

TEST_P(EventStoreConformance, AgreesWithALookAtEveryEntry) {
  for (std::uint32_t seed = 1; seed <= GetParam().histories && !HasFatalFailure(); ++seed) compare_with_model(seed);
}

}  // namespace millrace
