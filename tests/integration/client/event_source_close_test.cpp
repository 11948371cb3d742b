// Closing: from everywhere, in every state, and what is not heard after it.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "millrace/client/event_source.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;
using ReadyState = EventSource::ReadyState;

/// Destroys the source on another thread; false if that does not come to an end.
bool ends(std::unique_ptr<EventSource> source) {
  auto ended = std::make_shared<std::promise<void>>();
  std::future<void> future = ended->get_future();
  std::thread([ended, doomed = std::move(source)]() mutable {
    doomed.reset();
    ended->set_value();
  }).detach();
  return future.wait_for(kDeadline) == std::future_status::ready;
}

TEST(EventSourceClose, EndsASourceThatWasNeverRun) {
  EXPECT_TRUE(ends(std::make_unique<EventSource>("http://127.0.0.1:1/")));
}

TEST(EventSourceClose, EndsABlockedRead) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(kStreamHead);
    peer.wait_until_closed();
  });
  auto source = std::make_unique<EventSource>(server.url());
  Collector collector(*source);
  source->start();
  ASSERT_TRUE(collector.wait_for(1));
  EXPECT_EQ(source->ready_state(), ReadyState::kOpen);
  EXPECT_TRUE(ends(std::move(source)));
}

TEST(EventSourceClose, EndsTheWaitForAResponse) {
  Collector server_side;
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    server_side.add("request");
    peer.wait_until_closed();
  });
  auto source = std::make_unique<EventSource>(server.url());
  source->start();
  ASSERT_TRUE(server_side.wait_for(1));
  EXPECT_EQ(source->ready_state(), ReadyState::kConnecting);
  EXPECT_TRUE(ends(std::move(source)));
}

/// A port of 127.0.0.1 that takes no more connections: its backlog is full, so that a further one stays in SYN-SENT.
class FullPort {
 public:
  FullPort() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(bind(listener_, generic(), size), 0);
    EXPECT_EQ(listen(listener_, 0), 0);
    EXPECT_EQ(getsockname(listener_, generic(), &size), 0);
    for (int& filler : fillers_) {
      filler = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(filler, generic(), size);
    }
  }
  ~FullPort() {
    for (const int filler : fillers_) close(filler);
    close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(ntohs(address_.sin_port)) + "/"; }

 private:
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address_); }

  sockaddr_in address_{};
  int listener_;
  int fillers_[8];
};

TEST(EventSourceClose, EndsAConnectionBeingMade) {
  FullPort port;
  Collector collector;
  EventSourceOptions options;
  options.connect_timeout = Duration{3'600'000};
  options.headers_for_attempt = [&] {
    collector.add("connecting");
    return HttpHeaders{};
  };
  auto source = std::make_unique<EventSource>(port.url(), std::move(options));
  source->start();
  ASSERT_TRUE(collector.wait_for(1));
  EXPECT_TRUE(ends(std::move(source)));
}

TEST(EventSourceClose, IsNotNeededWhenConnectingTakesTooLong) {
  FullPort port;
  EventSourceOptions options;
  options.connect_timeout = Duration{50};
  EventSource source(port.url(), std::move(options));
  std::string message;
  source.on_error([&](const EventSourceError& error) {
    message = error.message;
    source.close();
  });
  source.run();
  EXPECT_NE(message.find("within 50 ms"), std::string::npos) << message;
}

TEST(EventSourceClose, EndsTheWaitForARetry) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) + "retry: 86400000\n\n");
  });
  auto source = std::make_unique<EventSource>(server.url());
  Collector collector(*source);
  source->start();
  ASSERT_TRUE(collector.wait_for(2));
  EXPECT_EQ(collector.lines().back(), "error the server ended the stream");
  EXPECT_TRUE(ends(std::move(source)));
}

TEST(EventSourceClose, EndsRunFromAnotherThread) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(kStreamHead);
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  Collector collector(source);
  std::thread closer([&] {
    collector.wait_for(1);
    source.close();
  });
  source.run();
  closer.join();
  EXPECT_EQ(source.ready_state(), ReadyState::kClosed);
  EXPECT_EQ(collector.lines(), Lines{"open"}) << "closing is no error";
}

TEST(EventSourceClose, SilencesTheRestOfTheChunk) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) + "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  Collector collector(source);
  source.on_message([&](const MessageEvent& event) {
    if (event.data == "2") source.close();
  });
  source.on_message([&](const MessageEvent& event) { collector.add("second " + std::string(event.data)); });
  source.run();
  EXPECT_EQ(collector.lines(), (Lines{"open", "message|1|", "second 1", "message|2|"}));
}

TEST(EventSourceClose, WorksInOnOpenAndInOnErrorAndOnTheOwnThread) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) + "data: 1\n\n");
  });
  for (const bool in_open : {true, false}) {
    auto source = std::make_unique<EventSource>(server.url());
    EventSource& same = *source;
    Collector collector(*source);
    if (in_open) {
      source->on_open([&same] { same.close(); });
    } else {
      source->on_error([&same](const EventSourceError&) { same.close(); });
    }
    source->start();
    ASSERT_TRUE(collector.wait_for(in_open ? 1 : 3));
    EXPECT_TRUE(ends(std::move(source)));
    EXPECT_EQ(collector.lines().size(), in_open ? 1u : 3u);
  }
}

TEST(EventSourceClose, ReturnsAtOnceFromRunAfterwards) {
  EventSource source("http://127.0.0.1:1/");
  Collector collector(source);
  source.close();
  source.close();
  source.run();
  EXPECT_EQ(collector.lines(), Lines{});
}

TEST(EventSourceClose, HappensWhenAListenerThrows) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send(std::string(kStreamHead) + "data: 1\n\n");
    peer.wait_until_closed();
  });
  EventSource source(server.url());
  source.on_message([](const MessageEvent&) { throw std::runtime_error("mine"); });
  EXPECT_THROW(source.run(), std::runtime_error);
  EXPECT_EQ(source.ready_state(), ReadyState::kClosed);
}

TEST(EventSourceClose, RunsOnceOnly) {
  EventSource source("http://127.0.0.1:1/");
  source.close();
  source.run();
  EXPECT_THROW(source.run(), std::logic_error);
  EXPECT_THROW(source.start(), std::logic_error);
  EXPECT_THROW(source.on_open([] {}), std::logic_error);
}

TEST(EventSourceClose, RefusesAListenerThatCannotBeCalled) {
  EventSource source("http://127.0.0.1:1/");
  EXPECT_THROW(source.on_message(nullptr), std::invalid_argument);
}

}  // namespace
}  // namespace millrace::test
