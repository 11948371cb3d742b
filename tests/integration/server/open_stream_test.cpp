// Server::open_stream: streams that belong to one request.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "opened_stream.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

TEST_F(OpenStream, SendsItsHeadAtOnceAndHoldsNoWorker) {
  ServerOptions options;
  options.threads.workers = 1;
  OpenedStream opened;
  RunningServer server(options, [&](Server& one) {
    opened.route(one);
    one.Get("/plain",
            [](const httplib::Request&, httplib::Response& response) { response.set_content("x", "text/plain"); });
  });
  RawClient client(server.port());
  const RawResponse head = open(client, get("/stream"));
  EXPECT_TRUE(head.head.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(head.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.field("Cache-Control"), "no-store, no-transform");
  EXPECT_EQ(head.field("Transfer-Encoding"), "chunked");
  const EventStream stream = opened.take();
  EXPECT_TRUE(stream.is_open());
  EXPECT_EQ(server->open_streams(), 1u);
  EXPECT_EQ(RawClient(server.port()).exchange(get("/plain")).body, "x");
}

TEST_F(OpenStream, TakesEventsFromManyThreads) {
  StreamClient client(RawClient(server_.port()), post("/stream", "hello\nworld"));
  EXPECT_EQ(client.next(), (Received{"echo", "hello\nworld", ""}));
  const EventStream stream = opened_.take();
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([stream, t] {
      for (int i = 0; i < 250; ++i) EXPECT_TRUE(stream.send({.data = std::to_string(t * 1'000 + i)}));
    });
  }
  std::vector<int> next = {0, 1'000, 2'000, 3'000};
  for (int i = 0; i < 1'000; ++i) {
    const int number = std::stoi(client.next_data());
    ASSERT_EQ(number, next[number / 1'000]++);
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_TRUE(eventually([&] { return stream.buffered_bytes() == 0; }));
}

TEST_F(OpenStream, WhatIsSentInsideTheHandlerArrivesBeforeItReturns) {
  std::promise<void> received;
  RunningServer server({}, [&](Server& one) {
    one.Get("/slow", [&](const httplib::Request& request, httplib::Response& response) {
      const EventStream stream = one.open_stream(request, response);
      stream.send({.data = "first"});
      received.get_future().wait();
      stream.send({.data = "second"});
    });
  });
  StreamClient client(server.port(), "/slow");
  EXPECT_EQ(client.next_data(), "first");
  received.set_value();
  EXPECT_EQ(client.next_data(), "second");
  EXPECT_TRUE(client.read_to_end()) << "the last handle has gone";
}

TEST_F(OpenStream, ClosingEndsTheResponseAfterWhatWasSent) {
  StreamClient client(RawClient(server_.port()), post("/stream", "1"));
  const EventStream stream = opened_.take();
  std::atomic<int> closes = 0;
  stream.on_close([&] { ++closes; });
  stream.send({.data = "2"});
  stream.close();
  stream.close();
  EXPECT_FALSE(stream.is_open());
  EXPECT_FALSE(stream.send({.data = "3"}));
  EXPECT_EQ(client.next_data(), "1");
  EXPECT_EQ(client.next_data(), "2");
  EXPECT_TRUE(client.read_to_end()) << "with the last chunk";
  EXPECT_TRUE(eventually([&] { return closes == 1 && server_->open_streams() == 0; }));
}

TEST_F(OpenStream, ReportsThatTheClientHasLeft) {
  RawClient client(server_.port());
  open(client, get("/stream"));
  const EventStream stream = opened_.take();
  std::promise<std::thread::id> closed;
  stream.on_close([&] { closed.set_value(std::this_thread::get_id()); });
  client.close();
  auto future = closed.get_future();
  ASSERT_EQ(future.wait_for(kDeadline), std::future_status::ready);
  EXPECT_FALSE(stream.is_open());
  EXPECT_FALSE(stream.send({.data = "x"}));
  EXPECT_EQ(stream.buffered_bytes(), 0u);
  bool late = false;
  stream.on_close([&] { late = true; });
  EXPECT_TRUE(late);
}

TEST_F(OpenStream, KeepsAQuietStreamAliveWithComments) {
  ServerOptions options;
  options.streams.heartbeat = Duration{50};
  OpenedStream opened;
  RunningServer server(options, [&](Server& one) { opened.route(one); });
  StreamClient client(server.port(), "/stream");  // returns with the first comment
  const EventStream stream = opened.take();
  EXPECT_TRUE(client.read_until([](const StreamDecoder& decoder) { return decoder.comments() >= 3; }));
  EXPECT_TRUE(client.decoder().events().empty());
}

TEST_F(OpenStream, OverHttp10TheStreamIsUnframed) {
  StreamClient client(RawClient(server_.port()), "POST /stream HTTP/1.0\r\nContent-Length: 1\r\n\r\n1");
  EXPECT_EQ(client.head().count("Transfer-Encoding"), 0u);
  EXPECT_EQ(client.next_data(), "1");
  opened_.take().close();
  EXPECT_EQ(client.next_data(), "<end>");
}

TEST_F(OpenStream, CarriesTheHandlersHeadersAndNoneTwice) {
  RunningServer server({}, [&](Server& one) {
    one.set_default_headers({{"X-Default", "yes"}, {"Cache-Control", "no-cache"}});
    one.Get("/stream", [&](const httplib::Request& request, httplib::Response& response) {
      response.set_header("Access-Control-Allow-Origin", "*");
      response.set_content("not this", "text/plain");
      const EventStream stream = one.open_stream(request, response);
      response.set_header("X-Late", "no");
      response.status = 500;
      stream.send({.data = "1"});
    });
  });
  StreamClient client(server.port(), "/stream");
  EXPECT_EQ(client.head().field("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(client.head().field("X-Default"), "yes");
  EXPECT_EQ(client.head().count("X-Late"), 0u);
  EXPECT_EQ(client.head().count("Content-Type"), 1u) << client.head().head;
  EXPECT_EQ(client.head().field("Content-Type"), "text/event-stream");
  EXPECT_EQ(client.head().count("Cache-Control"), 1u) << client.head().head;
  EXPECT_EQ(client.head().count("Content-Length"), 0u);
  EXPECT_EQ(client.next_data(), "1");
}

TEST_F(OpenStream, IsRefusedTwiceOrOutsideAHandler) {
  std::promise<std::string> second;
  RunningServer server({}, [&](Server& one) {
    one.Get("/twice", [&](const httplib::Request& request, httplib::Response& response) {
      const EventStream stream = one.open_stream(request, response);
      try {
        one.open_stream(request, response);
        second.set_value("opened");
      } catch (const std::logic_error& error) {
        second.set_value(error.what());
      }
      stream.send({.data = "1"});
    });
  });
  StreamClient client(server.port(), "/twice");
  EXPECT_EQ(client.next_data(), "1");
  EXPECT_NE(second.get_future().get().find("already"), std::string::npos);
  httplib::Request request;
  httplib::Response response;
  EXPECT_THROW(server->open_stream(request, response), std::logic_error);
}

TEST_F(OpenStream, IsRefusedWhileTheRequestsBodyHasNotBeenRead) {
  std::atomic<int> refused = 0;
  RunningServer server({}, [&](Server& one) {
    one.Post("/unread",
             [&](const httplib::Request& request, httplib::Response& response, const httplib::ContentReader& read) {
               try {
                 one.open_stream(request, response);
               } catch (const std::logic_error&) {
                 ++refused;
               }
               read([](const char*, std::size_t) { return true; });
               one.open_stream(request, response).send({.data = "1"});
             });
  });
  const std::string large(2 * 1024 * 1024, 'x');
  StreamClient with_length(RawClient(server.port()), post("/unread", large));
  EXPECT_EQ(with_length.next_data(), "1");
  EXPECT_EQ(refused, 1);
  StreamClient chunked(
      RawClient(server.port()),
      "POST /unread HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.next_data(), "1");
  EXPECT_EQ(refused, 2);
}

TEST_F(OpenStream, AHandlerThatThrowsAfterwardsEndsTheStream) {
  RunningServer server({}, [&](Server& one) {
    one.Get("/throws", [&](const httplib::Request& request, httplib::Response& response) {
      one.open_stream(request, response).send({.data = "1"});
      throw std::runtime_error("later");
    });
  });
  StreamClient client(server.port(), "/throws");
  EXPECT_EQ(client.next_data(), "1");
  EXPECT_TRUE(client.read_to_end());
  EXPECT_EQ(client.decoder().events().size(), 1u);
}

TEST_F(OpenStream, HandlesOutliveTheServer) {
  std::optional<EventStream> stream;
  {
    OpenedStream opened;
    RunningServer server({}, [&](Server& one) { opened.route(one); });
    RawClient client(server.port());
    open(client, get("/stream"));
    stream = opened.take();
  }
  EXPECT_FALSE(stream->is_open());
  EXPECT_FALSE(stream->send({.data = "x"}));
  bool closed = false;
  stream->on_close([&] { closed = true; });
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace millrace::test
