// An application over HTTP that is told what happens.
#include "application.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "hub/webhook_queue.h"
#include "hub/webhook_sender.h"
#include "millrace/server/invalid_option.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using nlohmann::json;

constexpr char kSecret[] = "a-secret-of-enough-bytes";
constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

// An application that keeps what it is told.
class Told {
 public:
  Told()
      : application_([this](const httplib::Request& asked, httplib::Response& response) {
          const std::lock_guard lock(mutex_);
          signatures_.push_back(asked.get_header_value("Millrace-Signature"));
          bodies_.push_back(asked.body);
          response.status = status_;
          if (status_ / 100 != 2) return;
          const json told = json::parse(asked.body);
          for (const json& event : told["events"]) events_.push_back(event);
        }) {}

  ServerOptions options(std::function<void(const std::string&)> on_notice = nullptr) const {
    ServerOptions options = open_to_all();
    options.webhooks = Webhooks{.url = application_.url(), .secret = kSecret, .on_notice = std::move(on_notice)};
    return options;
  }
  // The events so far, without their times.
  std::vector<json> events() {
    const std::lock_guard lock(mutex_);
    std::vector<json> events = events_;
    for (json& event : events) {
      EXPECT_GT(event["at"], 1'600'000'000'000);
      event.erase("at");
    }
    return events;
  }
  bool has(std::size_t count) {
    return eventually([&] { return events().size() >= count; });
  }
  void answer_with(int status) {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }
  std::vector<std::string> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  std::string signature(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return signatures_[index];
  }

 private:
  std::mutex mutex_;
  int status_ = 200;
  std::vector<std::string> signatures_;
  std::vector<std::string> bodies_;
  std::vector<json> events_;
  Application application_;
};

TEST(Webhooks, ReportSubscriptionsAndUnreceivedEvents) {
  Told told;
  {
    RunningServer server(told.options());
    {
      const StreamClient stream(server.port(), "/events?topic=rooms/*&client=7f0c2b1e9a4d4c1f8e55");
      const StreamClient poll(server.port(), "/events?mode=poll&topic=b&lastEventId=earliest");
      server->hub().publish("rooms/1", {.data = "heard"}).or_throw();
      server->hub().publish("users/ada", {.data = "x", .id = "own"}).or_throw();
      EXPECT_EQ(status_of(ask(server.port(), request("POST", "/subscriptions/7f0c2b1e9a4d4c1f8e55", "",
                                                     R"({"add":"users/*","remove":"rooms/*"})"))),
                200);
      server->hub().publish("users/ada", {.data = "heard"}).or_throw();
      server->hub().finish("users/ada").or_throw();
    }
    ASSERT_TRUE(told.has(5));
  }
  const std::string client = "7f0c2b1e9a4d4c1f8e55";
  const std::vector<json> expected = {
      {{"event", "subscribed"}, {"topics", {"rooms/*"}}, {"client", client}, {"address", "127.0.0.1"}},
      {{"event", "published-to-nobody"}, {"topic", "users/ada"}, {"id", "own"}},
      {{"event", "unsubscribed"}, {"topics", {"rooms/*"}}, {"client", client}},
      {{"event", "subscribed"}, {"topics", {"users/*"}}, {"client", client}},
      {{"event", "unsubscribed"}, {"topics", {"users/*"}}, {"client", client}}};
  EXPECT_EQ(told.events(), expected);
  const std::string signature = told.signature(0);
  const auto seconds = std::stoll(signature.substr(2));
  EXPECT_EQ(signature, webhook_signature(kSecret, told.bodies()[0], seconds));
}

TEST(Webhooks, NameTheTraceOfTheRequestThatSubscribes) {
  Told told;
  {
    RunningServer server(told.options());
    { const StreamClient stream(server.port(), "/events?topic=a", std::string("traceparent: ") + kTrace + "\r\n"); }
    { const StreamClient stream(server.port(), "/events?topic=b", "traceparent: 00-not-valid\r\n"); }
    ASSERT_TRUE(told.has(4));
  }
  for (const json& event : told.events()) {
    const bool is_traced = event["event"] == "subscribed" && event["topics"] == json::array({"a"});
    EXPECT_EQ(event.value("traceparent", ""), is_traced ? kTrace : "") << event;
  }
}

TEST(Webhooks, NameTheTraceOfAnEventThatNobodyReceived) {
  Told told;
  {
    RunningServer server(told.options());
    const auto trace = TraceContext::parse(kTrace);
    server->hub().publish("a", {.data = "x", .trace = trace.value()}).or_throw();
    server->hub().publish("b", {.data = "x"}).or_throw();
    ASSERT_TRUE(told.has(2));
  }
  for (const json& event : told.events()) {
    EXPECT_EQ(event.value("traceparent", ""), event["topic"] == "a" ? kTrace : "") << event;
  }
}

TEST(Webhooks, NameTheClientBehindATrustedProxy) {
  Told told;
  {
    ServerOptions options = told.options();
    options.proxies.trusted = {"127.0.0.0/8"};
    RunningServer server(options);
    { const StreamClient stream(server.port(), "/events?topic=a", "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n"); }
    { const StreamClient stream(server.port(), "/events?topic=b"); }
    ASSERT_TRUE(told.has(4));
  }
  for (const json& event : told.events()) {
    if (event["event"] != "subscribed") continue;
    EXPECT_EQ(event["address"], event["topics"] == json::array({"a"}) ? "192.0.2.1" : "127.0.0.1");
  }
}

// `printf '1750000000.{}' | openssl dgst -sha256 -hmac a-secret-of-enough-bytes`
TEST(Webhooks, AreSignedAsTheDocumentSays) {
  EXPECT_EQ(webhook_signature("a-secret-of-enough-bytes", "{}", 1'750'000'000),
            "t=1750000000,v1=94f5d3b3ee28cfa90658768f3ef5884cdd6eca2f28f10418ac08736f7ca8f540");
}

TEST(Webhooks, AreSentAgainUntilTheyAreTakenAndReportedOnce) {
  Told told;
  told.answer_with(503);
  std::mutex mutex;
  std::vector<std::string> notices;
  RunningServer server(told.options([&](const std::string& notice) {
    const std::lock_guard lock(mutex);
    notices.push_back(notice);
  }));
  server->hub().publish("a", {.data = "1"}).or_throw();
  ASSERT_TRUE(eventually([&] { return told.bodies().size() >= 2; }));
  EXPECT_TRUE(told.events().empty());
  told.answer_with(204);
  ASSERT_TRUE(told.has(1));
  const auto bodies = told.bodies();
  for (const std::string& body : bodies) EXPECT_EQ(body, bodies.front()) << "the same batch";
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return notices.size() >= 2;
  }));
  const std::lock_guard lock(mutex);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_NE(notices[0].find("status 503"), std::string::npos) << notices[0];
  EXPECT_NE(notices[1].find("answers again"), std::string::npos) << notices[1];
}

TEST(Webhooks, HoldNobodyUpAndKeepABoundedNumber) {
  std::mutex mutex;
  std::vector<std::string> notices;
  ServerOptions options = open_to_all();
  options.webhooks =
      Webhooks{.url = "http://127.0.0.1:9/nobody", .secret = kSecret, .on_notice = [&](const auto& notice) {
                 const std::lock_guard lock(mutex);
                 notices.push_back(notice);
               }};
  RunningServer server(options);
  for (std::size_t i = 0; i < kMaxWebhookEvents + 100; ++i) server->hub().publish("a", {.data = "x"}).or_throw();
  const std::string metrics = [&] {
    std::string text;
    for (const Metric& metric : server->metrics()) {
      if (metric.name != "millrace_webhook_events_total") continue;
      for (const auto& sample : metric.samples) text += std::to_string(static_cast<int>(sample.value)) + " ";
    }
    return text;
  }();
  EXPECT_EQ(metrics, "0 0 " + std::to_string(kMaxWebhookEvents - kMaxWebhookEventsPerClient + 100) + " ")
      << "delivered, dropped, over the share of all that nobody has received";
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return std::any_of(notices.begin(), notices.end(),
                       [](const std::string& one) { return one.find("events are dropped") != std::string::npos; });
  }));
  server.stop();
}

// Each of its reports has 7 KB.
TEST(Webhooks, OneClientLeavesRoomForReportsOfOthers) {
  Told told;
  told.answer_with(503);
  ServerOptions options = told.options();
  options.proxies.trusted = {"127.0.0.0/8"};
  RunningServer server(options);
  std::string topics;
  for (int i = 0; i < 34; ++i) topics += "&topic=" + std::to_string(i) + std::string(200, 'x');
  const auto subscribe = [&](const std::string& address, const std::string& query) {
    const StreamClient stream(server.port(), "/events?" + query, "X-Forwarded-For: " + address + "\r\n");
  };
  for (std::size_t bytes = 0; bytes < kMaxWebhookBytes + 100'000; bytes += 2 * topics.size()) {
    subscribe("2001:db8::" + std::to_string(bytes % 10), topics.substr(1));
  }
  subscribe("192.0.2.1", "topic=heard");
  const auto over_share = [&] {
    for (const Metric& metric : server->metrics()) {
      if (metric.name == "millrace_webhook_events_total") return metric.samples.back().value;
    }
    return -1.0;
  };
  EXPECT_TRUE(eventually([&] { return over_share() > 100; }));
  told.answer_with(204);
  EXPECT_TRUE(eventually([&] {
    const auto events = told.events();
    return std::count_if(events.begin(), events.end(),
                         [](const json& event) { return event["topics"] == json::array({"heard"}); }) == 2;
  })) << "subscribed, and unsubscribed";
}

TEST(Webhooks, RefuseOptionsThatCannotWork) {
  const auto with = [](Webhooks webhooks) {
    ServerOptions options;
    options.webhooks = std::move(webhooks);
    return options;
  };
  EXPECT_THROW(Server(with({.url = "http://a/", .secret = "short"})), InvalidOption);
  EXPECT_THROW(Server(with({.url = "a", .secret = kSecret})), InvalidOption);
  EXPECT_THROW(
      Server(with({.url = "http://a/", .secret = kSecret, .subscriptions = false, .published_to_nobody = false})),
      InvalidOption);
}

TEST(WebhookQueue, MakesBatchesThatStayTheSameUntilTheyAreSettled) {
  WebhookQueue queue({.events = 5,
                      .bytes = 100,
                      .events_per_holder = 5,
                      .bytes_per_holder = 100,
                      .batch_events = 2,
                      .batch_bytes = 20});
  for (const char* event : {"1", "2", "3"}) EXPECT_TRUE(queue.add(event, "a"));
  EXPECT_EQ(queue.batch(), "[1,2]");
  EXPECT_TRUE(queue.add("4", "a"));
  EXPECT_EQ(queue.batch(), "[1,2]");
  queue.settle(true);
  EXPECT_EQ(queue.batch(), "[3,4]");
  queue.settle(false);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.statistics().delivered, 2u);
  EXPECT_EQ(queue.statistics().dropped, 2u);
  EXPECT_TRUE(queue.add(std::string(30, 'x'), "a"));
  EXPECT_TRUE(queue.add("5", "a"));
  EXPECT_EQ(queue.batch(), "[" + std::string(30, 'x') + "]") << "at least one";
  EXPECT_FALSE(queue.add(std::string(70, 'x'), "a")) << "beyond its bytes";
  for (const char* event : {"6", "7", "8"}) EXPECT_TRUE(queue.add(event, "a"));
  EXPECT_FALSE(queue.add("9", "a")) << "beyond their number";
}

TEST(WebhookQueue, AHolderBeyondItsShareLeavesRoomForOthers) {
  WebhookQueue queue({.events = 5, .bytes = 100, .events_per_holder = 2, .bytes_per_holder = 10, .batch_events = 1});
  EXPECT_TRUE(queue.add("1", "a"));
  EXPECT_TRUE(queue.add("2", "a"));
  EXPECT_FALSE(queue.add("3", "a"));
  EXPECT_TRUE(queue.add("4", "b"));
  EXPECT_FALSE(queue.add(std::string(10, 'x'), "b"));
  EXPECT_EQ(queue.batch(), "[1]");
  queue.settle(true);
  EXPECT_TRUE(queue.add("5", "a"));
  EXPECT_EQ(queue.statistics().over_share, 2u);
  EXPECT_EQ(queue.statistics().dropped, 0u);
  for (int i = 0; i < 4; ++i) queue.batch(), queue.settle(true);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace millrace::test
