// Options that are times: the longest that there are, and longer ones.
#include <gtest/gtest.h>

#include <ctime>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "millrace/server/answers.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/limits.h"
#include "millrace/server/stores/file.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using SetTime = std::function<void(ServerOptions&, Duration)>;
struct TimeOption {
  const char* name;
  SetTime set;
};

const std::vector<TimeOption>& time_options() {
  static const std::vector<TimeOption> all = {
      {"history.age", [](ServerOptions& options, Duration time) { options.history.age = time; }},
      {"streams.retry", [](ServerOptions& options, Duration time) { options.streams.retry = time; }},
      {"streams.heartbeat", [](ServerOptions& options, Duration time) { options.streams.heartbeat = time; }},
      {"streams.unacknowledged_timeout",
       [](ServerOptions& options, Duration time) { options.streams.unacknowledged_timeout = time; }},
      {"http.head_deadline", [](ServerOptions& options, Duration time) { options.http.head_deadline = time; }},
      {"http.body_deadline", [](ServerOptions& options, Duration time) { options.http.body_deadline = time; }},
  };
  return all;
}

TEST(OptionTimes, AreRefusedWhereTheyCannotBeCountedWith) {
  for (const TimeOption& option : time_options()) {
    for (const Duration time : {Duration::min(), Duration{-1}, kMaxOptionTime + Duration{1}, Duration::max()}) {
      ServerOptions options;
      option.set(options, time);
      try {
        const Server server(options);
        ADD_FAILURE() << option.name << " is " << time.count() << " ms";
      } catch (const InvalidOption& refused) {
        EXPECT_EQ(refused.option(), std::string("ServerOptions::") + option.name);
        EXPECT_NE(std::string(refused.what()).find("100 years (kMaxOptionTime)"), std::string::npos) << refused.what();
      }
    }
  }
}

TEST(OptionTimes, CanBeAsLongAsTheirBound) {
  ServerOptions options;
  for (const TimeOption& option : time_options()) option.set(options, kMaxOptionTime);
  RunningServer server(options);
  StreamClient stream(server.port(), "/events?topic=a");
  server->hub().publish("a", {.data = "x"}).or_throw();
  EXPECT_EQ(stream.next_data(), "x");
}

TEST(OptionTimes, OfAnswersHaveTheSameBound) {
  Server server;
  EXPECT_THROW(Answers(server, {.when_alone = keep_going(Duration::max())}), InvalidOption);
  EXPECT_THROW(Answers(server, {.max_age = Duration::max()}), InvalidOption);
  EXPECT_THROW(Answers(server, {.keep_for = Duration::max()}), InvalidOption);
  EXPECT_THROW(Answers(server, {.node_timeout = Duration::max()}), InvalidOption);
}

TEST(OptionTimes, OfStoresHaveTheSameBound) {
  const TemporaryFolder folder;
  EXPECT_THROW(open_file_log(folder.path("log"), {.bounds = {.age = Duration::max()}}), InvalidOption);
  EXPECT_THROW(open_file_log(folder.path("log"), {.bounds = {.age = Duration{0}}}), InvalidOption);
}

// A lifetime is given with each stream: a longer one counts as the bound.
TEST(OptionTimes, LetAStreamLiveForAnyTime) {
  RunningServer server({}, [](Server& routes) {
    routes.Get("/live", [&routes](const httplib::Request& request, httplib::Response& response) {
      static_cast<void>(routes.subscribe(request, response, {.topics = {"a"}, .lifetime = Duration::max()}));
    });
  });
  StreamClient stream(server.port(), "/live");
  server->hub().publish("a", {.data = "x"}).or_throw();
  EXPECT_EQ(stream.next_data(), "x");
}

// cpp-httplib's own settings take any number.
class HttplibTimes : public ::testing::TestWithParam<time_t> {
 protected:
  HttplibTimes() {
    ServerOptions options;
    options.threads.workers = 1;
    options.http.body_deadline = Duration{500};
    server_.emplace(options, [](Server& server) {
      server.set_read_timeout(GetParam());
      server.set_write_timeout(GetParam());
      server.set_keep_alive_timeout(GetParam());
      server.Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
        response.set_content(request.body, "text/plain");
      });
    });
  }

  std::optional<RunningServer> server_;
};

TEST_P(HttplibTimes, DoNotLetAHalfBodyKeepItsWorker) {
  RawClient half(server_->port());
  half.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc");
  EXPECT_EQ(half.read_response().status, 408);
}

constexpr time_t kLongest = std::numeric_limits<time_t>::max();
INSTANTIATE_TEST_SUITE_P(Negative, HttplibTimes, ::testing::Values(-1, -kLongest, -kLongest / 1'000 - 1));
INSTANTIATE_TEST_SUITE_P(Long, HttplibTimes, ::testing::Values(kLongest, kLongest / 1'000, kLongest / 1'000 + 1));

TEST(OptionTimes, OfADrainHaveTheSameBound) {
  RunningServer server;
  EXPECT_THROW(server->drain(Duration::max()), std::invalid_argument);
  EXPECT_THROW(server->stop(Duration::max()), std::invalid_argument);
  EXPECT_THROW(server->stop(Duration{-1}), std::invalid_argument);
}

}  // namespace
}  // namespace millrace::test
