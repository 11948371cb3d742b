// What the program gets to know of clients that come through proxies, and how they are counted.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "access_records.h"
#include "ask.h"
#include "eventually.h"
#include "millrace/server/any_authorizer.h"
#include "millrace/server/authorizer.h"
#include "millrace/server/key_authorizer.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

ServerOptions behind_proxies(ServerOptions options = open_to_all()) {
  options.proxies.trusted = {"127.0.0.0/8"};
  return options;
}

TEST(Access, TakesAClientsAddressFromATrustedProxy) {
  Records records;
  RunningServer server(records.options(behind_proxies()), [](Server& routes) {
    routes.events("/events");
    routes.Get("/who", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(request.remote_addr, "text/plain");
    });
  });
  const std::string fields = "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n";
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/who", fields)).body, "192.0.2.1");
  EXPECT_EQ(records.of("/who", 200).address, "192.0.2.1");
  EXPECT_EQ(client.exchange(get("/who")).body, "127.0.0.1") << "each request speaks for itself";
  {
    const StreamClient stream(server.port(), "/events?topic=a", fields);
    ASSERT_EQ(server->subscriptions().size(), 1u);
    EXPECT_EQ(server->subscriptions().front().address, "192.0.2.1");
  }
  EXPECT_EQ(records.of("/events", 200).address, "192.0.2.1");

  Records of_stranger;
  RunningServer untrusting(of_stranger.options());
  publish(untrusting.port(), fields);
  EXPECT_EQ(of_stranger.of("/events", 200).address, "127.0.0.1");
}

TEST(Access, CountsClientsBehindAProxyEachForItself) {
  ServerOptions options = behind_proxies();
  options.shares.max_connections_per_address = 2;
  options.publishing.rate = 0.001;
  options.publishing.burst = 1;
  RunningServer server(options);
  const auto from = [](const std::string& address) { return "X-Forwarded-For: " + address + "\r\n"; };
  {
    const StreamClient first(server.port(), "/events?topic=a", from("192.0.2.1"));
    const StreamClient second(server.port(), "/events?topic=a", from("192.0.2.1"));
    RawClient third(server.port());
    const RawResponse refused = third.exchange(get("/events?topic=a", from("192.0.2.1")));
    EXPECT_EQ(refused.status, 429);
    EXPECT_NE(refused.field("Retry-After"), "");
    const StreamClient other(server.port(), "/events?topic=a", from("192.0.2.2"));
  }
  EXPECT_TRUE(eventually([&] {
    RawClient again(server.port());
    again.send(get("/events?topic=a", from("192.0.2.1")));
    return again.read_until("\r\n").find("200") != std::string::npos;
  })) << "a stream that has ended gives its share back";
  EXPECT_EQ(status_of(publish(server.port(), from("192.0.2.1"))), 200);
  EXPECT_EQ(status_of(publish(server.port(), from("192.0.2.1"))), 429);
  EXPECT_EQ(status_of(publish(server.port(), from("192.0.2.2"))), 200);
}

TEST(Access, CountsStreamsOfHandlersBehindAProxyAsTheirClients) {
  ServerOptions options = behind_proxies();
  options.shares.max_connections_per_address = 2;
  RunningServer server(options, [](Server& routes) {
    routes.events("/events");
    routes.Get("/own", [&routes](const httplib::Request& request, httplib::Response& response) {
      const EventStream stream = routes.open_stream(request, response);
      EXPECT_EQ(stream.is_open(), request.get_header_value("X-Expect") != "closed");
      stream.send({.data = "x"});
      stream.on_close([stream] {});  // keeps it open until the client leaves
    });
  });
  const auto from = [](const std::string& address) { return "X-Forwarded-For: " + address + "\r\n"; };
  {
    const StreamClient first(server.port(), "/own", from("192.0.2.1"));
    const StreamClient second(server.port(), "/events?topic=a", from("192.0.2.1"));
    RawClient third(server.port());
    const RawResponse refused = third.exchange(get("/own", from("192.0.2.1") + "X-Expect: closed\r\n"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_NE(refused.field("Retry-After"), "");
    EXPECT_NE(refused.body.find("from your address"), std::string::npos) << refused.body;
    const StreamClient other(server.port(), "/own", from("192.0.2.2"));
  }
  EXPECT_TRUE(eventually([&] {
    RawClient again(server.port());
    again.send(get("/events?topic=a", from("192.0.2.1")));
    return again.read_until("\r\n").find("200") != std::string::npos;
  })) << "a stream that has ended gives its share back";
}

std::string announced(const std::string& request, char last_byte = '\x01') {
  const std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\x00\x02\x01\x0a\x00\x00\x01\x12\x67\x00\x50", 28);
  std::string bytes = header + request;
  bytes[19] = last_byte;  // 192.0.2.x
  return bytes;
}

ServerOptions by_proxy_protocol() {
  ServerOptions options = behind_proxies();
  options.proxies.field = ProxyField::kProxyProtocol;
  return options;
}

TEST(Access, TakesAClientsAddressFromTheProxyProtocol) {
  RunningServer server(by_proxy_protocol(), [](Server& routes) {
    routes.Get("/who", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(request.remote_addr, "text/plain");
    });
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(announced(get("/who"))).body, "192.0.2.1");
  EXPECT_EQ(client.exchange(get("/who", "X-Forwarded-For: 6.6.6.6\r\n")).body, "192.0.2.1")
      << "of the whole connection";
  RawClient in_pieces(server.port());
  for (const char byte : announced(get("/who"))) in_pieces.send({&byte, 1});
  EXPECT_EQ(in_pieces.read_response().body, "192.0.2.1");
}

TEST(Access, RecordsTheClientOfARequestThatIsRefused) {
  Records records;
  RunningServer server(records.options(behind_proxies()));
  const std::string fields = "X-Forwarded-For: 192.0.2.1\r\n";
  RawClient no_length(server.port());
  no_length.send(get("/no-length", fields + "Content-Length: x\r\n"));
  EXPECT_EQ(records.of("/no-length", 400).address, "192.0.2.1");
  RawClient half_head(server.port());
  half_head.send("GET /half HTTP/1.1\r\n" + fields + "X-Forwarded-For: 6.6");
  half_head.send(std::string(64 * 1024, '6'));
  EXPECT_EQ(records.of("/half", 431).address, "127.0.0.1") << "the address that a proxy appends may still come";
}

// The notices of a server about foreign protocols, and about TLS.
class Notices {
 public:
  std::function<void(const std::string&)> taker() {
    return [this](const std::string& notice) {
      const std::lock_guard lock(mutex_);
      text_ += notice + '\n';
    };
  }
  bool have(const std::string& part) {
    return eventually([&] {
      const std::lock_guard lock(mutex_);
      return text_.find(part) != std::string::npos;
    });
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

const std::string kNoHandshake("\x16\x03\x01\x00\x04none", 9);

// Sends the bytes in clear, whatever the port speaks.
RawClient client_that_sends(const RunningServer& server, const std::string& bytes) {
  set_speaks_tls(server.port(), false);
  RawClient client(server.port());
  client.send(bytes);
  return client;
}

TEST(Access, NamesTheAnnouncedClientOfAForeignProtocol) {
  Notices notices;
  ServerOptions options = by_proxy_protocol();
  options.on_foreign_protocol = notices.taker();
  RunningServer clear(options);
  const RawClient speaks_tls = client_that_sends(clear, announced(kNoHandshake));
  EXPECT_TRUE(notices.have("a client at 192.0.2.1 began with a TLS handshake"));
  options.tls = test_tls();
  RunningServer over_tls(options);
  const RawClient speaks_clear = client_that_sends(over_tls, announced(get("/events?topic=a"), '\x02'));
  EXPECT_TRUE(notices.have("a client at 192.0.2.2 began with clear text"));
}

TEST(Access, NamesTheAnnouncedClientOfAFailedHandshake) {
  Notices notices;
  ServerOptions options = by_proxy_protocol();
  options.tls = test_tls();
  options.tls->on_notice = notices.taker();
  RunningServer server(options);
  const RawClient client = client_that_sends(server, announced(kNoHandshake));
  EXPECT_TRUE(notices.have("a TLS handshake with a client at 192.0.2.1: "));
}

// Event loops ask such an authorizer, and serve events routes without cpp-httplib.
class ByAddress : public Authorizer {
 public:
  Decision decide(const httplib::Request& request, Action /*action*/, const TopicPatterns& /*topics*/) const override {
    const bool is_known = request.remote_addr == "192.0.2.1" && request.remote_port == 0 &&
                          request.local_addr == "127.0.0.1" && request.local_port != 0;
    return is_known ? Decision::allow() : Decision::forbidden("from " + request.remote_addr);
  }
  bool may_block() const override { return false; }
};

TEST(Access, ShowsTheClientsAddressToAnAuthorizerThatLoopsAsk) {
  ServerOptions options = behind_proxies();
  options.authorizer = std::make_shared<ByAddress>();
  RunningServer server(options);
  EXPECT_EQ(status_of(publish(server.port(), "X-Forwarded-For: 192.0.2.1\r\n")), 200);
  const std::string refused = publish(server.port());
  EXPECT_EQ(status_of(refused), 403);
  EXPECT_NE(refused.find("from 127.0.0.1"), std::string::npos) << refused;
}

// Says so although it looks at them.
class WithoutAddresses final : public ByAddress {
 public:
  bool reads_addresses() const override { return false; }
};

TEST(Access, SavesTheAddressesOfRequestsIfNoAuthorizerReadsThem) {
  using All = std::vector<std::shared_ptr<const Authorizer>>;
  const auto keys = std::make_shared<KeyAuthorizer>(KeyAuthorizer::Options{.admin_keys = {"an-admin-key-0001"}});
  const auto status_with = [](const All& authorizers) {
    ServerOptions options = behind_proxies();
    options.authorizer = std::make_shared<AnyAuthorizer>(authorizers);
    RunningServer server(options);
    return status_of(publish(server.port(), "X-Forwarded-For: 192.0.2.1\r\n"));
  };
  EXPECT_EQ(status_with({keys, std::make_shared<WithoutAddresses>()}), 403);
  EXPECT_EQ(status_with({keys, std::make_shared<ByAddress>()}), 200);
}

TEST(Access, ClosesAConnectionOfAProxyThatDoesNotNameItsClient) {
  ServerOptions options = by_proxy_protocol();
  std::mutex mutex;
  std::string notice;
  options.on_foreign_protocol = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    notice = text;
  };
  RunningServer server(options);
  RawClient client(server.port());
  client.send(get("/events?topic=a"));
  EXPECT_TRUE(client.is_at_end());
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return notice.find("PROXY protocol") != std::string::npos;
  }));
  RawClient short_one(server.port());
  short_one.send(announced("").substr(0, 20));
  short_one.end_sending();
  EXPECT_TRUE(short_one.is_at_end());
}

TEST(Access, CountsConnectionsByTheProxyProtocolAsTheirClients) {
  ServerOptions options = by_proxy_protocol();
  options.shares.max_connections_per_address = 2;
  RunningServer server(options);
  RawClient first(server.port());
  first.send(announced(get("/events?topic=a")));
  first.read_until("\n\n");
  RawClient second(server.port());
  second.send(announced(get("/events?topic=a")));
  second.read_until("\n\n");
  RawClient third(server.port());
  third.send(announced(get("/events?topic=a")));
  EXPECT_EQ(third.read_response().status, 429);
  RawClient other(server.port());
  other.send(announced(get("/events?topic=a"), '\x02'));
  EXPECT_NE(other.read_until("\r\n").find("200"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
