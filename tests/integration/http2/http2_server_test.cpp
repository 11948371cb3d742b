// Requests of all kinds over HTTP/2, by prior knowledge, from a real server over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gunzip.h"
#include "http2_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t kLarge = 3'000'000;

// Bytes of which none can go missing unseen.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1'664'525 + 1'013'904'223) >> 24);
  return bytes;
}

int metric(RunningServer& server, const std::string& name) {
  for (const Metric& metric : server->metrics()) {
    if (metric.name == name) return static_cast<int>(metric.samples.front().value);
  }
  return -1;
}
bool becomes(RunningServer& server, const std::string& name, int value) {
  return eventually([&] { return metric(server, name) == value; });
}

class Http2Server : public testing::Test {
 protected:
  void configure(Server& server) {
    server.events("/events");
    server.Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
    server.Post("/echo", [](const Request& request, Response& response) {
      response.set_content(request.body, "application/octet-stream");
    });
    server.Get("/large", [](const Request&, Response& response) {
      response.set_content(pattern(kLarge), "application/octet-stream");
    });
    server.Get("/chunks", [](const Request&, Response& response) {
      response.set_chunked_content_provider("text/plain", [sent = 0](std::size_t, httplib::DataSink& sink) mutable {
        const std::string part = std::to_string(sent) + ";";
        sink.write(part.data(), part.size());
        if (++sent == 100) sink.done();
        return true;
      });
    });
    server.Get("/broken", [](const Request&, Response& response) {
      response.set_content_provider(1'000, "text/plain",
                                    [](std::size_t, std::size_t, httplib::DataSink&) { return false; });
    });
    server.Get("/waits", [this](const Request&, Response& response) {
      ++waiting_;
      release_.get_future().wait();
      response.set_content("done", "text/plain");
    });
    server.Get("/address", [](const Request& request, Response& response) {
      response.set_content(request.remote_addr, "text/plain");
    });
    server.Get("/stream", [this, &server](const Request& request, Response& response) {
      streams_.push_back(server.open_stream(request, response));
      ++opened_;
    });
    server.Post("/whole", [](const Request&, Response& response, const httplib::ContentReader& read) {
      std::size_t size = 0;
      read([&](const char*, std::size_t count) {
        size += count;
        return true;
      });
      response.set_content(std::to_string(size), "text/plain");
    });
  }

  std::atomic<int> waiting_ = 0;
  std::promise<void> release_;
  std::vector<EventStream> streams_;
  std::atomic<std::size_t> opened_ = 0;
  RunningServer server_{open_to_all(), [this](Server& server) { configure(server); }};
};

TEST_F(Http2Server, SubscribesAndPublishesOnOneConnection) {
  Http2Client client(server_.port());
  const auto stream = client.get("/events?topic=a");
  ASSERT_TRUE(client.subscribed({stream}));
  EXPECT_EQ(client.status(stream), "200");
  EXPECT_EQ(client.field(stream, "content-type"), "text/event-stream");
  EXPECT_EQ(client.field(stream, "connection"), "");
  EXPECT_EQ(client.field(stream, "transfer-encoding"), "");
  const auto publish =
      client.post("/events", R"({"topic":"a","data":"hello"})", {{"content-type", "application/json"}});
  ASSERT_TRUE(client.until_end(publish));
  EXPECT_EQ(client.status(publish), "200");
  EXPECT_THAT(client.said.data[publish], StartsWith("{\"id\":"));
  EXPECT_TRUE(client.until_text(stream, "data: hello\n\n"));
  EXPECT_THAT(client.said.data[stream], testing::Not(HasSubstr("\r\n")));
}

TEST_F(Http2Server, ChangesTopicsOfAStreamOnTheSameConnection) {
  Http2Client client(server_.port());
  const auto stream = client.get("/events?topic=a&client=7f0c2b1e9a4d4c1f8e55");
  ASSERT_TRUE(client.subscribed({stream}));
  const auto change = client.post("/subscriptions/7f0c2b1e9a4d4c1f8e55", R"({"add":"b","remove":"a"})");
  ASSERT_TRUE(client.until_end(change));
  EXPECT_EQ(client.status(change), "200");
  EXPECT_EQ(client.said.data[change], R"({"topics":["b"]})");
  server_->hub().publish("a", {.data = "not any more"}).or_throw();
  server_->hub().publish("b", {.data = "added"}).or_throw();
  ASSERT_TRUE(client.until_text(stream, "data: added\n\n"));
  EXPECT_THAT(client.said.data[stream], testing::Not(HasSubstr("not any more")));
}

TEST_F(Http2Server, AHundredStreamsGetAnEvent) {
  Http2Client client(server_.port());
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 100; ++i) streams.push_back(client.get("/events?topic=a"));
  ASSERT_TRUE(client.subscribed(streams));
  server_->hub().publish("a", {.data = "to all"}).or_throw();
  for (const auto stream : streams) ASSERT_TRUE(client.until_text(stream, "data: to all\n\n"));
  const auto answer = client.get("/x");
  ASSERT_TRUE(client.until_end(answer));
  EXPECT_EQ(client.said.data[answer], "x");
}

TEST_F(Http2Server, AClosedWindowIsASlowReader) {
  Http2Client client(server_.port(), setting(SettingId::kInitialWindowSize, 200));
  const auto slow = client.get("/events?topic=a");
  const auto other = client.get("/events?topic=b");
  ASSERT_TRUE(client.subscribed({slow, other}));
  constexpr int kEvents = 500;
  for (int i = 0; i < kEvents; ++i)
    server_->hub().publish("a", {.data = "event " + std::to_string(i) + "."}).or_throw();
  server_->hub().publish("b", {.data = "goes on"}).or_throw();
  ASSERT_TRUE(client.until_text(other, "goes on"));
  EXPECT_LE(client.said.data[slow].size(), 200u);
  // A few bytes at a time, so that every frame is cut somewhere.
  while (client.said.data[slow].find("event 499.\n\n") == std::string::npos) {
    const std::size_t had = client.said.data[slow].size();
    ASSERT_TRUE(client.send(window_update(slow, 331) + window_update(0, 331)));
    ASSERT_TRUE(client.until([&] { return client.said.data[slow].size() > had; }));
  }
  std::size_t at = 0;
  for (int i = 0; i < kEvents; ++i) {
    at = client.said.data[slow].find("data: event " + std::to_string(i) + ".\n\n", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(Http2Server, AConnectionWhoseSocketIsFullCatchesUp) {
  Http2Client client(server_.port(), setting(SettingId::kInitialWindowSize, 0x7fffffff), 16 * 1024);
  client.send(window_update(0, 0x7000'0000));
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 5; ++i) streams.push_back(client.get("/events?topic=a"));
  ASSERT_TRUE(client.subscribed(streams));
  constexpr int kEvents = 100;
  for (int i = 0; i < kEvents; ++i) {
    server_->hub().publish("a", {.data = std::string(8'000, 'x') + std::to_string(i) + "."}).or_throw();
  }
  for (const auto stream : streams) {
    ASSERT_TRUE(client.until_text(stream, "x99."));
    std::size_t at = 0;
    for (int i = 0; i < kEvents; ++i) {
      at = client.said.data[stream].find("x" + std::to_string(i) + ".\n\n", at);
      ASSERT_NE(at, std::string::npos) << i;
    }
  }
}

TEST_F(Http2Server, AStreamThatIsResetIsNoSubscriberAnyMore) {
  Http2Client client(server_.port());
  const auto one = client.get("/events?topic=a");
  const auto other = client.get("/events?topic=a");
  ASSERT_TRUE(client.subscribed({one, other}));
  EXPECT_EQ(metric(server_, "millrace_streams"), 2);
  client.send(reset_of(one));
  EXPECT_TRUE(becomes(server_, "millrace_streams", 1));
  server_->hub().publish("a", {.data = "still"}).or_throw();
  EXPECT_TRUE(client.until_text(other, "still"));
  EXPECT_THAT(client.said.data[one], testing::Not(HasSubstr("still")));
}

TEST_F(Http2Server, ALostConnectionEndsAllItsStreams) {
  {
    Http2Client client(server_.port());
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(client.subscribed({client.get("/events?topic=a")}));
    EXPECT_EQ(metric(server_, "millrace_streams"), 10);
    EXPECT_EQ(metric(server_, "millrace_http2_streams"), 10);
    EXPECT_EQ(metric(server_, "millrace_connections"), 1);
  }
  EXPECT_TRUE(becomes(server_, "millrace_streams", 0));
  EXPECT_TRUE(becomes(server_, "millrace_connections", 0));
  EXPECT_TRUE(becomes(server_, "millrace_http2_streams", 0));
}

TEST_F(Http2Server, HandlersAnswer) {
  Http2Client client(server_.port());
  const auto first = client.get("/x");
  const auto second = client.get("/nowhere");
  const auto head = client.request("HEAD", "/x", {}, {}, true);
  const auto address = client.get("/address");
  for (const auto id : {first, second, head, address}) ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(first), "200");
  EXPECT_EQ(client.said.data[first], "x");
  EXPECT_EQ(client.status(second), "404");
  EXPECT_EQ(client.status(head), "200");
  EXPECT_EQ(client.field(head, "content-length"), "1");
  EXPECT_EQ(client.said.data[head], "");
  EXPECT_EQ(client.said.data[address], "127.0.0.1");
}

TEST_F(Http2Server, AResponseGoesAsTheWindowsLetItThrough) {
  Http2Client client(server_.port());
  client.answer_all();
  const auto id = client.get("/large");
  std::size_t had = 0;
  while (!client.said.ends.contains(id)) {
    ASSERT_TRUE(client.until([&] { return client.said.data[id].size() > had || client.said.ends.contains(id); }));
    const std::size_t now = client.said.data[id].size();
    if (now > had) client.send(window_update(id, static_cast<std::uint32_t>(now - had)));
    had = now;
  }
  EXPECT_EQ(client.said.data[id], pattern(kLarge));
  EXPECT_EQ(client.field(id, "content-length"), std::to_string(kLarge));
}

TEST_F(Http2Server, AResponseInChunksLosesThem) {
  Http2Client client(server_.port());
  const auto id = client.get("/chunks");
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(id), "200");
  EXPECT_THAT(client.said.data[id], StartsWith("0;1;2;"));
  EXPECT_THAT(client.said.data[id], testing::EndsWith(";98;99;"));
}

TEST_F(Http2Server, AResponseThatBreaksOffIsReset) {
  Http2Client client(server_.port());
  const auto id = client.get("/broken");
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.said.resets[id], Http2Error::kInternal);
  const auto next = client.get("/x");
  ASSERT_TRUE(client.until_end(next));
  EXPECT_EQ(client.said.data[next], "x");
}

TEST_F(Http2Server, BodiesComeWithAndWithoutALength) {
  Http2Client client(server_.port());
  const auto with = client.post("/echo", "hello", {{"content-length", "5"}});
  const auto without = client.post("/echo", "hello again");
  const auto empty = client.request("POST", "/echo", {}, {}, true);
  const auto later = client.request("POST", "/echo", {}, "in ", false);
  for (const auto id : {with, without, empty}) ASSERT_TRUE(client.until_end(id));
  client.send(data(later, "two ") + data(later, "parts", true));
  ASSERT_TRUE(client.until_end(later));
  EXPECT_EQ(client.said.data[with], "hello");
  EXPECT_EQ(client.said.data[without], "hello again");
  EXPECT_EQ(client.said.data[empty], "");
  EXPECT_EQ(client.said.data[later], "in two parts");
}

// What the window lets through at once, and then as it is widened.
void upload(Http2Client& client, std::uint32_t id, std::string_view body) {
  std::size_t sent = 0;
  while (sent < body.size()) {
    const std::size_t stream = 65'535 + client.said.window_updates[id];
    const std::size_t all = 65'535 + client.said.window_updates[0];
    const std::size_t room = std::min({stream - sent, all - sent, body.size() - sent, kMaxFramePayload});
    if (room == 0) {
      const auto before = client.said.window_updates[id];
      ASSERT_TRUE(client.until([&] {
        return client.said.window_updates[id] > before || client.said.resets.contains(id) ||
               client.said.ends.contains(id);
      }));
      if (client.said.resets.contains(id) || client.said.ends.contains(id)) return;
      continue;
    }
    client.send(data(id, body.substr(sent, room), sent + room == body.size()));
    sent += room;
  }
}

TEST_F(Http2Server, AWorkerReadsALargeBodyAsItComes) {
  Http2Client client(server_.port());
  const std::string body = pattern(kLarge);
  const auto with = client.request("POST", "/whole", {{"content-length", std::to_string(body.size())}}, {}, false);
  upload(client, with, body);
  ASSERT_TRUE(client.until_end(with));
  EXPECT_EQ(client.said.data[with], std::to_string(kLarge));
}

TEST_F(Http2Server, AWorkerReadsALargeBodyOfUnknownLength) {
  Http2Client client(server_.port());
  const std::string body = pattern(kLarge);
  const auto without = client.request("POST", "/whole", {}, {}, false);
  upload(client, without, body);
  ASSERT_TRUE(client.until_end(without));
  EXPECT_EQ(client.said.data[without], std::to_string(kLarge));
}

TEST_F(Http2Server, ABodyThatNobodyTakesIsNotReadToItsEnd) {
  Http2Client client(server_.port());
  const auto id = client.request("POST", "/nowhere", {{"content-length", "100000000"}}, "begins", false);
  ASSERT_TRUE(client.until([&] { return client.said.ends.contains(id) && client.said.resets.contains(id); }));
  EXPECT_EQ(client.status(id), "404");
  EXPECT_EQ(client.said.resets[id], Http2Error::kNone);
}

TEST_F(Http2Server, AsksForABodyThatWaits) {
  Http2Client client(server_.port());
  const auto id = client.request("POST", "/echo", {{"content-length", "5"}, {"expect", "100-continue"}}, {}, false);
  ASSERT_TRUE(client.until([&] { return client.status(id) == "100"; }));
  client.said.heads.clear();
  client.send(data(id, "hello", true));
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(id), "200");
  EXPECT_EQ(client.said.data[id], "hello");
}

TEST_F(Http2Server, ServesARange) {
  Http2Client client(server_.port());
  const auto id = client.get("/large", {{"range", "bytes=10-19"}});
  ASSERT_TRUE(client.until_end(id));
  EXPECT_EQ(client.status(id), "206");
  EXPECT_EQ(client.said.data[id], pattern(kLarge).substr(10, 10));
}

TEST_F(Http2Server, OneRequestDoesNotWaitForAnother) {
  Http2Client client(server_.port());
  const auto slow = client.get("/waits");
  ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
  const auto fast = client.get("/x");
  ASSERT_TRUE(client.until_end(fast));
  EXPECT_FALSE(client.said.ends.contains(slow));
  release_.set_value();
  ASSERT_TRUE(client.until_end(slow));
  EXPECT_EQ(client.said.data[slow], "done");
}

TEST_F(Http2Server, AWorkerOutlivesItsStreamAndItsConnection) {
  {
    Http2Client client(server_.port());
    const auto slow = client.get("/waits");
    ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
    client.send(reset_of(slow));
    const auto next = client.get("/x");
    ASSERT_TRUE(client.until_end(next));
    EXPECT_FALSE(client.said.ends.contains(slow));
  }
  release_.set_value();
  EXPECT_TRUE(becomes(server_, "millrace_connections", 0));
}

TEST_F(Http2Server, AStreamOfTheRequestsOwn) {
  Http2Client client(server_.port());
  const auto id = client.get("/stream");
  ASSERT_TRUE(client.until([&] { return client.status(id) == "200"; }));
  ASSERT_TRUE(eventually([&] { return opened_ == 1; }));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(streams_[0].send({.data = "token " + std::to_string(i)}));
  ASSERT_TRUE(client.until_text(id, "data: token 99\n\n"));
  streams_[0].close();
  ASSERT_TRUE(client.until_end(id));
  EXPECT_TRUE(client.said.ends[id]);
  const auto left = client.get("/stream");
  ASSERT_TRUE(client.until([&] { return client.status(left) == "200"; }));
  ASSERT_TRUE(eventually([&] { return opened_ == 2; }));
  client.send(reset_of(left));
  EXPECT_TRUE(eventually([&] { return !streams_[1].is_open(); }));
}

TEST_F(Http2Server, AFinishedTopicEndsItsStreams) {
  Http2Client client(server_.port());
  const auto id = client.get("/events?topic=job");
  ASSERT_TRUE(client.subscribed({id}));
  server_->hub().publish("job", {.data = "last"}).or_throw();
  server_->hub().finish("job").or_throw();
  ASSERT_TRUE(client.until_end(id));
  EXPECT_TRUE(client.said.ends[id]);
  EXPECT_FALSE(client.said.resets.contains(id));
  EXPECT_THAT(client.said.data[id], HasSubstr("data: last\n\n"));
}

TEST_F(Http2Server, DrainingSaysWhenToComeBackAndGoesAway) {
  Http2Client client(server_.port());
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 20; ++i) streams.push_back(client.get("/events?topic=a"));
  ASSERT_TRUE(client.subscribed(streams));
  for (const auto stream : streams) client.said.data[stream].clear();
  server_->drain(Duration{5'000});
  for (const auto stream : streams) {
    ASSERT_TRUE(client.until_end(stream));
    EXPECT_THAT(client.said.data[stream], HasSubstr("retry: "));
  }
  ASSERT_TRUE(client.until([&] { return !client.said.go_aways.empty(); }));
  EXPECT_EQ(client.said.go_aways.front(), Http2Error::kNone);
  EXPECT_TRUE(client.connection().is_at_end());
}

TEST_F(Http2Server, DrainingSpreadsTheReturnOfEachStream) {
  Http2Client client(server_.port());
  std::vector<std::uint32_t> streams;
  for (int i = 0; i < 50; ++i) streams.push_back(client.get("/events?topic=a"));
  ASSERT_TRUE(client.subscribed(streams));
  for (const auto stream : streams) client.said.data[stream].clear();
  server_->drain(Duration{60'000});
  std::set<std::string> retries;
  for (const auto stream : streams) {
    ASSERT_TRUE(client.until_end(stream));
    const std::string& said = client.said.data[stream];
    const std::size_t begin = said.find("retry: ");
    ASSERT_NE(begin, std::string::npos);
    retries.insert(said.substr(begin, said.find('\n', begin) - begin));
  }
  EXPECT_GT(retries.size(), 40u);  // of 60,000 values, so two of 50 are rarely equal
}

TEST_F(Http2Server, ResumesAndTellsOfGaps) {
  const std::string first = server_->hub().publish("a", {.data = "one"}).id;
  server_->hub().publish("a", {.data = "two"}).or_throw();
  Http2Client client(server_.port());
  const auto resumed = client.get("/events?topic=a", {{"last-event-id", first}});
  const auto unknown = client.get("/events?topic=a", {{"last-event-id", "nobody's"}});
  EXPECT_TRUE(client.until_text(resumed, "data: two\n\n"));
  EXPECT_THAT(client.said.data[resumed], testing::Not(HasSubstr("data: one")));
  EXPECT_TRUE(client.until_text(unknown, "millrace.gap"));
}

TEST_F(Http2Server, RefusesWhatTheStandardForbids) {
  Http2Client client(server_.port());
  const auto bad = client.get("/x", {{"transfer-encoding", "chunked"}});
  ASSERT_TRUE(client.until_end(bad));
  EXPECT_EQ(client.said.resets[bad], Http2Error::kProtocol);
  const auto large = client.get("/x", {{"cookie", std::string(16'200, 'c')}});
  ASSERT_TRUE(client.until_end(large));
  EXPECT_EQ(client.status(large), "431");
  EXPECT_THAT(client.said.data[large], HasSubstr("larger than max_head_bytes, 16384 bytes"));
  const auto unknown = client.request("BREW", "/x", {}, {}, true);
  ASSERT_TRUE(client.until_end(unknown));
  EXPECT_EQ(client.status(unknown), "501");
  client.send(frame(FrameType::kPushPromise, 4, 1, number_32(2)));
  ASSERT_TRUE(client.until([&] { return !client.said.go_aways.empty(); }));
  EXPECT_EQ(client.said.go_aways.front(), Http2Error::kProtocol);
  EXPECT_TRUE(client.connection().is_at_end());
}

TEST_F(Http2Server, RapidResetsEndTheConnection) {
  Http2Client client(server_.port());
  for (int i = 0; i < 3'000 && client.connection().socket() >= 0; ++i) {
    if (!client.send(headers(2 * static_cast<std::uint32_t>(i) + 1, get_fields("/events?topic=a")) +
                     reset_of(2 * static_cast<std::uint32_t>(i) + 1))) {
      break;
    }
  }
  client.until([&] { return !client.said.go_aways.empty(); });
  ASSERT_FALSE(client.said.go_aways.empty());
  EXPECT_EQ(client.said.go_aways.front(), Http2Error::kEnhanceYourCalm);
  EXPECT_TRUE(becomes(server_, "millrace_streams", 0));
}

TEST(Http2Options, StreamsCountAsConnectionsOfTheirAddress) {
  ServerOptions options;
  options.shares.max_connections_per_address = 3;  // the connection, and two streams
  RunningServer server(options);
  Http2Client client(server.port());
  const auto one = client.get("/events?topic=a");
  const auto two = client.get("/events?topic=a");
  const auto three = client.get("/events?topic=a");
  ASSERT_TRUE(client.until_end(three));
  EXPECT_EQ(client.status(three), "429");
  EXPECT_THAT(client.said.data[three], HasSubstr("too many"));
  ASSERT_TRUE(client.subscribed({one, two}));
  client.send(reset_of(one));
  ASSERT_TRUE(becomes(server, "millrace_streams", 1));
  const auto four = client.get("/events?topic=a");
  EXPECT_TRUE(client.subscribed({four}));
}

// With all of its windows shut, or while a worker takes its time, no stream can send a heartbeat.
TEST(Http2Heartbeats, APingTakesThePlaceOfStreamsThatCannotSend) {
  ServerOptions options;
  options.streams.heartbeat = Duration{50};
  RunningServer server(options);
  Http2Client client(server.port(), setting(SettingId::kInitialWindowSize, 0));
  client.get("/events?topic=a");
  EXPECT_TRUE(client.until([&] { return client.said.pings.size() >= 3; }));
}

TEST(Http2Heartbeats, StreamsThatSendTheirOwnNeedNoPing) {
  ServerOptions options;
  options.streams.heartbeat = Duration{400};
  RunningServer server(options);
  Http2Client client(server.port());
  const auto stream = client.get("/events?topic=a");
  const auto blocks = [&] {
    std::size_t count = 0;
    const std::string& said = client.said.data[stream];
    for (std::size_t at = 0; (at = said.find("id: ", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  ASSERT_TRUE(client.until([&] { return blocks() >= 6; }));
  EXPECT_TRUE(client.said.pings.empty());
}

TEST(Http2Deadlines, AConnectionWithoutStreamsGoesAway) {
  RunningServer server({}, [](Server& one) {
    one.events("/events");
    one.set_keep_alive_timeout(1);
  });
  Http2Client client(server.port());
  ASSERT_TRUE(client.until([&] { return !client.said.go_aways.empty(); }));
  EXPECT_EQ(client.said.go_aways.front(), Http2Error::kNone);
  EXPECT_TRUE(client.connection().is_at_end());
}

TEST(Http2Deadlines, AConnectionWithAStreamStays) {
  RunningServer server({}, [](Server& one) {
    one.events("/events");
    one.set_keep_alive_timeout(3);  // in which the client has to ask
  });
  Http2Client other(server.port());
  Http2Client client(server.port());
  const auto stream = client.get("/events?topic=a");
  ASSERT_TRUE(client.subscribed({stream}));
  ASSERT_TRUE(other.until([&] { return !other.said.go_aways.empty(); }));  // this one's time is over
  server->hub().publish("a", {.data = "still here"}).or_throw();
  EXPECT_TRUE(client.until_text(stream, "still here"));
  EXPECT_TRUE(client.said.go_aways.empty());
}

TEST(Http2Deadlines, SettingsMustBeAcknowledged) {
  RunningServer server(open_to_all());
  RawClient client(server.port());
  client.send(std::string(kHttp2Preface) + settings() + headers(1, get_fields("/events?topic=a")));
  Said said;
  const Deadline deadline;
  while (said.go_aways.empty()) {
    deadline.check([] { return "GOAWAY"; });
    const std::string bytes = client.read_some();
    ASSERT_FALSE(bytes.empty());
    said.read(bytes);
  }
  EXPECT_EQ(said.go_aways.front(), Http2Error::kSettingsTimeout);
  EXPECT_TRUE(said.heads.contains(1));
  EXPECT_TRUE(client.is_at_end());
}

// A page of another origin can read refusals, and when to come back, over HTTP/2 as over HTTP/1.1.
TEST(Http2Refusals, APageOfAnotherOriginCanReadThem) {
  ServerOptions options;
  options.cors.origins = {"https://page.example"};
  options.shares.max_connections_per_address = 2;  // the connection, and a stream
  RunningServer server(options);
  Http2Client client(server.port());
  const Fields origin{{"origin", "https://page.example"}};
  ASSERT_TRUE(client.subscribed({client.get("/events?topic=a")}));
  Fields much = origin;
  much.emplace_back("cookie", std::string(16'200, 'c'));
  for (const auto& [fields, status] : {std::pair(origin, "429"), std::pair(much, "431")}) {
    const auto id = client.get("/events?topic=a", fields);
    ASSERT_TRUE(client.until_end(id));
    EXPECT_EQ(client.status(id), status);
    EXPECT_EQ(client.field(id, "access-control-allow-origin"), "https://page.example");
    EXPECT_EQ(client.field(id, "vary"), "Origin");
    EXPECT_THAT(client.said.data[id], StartsWith("{\"error\":"));
  }
  const auto other = client.get("/events?topic=a", {{"origin", "https://other.example"}});
  ASSERT_TRUE(client.until_end(other));
  EXPECT_EQ(client.field(other, "access-control-allow-origin"), "");
  EXPECT_NE(client.field(other, "retry-after"), "");
}

TEST(Http2Refusals, ARefusalWithoutRoomForItsSentenceIsWholeAllTheSame) {
  ServerOptions options;
  options.shares.max_connections_per_address = 2;
  RunningServer server(options);
  Http2Client client(server.port(), setting(SettingId::kInitialWindowSize, 0));
  client.get("/events?topic=a");
  const auto refused = client.get("/events?topic=a");
  ASSERT_TRUE(client.until_end(refused));
  EXPECT_EQ(client.status(refused), "429");
  EXPECT_EQ(client.field(refused, "content-length"), "0");
  EXPECT_TRUE(client.said.ends[refused]);
  const auto head = client.request("HEAD", "/events", {}, {}, true);
  ASSERT_TRUE(client.until_end(head));
  EXPECT_EQ(client.status(head), "429");
  EXPECT_NE(client.field(head, "content-length"), "0");
}

TEST(Http2Options, BoundsTheStreamsOfAConnection) {
  ServerOptions options;
  options.http.max_http2_streams = 2;
  RunningServer server(options);
  Http2Client client(server.port());
  const auto one = client.get("/events?topic=a");
  const auto two = client.get("/events?topic=a");
  const auto three = client.get("/events?topic=a");
  ASSERT_TRUE(client.until_end(three));
  EXPECT_EQ(client.said.settings[SettingId::kMaxConcurrentStreams], 2u);
  EXPECT_EQ(client.said.resets[three], Http2Error::kRefusedStream);
  EXPECT_TRUE(client.subscribed({one, two}));
}

TEST(Http2Options, CanBeOff) {
  ServerOptions options;
  options.http.http2 = false;
  RunningServer server(options);
  RawClient client(server.port());
  client.send(kHttp2Preface);
  EXPECT_EQ(client.read_response().status, 505);
}

TEST(Http2Options, IsAgreedOnInTheHandshake) {
  ServerOptions options;
  options.tls = test_tls();
  RunningServer server(options);
  RawClient both(server.port(), TlsWish{.protocols = {"h2", "http/1.1"}});
  ASSERT_EQ(both.tls()->protocol(), "h2");
  Http2Client client(std::move(both));
  EXPECT_TRUE(client.subscribed({client.get("/events?topic=a")}));
  RawClient old(server.port(), TlsWish{.protocols = {"http/1.1"}});
  EXPECT_EQ(old.tls()->protocol(), "http/1.1");
  EXPECT_EQ(old.exchange(get("/nowhere")).status, 404);
  options.http.http2 = false;
  RunningServer without(options);
  EXPECT_EQ(RawClient(without.port(), TlsWish{.protocols = {"h2", "http/1.1"}}).tls()->protocol(), "http/1.1");
}

TEST(Http2Options, CompressesStreams) {
  ServerOptions options;
  options.streams.gzip = true;
  RunningServer server(options);
  Http2Client client(server.port());
  const auto id = client.get("/events?topic=a", {{"accept-encoding", "gzip"}});
  ASSERT_TRUE(client.until([&] { return !client.said.data[id].empty(); }, "the first block"));
  EXPECT_EQ(client.status(id), "200");
  EXPECT_EQ(client.field(id, "content-encoding"), "gzip");
  for (int i = 0; i < 20; ++i)
    server->hub().publish("a", {.data = std::string(500, 'x') + std::to_string(i)}).or_throw();
  server->hub().finish("a").or_throw();
  ASSERT_TRUE(client.until_end(id));
  const std::string text = Gunzip().take(client.said.data[id]);
  EXPECT_THAT(text, HasSubstr("retry: "));
  EXPECT_THAT(text, HasSubstr("x19\n\n"));
}

}  // namespace
}  // namespace millrace::test
