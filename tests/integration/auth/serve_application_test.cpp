// `millrace serve` beside an existing application: --authorize-url and --hook-url, on the program as a process.
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <signal.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "application.h"
#include "ask.h"
#include "eventually.h"
#include "millrace/server/limits.h"
#include "program.h"
#include "stream_client.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

using nlohmann::json;

constexpr char kSecret[] = "a-secret-of-enough-bytes";

int port_of(const ServeProgram& server) {
  return std::stoi(server.url().substr(server.url().rfind(':') + 1));
}

int publish(const ServeProgram& server, const std::string& lines) {
  return status_of(ask(port_of(server), request("POST", "/events", {}, lines)));
}

// The value of a metric; -1 without it.
long metric(const ServeProgram& server, const std::string& name) {
  const std::string text = ask(port_of(server), request("GET", "/metrics"));
  const std::size_t line = text.find("\n" + name + " ");
  return line == std::string::npos ? -1 : std::stol(text.substr(line + name.size() + 2));
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// What the program has logged, once it has ended.
std::string log_of(ServeProgram& server) {
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  return server.program().errors();
}

// --- Hooks ----------------------------------------------------------------------------------------------------------

// By the document's rule, and not by Millrace's code.
bool is_signed(const std::string& signature, const std::string& body) {
  const std::size_t comma = signature.find(",v1=");
  if (!signature.starts_with("t=") || comma == std::string::npos) return false;
  const std::string time = signature.substr(2, comma - 2);
  const std::string text = time + "." + body;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), kSecret, sizeof kSecret - 1, reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       digest, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", digest[i]);
    hex += digits;
  }
  return signature.substr(comma + 4) == hex;
}

// An application that keeps what it is told.
class Told {
 public:
  Application& application() { return application_; }
  std::string url() const { return application_.url(); }
  void answer_with(int status) { status_ = status; }

  std::vector<json> events() {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  bool has(std::size_t count) {
    return eventually([&] { return events().size() >= count; });
  }
  std::vector<std::string> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }
  int unsigned_requests() const { return unsigned_; }

 private:
  void take(const httplib::Request& asked, httplib::Response& response) {
    const std::lock_guard lock(mutex_);
    if (!is_signed(asked.get_header_value("Millrace-Signature"), asked.body)) ++unsigned_;
    response.status = status_;
    if (status_ / 100 != 2) return;
    const json told = json::parse(asked.body);
    batches_.push_back(told["batch"]);
    for (const json& event : told["events"]) events_.push_back(event);
  }

  std::mutex mutex_;
  std::atomic<int> status_ = 200;
  std::atomic<int> unsigned_ = 0;
  std::vector<json> events_;
  std::vector<std::string> batches_;
  Application application_{[this](const auto& asked, auto& response) { take(asked, response); }};
};

std::vector<std::string> hooks_to(const Told& told, const TemporaryFile& secret) {
  return {"--insecure", "--hook-url", told.url(), "--hook-secret-file", secret.path()};
}

TEST(ServeWithAnApplication, ReportsSubscriptionsAndUnreceivedEventsInSignedBatches) {
  const TemporaryFile secret(std::string(kSecret) + "\nonly the first line counts\n");
  Told told;
  ServeProgram server(hooks_to(told, secret));
  {
    const StreamClient stream(port_of(server), "/events?topic=rooms/1&client=tab-7");
    ASSERT_TRUE(told.has(1));
    EXPECT_EQ(publish(server, R"({"topic":"rooms/1","data":"heard"})"), 200);
    EXPECT_EQ(publish(server, R"({"topic":"users/bob","data":"x","id":"mine"})"), 200);
    ASSERT_TRUE(told.has(2));
  }
  ASSERT_TRUE(told.has(3));
  const std::vector<json> events = told.events();
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0]["event"], "subscribed");
  EXPECT_EQ(events[0]["client"], "tab-7");
  EXPECT_EQ(events[1]["event"], "published-to-nobody");
  EXPECT_EQ(events[1]["id"], "mine");
  EXPECT_EQ(events[2]["event"], "unsubscribed");
  EXPECT_EQ(told.unsigned_requests(), 0);
  const std::vector<std::string> batches = told.batches();
  ASSERT_EQ(batches.size(), 3u);
  for (std::size_t i = 0; i < batches.size(); ++i) EXPECT_TRUE(batches[i].ends_with("-" + std::to_string(i + 1)));
  // The application has an event before its answer has reached the server.
  EXPECT_TRUE(eventually([&] { return metric(server, "millrace_webhook_events_total{result=\"delivered\"}") == 3; }));
  EXPECT_EQ(metric(server, "millrace_webhook_up"), 1);
}

TEST(ServeWithAnApplication, KeepsABoundedNumberWhileItsTargetIsDownAndSaysSoOnce) {
  constexpr long kWait = kMaxWebhookEventsPerClient;  // those that nobody got count as one client's
  constexpr long kMore = 300;
  const TemporaryFile secret(kSecret);
  Told told;
  told.answer_with(503);
  ServeProgram server(hooks_to(told, secret));
  StreamClient listener(port_of(server), "/events?topic=news");
  std::string lines;
  for (std::size_t i = 0; i < 1'000; ++i)
    lines += R"({"topic":"nobody","data":"x"})"
             "\n";
  for (long i = 0; i < kWait / 1'000; ++i) EXPECT_EQ(publish(server, lines), 200);
  EXPECT_EQ(publish(server, lines.substr(0, lines.size() * kMore / 1'000)), 200);
  // One event more waits: that of the listener, who came.
  EXPECT_TRUE(eventually([&] { return metric(server, "millrace_webhook_waiting") == kWait + 1; }));
  EXPECT_TRUE(
      eventually([&] { return metric(server, "millrace_webhook_events_total{result=\"over_share\"}") == kMore; }));
  EXPECT_EQ(publish(server, R"({"topic":"news","data":"nobody waits for the application"})"), 200);
  EXPECT_EQ(listener.next_data(), "nobody waits for the application");
  ASSERT_TRUE(eventually([&] { return told.application().asked >= 3; })) << "it is sent again";
  EXPECT_EQ(metric(server, "millrace_webhook_up"), 0);
  EXPECT_TRUE(told.events().empty());
  told.answer_with(200);
  ASSERT_TRUE(told.has(kWait + 1));
  EXPECT_EQ(told.unsigned_requests(), 0);
  // In batches of at most 500, and the refused one was the first of them.
  EXPECT_GE(told.batches().size(), kWait / 500);
  EXPECT_TRUE(told.batches().front().ends_with("-1"));
  ASSERT_TRUE(eventually([&] { return metric(server, "millrace_webhook_up") == 1; }));
  const std::string log = log_of(server);
  EXPECT_EQ(count_of(log, "is not accepting reports"), 1u) << log;
  EXPECT_EQ(count_of(log, "events are dropped"), 1u) << log;
  EXPECT_EQ(count_of(log, "answers again"), 1u) << log;
}

TEST(ServeWithAnApplication, StartsAndEndsAlthoughNobodyListensAtTheHookUrl) {
  const TemporaryFile secret(kSecret);
  Told told;
  told.application().stop();
  ServeProgram server(hooks_to(told, secret));
  EXPECT_EQ(publish(server, R"({"topic":"a","data":"x"})"), 200);
  ASSERT_TRUE(eventually([&] { return metric(server, "millrace_webhook_up") == 0; }));
  EXPECT_EQ(metric(server, "millrace_webhook_waiting"), 1);
  EXPECT_EQ(count_of(log_of(server), "is not accepting reports"), 1u);
}

// --- Rights ---------------------------------------------------------------------------------------------------------

TEST(ServeWithAnApplication, AsksItAndKeepsAnAnswerAsLongAsItSays) {
  std::atomic<bool> may = true;
  Application application([&](const httplib::Request& asked, httplib::Response& response) {
    const std::string cookie = asked.get_header_value("Cookie");
    if (cookie.empty()) return say(response, 401, R"({"error":"sign in first"})");
    say(response, may ? 200 : 403, may ? R"({"user":"ada"})" : R"({"error":"not your room"})",
        cookie == "anew"      ? "no-store"
        : cookie == "briefly" ? "max-age=1"
                              : "max-age=600");
  });
  ServeProgram server({"--authorize-url", application.url()});
  const auto answer = [&](const std::string& cookie) {
    const std::string headers = cookie.empty() ? "" : "Cookie: " + cookie + "\r\n";
    return ask(port_of(server), request("HEAD", "/events?topic=rooms/1", headers));
  };
  EXPECT_EQ(status_of(answer("")), 401);
  EXPECT_NE(ask(port_of(server), request("GET", "/events?topic=rooms/1")).find("sign in first"), std::string::npos);
  application.asked = 0;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(answer("long")), 200);
  EXPECT_EQ(application.asked, 1) << "kept for ten minutes";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status_of(answer("anew")), 200);
  EXPECT_EQ(application.asked, 4) << "not kept";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(eventually([&] { return status_of(answer("briefly")) == 200 && application.asked == 6; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1)) << "kept for a second";

  StreamClient stream(port_of(server), "/events?topic=rooms/1", "Cookie: long\r\n");
  may = false;
  EXPECT_EQ(status_of(answer("long")), 200) << "it said so for ten minutes";
  EXPECT_EQ(status_of(answer("anew")), 403);
  server.program().signal(SIGHUP);
  EXPECT_TRUE(stream.read_to_end()) << "asked about again";
  EXPECT_EQ(status_of(answer("long")), 403);
}

TEST(ServeWithAnApplication, AllowsNothingNewWhileItIsAwayAndKeepsWhatItHasSaid) {
  Application application([&](const httplib::Request& asked, httplib::Response& response) {
    say(response, 200, "{}", asked.get_header_value("Cookie") == "kept" ? "max-age=600" : "no-store");
  });
  ServeProgram server({"--authorize-url", application.url()});
  const auto answer = [&](const std::string& cookie) {
    return ask(port_of(server), request("HEAD", "/events?topic=a", "Cookie: " + cookie + "\r\n"));
  };
  EXPECT_EQ(status_of(answer("kept")), 200);
  StreamClient stream(port_of(server), "/events?topic=a", "Cookie: other\r\n");
  EXPECT_EQ(status_of(ask(port_of(server),
                          request("POST", "/events", "Cookie: kept\r\n", R"({"topic":"a","data":"before"})"))),
            200);
  application.stop();
  const std::string refused = answer("other");
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_FALSE(header_of(refused, "Retry-After").empty()) << refused;
  EXPECT_EQ(status_of(answer("kept")), 200);
  EXPECT_EQ(status_of(ask(port_of(server),
                          request("POST", "/events", "Cookie: kept\r\n", R"({"topic":"a","data":"after"})"))),
            200);
  EXPECT_EQ(stream.next_data(), "before");
  EXPECT_EQ(stream.next_data(), "after") << "the open stream stays";
}

TEST(ServeWithAnApplication, NamesTheFlagThatIsMissingOrWrong) {
  const TemporaryFile secret(kSecret);
  const TemporaryFile short_secret("short\n");
  const auto refusal = [](std::vector<std::string> options) {
    options.insert(options.begin(), {"serve", "--port", "0"});
    Program program(options);
    EXPECT_EQ(program.wait(), 2) << options.back();
    return program.errors();
  };
  const std::string url = "http://127.0.0.1:1/it";
  EXPECT_NE(refusal({"--hook-url", url}).find("--hook-url needs --hook-secret-file"), std::string::npos);
  EXPECT_NE(refusal({"--hook-secret-file", secret.path()}).find("--hook-secret-file needs --hook-url"),
            std::string::npos);
  for (const auto& [options, named] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--hook-url", "ftp://a/", "--hook-secret-file", secret.path()}, "--hook-url"},
           {{"--hook-url", url, "--hook-secret-file", short_secret.path()}, "--hook-secret"},
           {{"--hook-url", url, "--hook-secret-file", secret.path() + ".no"}, "--hook-secret-file"},
           {{"--authorize-url", "app.example"}, "--authorize-url"},
           {{"--authorize-header", "X-Tenant"}, "--authorize-header needs --authorize-url"},
           {{"--authorize-url", url, "--insecure"}, "--authorize-url"},
       }) {
    const std::string errors = refusal(options);
    EXPECT_NE(errors.find(named), std::string::npos) << errors;
  }
}

}  // namespace
}  // namespace millrace::test
