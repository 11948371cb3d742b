// Server::stop(window): what becomes of streams while a server goes.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "eventually.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

// Longer than any test may last: what ends before has not waited for it.
constexpr std::chrono::hours kLong{1};

// Waits in the loop while its client does not read.
constexpr std::size_t kLargeBytes = 500'000;

class GradualStop : public ::testing::Test {
 protected:
  EventStream take() {
    EXPECT_TRUE(eventually([this] {
      const std::lock_guard lock(mutex_);
      return stream_.is_open();
    }));
    const std::lock_guard lock(mutex_);
    return std::exchange(stream_, {});
  }

  std::mutex mutex_;
  EventStream stream_;
  std::promise<void> is_at_work_;
  std::promise<void> may_go_on_;
  RunningServer server_{{}, [this](Server& server) {
                          server.events("/events").operations();
                          // The system keeps little: what is not read waits in the server.
                          server.set_socket_options([](socket_t socket) {
                            constexpr int kSmall = 4'096;
                            ::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &kSmall, sizeof kSmall);
                          });
                          server.Get("/stream", [&](const httplib::Request& request, httplib::Response& response) {
                            const std::lock_guard lock(mutex_);
                            stream_ = server.open_stream(request, response);
                          });
                          server.Get("/late", [&](const httplib::Request& request, httplib::Response& response) {
                            is_at_work_.set_value();
                            may_go_on_.get_future().wait();
                            const std::lock_guard lock(mutex_);
                            stream_ = server.open_stream(request, response);
                          });
                          server.Get("/large", [](const httplib::Request&, httplib::Response& response) {
                            response.set_content(std::string(kLargeBytes, 'x'), "text/plain");
                          });
                          server.Get("/stop", [&](const httplib::Request&, httplib::Response&) { server.stop(kLong); });
                        }};
};

TEST_F(GradualStop, EndsAtOnceWhereThereIsNoStream) {
  server_->stop(kLong);
  server_.join();
  EXPECT_EQ(server_->open_streams(), 0u);
}

TEST_F(GradualStop, EndsTheHubsStreamsEachWithARetryOfItsOwn) {
  std::vector<StreamClient> clients;
  for (int i = 0; i < 20; ++i) clients.emplace_back(server_.port(), "/events?topic=a");
  server_->stop(kLong);
  server_.join();
  std::set<Duration> retries;
  for (StreamClient& client : clients) {
    EXPECT_TRUE(client.read_to_end()) << "in order, with the last chunk";
    retries.insert(client.decoder().retry());
  }
  EXPECT_GT(retries.size(), 10u) << "spread over an hour";
  EXPECT_GE(*retries.begin(), kDefaultReconnectionTime);
  EXPECT_LE(*retries.rbegin(), kDefaultReconnectionTime + kLong);
}

TEST_F(GradualStop, WaitsForAnAnswerThatIsStillBeingWritten) {
  StreamClient hub_stream(server_.port(), "/events?topic=a");
  RawClient raw(server_.port());
  raw.send(get("/stream"));
  const EventStream stream = take();
  server_->stop(kLong);
  EXPECT_TRUE(hub_stream.read_to_end());
  const RawResponse refused = RawClient(server_.port()).exchange(get("/events?topic=a"));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(RawClient(server_.port()).exchange(get("/readyz")).status, 503);
  EXPECT_TRUE(stream.send({.data = "still here"}));
  stream.close();
  server_.join();
  const std::string all = raw.read_to_end();
  EXPECT_NE(all.find("still here"), std::string::npos);
  EXPECT_TRUE(all.ends_with("0\r\n\r\n"));
}

TEST_F(GradualStop, LetsARequestInProgressOpenAStream) {
  RawClient raw(server_.port());
  raw.send(get("/late"));
  is_at_work_.get_future().wait();
  server_->stop(kLong);
  ASSERT_TRUE(eventually([&] { return RawClient(server_.port()).exchange(get("/readyz")).status == 503; }));
  may_go_on_.set_value();
  const EventStream stream = take();
  EXPECT_TRUE(stream.send({.data = "in time"}));
  stream.close();
  const std::string all = raw.read_to_end();
  EXPECT_NE(all.find("in time"), std::string::npos);
  EXPECT_TRUE(all.ends_with("0\r\n\r\n"));
  server_.join();
}

TEST_F(GradualStop, WaitsUntilASlowClientHasTheEndOfAnAnswer) {
  RawClient raw(server_.port(), 4'096);
  raw.send(get("/stream"));
  const EventStream stream = take();
  int sent = 0;
  for (; stream.wait_for_room(Duration{0}); ++sent) ASSERT_TRUE(stream.send({.data = std::string(100'000, 'x')}));
  stream.close();
  ASSERT_GT(stream.buffered_bytes(), 0u);
  server_->stop(kLong);
  const std::string all = raw.read_to_end();
  EXPECT_TRUE(all.ends_with("0\r\n\r\n"));
  EXPECT_GT(all.size(), static_cast<std::size_t>(sent) * 100'000);
  server_.join();
}

TEST_F(GradualStop, WaitsUntilASlowClientHasTheWholeResponse) {
  RawClient raw(server_.port(), 4'096);
  raw.send(get("/large"));
  raw.read_until("\r\n\r\n");
  StreamClient hub_stream(server_.port(), "/events?topic=a");
  server_->stop(kLong);
  EXPECT_TRUE(hub_stream.read_to_end());
  // A server that is about to end refuses one of these.
  for (int i = 0; i < 50; ++i) ASSERT_EQ(RawClient(server_.port()).exchange(get("/readyz")).status, 503);
  EXPECT_EQ(raw.read_exactly(kLargeBytes), std::string(kLargeBytes, 'x'));
  server_.join();
}

TEST_F(GradualStop, CutsWhatIsLeftWhenTheWindowIsOver) {
  RawClient raw(server_.port());
  raw.send(get("/stream"));
  const EventStream stream = take();
  server_->stop(Duration{50});
  server_.join();
  EXPECT_EQ(stream.end(), EventStreamEnd::kClientLeft);
  EXPECT_FALSE(raw.read_to_end().ends_with("0\r\n\r\n"));
}

TEST_F(GradualStop, IsOvertakenByStopAndByAShorterWindow) {
  for (const bool by_stop : {true, false}) {
    RawClient raw(server_.port());
    raw.send(get("/stream"));
    const EventStream stream = take();
    server_->stop(kLong);
    ASSERT_TRUE(eventually([&] { return RawClient(server_.port()).exchange(get("/readyz")).status == 503; }));
    by_stop ? server_->stop() : server_->stop(Duration{1});
    server_.join();
    EXPECT_FALSE(stream.is_open());
    if (by_stop) server_.start();
  }
}

TEST_F(GradualStop, MayBeCalledInAHandlerAndInACallback) {
  StreamClient client(server_.port(), "/events?topic=a");
  EXPECT_EQ(RawClient(server_.port()).exchange(get("/stop")).status, 200);
  EXPECT_TRUE(client.read_to_end());
  server_.join();

  server_.start();
  RawClient raw(server_.port());
  raw.send(get("/stream"));
  const EventStream stream = take();
  stream.on_close([this] { server_->stop(kLong); });
  stream.close();
  server_.join();
}

TEST_F(GradualStop, DoesNothingToAServerThatDoesNotListen) {
  server_->stop();
  server_.join();
  server_->stop(kLong);
  server_.start();
  EXPECT_EQ(RawClient(server_.port()).exchange(get("/readyz")).status, 200);
  StreamClient client(server_.port(), "/events?topic=a");
  server_->hub().publish("a", {.data = "1"}).or_throw();
  EXPECT_EQ(client.next_data(), "1");
}

TEST_F(GradualStop, RefusesANegativeWindow) {
  EXPECT_THROW(server_->stop(Duration{-1}), std::invalid_argument);
  EXPECT_THROW(server_->drain(Duration{-1}), std::invalid_argument);
  EXPECT_EQ(RawClient(server_.port()).exchange(get("/readyz")).status, 200);
}

}  // namespace
}  // namespace millrace::test
