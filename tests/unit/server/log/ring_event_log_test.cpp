// What only the log in memory does. What all logs do is in event_log_test.cpp.
#include "log/ring_event_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scripted_outlet.h"

namespace millrace::test {
namespace {

constexpr TimePoint kNow{Duration{1'000}};
constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr std::size_t kPlenty = 64 * 1024 * 1024;

void append(RingEventLog& log, std::string_view data = "x", TimePoint now = kNow, EventId id = {}) {
  log.append({.topic = "a", .event = {.data = data, .id = id}}, now);
}

TEST(RingEventLog, EncodesAnEventOnceAsAWholeChunk) {
  RingEventLog log("e", {.events = 10, .bytes = kPlenty});
  const FramePtr given = log.append({.topic = "a", .event = {.type = "t", .data = "x\ny"}}, kNow);
  EXPECT_EQ(given->payload(), "event: t\nid: e-1\ndata: x\ndata: y\n\n");
  EXPECT_EQ(given->chunk(), "22\r\n" + std::string(given->payload()) + "\r\n");
  const FramePtr own = log.append({.topic = "a", .event = {.data = "x", .id = "mine"}, .publisher = "user ada"}, kNow);
  EXPECT_EQ(own->payload(), "id: mine\ndata: x\n\n");
  log.append({.topic = "a", .kind = Publication::Kind::kFinish}, kNow);
  const auto page = log.read_after(0, *filter_for({"a"}));
  ASSERT_EQ(page.frames.size(), 3u);
  EXPECT_EQ(page.frames[0], given);
  EXPECT_EQ(page.frames[1]->publisher_id, "mine");
  EXPECT_EQ(page.frames[1]->publisher, publisher_key("user ada"));
  EXPECT_EQ(page.frames[2]->payload(), "id: e-3\n\n");
  EXPECT_TRUE(page.frames[2]->finishes_topic);
  EXPECT_EQ(page.frames[2]->topic_text(), "a");
}

TEST(RingEventLog, KeepsAnEventsTraceBesideItsChunk) {
  RingEventLog log("e", {.events = 10, .bytes = kPlenty});
  const auto trace = TraceContext::parse(kParent, "a=1");
  const FramePtr frame = log.append({.topic = "a", .event = {.data = "x", .trace = trace.value()}}, kNow);
  const std::string fields = std::string("traceparent: ") + kParent + "\ntracestate: a=1\n";
  EXPECT_EQ(frame->payload(), "id: e-1\ndata: x\n\n");
  EXPECT_EQ(frame->chunk(), "11\r\nid: e-1\ndata: x\n\n\r\n");
  EXPECT_EQ(frame->trace_fields(), fields);
  EXPECT_EQ(frame->trace().state(), "a=1");
  const auto in = [&](bool topic, bool envelope, bool is_traced) {
    return frame->wire({.coding = WireCoding::kPayload, .topic = topic, .envelope = envelope, .trace = is_traced});
  };
  EXPECT_EQ(in(false, false, true), fields + "id: e-1\ndata: x\n\n");
  EXPECT_EQ(in(true, false, true), "topic: a\n" + fields + "id: e-1\ndata: x\n\n");
  EXPECT_EQ(in(true, false, false), "topic: a\nid: e-1\ndata: x\n\n");
  EXPECT_EQ(in(false, true, false), "id: e-1\ndata: {\"topic\":\"a\",\"data\":\"x\"}\n\n");
  EXPECT_EQ(in(false, true, true), fields + "id: e-1\ndata: {\"topic\":\"a\",\"data\":\"x\",\"traceparent\":\"" +
                                       kParent + "\",\"tracestate\":\"a=1\"}\n\n");
  EXPECT_EQ(in(false, false, false).data(), frame->payload().data());
  EXPECT_EQ(in(true, false, true).data(), in(true, false, true).data()) << "each form is made once";
}

TEST(RingEventLog, DropsATraceInAStoreThatIsInvalid) {
  const LogEntry entry{
      .sequence = 1, .topic = Topic("a"), .payload = "traceparent: 00-1\ntracestate: a=1\nid: 1\ndata: x\n\n"};
  const auto frame = frame_of("e", entry, kNow);
  EXPECT_EQ(frame->payload(), "id: 1\ndata: x\n\n");
  EXPECT_EQ(frame->trace_fields(), "");
}

// Whether it comes from memory or through a store, a client gets the same bytes.
TEST(RingEventLog, HasTheFramesThatEntriesOfAStoreBecome) {
  const std::vector<Topic> further{"d", "e/f"};
  const std::vector<Publication> publications = {
      {.topic = "a", .event = {.type = "t", .data = "x\ny", .retry = Duration{7}}},
      {.topic = "b/c", .event = {.data = "x", .id = "mine"}, .publisher = "user ada"},
      {.topic = "b/c", .further_topics = further, .event = {.data = "x"}},
      {.topic = "a", .event = {.data = "x", .trace = TraceContext::parse(kParent, "a=1").value()}},
      {.topic = "a", .event = {.data = "x", .trace = TraceContext::parse(kParent).value()}},
      {.topic = "a", .kind = Publication::Kind::kFinish},
      {.topic = "a", .kind = Publication::Kind::kBegin}};
  for (std::uint64_t i = 0; i < publications.size(); ++i) {
    const auto direct = encode("e", i + 1, publications[i], kNow);
    const auto stored = frame_of("e", LogEntry::of("e", i + 1, publications[i], {}), kNow);
    EXPECT_EQ(stored->sequence, direct->sequence);
    EXPECT_EQ(stored->chunk(), direct->chunk());
    EXPECT_EQ(stored->payload(), direct->payload());
    EXPECT_EQ(stored->trace_fields(), direct->trace_fields());
    EXPECT_EQ(stored->topic_text(), direct->topic_text());
    EXPECT_EQ(stored->topic_count(), direct->topic_count());
    EXPECT_EQ(stored->topic_at(stored->topic_count() - 1), direct->topic_at(direct->topic_count() - 1));
    EXPECT_EQ(stored->publisher_id, direct->publisher_id);
    EXPECT_EQ(stored->publisher, direct->publisher);
    EXPECT_EQ(stored->is_mark, direct->is_mark);
    EXPECT_EQ(stored->finishes_topic, direct->finishes_topic);
    EXPECT_EQ(stored->published, direct->published);
  }
}

TEST(RingEventLog, DropsTheOldestBeyondItsBoundOnBytes) {
  RingEventLog log("e", {.events = 1'000, .bytes = 10'000});
  const std::string data(1'000, 'x');
  for (int i = 0; i < 100; ++i) {
    append(log, data);
    std::size_t bytes = 0;
    for (std::uint64_t after = log.oldest() - 1; after < log.head();) {
      const auto page = log.read_after(after, *filter_for({"a"}));
      for (const FramePtr& frame : page.frames) bytes += frame->bytes.size();
      after = page.through;
    }
    ASSERT_LE(bytes, 10'000u);
    ASSERT_GE(bytes, i < 8 ? 1'000u : 8'000u);
  }
}

TEST(RingEventLog, KeepsTheNewestEventHoweverLargeItIs) {
  RingEventLog log("e", {.events = 10, .bytes = 100});
  append(log);
  append(log, std::string(1'000, 'x'));
  EXPECT_EQ(log.oldest(), 2u);
  EXPECT_EQ(log.head(), 2u);
  append(log);
  EXPECT_EQ(log.oldest(), 3u);
}

TEST(RingEventLog, DropsWhatIsOlderThanItsBoundOnAge) {
  RingEventLog log("e", {.events = 100, .bytes = kPlenty, .age = Duration{1'000}});
  for (int i = 0; i < 10; ++i) append(log, "x", kNow + Duration{i * 100});
  log.expire(kNow + Duration{1'000});
  EXPECT_EQ(log.oldest(), 1u) << "exactly as old as allowed";
  log.expire(kNow + Duration{1'250});
  EXPECT_EQ(log.oldest(), 4u);
  append(log, "x", kNow + Duration{5'000});
  EXPECT_EQ(log.oldest(), 11u) << "an append lets the old go, too";
  log.expire(kNow + Duration{60'000});
  EXPECT_EQ(log.oldest(), 12u) << "an empty log begins behind its head";
  EXPECT_EQ(log.head(), 11u);
}

TEST(RingEventLog, GivesAReaderTheTopicsThatItsFilterHas) {
  RingEventLog log("e", {.events = 10, .bytes = kPlenty});
  const std::vector<Topic> further{"b", "c/d"};
  const FramePtr given = log.append({.topic = "a", .further_topics = further, .event = {.data = "x"}}, kNow);
  EXPECT_EQ(log.read_after(0, *filter_for({"**"})).frames.at(0), given) << "all of them: the frame itself";
  EXPECT_EQ(log.read_after(0, *filter_for({"a", "b", "c/d"})).frames.at(0), given);
  for (const auto& patterns : std::vector<std::vector<std::string>>{{"c/*"}, {"c/d", "e"}}) {
    const auto page = log.read_after(0, *filter_for(patterns));
    ASSERT_EQ(page.frames.size(), 1u);
    EXPECT_EQ(page.frames[0]->topic_text(), "c/d");
    EXPECT_EQ(page.frames[0]->topic_count(), 1u);
    EXPECT_EQ(page.frames[0]->chunk(), given->chunk());
    EXPECT_EQ(page.frames[0]->sequence, given->sequence);
  }
  const auto two = log.read_after(0, *filter_for({"b", "c/**"}));
  ASSERT_EQ(two.frames.size(), 1u);
  EXPECT_EQ(two.frames[0]->topic_count(), 2u);
  EXPECT_EQ(two.frames[0]->topic_at(1).text(), "c/d");
}

TEST(RingEventLog, CountsWhatSeveralTopicsRetainForEach) {
  RingEventLog log("e", {.events = 2, .bytes = kPlenty, .retained_topics = 2});
  const std::vector<Topic> further{"b"};
  const Publication both{.topic = "a", .further_topics = further, .event = {.data = "x"}, .retain = true};
  log.append(both, kNow);
  EXPECT_EQ(log.retained_topics(), 2u);
  const std::size_t bytes = log.retained_bytes();
  std::vector<FramePtr> encoded;
  EXPECT_FALSE(log.refusal({&both, 1}, kNow, encoded)) << "in the place of what there is";
  const std::vector<Topic> other{"c"};
  const Publication one_more{.topic = "a", .further_topics = other, .event = {.data = "x"}, .retain = true};
  EXPECT_TRUE(log.refusal({&one_more, 1}, kNow, encoded));
  append(log);
  EXPECT_EQ(log.retained_topics(), 1u);
  EXPECT_EQ(log.retained_bytes(), bytes / 2);
  append(log);
  append(log);
  EXPECT_EQ(log.read_newest({.reads = Place::Reads::kState}, *filter_for({"b"})).frames.size(), 1u);
  log.append({.topic = "b", .kind = Publication::Kind::kFinish}, kNow);
  EXPECT_EQ(log.retained_topics(), 0u);
  EXPECT_EQ(log.retained_bytes(), 0u);
  EXPECT_EQ(log.read_newest({.reads = Place::Reads::kState}, *filter_for({"b"})).frames.size(), 0u);
}

TEST(RingEventLog, FollowsAnotherLogFromWhereItIs) {
  RingEventLog other("e", {.events = 10, .bytes = kPlenty}, 6);
  for (const char* id : {"7", "8", "9"}) append(other, "x", kNow, *EventId::parse(id));
  const auto frames = other.read_after(6, *filter_for({"a"})).frames;
  ASSERT_EQ(frames.size(), 3u);

  RingEventLog log("e", {.events = 10, .bytes = kPlenty}, 6);
  EXPECT_EQ(log.head(), 6u);
  EXPECT_EQ(log.oldest(), 7u);
  log.follow(frames[0]);
  EXPECT_EQ(log.find("7", *filter_for({"**"})), 7u);
  log.follow(frames[2]);
  EXPECT_EQ(log.oldest(), 9u) << "what is not here cannot be passed over in silence";
  EXPECT_EQ(log.head(), 9u);
  EXPECT_FALSE(log.find("7", *filter_for({"**"})));
  EXPECT_EQ(log.find("9", *filter_for({"**"})), 9u);
}

TEST(RingEventLog, FollowsFarBehindItsLastEntry) {
  constexpr std::uint64_t kFar = 1'000'000'000'000;
  RingEventLog other("e", {.events = 10, .bytes = kPlenty}, kFar);
  append(other);
  RingEventLog log("e", {.events = 10, .bytes = kPlenty});
  append(log);
  log.follow(other.read_after(kFar, *filter_for({"a"})).frames.at(0));
  EXPECT_EQ(log.read_newest({.reads = Place::Reads::kState}, *filter_for({"**"})).frames.size(), 1u);
}

}  // namespace
}  // namespace millrace::test
