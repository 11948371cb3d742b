// Sources of one pool, over HTTP/2: those of a server share a few connections, also once they have lost them.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cut_proxy.h"
#include "millrace/client/event_source.h"
#include "millrace/client/event_source_pool.h"
#include "running_server.h"

namespace millrace::test {
namespace {

int metric(RunningServer& server, const std::string& name) {
  for (const Metric& metric : server->metrics()) {
    if (metric.name == name) return static_cast<int>(metric.samples.front().value);
  }
  return -1;
}

constexpr std::size_t kSources = 1'000;
constexpr std::size_t kStreamsEach = 100;
constexpr int kConnections = kSources / kStreamsEach;

// Sources of a pool, behind a proxy that can end their connections.
class Sources {
 public:
  Sources(RunningServer& server, std::size_t count, EventSourceOptions options)
      : proxy_(static_cast<std::uint16_t>(server.port())),
        url_((options.http2_prior_knowledge ? "http" : "https") + ("://127.0.0.1:" + std::to_string(proxy_.port())) +
             "/events?topic=all") {
    options.tls.verify = false;
    for (std::size_t i = 0; i < count; ++i) {
      sources_.push_back(std::make_unique<EventSource>(pool_, url_, options));
      sources_.back()->on_open([this] { ++opened; });
      sources_.back()->on_message([this](const MessageEvent&) { ++events; });
      sources_.back()->on_error([this](const EventSourceError& error) {
        if (!error.will_reconnect) ++failed;
      });
      sources_.back()->start();
    }
  }

  std::size_t open() const {
    return static_cast<std::size_t>(std::count_if(sources_.begin(), sources_.end(), [](const auto& source) {
      return source->ready_state() == EventSource::ReadyState::kOpen;
    }));
  }
  CutProxy& proxy() { return proxy_; }
  std::vector<std::unique_ptr<EventSource>>& all() { return sources_; }

  std::atomic<std::size_t> opened = 0;
  std::atomic<std::size_t> events = 0;
  std::atomic<std::size_t> failed = 0;

 private:
  CutProxy proxy_;
  const std::string url_;
  EventSourcePool pool_;
  std::vector<std::unique_ptr<EventSource>> sources_;
};

ServerOptions options_of(bool tls) {
  ServerOptions options;
  if (tls) options.tls = test_tls();
  options.streams.retry = Duration{50};
  options.http.max_http2_streams = kStreamsEach;
  return options;
}

class EventSourcePoolOverHttp2 : public ::testing::TestWithParam<bool> {
 protected:
  const bool tls_ = GetParam();
  RunningServer server_{options_of(tls_)};
};

TEST_P(EventSourcePoolOverHttp2, SourcesFillConnectionsAndComeBackOnAsFew) {
  Sources sources(server_, kSources, {.http2_prior_knowledge = !tls_});
  ASSERT_TRUE(eventually([&] { return sources.opened == kSources; }));
  EXPECT_EQ(metric(server_, "millrace_http2_streams"), static_cast<int>(kSources));
  EXPECT_EQ(metric(server_, "millrace_connections"), kConnections);
  server_->hub().publish("all", {.data = "to all"}).or_throw();
  EXPECT_TRUE(eventually([&] { return sources.events == kSources; }));

  sources.proxy().cut(CutProxy::Cut::kReset);
  ASSERT_TRUE(eventually([&] { return sources.opened == 2 * kSources && sources.open() == kSources; }));
  EXPECT_TRUE(eventually([&] { return metric(server_, "millrace_http2_streams") == static_cast<int>(kSources); }));
  EXPECT_TRUE(eventually([&] { return metric(server_, "millrace_connections") == kConnections; }));
  server_->hub().publish("all", {.data = "to all again"}).or_throw();
  EXPECT_TRUE(eventually([&] { return sources.events == 2 * kSources; }));
  EXPECT_EQ(sources.failed, 0u);
}

// libcurl 8.22 puts the first request on the connection that is lost, and sends it again on a new one. The others wait
// for that one: they do not make their own, nor join it before the server has said how many it allows.
TEST_P(EventSourcePoolOverHttp2, SourcesThatLostTheirConnectionShareTheNextOne) {
  Sources sources(server_, kStreamsEach, {.http2_prior_knowledge = !tls_});
  ASSERT_TRUE(eventually([&] { return sources.opened == kStreamsEach; }));
  EXPECT_EQ(sources.proxy().accepted(), 1u);
  sources.proxy().cut(CutProxy::Cut::kReset);
  ASSERT_TRUE(eventually([&] { return sources.opened == 2 * kStreamsEach && sources.open() == kStreamsEach; }));
  EXPECT_EQ(sources.proxy().accepted(), 2u);
}

TEST_P(EventSourcePoolOverHttp2, ASourceThatWaitsForAnotherOneCanBeClosed) {
  Sources sources(server_, 50, {.http2_prior_knowledge = !tls_});
  for (std::size_t i = 0; i < sources.all().size(); i += 2) sources.all()[i]->close();
  EXPECT_TRUE(eventually([&] { return sources.open() == 25; }));
  EXPECT_LE(metric(server_, "millrace_connections"), 1);
}

INSTANTIATE_TEST_SUITE_P(, EventSourcePoolOverHttp2, ::testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Tls" : "Clear"; });

// One attempt fails for all that wait for it, so that 100 sources do not wait for 100 timeouts.
TEST(EventSourcePoolOverTls, SourcesOfAServerThatDoesNotAnswerFailTogether) {
  RunningServer server(options_of(true));
  CutProxy proxy(static_cast<std::uint16_t>(server.port()));
  proxy.stall(true);
  EventSourcePool pool;
  std::atomic<std::size_t> errors = 0;
  std::vector<std::unique_ptr<EventSource>> sources;
  EventSourceOptions options;
  options.connect_timeout = Duration{1'000};
  for (int i = 0; i < 100; ++i) {
    sources.push_back(
        std::make_unique<EventSource>(pool, "https://127.0.0.1:" + std::to_string(proxy.port()) + "/events", options));
    sources.back()->on_error([&](const EventSourceError& error) {
      if (error.message.find("within 1000 ms") != std::string::npos) ++errors;
    });
    sources.back()->start();
  }
  EXPECT_TRUE(eventually([&] { return errors >= sources.size(); }));
}

TEST(EventSourcePoolOverTls, SourcesLeaveASilentConnectionTogether) {
  constexpr std::size_t kCount = 2 * kStreamsEach;
  ServerOptions options = options_of(true);
  options.streams.heartbeat = Duration{200};
  RunningServer server(options);
  Sources sources(server, kCount, {.policy = {.idle_timeout = Duration{2'000}}, .connect_timeout = Duration{1'000}});
  ASSERT_TRUE(eventually([&] { return sources.open() == kCount; }));
  sources.proxy().stall(true);
  ASSERT_TRUE(eventually([&] { return sources.open() == 0; }));
  sources.proxy().stall(false);
  EXPECT_TRUE(eventually([&] { return sources.open() == kCount; }));
  EXPECT_TRUE(eventually([&] { return metric(server, "millrace_http2_streams") == static_cast<int>(kCount); }));
  EXPECT_TRUE(eventually([&] { return metric(server, "millrace_connections") == 2; }));
}

TEST(EventSourcePoolOverTls, AServerOfHttp1GivesEachSourceItsConnection) {
  ServerOptions options = options_of(true);
  options.http.http2 = false;
  RunningServer server(options);
  Sources sources(server, 200, {});
  ASSERT_TRUE(eventually([&] { return sources.opened == 200; }));
  EXPECT_EQ(metric(server, "millrace_connections"), 200);
  sources.proxy().cut(CutProxy::Cut::kReset);
  EXPECT_TRUE(eventually([&] { return sources.opened == 400; }));
}

}  // namespace
}  // namespace millrace::test
