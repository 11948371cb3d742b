// TLS on the server's own loops: what a client gets, in both versions, and what those get that do something else. The
// whole list of the server's tests runs over TLS, too: see CMakeLists.txt.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "running_server.h"
#include "stream_client.h"
#include "tls_options.h"

namespace millrace::test {
namespace {

class TlsVersions : public ::testing::TestWithParam<int> {
 protected:
  TlsWish wish() const { return {.min_version = GetParam(), .max_version = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Both, TlsVersions, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(TlsVersions, AnswersAndStreams) {
  RunningServer server(over_tls());
  RawClient client(server.port(), wish());
  EXPECT_EQ(SSL_version(client.tls()->ssl()), GetParam());
  EXPECT_EQ(
      client.exchange(post("/events", R"({"topic":"a","data":"1"})", "Content-Type: application/json\r\n")).status,
      200);
  EXPECT_EQ(client.exchange(get("/nowhere")).status, 404) << "the connection goes on";
  StreamClient stream(std::move(client), get("/events?topic=a"));
  server->hub().publish("a", {.data = "2"}).or_throw();
  EXPECT_EQ(stream.next_data(), "2");
}

TEST_P(TlsVersions, AClientThatComesBackResumesItsSession) {
  RunningServer server(over_tls());
  SSL_SESSION* session = nullptr;
  {
    RawClient first(server.port(), wish());
    EXPECT_FALSE(first.tls()->is_resumed());
    EXPECT_EQ(first.exchange(get("/nowhere")).status, 404);  // behind which a ticket of 1.3 has come
    session = first.tls()->take_session();
  }
  ASSERT_NE(session, nullptr);
  TlsWish again = wish();
  again.session = session;
  RawClient second(server.port(), again);
  EXPECT_TRUE(second.tls()->is_resumed());
  EXPECT_EQ(second.exchange(get("/nowhere")).status, 404);
  SSL_SESSION_free(session);
}

TEST_P(TlsVersions, EndsWithAGoodbye) {
  RunningServer server(over_tls());
  RawClient client(server.port(), wish());
  client.send(get("/nowhere", "Connection: close\r\n"));
  EXPECT_EQ(client.read_response().status, 404);
  EXPECT_TRUE(client.is_at_end());
  EXPECT_TRUE(client.tls()->is_ended()) << "close_notify comes before the end";
}

TEST(Tls, OlderVersionsAreRefusedAndReported) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  RunningServer server(over_tls(tls));
  EXPECT_THROW(RawClient(server.port(), {.min_version = TLS1_1_VERSION, .max_version = TLS1_1_VERSION}),
               std::runtime_error);
  EXPECT_TRUE(notices.has("supports TLS up to version 1.1 only"));
}

TEST(Tls, AgreesOnHttp11) {
  RunningServer server(over_tls());
  RawClient client(server.port(), {.protocols = {"http/1.1"}});
  EXPECT_EQ(client.tls()->protocol(), "http/1.1");
  EXPECT_EQ(client.exchange(get("/nowhere")).status, 404);
}

TEST(Tls, AProtocolThatNobodySpeaksIsRefusedAndReported) {
  Notices notices;
  ServerTls tls = test_tls();
  tls.on_notice = notices.taker();
  RunningServer server(over_tls(tls));
  try {
    RawClient client(server.port(), {.protocols = {"spdy/3"}});
    FAIL() << "the handshake succeeded";
  } catch (const std::runtime_error& failure) {
    EXPECT_NE(std::string(failure.what()).find("no application protocol"), std::string::npos) << failure.what();
  }
  EXPECT_TRUE(notices.has("the client offers no protocol (ALPN) that this server speaks"));
}

// --- What is not TLS ------------------------------------------------------------------------------------------------

class PlainClient : public RawClient {
 public:
  explicit PlainClient(int port) : RawClient((set_speaks_tls(port, false), port)) {}
};

TEST(Tls, ClearTextIsAnsweredAtOnce) {
  Notices notices;
  ServerOptions options = over_tls();
  options.on_foreign_protocol = notices.taker();
  RunningServer server(options);
  PlainClient client(server.port());
  const RawResponse response = client.exchange(get("/events?topic=a"));
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(response.body.find("use https://"), std::string::npos) << response.body;
  EXPECT_TRUE(client.is_at_end());
  EXPECT_TRUE(notices.has("began with clear text, but this port speaks TLS"));
}

TEST(Tls, ClearTextIsAnsweredAtItsFirstByte) {
  RunningServer server(over_tls());
  PlainClient client(server.port());
  client.send("G");
  EXPECT_EQ(client.read_response().status, 400);
}

TEST(Tls, TlsOnAClearPortIsAnswered) {
  Notices notices;
  ServerOptions options = open_to_all();
  options.on_foreign_protocol = notices.taker();
  Server server(options);
  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread thread([&] { server.listen_after_bind(); });
  EXPECT_THROW(RawClient(port, TlsWish{}), std::runtime_error);
  EXPECT_TRUE(notices.has("began with a TLS handshake"));
  server.stop();
  thread.join();
}

TEST(Tls, AnInvalidRecordClosesTheConnection) {
  RunningServer server(over_tls());
  PlainClient client(server.port());
  client.send(std::string("\x16\x03\x01\x40\x00", 5) + std::string(70'000, 'x'));
  client.read_to_end();
  RawClient other(server.port(), TlsWish{});
  EXPECT_EQ(other.exchange(get("/nowhere")).status, 404) << "others go on";
}

TEST(Tls, AHandshakeHasADeadline) {
  ServerTls tls = test_tls();
  tls.handshake_deadline = Duration{200};
  RunningServer server(over_tls(tls));
  PlainClient silent(server.port());
  PlainClient begun(server.port());
  TlsEnd end;
  end.shake_hands();
  begun.send(end.take_output().substr(0, 20));
  EXPECT_TRUE(silent.is_at_end());
  EXPECT_TRUE(begun.is_at_end());
}

TEST(Tls, OneHandshakeTooManyCutsTheOneThatHasKeptTheServerWaitingLongest) {
  ServerTls tls = test_tls();
  tls.max_handshakes = 2;
  ServerOptions options = over_tls(tls);
  options.threads.loops = 1;
  RunningServer server(options);
  const auto begin = [&](TlsEnd& end) {
    PlainClient client(server.port());
    end.shake_hands();
    client.send(end.take_output());
    EXPECT_FALSE(client.read_some().empty()) << "the server has answered, and waits";
    return client;
  };
  TlsEnd ends[3];
  PlainClient first = begin(ends[0]);
  PlainClient second = begin(ends[1]);
  EXPECT_FALSE(first.has_input());
  PlainClient third = begin(ends[2]);
  EXPECT_TRUE(first.is_at_end());
  EXPECT_FALSE(second.has_input());
  EXPECT_FALSE(third.has_input());
}

TEST(Tls, AConnectionBeyondTheBoundGetsAnAnswer) {
  ServerOptions options = over_tls();
  options.shares.max_connections = 1;
  RunningServer server(options);
  RawClient first(server.port());
  EXPECT_EQ(first.exchange(get("/nowhere")).status, 404);
  RawClient second(server.port());
  EXPECT_EQ(second.read_response().status, 503);
}

TEST(Tls, HandshakesAreCounted) {
  RunningServer server(over_tls(), [](Server& one) { one.events("/events").operations(); });
  EXPECT_THROW(RawClient(server.port(), {.protocols = {"spdy/3"}}), std::runtime_error);
  RawClient client(server.port());
  const auto says = [&](const std::string& line) {
    return client.exchange(get("/metrics")).body.find(line) != std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return says("millrace_tls_handshakes_total{result=\"failed\"} 1"); }));
  EXPECT_TRUE(says("millrace_tls_handshakes_total{result=\"full\"} 1"));
}

}  // namespace
}  // namespace millrace::test
