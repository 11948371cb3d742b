// Which requests are sent again, and how long a silence may last before one is.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "eventually.h"
#include "millrace/client/event_source.h"
#include "millrace/client/event_source_pool.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using Reconnect = EventSourceState::Reconnect;

constexpr std::string_view kNoContent = "HTTP/1.1 204 No Content\r\n\r\n";

EventSourceOptions posting() {
  EventSourceOptions options;
  options.method = "POST";
  options.body = "{}";
  options.policy.backoff = {.reconnection_time = Duration{0}, .max = Duration{1}};
  return options;
}

// The errors of a source that is closed after the third.
Lines errors_of(const std::string& url, EventSourceOptions options) {
  EventSource source(url, std::move(options));
  Lines errors;
  source.on_error([&](const EventSourceError& error) {
    errors.emplace_back(error.message);
    if (errors.size() == 3) source.close();
  });
  source.run();
  return errors;
}

TEST(EventSourceRepeat, APostIsSentOnceHoweverItEnds) {
  const std::string event = std::string(kStreamHead) + "id: 1\ndata: a\n\n";
  ScriptedServer whole([&](Peer& peer, int) {
    peer.read_request();
    peer.send(event);
  });
  EXPECT_EQ(errors_of(whole.url(), posting()),
            Lines{"the server ended the stream, and the POST is not sent again (policy.reconnect)"});
  EXPECT_EQ(whole.attempts(), 1);

  ScriptedServer broken([&](Peer& peer, int) {
    peer.read_request();
    peer.send(event.substr(0, 17) + "Content-Length: 1000\r\n" + event.substr(17));
  });
  EXPECT_EQ(errors_of(broken.url(), posting()),
            Lines{"the response ended early, and the POST is not sent again (policy.reconnect)"});
  EXPECT_EQ(broken.attempts(), 1);

  ScriptedServer silent([&](Peer& peer, int) { peer.read_request(); });
  EXPECT_EQ(errors_of(silent.url(), posting()).size(), 1u);
  EXPECT_EQ(silent.attempts(), 1);

  ScriptedServer busy([&](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  });
  EventSourceOptions options = posting();
  options.policy.retry_on_server_error = true;
  EXPECT_EQ(errors_of(busy.url(), std::move(options)),
            Lines{"the server answered 503, and the POST is not sent again (policy.reconnect)"});
  EXPECT_EQ(busy.attempts(), 1);
}

TEST(EventSourceRepeat, APostIsSentAgainWhereAskedForButNotOnceItIsAnsweredWithoutAnId) {
  Lines requests;
  ScriptedServer server([&](Peer& peer, int attempt) {
    const std::string request = peer.read_request();
    requests.push_back(request.substr(0, 4) + " " + header_of(request, "Last-Event-ID"));
    if (attempt == 1) return peer.reset();
    peer.send(std::string(kStreamHead) + (attempt == 2 ? "id: 7\ndata: a\n\n" : "id\ndata: the rest\n\n"));
  });
  EventSourceOptions options = posting();
  options.policy.reconnect = Reconnect::kAlways;
  EXPECT_EQ(errors_of(server.url(), std::move(options)).back(),
            "the server ended the stream, and the POST is not sent again (policy.reconnect)");
  EXPECT_EQ(requests, (Lines{"POST ", "POST ", "POST 7"}));
}

TEST(EventSourceRepeat, NothingIsSentAgainWhereItNeverShould) {
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) + "id: 1\ndata: a\n\n");
  });
  EventSourceOptions options = posting();
  options.method = "GET";
  options.body.clear();
  options.policy.reconnect = Reconnect::kNever;
  EventSource source(server.url(), std::move(options));
  Lines data;
  for (const ReceivedEvent& event : source) data.push_back(event.data);
  EXPECT_EQ(data, Lines{"a"});
  EXPECT_EQ(server.attempts(), 1);
}

/// Answers a GET and keeps the connection; hangs up on a POST without a word. Any number of connections at once.
class KeepingServer {
 public:
  KeepingServer() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 8) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("cannot listen");
    }
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    acceptor_ = std::thread([this] {
      for (int fd = accept(listener_, nullptr, nullptr); fd >= 0; fd = accept(listener_, nullptr, nullptr)) {
        connections_.emplace_back([this, fd] { serve(fd); });
      }
    });
  }
  ~KeepingServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (std::thread& connection : connections_) connection.join();  // until the client has hung up
    close(listener_);
  }
  KeepingServer(const KeepingServer&) = delete;
  KeepingServer& operator=(const KeepingServer&) = delete;

  const std::string& url() const { return url_; }
  int posts() const { return posts_; }

 private:
  void serve(int fd) {
    Peer peer(fd);
    for (std::string request = peer.read_request(); !request.empty(); request = peer.read_request()) {
      if (request.starts_with("POST")) {
        ++posts_;
        break;
      }
      peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9\r\n\r\ndata: a\n\n");
    }
    close(fd);
  }

  int listener_;
  std::string url_;
  std::atomic<int> posts_{0};
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

// Over a connection that has served before and turns out to be dead, libcurl would send the request again by itself.
TEST(EventSourceRepeat, APostGoesOverAConnectionOfItsOwn) {
  KeepingServer server;
  {
    EventSourcePool pool;
    EventSource first(pool, server.url());
    ASSERT_TRUE(first.next());
    ASSERT_TRUE(eventually([&] { return first.ready_state() != EventSource::ReadyState::kOpen; }));
    first.close();  // its connection stays up, for others to use
    EventSource second(pool, server.url(), posting());
    Collector errors;
    second.on_error([&](const EventSourceError& error) {
      errors.add(std::string(error.message));
      second.close();
    });
    second.start();
    ASSERT_TRUE(errors.wait_for(1));
  }
  EXPECT_EQ(server.posts(), 1);
}

TEST(EventSourceRepeat, SeveralContentTypesCountByTheLastThatIsOne) {
  const auto outcome = [](const std::string& fields) {
    ScriptedServer server([&](Peer& peer, int attempt) {
      peer.read_request();
      peer.send(attempt == 1 ? "HTTP/1.1 200 OK\r\n" + fields + "\r\ndata: a\n\n" : std::string(kNoContent));
    });
    EventSourceOptions options;
    options.policy.backoff.reconnection_time = Duration{0};
    EventSource source(server.url(), std::move(options));
    Collector collector(source);
    source.run();
    return collector.lines().front();
  };
  EXPECT_EQ(outcome("Content-Type: text/event-stream\r\nContent-Type: text/event-stream; charset=utf-8\r\n"), "open");
  EXPECT_EQ(outcome("content-type: text/html\r\nX: y\r\nContent-Type: text/event-stream\r\n"), "open");
  EXPECT_EQ(outcome("Content-Type: text/html, text/event-stream\r\n"), "open");
  EXPECT_EQ(
      outcome("Content-Type: text/event-stream\r\nContent-Type: text/html\r\n"),
      "error the server answered with content type \"text/event-stream, text/html\" instead of text/event-stream");
}

TEST(EventSourceRepeat, AConnectionIsGivenUpByTheHeartbeatOfItsServer) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt > 1) return peer.send(kNoContent);
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nMillrace-Heartbeat: 1\r\n\r\ndata: a\n\n");
    peer.wait_until_closed();
  });
  EventSource source(server.url(), {.policy = {.backoff = {.reconnection_time = Duration{0}}}});
  Collector collector(source);
  source.start();
  ASSERT_TRUE(collector.wait_for(4));
  EXPECT_EQ(collector.lines(), (Lines{"open", "message|a|", "error no data arrived for 2500 ms",
                                      "error the server answered 204: it has nothing more to send"}));
}

}  // namespace
}  // namespace millrace::test
