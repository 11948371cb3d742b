// What a server can make a source hold: events that wait, what compressed bodies become, IDs, JSON, trailers.

#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "eventually.h"
#include "millrace/client/event_source.h"
#include "millrace/client/limits.h"
#include "scripted_server.h"
#include "sleeping_threads.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n\r\n";
constexpr std::size_t kMiB = 1024 * 1024;

// Sanitizers' own memory would be measured, too.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kMeasuresMemory = false;
#else
constexpr bool kMeasuresMemory = true;
#endif

std::size_t memory_now() {
  std::size_t whole = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> whole >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::string gzip(const std::string& text) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string brotli(const std::string& text) {
  std::string packed(BrotliEncoderMaxCompressedSize(text.size()), '\0');
  std::size_t size = packed.size();
  BrotliEncoderCompress(5, BROTLI_DEFAULT_WINDOW, BROTLI_DEFAULT_MODE, text.size(),
                        reinterpret_cast<const std::uint8_t*>(text.data()), &size,
                        reinterpret_cast<std::uint8_t*>(packed.data()));
  packed.resize(size);
  return packed;
}

std::string response(const std::string& coding, const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: " + coding +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Answers the first client, and no other.
ScriptedServer::Script once(std::string text) {
  return [text = std::move(text)](Peer& peer, int attempt) {
    peer.read_request();
    peer.send(attempt == 1 ? text : std::string(kNoContent));
  };
}

EventSourceOptions eager() {
  EventSourceOptions options;
  options.policy.backoff = {.reconnection_time = Duration{0}, .max = Duration{1}};
  return options;
}

/// Fetches all events, slowly at first, and measures how much the source has read ahead.
struct Fetched {
  std::size_t events = 0;
  std::size_t most_events_ahead = 0;
  std::size_t most_bytes_ahead = 0;
  std::size_t memory = 0;
  Lines errors;
};

Fetched fetch_slowly(const std::string& url, std::size_t likely_ahead) {
  EventSource source(url, eager());
  std::atomic<std::size_t> events_read{0};
  std::atomic<std::size_t> bytes_read{0};
  Fetched fetched;
  source.on_any([&](const MessageEvent& event) {
    ++events_read;
    bytes_read += event.data.size();
  });
  source.on_error([&](const EventSourceError& error) { fetched.errors.emplace_back(error.message); });
  const std::size_t memory_before = memory_now();
  std::size_t bytes = 0;
  for (const ReceivedEvent& event : source) {
    if (fetched.events == 0) {  // until it has run ahead as far as it should, and does not run further
      EXPECT_TRUE(eventually([&] { return events_read >= likely_ahead; })) << events_read;
      test::wait_until_others_sleep();
      fetched.memory = std::max(memory_now(), memory_before) - memory_before;
    }
    const std::size_t read = bytes_read;
    fetched.most_events_ahead = std::max<std::size_t>(fetched.most_events_ahead, events_read - fetched.events);
    fetched.most_bytes_ahead = std::max(fetched.most_bytes_ahead, read - bytes);
    ++fetched.events;
    bytes += event.data.size();
  }
  return fetched;
}

TEST(EventSourceBounds, EventsThatWaitAreBoundedInBytes) {
  constexpr std::size_t kEvents = 256;  // of a MiB each, a KiB each on the wire
  std::string events;
  for (std::size_t n = 0; n < kEvents; ++n) events += "data: " + std::string(kMiB, 'x') + "\n\n";
  ScriptedServer server(once(response("gzip", gzip(events))));
  const Fetched fetched = fetch_slowly(server.url(), 16);
  EXPECT_EQ(fetched.events, kEvents);
  EXPECT_EQ(fetched.errors,
            Lines({"the server ended the stream", "the server answered 204: it has nothing more to send"}));
  EXPECT_LE(fetched.most_bytes_ahead, kMaxWaitingBytes + 2 * kMiB);
}

TEST(EventSourceBounds, HowManyBytesMayWaitIsAnOption) {
  const std::string event = "data: " + std::string(4'000, 'x') + "\n\n";
  std::string events(kStreamHead);
  for (int n = 0; n < 1'000; ++n) events += event;
  ScriptedServer server(once(events));
  EventSourceOptions options = eager();
  options.max_waiting_bytes = 1;
  std::atomic<std::size_t> read{0};
  EventSource source(server.url(), std::move(options));
  source.on_any([&](const MessageEvent&) { ++read; });
  std::size_t fetched = 0;
  while (source.next()) ASSERT_LE(read - fetched++, 2 * kReceiveBufferBytes / event.size()) << "those of one read";
  EXPECT_EQ(fetched, 1'000u);
  EXPECT_THROW(EventSource("http://a/", {.max_waiting_bytes = 0}), std::invalid_argument);
}

TEST(EventSourceBounds, AnEventHasNoMoreTopicsThanAServerSends) {
  std::string topics = "topic: ";
  for (int n = 0; n < 100'000; ++n) topics += "a\t";
  ScriptedServer server(once(std::string(kStreamHead) + topics + "\ndata: x\n\n"));
  EventSource source(server.url(), eager());
  const auto event = source.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->topic, "a");
  EXPECT_EQ(event->further_topics, Lines(kMaxReceivedTopics - 1, "a"));
}

TEST(EventSourceBounds, ATabThatSeparatesNothingMakesNoTopic) {
  const std::string events = "topic: \ta\t" + std::string(100'000, '\t') + "b\t\ndata: x\n\ntopic: \t\ndata: y\n\n";
  ScriptedServer server(once(std::string(kStreamHead) + events));
  EventSource source(server.url(), eager());
  const auto event = source.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->topic, "a");
  EXPECT_EQ(event->further_topics, Lines({"b"}));
  const auto without = source.next();
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->topic);
}

TEST(EventSourceBounds, ALongIdIsHeldOnceForAllEventsThatInheritIt) {
  std::string events = std::string(kStreamHead) + "id: " + std::string(kMiB / 10, 'i') + "\n\n";
  for (int n = 0; n < 1'000; ++n) events += "data\n\n";
  ScriptedServer server(once(events));
  const Fetched fetched = fetch_slowly(server.url(), 1'000);
  EXPECT_EQ(fetched.events, 1'000u);
  if (kMeasuresMemory) {
    EXPECT_LT(fetched.memory, 32 * kMiB) << "of 100 MiB";
  }
}

class EventSourceBoundsOfCodings : public ::testing::TestWithParam<std::string> {};

// What a chunk of a compressed body becomes must not wait as a whole, either.
TEST_P(EventSourceBoundsOfCodings, ABodyIsDecodedNoFurtherThanItsEventsAreFetched) {
  constexpr std::size_t kEvents = 100'000;
  std::string events;
  for (std::size_t n = 0; n < kEvents; ++n) events += "data: " + std::string(1'000, 'x') + "\n\n";
  ScriptedServer server(once(response(GetParam(), GetParam() == "br" ? brotli(events) : gzip(events))));
  events = {};
  const Fetched fetched = fetch_slowly(server.url(), kMaxWaitingEvents);
  EXPECT_EQ(fetched.events, kEvents);
  EXPECT_EQ(fetched.errors,
            Lines({"the server ended the stream", "the server answered 204: it has nothing more to send"}));
  EXPECT_LE(fetched.most_events_ahead, kMaxWaitingEvents + 2 * kDecodedPieceBytes / 1'000);
  if (kMeasuresMemory) {
    EXPECT_LT(fetched.memory, 32 * kMiB);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EventSourceBoundsOfCodings, ::testing::Values("gzip", "br"));

// Each pause must not make libcurl read on.
TEST(EventSourceBounds, ACompressedBodyIsReadNoFurtherThanItsEventsAreFetched) {
  constexpr std::size_t kEvents = 3'000;  // of a decoded piece each; in a read are a thousand
  std::string member;
  for (std::size_t n = 0; n < 1'000; ++n) member += "data: " + std::string(kDecodedPieceBytes, 'x') + "\n\n";
  member = gzip(member);
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n");
    for (std::size_t sent = 0; sent < 128 * kMiB; sent += member.size()) peer.send(member);
  });
  EventSourceOptions options = eager();
  options.max_waiting_bytes = 1;
  EventSource source(server.url(), std::move(options));
  ASSERT_TRUE(source.next());
  const std::size_t memory_before = memory_now();
  for (std::size_t n = 0; n < kEvents; ++n) ASSERT_TRUE(source.next());
  const std::size_t memory = std::max(memory_now(), memory_before) - memory_before;
  if (kMeasuresMemory) {
    EXPECT_LT(memory, 8 * kMiB);
  }
}

TEST(EventSourceBounds, AGapThatIsNoSentenceOfAServersIsNotParsed) {
  const std::string deep =
      "{\"lastEventId\":\"1\",\"reason\":\"expired\",\"x\":" + std::string(100, '[') + std::string(100, ']') + "}";
  const std::string large = "{\"lastEventId\":\"1\",\"reason\":\"" + std::string(kMaxJsonBytes, 'x') + "\"}";
  const std::string gap = "event: millrace.gap\ndata: ";
  ScriptedServer server(once(std::string(kStreamHead) + gap + std::string(15'000'000, '[') + "\n\n" + gap + deep +
                             "\n\n" + gap + large + "\n\n" + gap +
                             "{\"lastEventId\":\"7\",\"reason\":\"unknown\"}\n\n"));
  EventSource source(server.url(), eager());
  Lines gaps;
  source.on_gap([&](const EventSourceGap& lost) {
    gaps.push_back(std::string(lost.last_event_id) + "|" + std::string(lost.reason));
  });
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  source.run();
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_EQ(gaps, (Lines{"|", "|", "|", "7|unknown"}));
  if (kMeasuresMemory) {
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 128 * 1024) << "KiB";
  }
}

TEST(EventSourceBounds, TrailersCountAsPartOfTheHead) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt > 1) return peer.send(kNoContent);
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    peer.send_chunk("data: a\n\n");
    std::string trailers = "0\r\n";
    for (int n = 0; n < 100; ++n) trailers += "X-" + std::to_string(n) + ": " + std::string(1'000, 'x') + "\r\n";
    peer.send(trailers + "\r\n");
  });
  EventSource source(server.url(), eager());
  Collector collector(source);
  source.run();
  EXPECT_EQ(collector.lines(), (Lines{"open", "message|a|", "error the response's head is larger than 65536 bytes",
                                      "error the server answered 204: it has nothing more to send"}));
}

}  // namespace
}  // namespace millrace::test
