// Reaches each bound of the fair shares; clients within the bounds notice nothing.

#include "millrace/server/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "millrace/server/function_authorizer.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

// The header X-User names the user.
std::shared_ptr<const Authorizer> by_header() {
  return std::make_shared<FunctionAuthorizer>([](const httplib::Request& asked, auto, const auto&) {
    return Authorizer::Decision::allow(asked.get_header_value("X-User"));
  });
}

RawClient open_stream(int port, const std::string& headers = {}) {
  RawClient stream(port);
  stream.send(request("GET", "/events?topic=a", headers));
  stream.read_until("\n\n");
  return stream;
}

void expect_retry_after(const std::string& response) {
  const int seconds = std::atoi(header_of(response, "Retry-After").c_str());
  EXPECT_GE(seconds, 1) << response;
  EXPECT_LE(seconds, 3 * 60) << response;
}

std::string publish(int port, const std::string& headers = {},
                    const std::string& body = R"({"topic":"a","data":"x"})") {
  return ask(port, request("POST", "/events", headers, body));
}

TEST(Limits, TurnsAnAddressAwayThatHasItsConnections) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .shares = {.max_connections_per_address = 2}});
  RawClient stream = open_stream(running.port());
  std::deque<RawClient> idle;
  idle.emplace_back(running.port());
  RawClient refused(running.port());
  const std::string response = refused.read_to_end();
  EXPECT_EQ(status_of(response), 429) << response;
  expect_retry_after(response);
  RawClient elsewhere(running.port(), 0, "127.0.0.9");
  elsewhere.send(request("GET", "/events?topic=a"));
  EXPECT_EQ(status_of(elsewhere.read_until("\n\n")), 200);
  running->hub().publish("a", {.data = "still here"}).or_throw();
  stream.read_until("data: still here\n");
  idle.clear();
  EXPECT_TRUE(eventually([&] { return status_of(ask(running.port(), request("HEAD", "/events?topic=a"))) == 200; }));
}

TEST(Limits, TurnsEveryoneAwayWhenItsConnectionsAreTaken) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .shares = {.max_connections = 1}});
  RawClient stream = open_stream(running.port());
  RawClient refused(running.port(), 0, "127.0.0.9");
  const std::string response = refused.read_to_end();
  EXPECT_EQ(status_of(response), 503) << response;
  expect_retry_after(response);
}

TEST(Limits, RefusesAUserWithAsManyStreamsAsAllowed) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .shares = {.max_streams_per_user = 2}, .authorizer = by_header()});
  const std::string asking = request("GET", "/events?topic=a", "X-User: ada\r\n");
  RawClient first = open_stream(running.port(), "X-User: ada\r\n");
  {
    RawClient second = open_stream(running.port(), "X-User: ada\r\n");
    const std::string refused = ask(running.port(), asking);
    EXPECT_EQ(status_of(refused), 429) << refused;
    expect_retry_after(refused);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a", "X-User: bob\r\n"))), 200);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a"))), 200);
  }
  EXPECT_TRUE(eventually([&] { return status_of(ask(running.port(), asking)) == 200; }));
  running->hub().publish("a", {.data = "still here"}).or_throw();
  first.read_until("data: still here\n");
}

// Whichever route opens them.
TEST(Limits, CountsStreamsThatTheProgramOpensForAUser) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .shares = {.max_streams_per_user = 1}}, [](Server& server) {
        server.Get("/mine", [&server](const httplib::Request& asked, httplib::Response& response) {
          server.subscribe(asked, response, {.topics = {"a"}, .user = asked.get_header_value("X-User")});
        });
      });
  const std::string asking = request("GET", "/mine", "X-User: ada\r\n");
  {
    RawClient first(running.port());
    first.send(asking);
    first.read_until("\n\n");
    const std::string refused = ask(running.port(), asking);
    EXPECT_EQ(status_of(refused), 429) << refused;
    expect_retry_after(refused);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/mine"))), 200);
  }
  EXPECT_TRUE(eventually([&] { return status_of(ask(running.port(), asking)) == 200; }));
}

// What does not come to a stream takes nothing of the share.
TEST(Limits, CountsOnlyStreamsThatAreOpen) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .shares = {.max_streams_per_user = 1}, .authorizer = by_header()});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a", "X-User: ada\r\n"))), 200);
    EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a*", "X-User: ada\r\n"))), 400);
  }
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a", "X-User: ada\r\n"))), 200);
}

TEST(Limits, RefusesAPublisherThatIsTooFast) {
  RunningServer running(
      {.threads = {.workers = 2, .loops = 1}, .publishing = {.rate = 0.001, .burst = 3}, .authorizer = by_header()});
  RawClient stream = open_stream(running.port());
  EXPECT_EQ(status_of(publish(running.port(), "X-User: ada\r\n")), 200);
  EXPECT_EQ(status_of(publish(running.port(), "X-User: ada\r\n",
                              "{\"topic\":\"a\",\"data\":1}\n{\"topic\":\"a\",\"data\":2}\n")),
            200);
  const std::string refused = publish(running.port(), "X-User: ada\r\n");
  EXPECT_EQ(status_of(refused), 429) << refused;
  EXPECT_GE(std::atoi(header_of(refused, "Retry-After").c_str()), 900);
  EXPECT_EQ(status_of(publish(running.port(), "X-User: bob\r\n")), 200);
  EXPECT_EQ(status_of(publish(running.port())), 200);
  std::string all;
  for (int i = 0; i < 3; ++i) all += stream.read_until("data: x\n\n");
  EXPECT_NE(all.find("data: 2\n"), std::string::npos) << all;
}

// --- Clients that are slow on purpose -------------------------------------------------------------------------------

std::string upload_head() {
  return "POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
}

TEST(Limits, KeepsWorkersFreeOfBodiesThatNeverCome) {
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_uploads = 1}, .publishing = {.anonymous = true}});
  std::deque<RawClient> uploads;
  for (int i = 0; i < 8; ++i) uploads.emplace_back(running.port()).send(upload_head());
  EXPECT_EQ(status_of(publish(running.port())), 200);
  EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a"))), 200);
}

TEST(Limits, GivesUpABodyThatComesTooSlowly) {
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_uploads = 1},
                         .http = {.body_deadline = Duration{300}},
                         .publishing = {.anonymous = true}});
  RawClient slow(running.port());
  slow.send(upload_head());
  RawClient next(running.port());
  next.send("POST /events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
            std::string("18\r\n{\"topic\":\"a\",\"data\":\"x\"}\r\n0\r\n\r\n"));
  std::atomic<bool> done = false;
  std::thread drip([&] {  // more often than the read timeout would notice
    while (!done && slow.send("1\r\n \r\n")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_EQ(status_of(next.read_until("\r\n\r\n")), 200);
  done = true;
  drip.join();
  const std::string response = slow.read_until("\r\n\r\n");
  EXPECT_EQ(status_of(response), 408) << response;
}

TEST(Limits, RefusesUploadsWhenTooManyWait) {
  RunningServer running({.threads = {.workers = 2, .loops = 1, .max_uploads = 1}, .publishing = {.anonymous = true}});
  std::deque<RawClient> uploads;
  for (std::size_t i = 0; i < kMaxWaitingUploads + 2; ++i) uploads.emplace_back(running.port()).send(upload_head());
  // One is under way, the others but one wait. Which one is refused depends on the order in which they are read.
  std::string refused;
  EXPECT_TRUE(eventually([&] {
    const auto answered =
        std::find_if(uploads.begin(), uploads.end(), [](RawClient& wire) { return wire.has_input(); });
    if (answered == uploads.end()) return false;
    refused = answered->read_until("\r\n\r\n");
    return true;
  }));
  EXPECT_EQ(status_of(refused), 503) << refused;
  expect_retry_after(refused);
  EXPECT_EQ(status_of(publish(running.port())), 200);
}

TEST(Limits, ServesOthersWhileAThousandSocketsDrip) {
  RunningServer running({.threads = {.workers = 4, .loops = 2}, .publishing = {.anonymous = true}});
  RawClient stream = open_stream(running.port());
  std::vector<RawClient> heads;
  std::vector<RawClient> bodies;
  for (int i = 0; i < 500; ++i) {
    heads.emplace_back(running.port()).send("GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nX: ");
    bodies.emplace_back(running.port()).send(upload_head());
  }
  std::atomic<bool> done = false;
  std::thread drip([&] {
    while (!done) {
      for (RawClient& wire : heads) wire.send("x");
      for (RawClient& wire : bodies) wire.send("1\r\n \r\n");
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(status_of(publish(running.port())), 200);
    stream.read_until("data: x\n\n");
  }
  EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a"))), 200);
  done = true;
  drip.join();
}

}  // namespace
}  // namespace millrace::test
