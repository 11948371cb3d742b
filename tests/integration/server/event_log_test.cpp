// What every event log does, whatever keeps its entries.
#include "log/event_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "log/jetstream/jetstream_event_log.h"
#include "log/ring_event_log.h"
#include "log/sqlite/sqlite_event_log.h"
#include "loop/event_loop.h"
#include "nats_server.h"
#include "scripted_output.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr TimePoint kNow{Duration{1'000}};

class RingLog {
 public:
  explicit RingLog(std::uint64_t events) : log_("e", {.events = events, .bytes = 64 * 1024 * 1024}) {}
  EventLog& operator*() { return log_; }

 private:
  RingEventLog log_;
};

class SqliteLog {
 public:
  explicit SqliteLog(std::uint64_t events)
      : log_({.path = folder_.path("log"),
              .sync = StoreSync::kNormal,
              .bounds = {.events = events, .bytes = std::nullopt},
              .new_epoch = "e",
              .clock = [] { return std::chrono::system_clock::time_point{}; }}) {
    log_.start([](std::span<const FramePtr>) {});
  }
  EventLog& operator*() { return log_; }

 private:
  TemporaryFolder folder_;
  SqliteEventLog log_;
};

// Each in a stream of its own, of one server.
class JetStreamLog {
 public:
  explicit JetStreamLog(std::uint64_t events)
      : log_({.address = StoreAddress::parse(server().url() + "/log" + std::to_string(++logs_)),
              .bounds = {.events = events, .bytes = std::nullopt},
              .new_epoch = "e",
              .clock = monotonic_now,
              .time = [] { return std::chrono::system_clock::now(); }}) {
    log_.start([](std::span<const FramePtr>) {});
  }
  EventLog& operator*() { return log_; }

 private:
  static NatsServer& server() {
    static NatsServer server;
    return server;
  }
  inline static int logs_ = 0;
  JetStreamEventLog log_;
};

// Of the kind of log, with the number of entries it is to keep.
template <typename Kind>
class EventLogs : public ::testing::Test {
 protected:
  EventLog& keeping(std::uint64_t events) {
    kind_ = std::make_unique<Kind>(events);
    log_ = &**kind_;
    return *log_;
  }

  FramePtr append(const Publication& publication) {
    FramePtr frame;
    log_->append({&publication, 1}, kNow, {&frame, 1});
    return frame;
  }
  FramePtr append(Topic topic, std::string_view data = "x", EventId id = {}, std::string_view publisher = {}) {
    return append({.topic = topic, .event = {.data = data, .id = id}, .publisher = publisher});
  }
  std::optional<std::uint64_t> find(std::string_view id, const std::vector<std::string>& patterns = {"**"}) {
    return log_->find(id, *filter_for(patterns));
  }
  FramePtr finish(Topic topic) { return append({.topic = topic, .kind = Publication::Kind::kFinish}); }
  FramePtr begin(Topic topic) { return append({.topic = topic, .kind = Publication::Kind::kBegin}); }

  std::uint64_t finished_at(const std::vector<std::string>& patterns, std::uint64_t seen = EventLog::kNow) {
    return log_->finished_at(*filter_for(patterns), seen).value_or(0);
  }

  // Everything after `sequence` that matches, page by page.
  std::vector<std::uint64_t> read_all(std::uint64_t sequence, const std::vector<std::string>& patterns) {
    const auto filter = filter_for(patterns);
    std::vector<std::uint64_t> result;
    while (true) {
      const auto page = log_->read_after(sequence, *filter);
      EXPECT_LE(page.frames.size(), EventLog::kPageFrames);
      for (const FramePtr& frame : page.frames) result.push_back(frame->sequence);
      if (page.through >= log_->head()) return result;
      if (page.through <= sequence) {
        ADD_FAILURE() << "a page that leads nowhere";
        return result;
      }
      sequence = page.through;
    }
  }

  void run_against_model(std::uint32_t seed);

  std::unique_ptr<Kind> kind_;
  EventLog* log_ = nullptr;
};

using Kinds = ::testing::Types<RingLog, SqliteLog, JetStreamLog>;
TYPED_TEST_SUITE(EventLogs, Kinds);

using Sequences = std::vector<std::uint64_t>;

TYPED_TEST(EventLogs, BeginEmptyAndCountFromOne) {
  EventLog& log = this->keeping(10);
  EXPECT_EQ(log.head(), 0u);
  EXPECT_EQ(log.oldest(), 1u);
  EXPECT_EQ(log.epoch(), "e");
  EXPECT_EQ(this->append("a")->sequence, 1u);
  EXPECT_EQ(log.head(), 1u);
  EXPECT_EQ(log.oldest(), 1u);
}

TYPED_TEST(EventLogs, EncodeAnEventOnceAsAWholeChunk) {
  EventLog& log = this->keeping(10);
  const FramePtr given = this->append({.topic = "a", .event = {.type = "t", .data = "x\ny"}});
  EXPECT_EQ(given->payload(), "event: t\nid: e-1\ndata: x\ndata: y\n\n");
  EXPECT_EQ(given->chunk(), "22\r\n" + std::string(given->payload()) + "\r\n");
  EXPECT_EQ(this->append("a", "x", "mine", "user ada")->payload(), "id: mine\ndata: x\n\n");
  this->finish("a");
  const auto page = log.read_after(0, *filter_for({"a"}));
  ASSERT_EQ(page.frames.size(), 3u);
  EXPECT_EQ(page.frames[0]->chunk(), given->chunk()) << "read, it is what was written";
  EXPECT_EQ(page.frames[1]->publisher_id, "mine");
  EXPECT_EQ(page.frames[1]->publisher, publisher_key("user ada"));
  EXPECT_EQ(page.frames[2]->payload(), "id: e-3\n\n");
  EXPECT_TRUE(page.frames[2]->finishes_topic);
  EXPECT_EQ(page.frames[2]->topic_text(), "a");
}

TYPED_TEST(EventLogs, KeepEveryByteOfDataAndTopics) {
  EventLog& log = this->keeping(10);
  const std::string data("\0 \xff\xfe 消息\r", 12);
  const std::string payload(this->append("消息/ü", data)->payload());
  const auto page = log.read_after(0, *filter_for({"消息/*"}));
  ASSERT_EQ(page.frames.size(), 1u);
  EXPECT_EQ(page.frames[0]->payload(), payload);
  EXPECT_EQ(page.frames[0]->topic_text(), "消息/ü");
}

TYPED_TEST(EventLogs, AppendSeveralInOrder) {
  EventLog& log = this->keeping(10);
  const std::vector<Publication> publications = {{.topic = "a", .event = {.data = "1", .id = "one"}},
                                                 {.topic = "a", .event = {.data = "again", .id = "one"}},
                                                 {.topic = "a", .event = {.data = "2"}},
                                                 {.topic = "a", .kind = Publication::Kind::kFinish}};
  std::vector<FramePtr> appended(publications.size());
  log.append(publications, kNow, appended);
  EXPECT_EQ(appended[0]->sequence, 1u);
  EXPECT_EQ(appended[1], nullptr) << "its ID is the first one's";
  EXPECT_EQ(appended[2]->sequence, 2u);
  EXPECT_EQ(appended[3]->sequence, 3u);
  EXPECT_EQ(log.head(), 3u);
  EXPECT_EQ(this->read_all(0, {"**"}), (Sequences{1, 2, 3}));
}

TYPED_TEST(EventLogs, DropTheOldestBeyondTheirBoundOnEvents) {
  EventLog& log = this->keeping(3);
  for (int i = 0; i < 5; ++i) this->append("a");
  EXPECT_EQ(log.head(), 5u);
  EXPECT_EQ(log.oldest(), 3u);
  EXPECT_EQ(this->read_all(2, {"a"}), (Sequences{3, 4, 5}));
  EXPECT_EQ(log.read_after(2, *filter_for({"*"})).oldest, 3u);
}

TYPED_TEST(EventLogs, FindAPublishersIdWhileItsEventIsHere) {
  this->keeping(2);
  this->append("a", "x", "one");
  this->append("a", "x", "two");
  EXPECT_EQ(this->append("a", "x", "two"), nullptr) << "and take it once";
  EXPECT_EQ(this->find("one"), 1u);
  this->append("b");
  EXPECT_FALSE(this->find("one"));
  EXPECT_EQ(this->find("two"), 2u);
  EXPECT_FALSE(this->find(""));
  EXPECT_FALSE(this->find("e-2"));
  EXPECT_NE(this->append("a", "x", "one"), nullptr) << "forgotten, it is new";
}

TYPED_TEST(EventLogs, TellTheIdsOfTopicsAndPublishersApart) {
  EventLog& log = this->keeping(20);
  EXPECT_NE(this->append("a", "x", "1"), nullptr);
  EXPECT_NE(this->append("b", "x", "1"), nullptr);
  EXPECT_NE(this->append("b", "x", "1", "user ada"), nullptr);
  EXPECT_NE(this->append("a/b", "x", "1", "user " + std::string(2'000, '\n')), nullptr) << "any name will do";
  EXPECT_EQ(this->append("a", "x", "1"), nullptr);
  EXPECT_EQ(this->append("b", "x", "1", "user ada"), nullptr);
  EXPECT_EQ(this->find("1"), 1u) << "the oldest, so that nothing is lost";
  EXPECT_EQ(this->find("1", {"a"}), 1u);
  EXPECT_EQ(this->find("1", {"b"}), 2u);
  EXPECT_EQ(this->find("1", {"a/*"}), 4u);
  EXPECT_EQ(this->find("1", {"a/**", "b"}), 2u);
  EXPECT_FALSE(this->find("1", {"c"}));
  EXPECT_FALSE(this->find("1", {"c/*"}));
  EXPECT_FALSE(this->find("1", {"*/c"}));
  EXPECT_FALSE(this->find("11"));
  const auto page = log.read_after(2, *filter_for({"b"}));
  ASSERT_EQ(page.frames.size(), 1u);
  EXPECT_EQ(page.frames[0]->publisher_id, "1");
  EXPECT_EQ(page.frames[0]->publisher, publisher_key("user ada"));
}

TYPED_TEST(EventLogs, ForgetATopicsIdsWhenItBeginsAnew) {
  this->keeping(20);
  EXPECT_NE(this->append("a", "x", "1"), nullptr);
  this->finish("a");
  EXPECT_EQ(this->append("a", "x", "1"), nullptr) << "what was not answered, its end included, is sent again";
  EXPECT_EQ(this->finish("a"), nullptr);
  ASSERT_NE(this->begin("a"), nullptr);
  EXPECT_NE(this->append("a", "x", "1"), nullptr);
  EXPECT_EQ(this->append("a", "x", "1"), nullptr);
  EXPECT_EQ(this->find("1", {"a"}), 4u);
  this->finish("a");
  EXPECT_EQ(this->append("a", "x", "1"), nullptr);
  EXPECT_NE(this->append("a", "x", "2"), nullptr);
  EXPECT_NE(this->append("a", "x", "1"), nullptr) << "an event has begun it";
}

TYPED_TEST(EventLogs, FindAnIdThatManyTopicsHaveAsFastAsOneThatOneHas) {
  this->keeping(100'000);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 3 * kMaxIdHolders; ++i) names.push_back("many/" + std::to_string(i) + "/x");
  std::vector<Publication> publications;
  for (const std::string& name : names) publications.push_back({.topic = *Topic::parse(name), .event = {.id = "1"}});
  std::vector<FramePtr> appended(publications.size());
  this->log_->append(publications, kNow, appended);
  const std::uint64_t own = this->append("mine/7/x", "x", "1")->sequence;
  EXPECT_EQ(this->find("1", {"mine/7/x"}), own);
  EXPECT_EQ(this->find("1", {"mine/*/x"}), own);
  EXPECT_EQ(this->find("1", {"mine/**"}), own);
  EXPECT_EQ(this->find("1", {names[2'000]}), 2'001u);
  EXPECT_FALSE(this->find("1", {"nobody/**"}));
  EXPECT_FALSE(this->find("1", {"*/7"}));
}

TYPED_TEST(EventLogs, ForgetATopicWithItsLastEvent) {
  EventLog& log = this->keeping(2);
  this->append("a");
  this->append("b");
  this->append("b");
  const auto page = log.read_after(1, *filter_for({"a"}));
  EXPECT_TRUE(page.frames.empty());
  EXPECT_EQ(page.through, 3u) << "no other event up to the head is of this topic";
  this->append("a");
  EXPECT_EQ(this->read_all(2, {"a"}), (Sequences{4}));
}

TYPED_TEST(EventLogs, BoundAPageInEventsBytesAndEventsLookedAt) {
  EventLog& log = this->keeping(100'000);
  const std::string large(EventLog::kPageBytes / 2, 'x');
  std::vector<Publication> publications;
  for (int i = 0; i < 10; ++i) publications.push_back({.topic = "large", .event = {.data = large}});
  for (std::size_t i = 0; i < EventLog::kPageScan * 2; ++i) {
    publications.push_back({.topic = "small", .event = {.data = "x"}});
  }
  publications.push_back({.topic = "last", .event = {.data = "x"}});
  std::vector<FramePtr> appended(publications.size());
  log.append(publications, kNow, appended);
  for (const char* pattern : {"large", "large/**", "small", "*"}) {
    const auto page = log.read_after(0, *filter_for({pattern}));
    EXPECT_LE(page.frames.size(), EventLog::kPageFrames) << pattern;
    std::size_t bytes = 0;
    for (const FramePtr& frame : page.frames) bytes += frame->bytes.size();
    EXPECT_LE(bytes, 2 * EventLog::kPageBytes) << pattern;
  }
  const auto scanned = log.read_after(10, *filter_for({"nothing/*"}));
  EXPECT_TRUE(scanned.frames.empty());
  EXPECT_EQ(scanned.through, 10 + EventLog::kPageScan);
  const auto indexed = log.read_after(10, *filter_for({"last"}));
  EXPECT_EQ(indexed.frames.size(), 1u) << "an index costs what it delivers";
}

TYPED_TEST(EventLogs, RememberThatATopicIsFinishedUntilItIsPublishedToAgainOrForgotten) {
  this->keeping(3);
  EXPECT_EQ(this->finished_at({"a"}), 0u);
  this->append("a");
  EXPECT_EQ(this->finished_at({"a"}), 0u);
  EXPECT_TRUE(this->finish("a")->finishes_topic);
  EXPECT_EQ(this->finished_at({"a"}), 2u);
  EXPECT_EQ(this->finished_at({"a", "b"}), 0u);
  EXPECT_EQ(this->finished_at({"*"}), 0u);
  this->finish("b");
  EXPECT_EQ(this->finished_at({"a", "b"}), 3u);
  this->append("a");
  EXPECT_EQ(this->finished_at({"a"}), 0u);
  EXPECT_EQ(this->finished_at({"a"}, 2), 2u) << "who was there before is still told";
  this->finish("a");
  EXPECT_EQ(this->finished_at({"a"}), 5u);
  for (int i = 0; i < 3; ++i) this->append("c");
  EXPECT_EQ(this->finished_at({"a"}), 0u) << "forgotten with its last event";
}

TYPED_TEST(EventLogs, BeginOnlyWhatIsFinished) {
  this->keeping(10);
  EXPECT_EQ(this->begin("a"), nullptr);
  this->append("a");
  EXPECT_EQ(this->begin("a"), nullptr);
  this->finish("a");
  const FramePtr begun = this->begin("a");
  ASSERT_NE(begun, nullptr);
  EXPECT_FALSE(begun->finishes_topic);
  EXPECT_EQ(begun->payload(), "id: e-3\n\n");
  EXPECT_EQ(this->begin("a"), nullptr);
  EXPECT_EQ(this->finished_at({"a"}), 0u);
}

// --- Against a model that keeps everything and looks at all of it ---------------------------------------------------

struct Entry {
  std::uint64_t sequence;
  std::string topic;
  std::string id;
};

template <typename Kind>
void EventLogs<Kind>::run_against_model(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  const std::vector<std::string> topics = {"a", "b", "a/x", "a/y", "b/x", "a/x/1", "c"};
  const std::vector<std::vector<std::string>> filters = {
      {"a"},       {"a", "b/x"}, {"b", "a/x", "a/y", "c"}, {"*"}, {"a/*"}, {"a/**", "c"}, {"**"},
      {"nowhere"}, {"*/x"},      {"*", "*/*", "a/**"}};
  const std::size_t capacity = 1 + up_to(200);
  EventLog& log = keeping(capacity);
  std::vector<Entry> model;

  for (int step = 0; step < 300; ++step) {
    Entry entry{.sequence = model.size() + 1, .topic = topics[up_to(topics.size() - 1)], .id = {}};
    if (up_to(3) == 0) {
      entry.id = "id" + std::to_string(up_to(400));
      if (find(entry.id)) entry.id.clear();
    }
    append(*Topic::parse(entry.topic), "x", *EventId::parse(entry.id));
    model.push_back(entry);
    const std::uint64_t oldest = model.size() > capacity ? model.size() - capacity + 1 : 1;
    ASSERT_EQ(log.oldest(), oldest) << "seed " << seed;
    ASSERT_EQ(log.head(), model.size()) << "seed " << seed;

    std::map<std::string, std::uint64_t> kept;
    for (const Entry& one : model) {
      if (one.sequence >= oldest && !one.id.empty()) kept[one.id] = one.sequence;
    }
    const std::string asked = "id" + std::to_string(up_to(400));
    ASSERT_EQ(find(asked).value_or(0), kept.contains(asked) ? kept[asked] : 0) << "seed " << seed;

    const auto& patterns = filters[up_to(filters.size() - 1)];
    const std::uint64_t after = oldest - 1 + up_to(model.size() - (oldest - 1));
    std::vector<std::uint64_t> expected;
    for (const Entry& one : model) {
      const bool matches = std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return TopicPattern::parse(pattern)->matches(*Topic::parse(one.topic));
      });
      if (one.sequence > after && matches) expected.push_back(one.sequence);
    }
    ASSERT_EQ(read_all(after, patterns), expected) << "seed " << seed << ", step " << step;
  }
}

TYPED_TEST(EventLogs, AgreeWithALookAtEveryEvent) {
  // A disk takes its time, and a network more.
  const std::uint32_t seeds = std::is_same_v<TypeParam, RingLog> ? 100 : std::is_same_v<TypeParam, SqliteLog> ? 20 : 3;
  for (std::uint32_t seed = 1; seed <= seeds && !::testing::Test::HasFatalFailure(); ++seed) {
    this->run_against_model(seed);
  }
}

}  // namespace
}  // namespace millrace::test
