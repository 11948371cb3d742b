// Errors have a JSON body, and the program's error handler shapes the program's alone.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

void with_routes(Server& server) {
  server.events("/events").operations();
  server.Get("/mine", [](const Request&, Response& response) { response.status = 402; });
  server.Get(R"(/things/(\d+))", [](const Request&, Response&) {});
  server.Put(R"(/things/(\d+))", [](const Request&, Response&) {});
  server.Post("/form", [](const Request&, Response&) {});
  server.Get("/throws", [](const Request&, Response&) { throw std::runtime_error("oops"); });
}
void with_an_error_handler(Server& server) {
  with_routes(server);
  server.set_error_handler([](const Request&, Response& response) {
    response.set_header("X-Seen", std::to_string(response.status));
    response.set_content("<p>error " + std::to_string(response.status), "text/html");
    response.status = response.status == 402 ? 418 : response.status;
  });
}

std::string error_in(const RawResponse& response) {
  EXPECT_EQ(response.field("Content-Type"), "application/json") << response.head;
  EXPECT_EQ(response.count("Content-Type"), 1u) << response.head;
  EXPECT_EQ(response.count("Content-Length"), 1u) << response.head;
  return nlohmann::json::parse(response.body, nullptr, false).value("error", "none in: " + response.body);
}

TEST(ErrorAnswer, ToAPathWithoutARouteIsJson) {
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  for (const std::string& request : {get("/nowhere"), post("/nowhere", "body"), get("/things/x")}) {
    const RawResponse response = client.exchange(request);
    EXPECT_EQ(response.status, 404);
    EXPECT_FALSE(error_in(response).empty());
    EXPECT_EQ(response.count("Allow"), 0u);
  }
}

TEST(ErrorAnswer, ToAMethodWithoutARouteNamesThoseThereAre) {
  RunningServer server({}, with_routes);
  RawClient client(server.port());
  const auto allowed = [&](const std::string& request) {
    const RawResponse response = client.exchange(request);
    EXPECT_EQ(response.status, 405) << request;
    error_in(response);
    return response.field("Allow");
  };
  EXPECT_EQ(allowed(post("/healthz", "body")), "GET, HEAD, OPTIONS");
  EXPECT_EQ(allowed("DELETE /events HTTP/1.1\r\nHost: localhost\r\n\r\n"), "GET, HEAD, OPTIONS, POST");
  EXPECT_EQ(allowed(post("/things/7", "")), "GET, HEAD, PUT");
  EXPECT_EQ(allowed(get("/form")), "POST");
  EXPECT_EQ(allowed("OPTIONS /form HTTP/1.1\r\nHost: localhost\r\n\r\n"), "POST");
  EXPECT_EQ(allowed("TRACE /form HTTP/1.1\r\nHost: localhost\r\n\r\n"), "POST");
}

TEST(ErrorAnswer, OfCppHttplibsOwnIsJson) {
  RunningServer server({}, with_routes);
  const auto refused = [&](const std::string& request) {
    const RawResponse response = RawClient(server.port()).exchange(request);
    error_in(response);
    return response.status;
  };
  EXPECT_EQ(refused(get("/mine", "Range: bytes=5-1\r\n")), 416);
  EXPECT_EQ(refused(post("/form", "no parts", "Content-Type: multipart/form-data; boundary=b\r\n")), 400);
  EXPECT_EQ(refused(post("/form", "no parts", "Content-Type: multipart/form-data\r\n")), 400);
  EXPECT_EQ(refused(post("/form", std::string(9'000, 'a'), "Content-Type: application/x-www-form-urlencoded\r\n")),
            413);
}

TEST(ErrorAnswer, ToARangeBeyondWhatAHandlerHasMadeIsJson) {
  const auto with_text = [](Server& server) {
    server.Get("/text", [](const Request&, Response& response) {
      response.set_header("X-Mine", "kept");
      response.set_content("0123456789", "text/plain");
    });
    server.Get("/own", [](const Request&, Response& response) { response.status = 416; });
  };
  RunningServer server({}, with_text);
  RawClient client(server.port());
  const RawResponse response = client.exchange(get("/text", "Range: bytes=20-30\r\n"));
  EXPECT_EQ(response.status, 416);
  EXPECT_NE(error_in(response).find("Range"), std::string::npos);
  EXPECT_EQ(response.field("X-Mine"), "kept");
  EXPECT_EQ(response.count("Content-Range"), 0u);
  EXPECT_EQ(client.exchange(get("/text", "Range: bytes=2-3\r\n")).body, "23") << "on the same connection";
  client.send("HEAD /text HTTP/1.1\r\nHost: localhost\r\nRange: bytes=20-30\r\n\r\n");
  EXPECT_EQ(client.read_response(false).status, 416);
  EXPECT_EQ(client.exchange(get("/own")).body, "") << "the program's is the program's";
}

TEST(ErrorAnswer, IsNotCutToARangeThatWasAskedForOfSomethingElse) {
  RunningServer server({}, with_routes);
  const RawResponse response = RawClient(server.port()).exchange(get("/events", "Range: bytes=0-1\r\n"));
  EXPECT_EQ(response.status, 400);
  EXPECT_NE(error_in(response).find("topic"), std::string::npos);
  EXPECT_EQ(response.count("Content-Range"), 0u);
}

TEST(ErrorAnswer, OfTheProgramIsItsHandlersToShape) {
  RunningServer server({}, with_an_error_handler);
  RawClient client(server.port());
  const RawResponse mine = client.exchange(get("/mine"));
  EXPECT_EQ(mine.status, 418);
  EXPECT_EQ(mine.body, "<p>error 402");
  const RawResponse nowhere = client.exchange(get("/nowhere"));
  EXPECT_EQ(nowhere.status, 404);
  EXPECT_EQ(nowhere.body, "<p>error 404");
  EXPECT_EQ(client.exchange(post("/nowhere", "body")).body, "<p>error 404");
  const RawResponse other = client.exchange(get("/form"));
  EXPECT_EQ(other.status, 405);
  EXPECT_EQ(other.field("Allow"), "POST");
  EXPECT_EQ(other.body, "<p>error 405");
  EXPECT_EQ(client.exchange(get("/throws")).body, "<p>error 500");
}

TEST(ErrorAnswer, OfMillracesIsNot) {
  RunningServer server({}, with_an_error_handler);
  const auto expect_kept = [&](const std::string& request, int status) {
    const RawResponse response = RawClient(server.port()).exchange(request);
    EXPECT_EQ(response.status, status) << response.head << response.body;
    EXPECT_NE(error_in(response).find("none in"), 0u) << response.body;
    EXPECT_EQ(response.field("X-Seen"), std::to_string(status)) << "it may add fields";
  };
  expect_kept(get("/events"), 400);
  expect_kept(post("/events", "{}"), 403);
  expect_kept("GET /events?topic=a HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 421);
  expect_kept(post("/events", "{}", "Origin: https://elsewhere.example\r\n"), 403);
  expect_kept("POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 536870912\r\n\r\n", 413);
}

TEST(ErrorAnswer, OfWhatThrowsWhereNothingCatchesEndsNoProgram) {
  std::string failure;
  ServerOptions options;
  options.on_failure = [&](const std::string& what) { failure = what; };
  RunningServer server(options, [](Server& one) {
    one.set_error_handler([](const Request&, Response&) { throw std::runtime_error("in the error handler"); });
  });
  EXPECT_EQ(RawClient(server.port()).exchange(get("/nowhere")).status, 500);
  server.stop();
  EXPECT_NE(failure.find("in the error handler"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
