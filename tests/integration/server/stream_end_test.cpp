// The connection of an event stream that has ended in order: it stays open for the client's next request.
#include <gtest/gtest.h>

#include <string>

#include "eventually.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"
#include "unread_bytes.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

void with_routes(Server& server) {
  server.events("/events");
  server.Get("/x", [](const Request&, Response& response) { response.set_content("x", "text/plain"); });
  server.Post("/answer", [&server](const Request& request, Response& response) {
    const EventStream stream = server.open_stream(request, response);
    stream.send({.data = request.body});
    stream.close();
  });
}

class StreamEnd : public ::testing::Test {
 protected:
  // A request whose stream is over as soon as it has begun.
  static std::string finished() { return get("/events?topic=job", "Last-Event-ID: earliest\r\n"); }
  void finish_topic() {
    server_->hub().publish("job", {.data = "last"}).or_throw();
    server_->hub().finish("job").or_throw();
  }

  RunningServer server_{{}, with_routes};
  RawClient client_{server_.port()};
};

TEST_F(StreamEnd, AnotherRequestMayFollowAnAnswerInEvents) {
  for (int i = 0; i < 50; ++i) {
    const std::string question = std::to_string(i);
    ASSERT_NE(client_.exchange(post("/answer", question)).body.find("data: " + question + "\n"), std::string::npos)
        << i;
    ASSERT_EQ(client_.exchange(get("/x")).body, "x") << i;
  }
  EXPECT_TRUE(eventually([&] { return server_->open_streams() == 0; }));
}

TEST_F(StreamEnd, AnotherRequestMayFollowAStreamThatIsOverAtOnce) {
  finish_topic();
  for (int i = 0; i < 50; ++i) {
    ASSERT_NE(client_.exchange(finished()).body.find("data: last\n"), std::string::npos) << i;
    ASSERT_EQ(client_.exchange(get("/x")).body, "x") << i;
  }
  EXPECT_TRUE(eventually([&] { return server_->open_streams() == 0; }));
}

TEST_F(StreamEnd, AnotherStreamMayFollow) {
  for (int i = 0; i < 20; ++i) {
    const std::string topic = "job" + std::to_string(i);
    client_.send(get("/events?topic=" + topic));
    client_.read_until("retry:");
    server_->hub().publish(topic, {.data = "only"}).or_throw();
    client_.read_until("data: only\n");
    server_->hub().finish(topic).or_throw();
    client_.read_until("\r\n0\r\n\r\n");
  }
  client_.send(get("/events?topic=last"));
  client_.read_until("retry:");
  EXPECT_EQ(server_->open_streams(), 1u);
  EXPECT_EQ(server_->subscriptions().size(), 1u) << "what has ended is nobody's subscription";
}

TEST_F(StreamEnd, AnotherRequestMayFollowAPoll) {
  client_.send(get("/events?topic=a&mode=poll"));
  client_.read_until("\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return server_->subscriptions().size() == 1; }));
  server_->hub().publish("a", {.data = "news"}).or_throw();
  client_.read_until("data: news\n");
  client_.read_until("\r\n0\r\n\r\n");
  EXPECT_EQ(client_.exchange(get("/x")).body, "x");
}

// Both are there when the server reads: the first fills what it reads at once.
TEST_F(StreamEnd, AnotherStreamMayFollowInTheSameMoment) {
  finish_topic();
  constexpr std::size_t kReadAtOnce = 16 * 1024;
  std::string fields = "Last-Event-ID: earliest\r\n";
  const std::size_t bytes = get("/events?topic=job", fields).size();
  for (std::size_t left = kReadAtOnce - bytes; left > 0;) {
    const std::size_t line = left > 4'000 ? 2'000 : left > 2'100 ? 1'000 : left;
    fields += "X: " + std::string(line - 5, 'x') + "\r\n";
    left -= line;
  }
  const std::string first = get("/events?topic=job", fields);
  ASSERT_EQ(first.size(), kReadAtOnce);
  client_.send(first + get("/events?topic=next"));
  client_.read_until("data: last\n");
  client_.read_until("\r\n0\r\n\r\n");
  client_.read_until("retry:");
  server_->hub().publish("next", {.data = "new"}).or_throw();
  client_.read_until("data: new\n");
  EXPECT_EQ(server_->subscriptions().size(), 1u);
}

// The server has discarded the beginning of a request, perhaps.
TEST_F(StreamEnd, NothingFollowsAStreamDuringWhichTheClientHasSentSomething) {
  client_.send(get("/events?topic=job"));
  client_.read_until("retry:");
  client_.send("GET /x HT");
  // Else the server may end the stream before it has read them: then they begin the next request, as they should.
  ASSERT_TRUE(eventually([&] { return unread_bytes(client_) == 0; }));
  finish_topic();
  client_.read_until("\r\n0\r\n\r\n");
  client_.send("TP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(client_.is_at_end());
}

TEST_F(StreamEnd, NothingFollowsWhereTheClientAsksForTheEnd) {
  finish_topic();
  client_.send(get("/events?topic=job", "Last-Event-ID: earliest\r\nConnection: close\r\n"));
  client_.read_until("\r\n0\r\n\r\n");
  EXPECT_TRUE(client_.is_at_end());
}

// A request that came together with the stream's.
TEST_F(StreamEnd, NothingFollowsAPipelinedRequest) {
  finish_topic();
  client_.send(finished() + get("/x"));
  client_.read_until("\r\n0\r\n\r\n");
  EXPECT_TRUE(client_.is_at_end());
}

TEST_F(StreamEnd, ADrainingServerSendsTheClientToAnother) {
  client_.send(get("/events?topic=a"));
  client_.read_until("retry:");
  server_->stop(Duration{10'000});
  client_.read_until("\r\n0\r\n\r\n");
  EXPECT_TRUE(client_.is_at_end());
}

TEST(StreamEndWithTls, AnotherRequestMayFollow) {
  ServerOptions options;
  options.tls = test_tls();
  RunningServer server(options, with_routes);
  RawClient client(server.port());
  for (int i = 0; i < 20; ++i) {
    ASSERT_NE(client.exchange(post("/answer", "hello")).body.find("data: hello\n"), std::string::npos) << i;
    ASSERT_EQ(client.exchange(get("/x")).body, "x") << i;
  }
}

}  // namespace
}  // namespace millrace::test
