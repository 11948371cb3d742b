// Event streams over HTTP/2, from a real server over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gunzip.h"
#include "http2_server.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Http2Streams : public Http2Server {};

TEST_F(Http2Streams, SubscribesAndPublishesOnOneConnection) {
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

TEST_F(Http2Streams, ChangesTopicsOfAStreamOnTheSameConnection) {
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

TEST_F(Http2Streams, AHundredStreamsGetAnEvent) {
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

TEST_F(Http2Streams, AClosedWindowIsASlowReader) {
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

TEST_F(Http2Streams, AConnectionWhoseSocketIsFullCatchesUp) {
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

TEST_F(Http2Streams, AStreamThatIsResetIsNoSubscriberAnyMore) {
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

TEST_F(Http2Streams, ALostConnectionEndsAllItsStreams) {
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

TEST_F(Http2Streams, AStreamOfTheRequestsOwn) {
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

TEST_F(Http2Streams, AFinishedTopicEndsItsStreams) {
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

TEST_F(Http2Streams, DrainingSaysWhenToComeBackAndGoesAway) {
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

TEST_F(Http2Streams, DrainingSpreadsTheReturnOfEachStream) {
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

TEST_F(Http2Streams, ResumesAndTellsOfGaps) {
  const std::string first = server_->hub().publish("a", {.data = "one"}).id;
  server_->hub().publish("a", {.data = "two"}).or_throw();
  Http2Client client(server_.port());
  const auto resumed = client.get("/events?topic=a", {{"last-event-id", first}});
  const auto unknown = client.get("/events?topic=a", {{"last-event-id", "nobody's"}});
  EXPECT_TRUE(client.until_text(resumed, "data: two\n\n"));
  EXPECT_THAT(client.said.data[resumed], testing::Not(HasSubstr("data: one")));
  EXPECT_TRUE(client.until_text(unknown, "millrace.gap"));
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

// Stalls a loop with each publish request, as a machine does that has other things to do.
class StallingAuthorizer final : public Authorizer {
 public:
  explicit StallingAuthorizer(Duration stall) : stall_(stall) {}
  Decision decide(const httplib::Request&, Action action, const TopicPatterns&) const override {
    if (action == Action::kPublish) std::this_thread::sleep_for(stall_);
    return Decision::allow();
  }
  bool may_block() const override { return false; }

 private:
  const Duration stall_;
};

TEST(Http2Heartbeats, StreamsThatSendTheirOwnLateNeedNoPing) {
  ServerOptions options;
  options.streams.heartbeat = Duration{200};
  options.threads.loops = 1;
  options.authorizer = std::make_shared<StallingAuthorizer>(2 * options.streams.heartbeat);
  RunningServer server(options);
  Http2Client client(server.port());
  ASSERT_TRUE(client.subscribed({client.get("/events?topic=a")}));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(RawClient(server.port()).exchange(post("/events", R"({"topic":"b","data":"x"})")).status, 200);
  }
  const auto next = client.get("/events?topic=b");
  ASSERT_TRUE(client.subscribed({next}));
  EXPECT_TRUE(client.said.pings.empty());
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
