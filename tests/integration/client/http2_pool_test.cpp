// Sources of one pool, over TLS and HTTP/2: those of a server share a few connections, also once they have lost them.
#include <gtest/gtest.h>

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

// As many as libcurl puts on a connection before it knows the server's own bound.
constexpr std::size_t kSources = 100;

int metric(RunningServer& server, const std::string& name) {
  for (const Metric& metric : server->metrics()) {
    if (metric.name == name) return static_cast<int>(metric.samples.front().value);
  }
  return -1;
}

TEST(EventSourcePoolOverHttp2, SourcesShareFewConnectionsAndComeBackOnAsFew) {
  ServerOptions options;
  options.tls = test_tls();
  options.streams.retry = Duration{50};
  RunningServer server(options);
  testing::CutProxy proxy(static_cast<std::uint16_t>(server.port()));
  const std::string url = "https://127.0.0.1:" + std::to_string(proxy.port()) + "/events?topic=all";
  EventSourcePool pool;
  std::atomic<std::size_t> opened = 0;
  std::atomic<std::size_t> events = 0;
  std::vector<std::unique_ptr<EventSource>> sources;
  for (std::size_t i = 0; i < kSources; ++i) {
    sources.push_back(std::make_unique<EventSource>(pool, url, EventSourceOptions{.tls = {.verify = false}}));
    sources.back()->on_open([&] { ++opened; });
    sources.back()->on_message([&](const MessageEvent&) { ++events; });
    sources.back()->start();
  }
  ASSERT_TRUE(eventually([&] { return opened == kSources; }));
  EXPECT_EQ(metric(server, "millrace_http2_streams"), static_cast<int>(kSources));
  EXPECT_EQ(metric(server, "millrace_connections"), 1);
  server->hub().publish("all", {.data = "to all"}).or_throw();
  EXPECT_TRUE(eventually([&] { return events == kSources; }));

  proxy.cut(testing::CutProxy::Cut::kReset);
  ASSERT_TRUE(eventually([&] { return opened == 2 * kSources; }));
  EXPECT_LE(metric(server, "millrace_connections"), 3);
  EXPECT_TRUE(eventually([&] { return metric(server, "millrace_http2_streams") == static_cast<int>(kSources); }));
}

}  // namespace
}  // namespace millrace::test
