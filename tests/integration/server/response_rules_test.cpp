// Responses that must not have a body have none, whichever code made them: the next response follows the head.
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

void with_routes(Server& server) {
  server.events("/events").operations();
  server.Get("/stream", [&server](const Request& request, Response& response) {
    const EventStream stream = server.open_stream(request, response);
    stream.send({.data = "private"});
    EXPECT_TRUE(request.method == "GET" || !stream.is_open());
    stream.on_close([] {});
    stream.close();
  });
  server.Get("/subscribed", [&server](const Request& request, Response& response) {
    EXPECT_EQ(server.subscribe(request, response, {.topics = {"a"}}).outcome,
              request.method == "HEAD" ? Subscribed::Outcome::kHeadOnly : Subscribed::Outcome::kOpen);
  });
  server.Get("/content", [](const Request&, Response& response) { response.set_content("12345", "text/plain"); });
  server.Get("/provider", [](const Request&, Response& response) {
    response.set_content_provider(
        5, "text/plain", [](std::size_t, std::size_t, httplib::DataSink& sink) { return sink.write("12345", 5); });
  });
  const auto endless = [](Response& response) {
    response.set_chunked_content_provider(
        "text/plain", [](std::size_t, httplib::DataSink& sink) { return sink.write("endless", 7); });
  };
  server.Get("/endless", [endless](const Request&, Response& response) { endless(response); });
  server.Get("/to-the-end", [](const Request&, Response& response) {
    response.set_content_provider("text/plain", [](std::size_t, httplib::DataSink& sink) {
      sink.write("until the end", 13);
      sink.done();
      return true;
    });
  });
  for (const int status : {204, 304}) {
    const std::string path = "/" + std::to_string(status);
    server.Get(path, [status](const Request&, Response& response) { response.status = status; });
    server.Get(path + "/content", [status](const Request&, Response& response) {
      response.status = status;
      response.set_content("there must be none", "text/plain");
    });
    server.Get(path + "/endless", [status, endless](const Request&, Response& response) {
      response.status = status;
      endless(response);
    });
  }
  server.Get("/refused", [](const Request&, Response&) { throw std::runtime_error("oops"); });
}

class ResponseRules : public ::testing::Test {
 protected:
  // The head of the answer to `request`. Fails if the next response does not come right behind it.
  RawResponse head_alone(const std::string& request) {
    RawClient client(server_.port());
    client.send(request + get("/content", "Connection: close\r\n"));
    RawResponse response = client.read_response(false);
    if (response.field("Connection") == "close") {
      EXPECT_TRUE(client.is_at_end()) << response.head;
      return response;
    }
    const std::string rest = client.read_to_end();
    EXPECT_TRUE(rest.starts_with("HTTP/1.1 200 OK\r\n")) << request << response.head << rest.substr(0, 200);
    EXPECT_TRUE(rest.ends_with("\r\n\r\n12345")) << rest.substr(0, 200);
    return response;
  }

  RunningServer server_{{}, with_routes};
};

TEST_F(ResponseRules, ToHeadTheyHaveNoBodyWhateverMadeThem) {
  for (const char* const target :
       {"/stream", "/subscribed", "/events?topic=a", "/content", "/provider", "/endless", "/to-the-end", "/204/content",
        "/304/content", "/refused", "/nowhere", "/events", "/healthz", "/metrics", "/events?topic=a*"}) {
    head_alone("HEAD " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
}

TEST_F(ResponseRules, ToHeadALengthIsRightOrAbsent) {
  const auto length = [&](const std::string& target) {
    const RawResponse response = head_alone("HEAD " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return std::to_string(response.status) + " " + response.field("Content-Length");
  };
  EXPECT_EQ(length("/content"), "200 5");
  EXPECT_EQ(length("/provider"), "200 5");
  EXPECT_EQ(length("/healthz"), "200 3");
  for (const char* const target : {"/stream", "/subscribed", "/events?topic=a", "/endless", "/to-the-end"}) {
    EXPECT_EQ(length(target), "200 ") << target;
  }
  for (const char* const target : {"/nowhere", "/events", "/refused"}) {
    const RawResponse whole = RawClient(server_.port()).exchange(get(target));
    EXPECT_EQ(length(target), std::to_string(whole.status) + " " + whole.field("Content-Length")) << target;
  }
}

TEST_F(ResponseRules, AStreamsHeadIsThatOfTheStream) {
  const RawResponse head = head_alone("HEAD /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Type"), "text/event-stream");
  EXPECT_EQ(head.field("Cache-Control").substr(0, 8), "no-store");
  EXPECT_EQ(server_->open_streams(), 0u);
}

TEST_F(ResponseRules, NoContentAndNotModifiedHaveNeitherBodyNorLength) {
  for (const char* const target : {"/204", "/204/content", "/204/endless", "/304", "/304/content", "/304/endless"}) {
    const RawResponse response = head_alone(get(target));
    EXPECT_EQ(response.count("Content-Length"), 0u) << response.head;
    EXPECT_EQ(response.count("Transfer-Encoding"), 0u) << response.head;
  }
}

TEST_F(ResponseRules, AFinishedTopicsAnswerHasNeither) {
  server_->hub().publish("done", {.data = "1"}).or_throw();
  server_->hub().finish("done").or_throw();
  RawClient client(server_.port());
  client.send(get("/events?topic=done&lastEventId=earliest"));
  const std::string stream = client.read_until("0\r\n\r\n");
  const std::size_t id = stream.rfind("id: ");
  ASSERT_NE(id, std::string::npos) << stream;
  const std::string last = stream.substr(id + 4, stream.find('\n', id) - id - 4);
  const RawResponse over = head_alone(get("/events?topic=done&lastEventId=" + last));
  EXPECT_EQ(over.status, 204);
  EXPECT_EQ(over.count("Content-Length"), 0u);
}

TEST_F(ResponseRules, ARefusalByTheLoopHasNoBodyForHead) {
  for (const char* const request : {"HEAD /content HTTP/1.1\r\n\r\n", "HEAD /content HTTP/1.1\r\nHost: a b\r\n\r\n",
                                    "HEAD /content HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"}) {
    RawClient client(server_.port());
    client.send(request);
    EXPECT_EQ(client.read_response(false).status, 400);
    EXPECT_TRUE(client.is_at_end()) << request;
  }
}

// [RFC 9112 6.1]
TEST_F(ResponseRules, AClientOfHttp10GetsNoChunks) {
  RunningServer server({}, [](Server& one) {
    one.Get("/chunked", [](const Request&, Response& response) {
      response.set_chunked_content_provider("text/plain", [](std::size_t offset, httplib::DataSink& sink) {
        if (offset < 30) return sink.write("0123456789", 10);
        sink.done();
        return true;
      });
    });
  });
  RawClient client(server.port());
  client.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const RawResponse response = client.read_response();
  EXPECT_EQ(response.count("Transfer-Encoding"), 0u) << response.head;
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_EQ(response.body, "012345678901234567890123456789");
}

}  // namespace
}  // namespace millrace::test
