// EventStoreConformance: what is appended, how it is read, and how it outlives its server and its program.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "millrace/server/event_store.h"
#include "millrace/testing/event_store/fixture.h"

namespace millrace {

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

TEST_P(EventStoreConformance, KeepsTheTraceOfAnEvent) {
  keeping(10);
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const std::string state = "congo=" + std::string(250, 'x') + ",rojo= !~";
  const auto trace = TraceContext::parse(parent, state);
  ASSERT_TRUE(trace);
  append({.topic = "a", .event = {.data = "with both", .trace = *trace}});
  append(
      {.topic = "a", .event = {.data = "with a parent", .id = "mine", .trace = TraceContext::parse(parent).value()}});
  append("a", "without");
  const std::vector<LogEntry> appended = handed_over();
  for (const std::vector<LogEntry>& entries : {appended, page_after(0, {"a"}).entries}) {
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_TRUE(entries[0].payload.starts_with("traceparent: " + parent + "\ntracestate: " + state + "\nid: "));
    EXPECT_EQ(entries[1].payload, "traceparent: " + parent + "\nid: mine\ndata: with a parent\n\n");
    EXPECT_TRUE(entries[2].payload.starts_with("id: ")) << entries[2].payload;
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

// --- Restarts -------------------------------------------------------------------------------------------------------

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

}  // namespace millrace
