// The native client against the real server, with the network in between misbehaving.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "cut_proxy.h"
#include "eventually.h"
#include "millrace/client/event_source.h"
#include "millrace/client/limits.h"
#include "millrace/server/hub.h"
#include "millrace/server/limits.h"
#include "millrace/server/server.h"

namespace millrace::test {
namespace {

using Lines = std::vector<std::string>;

static_assert(kMaxReceivedTopics == kMaxTopicsPerEvent, "clients keep all topics that a server sends");

class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}) : server_(impatient(options)) {
    server_.events("/events");
    port_ = static_cast<std::uint16_t>(server_.bind_to_any_port("127.0.0.1"));
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    EXPECT_TRUE(eventually([this] { return server_.is_running(); }));
  }
  ~RunningServer() {
    server_.stop();
    thread_.join();
  }

  Hub& hub() { return server_.hub(); }
  std::uint16_t port() const { return port_; }

 private:
  // Clients come back as soon as they may: the tests are about what they miss, not about how long they wait.
  static ServerOptions impatient(ServerOptions options) {
    options.threads.loops = 1;
    options.threads.workers = 2;
    options.streams.retry = kMinPause;
    return options;
  }

  Server server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

std::string number_of(const MessageEvent& event) {
  return std::string(event.data.substr(0, event.data.find(' ')));
}

/// Publishes `count` events while a client reads them through `proxy`, and checks that it got each once, in order.
void expect_exactly_once(RunningServer& server, CutProxy& proxy, int count,
                         const std::function<std::string(int)>& id_of) {
  Lines expected;
  for (int n = 0; n < count; ++n) expected.push_back(std::to_string(n));

  EventSource source(proxy.url("/events?topic=numbers"));
  Collector received;
  Collector opened;
  source.on_open([&] { opened.add("open"); });
  source.on("number", [&](const MessageEvent& event) { received.add(number_of(event)); });
  source.start();
  ASSERT_TRUE(opened.wait_for(1));

  for (int n = 0; n < count; ++n) {
    const std::string data = std::to_string(n) + " " + std::string(static_cast<std::size_t>(n % 97), 'x');
    const std::string id = id_of(n);
    server.hub().publish("numbers", {.type = "number", .data = data, .id = EventId::parse(id).value()}).or_throw();
    server.hub().publish("others", {.data = "not for us"}).or_throw();
    if (n % 100 == 0) std::this_thread::yield();
  }
  EXPECT_TRUE(received.wait_for(expected.size()));
  source.close();
  EXPECT_EQ(received.lines(), expected);
}

TEST(EndToEnd, DeliversEachEventOnceAndInOrderOverCutConnections) {
  for (const CutProxy::Cut how : {CutProxy::Cut::kEnd, CutProxy::Cut::kReset}) {
    RunningServer server;
    CutProxy proxy(server.port());
    proxy.cut_after(2500, how);
    expect_exactly_once(server, proxy, 2000, [](int) { return ""; });
    EXPECT_GT(proxy.accepted(), 10u) << "the connection was not cut: this test has tested nothing";
  }
}

TEST(EndToEnd, ResumesFromThePublishersOwnIds) {
  RunningServer server;
  CutProxy proxy(server.port());
  proxy.cut_after(2500, CutProxy::Cut::kReset);
  // Percent signs and other alphabets must come back as they went out.
  expect_exactly_once(server, proxy, 1000, [](int n) { return "50%25+%zz \xc3\xa9\xe2\x82\xac " + std::to_string(n); });
  EXPECT_GT(proxy.accepted(), 10u);
}

TEST(EndToEnd, BringsTheTraceOfAnEventToASourceThatAsksForIt) {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  RunningServer server;
  const auto trace = TraceContext::parse(parent, "congo=1");
  server.hub().publish("a", {.data = "1", .trace = trace.value()}).or_throw();
  server.hub().publish("a", {.data = "2"}).or_throw();
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + "/events?topic=a";
  for (const bool traces : {true, false}) {
    EventSource source(url, {.last_event_id = "earliest", .traces = traces});
    Collector listened;
    source.on_any([&](const MessageEvent& event) { listened.add(std::string(event.trace.state())); });
    const auto first = source.next();
    const auto second = source.next();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->trace.parent(), traces ? parent : "");
    EXPECT_EQ(first->trace.state(), traces ? "congo=1" : "");
    EXPECT_EQ(first->topic, "a");
    EXPECT_TRUE(second->trace.empty());
    ASSERT_TRUE(listened.wait_for(2));
    EXPECT_EQ(listened.lines(), (Lines{traces ? "congo=1" : "", ""}));
  }
}

TEST(EndToEnd, ResumesBeforeTheFirstEvent) {
  RunningServer server;
  CutProxy proxy(server.port());
  EventSource source(proxy.url("/events?topic=numbers"));
  Collector collector(source);
  source.start();
  ASSERT_TRUE(collector.wait_for(1));
  // The primed ID: the head may be there before it.
  ASSERT_TRUE(eventually([&] { return !source.last_event_id().empty(); }));
  proxy.stall(true);
  proxy.cut(CutProxy::Cut::kReset);
  server.hub().publish("numbers", {.type = "number", .data = "while it was away"}).or_throw();
  proxy.stall(false);
  ASSERT_TRUE(collector.wait_for(4));
  source.close();
  const Lines lines = collector.lines();
  EXPECT_EQ(lines[0], "open");
  EXPECT_EQ(lines[1].substr(0, 6), "error ");
  EXPECT_EQ(lines[2], "open");
  EXPECT_EQ(lines[3].substr(0, 24), "number|while it was away");
}

TEST(EndToEnd, NoticesAConnectionThatHasGoneDeadByTheMissingHeartbeat) {
  ServerOptions server_options;
  server_options.streams.heartbeat = Duration{50};
  RunningServer server(server_options);
  CutProxy proxy(server.port());
  EventSourceOptions options;
  options.policy.idle_timeout = Duration{2000};
  EventSource source(proxy.url("/events?topic=numbers"), std::move(options));
  Collector collector(source);
  source.start();
  ASSERT_TRUE(collector.wait_for(1));
  server.hub().publish("numbers", {.data = "1"}).or_throw();
  ASSERT_TRUE(collector.wait_for(2));
  proxy.stall(true);
  server.hub().publish("numbers", {.data = "2"}).or_throw();
  ASSERT_TRUE(collector.wait_for(3));
  EXPECT_EQ(collector.lines()[2], "error no data arrived for 2000 ms");
  proxy.stall(false);
  const auto has_second = [&] {
    const Lines lines = collector.lines();
    return lines.back().substr(0, 10) == "message|2|";
  };
  for (std::size_t count = 4; !has_second(); ++count) ASSERT_TRUE(collector.wait_for(count));
  source.close();
}

TEST(EndToEnd, ReportsAGapWhenTheLogHasMovedOn) {
  ServerOptions options;
  options.history.events = 10;
  RunningServer server(options);
  for (int n = 0; n < 100; ++n) server.hub().publish("numbers", {.data = std::to_string(n)}).or_throw();
  EventSourceOptions source_options;
  source_options.last_event_id = "never-heard-of";
  EventSource source("http://127.0.0.1:" + std::to_string(server.port()) + "/events?topic=numbers",
                     std::move(source_options));
  Lines lines;
  source.on("millrace.gap", [&](const MessageEvent& event) { lines.emplace_back(event.data); });
  source.on_message([&](const MessageEvent& event) {
    lines.emplace_back(event.data);
    if (event.data == "99") source.close();
  });
  source.run();
  ASSERT_EQ(lines.size(), 11u);
  EXPECT_EQ(lines[0], R"({"lastEventId":"never-heard-of","reason":"unknown"})");
  EXPECT_EQ(lines[1], "90");
}

}  // namespace
}  // namespace millrace::test
