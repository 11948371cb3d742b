// Limits, deadlines, refusals and options of HTTP/2, from a real server over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "http2_server.h"

namespace millrace::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Http2Limits : public Http2Server {};

TEST_F(Http2Limits, RefusesWhatTheStandardForbids) {
  Http2Client client(server_.port());
  const auto bad = client.get("/x", {{"transfer-encoding", "chunked"}});
  ASSERT_TRUE(client.until_end(bad));
  EXPECT_EQ(client.said.resets[bad], Http2Error::kProtocol);
  const auto large = client.get("/x", {{"cookie", std::string(16'200, 'c')}});
  ASSERT_TRUE(client.until_end(large));
  EXPECT_EQ(client.status(large), "431");
  EXPECT_THAT(client.said.data[large], HasSubstr("larger than the limit of 16384 bytes"));
  const auto unknown = client.request("BREW", "/x", {}, {}, true);
  ASSERT_TRUE(client.until_end(unknown));
  EXPECT_EQ(client.status(unknown), "501");
  client.send(frame(FrameType::kPushPromise, 4, 1, number_32(2)));
  ASSERT_TRUE(client.until([&] { return !client.said.go_aways.empty(); }));
  EXPECT_EQ(client.said.go_aways.front(), Http2Error::kProtocol);
  EXPECT_TRUE(client.connection().is_at_end());
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

}  // namespace
}  // namespace millrace::test
