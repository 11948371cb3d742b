// What the fixtures cannot say: limits, lifetimes, and what the parser promises beyond the standard.
#include "millrace/core/event_stream_parser.h"

#include <gtest/gtest.h>

#include <vector>

#include "transcript.h"

namespace millrace::test {
namespace {

using Item = EventStreamParser::Item;

TEST(EventStreamParser, StartsWithTheDefaultReconnectionTime) {
  EXPECT_EQ(EventStreamParser().reconnection_time(), kDefaultReconnectionTime);
}

TEST(EventStreamParser, KeepsTheReconnectionTimeAcrossStreams) {
  EventStreamParser parser;
  EXPECT_EQ(read_chunks(parser, {"retry: 7\n"}), Transcript{retry_entry(7)});
  parser.reset();
  EXPECT_EQ(parser.reconnection_time(), Duration{7});
}

TEST(EventStreamParser, HandsOutDataInPlaceWhereTheEventLiesWholeInTheChunk) {
  const std::string chunk = "id: 1\nevent: x\ndata: payload\n\ndata: more\r\n\r\n";
  EventStreamParser parser;
  parser.feed(chunk);
  ASSERT_EQ(parser.next(), Item::kEvent);
  EXPECT_EQ(parser.event().data, "payload");
  EXPECT_EQ(parser.event().data.data(), chunk.data() + chunk.find("payload"));
  ASSERT_EQ(parser.next(), Item::kEvent);
  EXPECT_EQ(parser.event().data, "more");
  EXPECT_EQ(parser.event().data.data(), chunk.data() + chunk.find("more"));
}

TEST(EventStreamParser, ReportsTheLastEventIdOnlyWhenTheBlockHasEnded) {
  EventStreamParser parser("0");
  EXPECT_EQ(read_chunks(parser, {"id: 1\ndata: a\n"}), Transcript{});
  EXPECT_EQ(parser.last_event_id(), "0");
  EXPECT_EQ(read_chunks(parser, {"\n"}), Transcript{event_entry("message", "a", "1")});
  EXPECT_EQ(parser.last_event_id(), "1");
}

TEST(EventStreamParser, GoesOnFromALastEventIdSetFromOutside) {
  EventStreamParser parser("0");
  parser.set_last_event_id("5");
  EXPECT_EQ(parser.last_event_id(), "5");
  EXPECT_EQ(read_chunks(parser, {"data: a\n\n"}), Transcript{event_entry("message", "a", "5")});
}

TEST(EventStreamParser, IgnoresALastEventIdThatNoStreamCanHaveSet) {
  for (const std::string_view id : {std::string_view("a\rb"), std::string_view("a\n"), std::string_view("a\0b", 3)}) {
    EventStreamParser parser(id);
    EXPECT_EQ(parser.last_event_id(), "");
    parser.set_last_event_id("5");
    parser.set_last_event_id(id);
    EXPECT_EQ(parser.last_event_id(), "5");
  }
}

TEST(EventStreamParser, MayBeGivenItsOwnLastEventId) {
  const std::string id(100, 'i');
  EventStreamParser parser(id);
  parser.set_last_event_id(parser.last_event_id());
  EXPECT_EQ(parser.last_event_id(), id);
}

TEST(EventStreamParser, TakesEmptyChunks) {
  EventStreamParser parser;
  EXPECT_EQ(read_chunks(parser, {"", "data", "", ": a\r", "", "\n", "", "\r\n", ""}),
            Transcript{event_entry("message", "a", "")});
}

TEST(EventStreamParser, NeedsMoreBeforeAnythingWasFed) {
  EventStreamParser parser;
  EXPECT_EQ(parser.next(), Item::kNeedMore);
  parser.reset();
  EXPECT_EQ(parser.next(), Item::kNeedMore);
}

TEST(EventStreamParser, DropsTheRestOfAChunkOnReset) {
  EventStreamParser parser;
  parser.feed("data: a\n\ndata: b\n\n");
  ASSERT_EQ(parser.next(), Item::kEvent);
  parser.reset();
  EXPECT_EQ(parser.next(), Item::kNeedMore);
}

// --- Limits -------------------------------------------------------------------------------------------------------

constexpr std::size_t kLimit = 20;

Transcript read_limited(std::string_view stream, std::size_t chunk_size) {
  EventStreamParser parser("", kLimit);
  return read_chunks(parser, chunks_of(stream, chunk_size));
}

// Whole, in bytes, and cut somewhere inside.
class TheLimit : public testing::TestWithParam<std::size_t> {
 protected:
  Transcript read(std::string_view stream) const { return read_limited(stream, GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(ChunkSizes, TheLimit, testing::Values(1, 3, 7, 1000));

TEST_P(TheLimit, AllowsALineOfExactlyItsLength) {
  const std::string line = "data: " + std::string(kLimit - 6, 'x');
  EXPECT_EQ(read(line + "\n\n"), Transcript{event_entry("message", line.substr(6), "")});
}

TEST_P(TheLimit, EndsTheStreamAtALineOneByteLonger) {
  EXPECT_EQ(read("data: a\n\ndata: " + std::string(kLimit - 5, 'x') + "\n\ndata: b\n\n"),
            (Transcript{event_entry("message", "a", ""), too_large_entry()}));
}

TEST_P(TheLimit, AppliesToEveryKindOfLine) {
  for (const std::string name : {":", "id:", "event:", "retry:", "unknown:", "unknown", "data:", ""}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(read(name + std::string(kLimit - name.size(), '1') + "\n").size(),
              name == ":" || name == "retry:" ? 1 : 0);
    EXPECT_EQ(read(name + std::string(kLimit - name.size() + 1, '1') + "\n"), Transcript{too_large_entry()});
  }
}

TEST_P(TheLimit, DoesNotWaitForTheEndOfALine) {
  EXPECT_EQ(read("data: " + std::string(kLimit, 'x')), Transcript{too_large_entry()});
  EXPECT_EQ(read(":" + std::string(kLimit, 'x')), Transcript{too_large_entry()});
}

TEST_P(TheLimit, AppliesToTheDataOfManyLines) {
  // Five lines of three bytes and the four LF between them are 19 bytes; one byte more is allowed, two are not.
  const std::string five = "data:abc\ndata:abc\ndata:abc\ndata:abc\ndata:abc\n";
  EXPECT_EQ(read(five + "\n").size(), 1U);
  EXPECT_EQ(read(five + "data\n\n"), Transcript{event_entry("message", "abc\nabc\nabc\nabc\nabc\n", "")});
  EXPECT_EQ(read(five + "data\ndata\n\n"), Transcript{too_large_entry()});
}

TEST_P(TheLimit, CountsNothingTwiceAcrossEvents) {
  std::string stream;
  Transcript expected;
  for (int i = 0; i < 50; ++i) {
    stream += ": comment\nid: 1\nevent: x\ndata: abcdef\n\n";
    expected.push_back(comment_entry("comment"));
    expected.push_back(event_entry("x", "abcdef", "1"));
  }
  EXPECT_EQ(read(stream), expected);
}

TEST_P(TheLimit, LeavesTheByteOrderMarkOutOfTheCount) {
  const std::string line = "data: " + std::string(kLimit - 6, 'x');
  EXPECT_EQ(read("\xEF\xBB\xBF" + line + "\n\n"), Transcript{event_entry("message", line.substr(6), "")});
}

TEST(EventStreamParser, StaysTooLargeUntilReset) {
  EventStreamParser parser("", kLimit);
  EXPECT_EQ(read_chunks(parser, {"id: 1\ndata: a\n\nid: 2\n", std::string(kLimit + 1, 'x')}),
            (Transcript{event_entry("message", "a", "1"), too_large_entry()}));
  EXPECT_EQ(read_chunks(parser, {"\n\ndata: b\n\n"}), Transcript{too_large_entry()});
  parser.reset();
  EXPECT_EQ(read_chunks(parser, {"data: c\n\n"}), Transcript{event_entry("message", "c", "1")});
}

TEST(EventStreamParser, AcceptsAnEventAsLargeAsTheDefaultLimit) {
  const std::string data(kMaxEventBytes - 6, 'x');
  EventStreamParser parser;
  const std::string stream = "data: " + data + "\n\n";
  std::size_t events = 0;
  for (const std::string_view chunk : chunks_of(stream, 16 * 1024)) {
    parser.feed(chunk);
    for (Item item = parser.next(); item != Item::kNeedMore; item = parser.next()) {
      ASSERT_EQ(item, Item::kEvent);
      EXPECT_TRUE(parser.event().data == data);  // not EXPECT_EQ: 16 MiB are no message
      ++events;
    }
  }
  EXPECT_EQ(events, 1U);
}

TEST(EventStreamParser, DistinguishesAnEventThatHasAnIdFromOneThatInheritsIt) {
  EventStreamParser parser("0");
  std::vector<bool> has_id;
  using std::string_view_literals::operator""sv;
  parser.feed("data: a\n\nid: 1\ndata: b\n\ndata: c\n\nid: 2\n\ndata: d\n\nid\ndata: e\n\nid: x\0y\ndata: f\n\n"sv);
  for (auto item = parser.next(); item != EventStreamParser::Item::kNeedMore; item = parser.next()) {
    has_id.push_back(parser.event().has_id);
  }
  EXPECT_EQ(has_id, (std::vector<bool>{false, true, false, false, true, false}));
}

}  // namespace
}  // namespace millrace::test
