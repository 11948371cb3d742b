// The core through its C interface: the same fixtures, and what only the interface decides.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fixture.h"
#include "millrace_core.h"
#include "transcript.h"

namespace millrace::test {
namespace {

using Parser = std::unique_ptr<millrace_parser, decltype(&millrace_parser_delete)>;
using Writer = std::unique_ptr<millrace_writer, decltype(&millrace_writer_delete)>;
using Source = std::unique_ptr<millrace_source, decltype(&millrace_source_delete)>;

std::string_view view(const millrace_text& text) {
  return {text.data, text.size};
}

Transcript read(millrace_parser* parser, std::string_view stream, std::size_t chunk_bytes) {
  Transcript transcript;
  for (const std::string_view chunk : chunks_of(stream, chunk_bytes)) {
    millrace_parser_feed(parser, chunk.data(), chunk.size());
    for (std::int32_t item = millrace_parser_next(parser); item != MILLRACE_NEED_MORE;
         item = millrace_parser_next(parser)) {
      millrace_event event;
      millrace_text comment;
      millrace_parser_event(parser, &event);
      millrace_parser_comment(parser, &comment);
      if (item == MILLRACE_EVENT)
        transcript.push_back(
            event_entry(view(event.type), view(event.data), view(event.last_event_id), view(event.topic)));
      if (item == MILLRACE_COMMENT) transcript.push_back(comment_entry(view(comment)));
      if (item == MILLRACE_RETRY) transcript.push_back(retry_entry(millrace_parser_reconnection_time(parser)));
      if (item == MILLRACE_TOO_LARGE) {
        transcript.push_back(too_large_entry());
        return transcript;
      }
    }
  }
  return transcript;
}

// The interface has no traces.
Transcript without_traces(Transcript entries) {
  for (std::string& entry : entries) entry.resize(std::min(entry.size(), entry.find(" trace \"")));
  return entries;
}

TEST(CInterface, ReadsAllFixtures) {
  const std::vector<Fixture> fixtures = load_fixtures(MILLRACE_FIXTURES);
  ASSERT_GT(fixtures.size(), 100U);
  for (const Fixture& fixture : fixtures) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{2}, std::string::npos / 2}) {
      SCOPED_TRACE(fixture.file + ": " + fixture.name + ", bytes a chunk: " + std::to_string(bytes));
      const std::string& id = fixture.initial_last_event_id;
      const Parser parser(millrace_parser_new(id.data(), id.size(), 0), millrace_parser_delete);
      for (const Fixture::Connection& connection : fixture.connections) {
        if (&connection != &fixture.connections.front()) millrace_parser_reset(parser.get());
        EXPECT_EQ(read(parser.get(), connection.stream, bytes), without_traces(connection.expected));
        millrace_text last;
        millrace_parser_last_event_id(parser.get(), &last);
        EXPECT_EQ(view(last), connection.last_event_id);
      }
    }
  }
}

TEST(CInterface, WritesWhatItReads) {
  const Writer writer(millrace_writer_new(), millrace_writer_delete);
  EXPECT_EQ(millrace_writer_event(writer.get(), "created", 7, "two\nlines", 9, "7", 1, 1500), MILLRACE_WRITTEN);
  EXPECT_EQ(millrace_writer_cursor(writer.get(), "8", 1, -1), MILLRACE_WRITTEN);
  EXPECT_EQ(millrace_writer_comment(writer.get(), "heard", 5), MILLRACE_WRITTEN);
  EXPECT_EQ(millrace_writer_retry(writer.get(), 20), MILLRACE_WRITTEN);
  millrace_text bytes;
  millrace_writer_bytes(writer.get(), &bytes);
  EXPECT_EQ(view(bytes),
            "event: created\nid: 7\nretry: 1500\ndata: two\ndata: lines\n\nid: 8\n\n: heard\n\nretry: 20\n");
  millrace_writer_clear(writer.get());
  millrace_writer_bytes(writer.get(), &bytes);
  EXPECT_EQ(bytes.size, 0U);
}

TEST(CInterface, WritesNothingOfWhatCouldInjectAField) {
  const Writer writer(millrace_writer_new(), millrace_writer_delete);
  const std::string long_id(257, 'x');
  EXPECT_EQ(millrace_writer_event(writer.get(), "a\nb", 3, "x", 1, nullptr, 0, -1), MILLRACE_INVALID_TYPE);
  EXPECT_EQ(millrace_writer_event(writer.get(), nullptr, 0, "x", 1, "a\0b", 3, -1), MILLRACE_INVALID_ID);
  EXPECT_EQ(millrace_writer_event(writer.get(), nullptr, 0, "x", 1, long_id.data(), long_id.size(), -1),
            MILLRACE_INVALID_ID);
  EXPECT_EQ(millrace_writer_cursor(writer.get(), "a\rb", 3, -1), MILLRACE_INVALID_ID);
  EXPECT_EQ(millrace_writer_event(writer.get(), nullptr, 0, "x", 1, nullptr, 0, 2147483648), MILLRACE_INVALID_RETRY);
  EXPECT_EQ(millrace_writer_retry(writer.get(), -1), MILLRACE_INVALID_RETRY);
  millrace_text bytes;
  millrace_writer_bytes(writer.get(), &bytes);
  EXPECT_EQ(bytes.size, 0U);
}

millrace_response stream_response(std::string_view type = "text/event-stream") {
  millrace_response response{};
  response.status = 200;
  response.content_type = type.data();
  response.content_type_size = type.size();
  return response;
}

TEST(CInterface, ASourceConnectsDispatchesAndReconnectsWithTheLastEventId) {
  millrace_policy policy;
  millrace_policy_init(&policy);
  const Source source(millrace_source_new(&policy, nullptr, 0, 1), millrace_source_delete);
  ASSERT_NE(source, nullptr);
  millrace_source_start(source.get());
  EXPECT_EQ(millrace_source_poll(source.get(), 0), MILLRACE_DO_CONNECT);
  EXPECT_EQ(millrace_source_poll(source.get(), 0), MILLRACE_DO_NOTHING);
  const millrace_response response = stream_response();
  millrace_source_response(source.get(), &response, 10);
  EXPECT_EQ(millrace_source_poll(source.get(), 10), MILLRACE_DO_OPEN);
  EXPECT_EQ(millrace_source_ready_state(source.get()), 1);
  constexpr std::string_view kBytes = "id: 7\nevent: created\ndata: x\n\n";
  millrace_source_bytes(source.get(), kBytes.data(), kBytes.size(), 20);
  EXPECT_EQ(millrace_source_poll(source.get(), 20), MILLRACE_DO_EVENT);
  millrace_event event;
  millrace_source_event(source.get(), &event);
  EXPECT_EQ(view(event.type), "created");
  EXPECT_EQ(view(event.data), "x");
  EXPECT_EQ(event.has_id, 1);
  EXPECT_EQ(millrace_source_poll(source.get(), 20), MILLRACE_DO_NOTHING);
  millrace_source_end(source.get(), 30);
  EXPECT_EQ(millrace_source_poll(source.get(), 30), MILLRACE_DO_RECONNECT);
  EXPECT_EQ(millrace_source_reason(source.get()), MILLRACE_REASON_END_OF_STREAM);
  EXPECT_EQ(millrace_source_poll(source.get(), 30), MILLRACE_DO_NOTHING);
  const std::int64_t next = millrace_source_next_timeout(source.get());
  EXPECT_GE(next, 30 + 3000);
  millrace_source_timeout(source.get(), next);
  EXPECT_EQ(millrace_source_poll(source.get(), next), MILLRACE_DO_CONNECT);
  millrace_text id;
  millrace_source_last_event_id(source.get(), &id);
  EXPECT_EQ(view(id), "7");
  millrace_source_close(source.get());
  EXPECT_EQ(millrace_source_ready_state(source.get()), 2);
  EXPECT_EQ(millrace_source_next_timeout(source.get()), -1);
}

TEST(CInterface, ASourceFailsForAWrongContentType) {
  millrace_policy policy;
  millrace_policy_init(&policy);
  const Source source(millrace_source_new(&policy, nullptr, 0, 1), millrace_source_delete);
  millrace_source_start(source.get());
  EXPECT_EQ(millrace_source_poll(source.get(), 0), MILLRACE_DO_CONNECT);
  const millrace_response response = stream_response("text/html");
  millrace_source_response(source.get(), &response, 1);
  EXPECT_EQ(millrace_source_poll(source.get(), 1), MILLRACE_DO_FAIL);
  EXPECT_EQ(millrace_source_reason(source.get()), MILLRACE_REASON_CONTENT_TYPE);
}

TEST(CInterface, APolicyThatIsOutOfRangeMakesNoSource) {
  const auto is_refused = [](auto change) {
    millrace_policy policy;
    millrace_policy_init(&policy);
    change(policy);
    return Source(millrace_source_new(&policy, nullptr, 0, 1), millrace_source_delete) == nullptr;
  };
  EXPECT_FALSE(is_refused([](millrace_policy&) {}));
  EXPECT_TRUE(is_refused([](millrace_policy& policy) { policy.reconnect = 3; }));
  EXPECT_TRUE(is_refused([](millrace_policy& policy) { policy.drop_replays = -1; }));
  EXPECT_TRUE(is_refused([](millrace_policy& policy) { policy.max_backoff = -1; }));
  EXPECT_TRUE(is_refused([](millrace_policy& policy) { policy.idle_timeout = -2; }));
}

}  // namespace
}  // namespace millrace::test
