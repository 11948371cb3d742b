// What the writer writes, and that the parser reads it back.
#include "millrace/core/event_stream_writer.h"

#include <gtest/gtest.h>

#include "reference_parser.h"
#include "stream_generator.h"
#include "transcript.h"

namespace millrace::test {
namespace {

using namespace std::string_view_literals;

std::string written(const Event& event) {
  std::string bytes;
  EventStreamWriter(bytes).event(event);
  return bytes;
}

// The data the client sees when `data` is published.
std::string read_back(std::string_view data) {
  EventStreamParser parser;
  const std::string bytes = written({.data = data});
  parser.feed(bytes);
  if (parser.next() != EventStreamParser::Item::kEvent) return "(no event)";
  std::string seen(parser.event().data);
  EXPECT_EQ(parser.next(), EventStreamParser::Item::kNeedMore) << "more than one event from " << quoted(data);
  return seen;
}

TEST(EventStreamWriter, WritesOneBlock) {
  EXPECT_EQ(written({.type = "created", .data = "two\nlines", .id = "7", .retry = Duration{1500}}),
            "event: created\nid: 7\nretry: 1500\ndata: two\ndata: lines\n\n");
}

TEST(EventStreamWriter, LeavesOutWhatIsNotGiven) {
  EXPECT_EQ(written({.data = "a"}), "data: a\n\n");
}

TEST(EventStreamWriter, AppendsToWhatIsThere) {
  std::string bytes = "x";
  EventStreamWriter writer(bytes);
  writer.event({.data = "a"});
  writer.event({.data = "b"});
  EXPECT_EQ(bytes, "xdata: a\n\ndata: b\n\n");
}

TEST(EventStreamWriter, SendsEmptyData) {
  EXPECT_EQ(read_back(""), "");
}

TEST(EventStreamWriter, SplitsDataAtEveryKindOfLineEnd) {
  EXPECT_EQ(read_back("a\nb\rc\r\nd"), "a\nb\nc\nd");
  EXPECT_EQ(read_back("\n"), "\n");
  EXPECT_EQ(read_back("\r"), "\n");
  EXPECT_EQ(read_back("\r\n"), "\n");
  EXPECT_EQ(read_back("\n\r"), "\n\n");
  EXPECT_EQ(read_back("\r\r\n\n"), "\n\n\n");
  EXPECT_EQ(read_back("\na\n"), "\na\n");
}

TEST(EventStreamWriter, KeepsSpacesAndWhatLooksLikeFields) {
  for (const std::string_view data : {" a"sv, "  a "sv, "\ta"sv, ":a"sv, "data: a"sv, "id: 1\nevent: x"sv, "a\0b"sv,
                                      "\xEF\xBB\xBF"sv, "世界🦀"sv}) {
    EXPECT_EQ(read_back(data), data);
  }
}

TEST(EventStreamWriter, KeepsLeadingSpacesOfIdAndType) {
  EventStreamParser parser;
  const std::string bytes = written({.type = " x", .data = "a", .id = "  1"});
  EXPECT_EQ(read_chunks(parser, {bytes}), Transcript{event_entry(" x", "a", "  1")});
}

TEST(EventStreamWriter, WritesARetryBelowZeroAsZero) {
  EXPECT_EQ(written({.data = "a", .retry = Duration{-5}}), "retry: 0\ndata: a\n\n");
}

TEST(EventStreamWriter, WritesTheLargestRetryThereIs) {
  EventStreamParser parser;
  const std::string bytes = written({.data = "a", .retry = Duration::max()});
  EXPECT_EQ(read_chunks(parser, {bytes}),
            (Transcript{retry_entry(kMaxReconnectionTime.count()), event_entry("message", "a", "")}));
}

TEST(EventStreamWriter, CursorSetsTheLastEventIdAndDispatchesNothing) {
  std::string bytes;
  EventStreamWriter(bytes).cursor("e-7", Duration{2000});
  EventStreamParser parser;
  EXPECT_EQ(read_chunks(parser, {bytes}), Transcript{retry_entry(2000)});
  EXPECT_EQ(parser.last_event_id(), "e-7");
}

TEST(EventStreamWriter, CursorNeedsNoRetry) {
  std::string bytes;
  EventStreamWriter(bytes).cursor("e-7");
  EXPECT_EQ(bytes, "id: e-7\n\n");
}

TEST(EventStreamWriter, ACursorMayBeAnEventOfItsOwnType) {
  std::string bytes;
  EventStreamWriter(bytes).cursor_event("e-7", Duration{2000});
  EXPECT_EQ(bytes, "event: millrace.cursor\nid: e-7\nretry: 2000\ndata:\n\n");
  EventStreamParser parser;
  EXPECT_EQ(read_chunks(parser, {bytes}), (Transcript{retry_entry(2000), event_entry("millrace.cursor", "", "e-7")}));
}

TEST(EventStreamWriter, ARetryAloneEndsNoBlock) {
  std::string bytes;
  EventStreamWriter(bytes).retry(Duration{2000});
  EXPECT_EQ(bytes, "retry: 2000\n");
}

TEST(EventStreamWriter, EmptyCursorClearsTheLastEventId) {
  std::string bytes;
  EventStreamWriter(bytes).cursor({});
  EventStreamParser parser("before");
  EXPECT_EQ(read_chunks(parser, {bytes}), Transcript{});
  EXPECT_EQ(parser.last_event_id(), "");
}

TEST(EventStreamWriter, CommentsLoseTheirLineEnds) {
  std::string bytes;
  EventStreamWriter writer(bytes);
  writer.comment("one\ntwo\rthree\r\ndata: four\n\nid: 5");
  writer.comment("");
  EventStreamParser parser;
  EXPECT_EQ(read_chunks(parser, {bytes}),
            (Transcript{comment_entry("one"), comment_entry("two"), comment_entry("three"), comment_entry("data: four"),
                        comment_entry(""), comment_entry("id: 5"), comment_entry("")}));
  EXPECT_EQ(parser.last_event_id(), "");
}

TEST(EventStreamWriter, KeepsLeadingSpacesOfComments) {
  std::string bytes;
  EventStreamWriter(bytes).comment(" one\n  two");
  EventStreamParser parser;
  EXPECT_EQ(read_chunks(parser, {bytes}), (Transcript{comment_entry(" one"), comment_entry("  two")}));
}

// Whatever is published arrives: as one event, with this data (its line ends LF, its ill-formed parts U+FFFD).
TEST(EventStreamWriter, RoundTripsRandomEvents) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    StreamGenerator generator(seed);
    const std::string data = generator.text();
    const std::string comment = generator.text();
    std::string bytes;
    EventStreamWriter writer(bytes);
    writer.comment(comment);
    const std::size_t before = bytes.size();
    writer.event({.type = "t", .data = data, .id = "i", .retry = Duration{5}});

    // The same data as the reference parser sees it when every line is written out by hand.
    std::string by_hand = "retry:5\nid:i\nevent:t\n";
    std::string line_ends_as_lf;
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (data[i] == '\r' && i + 1 < data.size() && data[i + 1] == '\n') continue;
      line_ends_as_lf += data[i] == '\r' ? '\n' : data[i];
    }
    by_hand += "data:" + (line_ends_as_lf.starts_with(' ') ? " " : std::string());
    for (const char c : line_ends_as_lf) by_hand += c == '\n' ? std::string("\ndata: ") : std::string(1, c);
    const Transcript expected = ReferenceParser().read(by_hand + "\n\n");

    ASSERT_EQ(expected.size(), 2U) << "seed " << seed;
    EventStreamParser parser;
    ASSERT_EQ(read_chunks(parser, generator.chunks(std::string_view(bytes).substr(before))), expected)
        << "seed " << seed << ", data " << quoted(data);
    EventStreamParser comment_parser;
    for (const std::string& entry : read_chunks(comment_parser, {std::string_view(bytes).substr(0, before)})) {
      ASSERT_TRUE(entry.starts_with("comment ")) << "seed " << seed << ", comment " << quoted(comment) << ": " << entry;
    }
  }
}

}  // namespace
}  // namespace millrace::test
