// An application over HTTP that decides about rights.
#include "millrace/server/http_authorizer.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "application.h"
#include "ask.h"
#include "millrace/server/invalid_option.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using nlohmann::json;

ServerOptions asking(const std::shared_ptr<HttpAuthorizer>& authorizer) {
  return {.threads = {.workers = 4, .loops = 1}, .authorizer = authorizer};
}

int status_for(int port, const std::string& target, const std::string& headers = {}) {
  return status_of(ask(port, request("HEAD", target, headers)));
}

// Takes connections, and says nothing on them.
class SilentListener {
 public:
  SilentListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    if (::bind(socket_, generic, size) != 0 || ::listen(socket_, 128) != 0 ||
        ::getsockname(socket_, generic, &size) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot listen");
    }
    port_ = ntohs(address.sin_port);
  }
  ~SilentListener() { ::close(socket_); }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;

  int port() const { return port_; }
  // Those so far, which it closes.
  int connections() const {
    int count = 0;
    for (int accepted = 0; (accepted = ::accept(socket_, nullptr, nullptr)) >= 0; ++count) ::close(accepted);
    return count;
  }

 private:
  const int socket_;
  int port_ = 0;
};

TEST(HttpAuthorizer, AsksTheApplicationAsTheClientThatItKnows) {
  std::mutex mutex;
  std::vector<std::pair<json, std::string>> questions;
  Application application([&](const httplib::Request& asked, httplib::Response& response) {
    const std::string cookie = asked.get_header_value("Cookie");
    {
      const std::lock_guard lock(mutex);
      questions.emplace_back(json::parse(asked.body), asked.get_header_value("X-Tenant"));
    }
    if (cookie.empty()) return say(response, 401, R"({"error":"sign in first"})");
    if (cookie != "session=ada") return say(response, 403, R"({"error":"not your room"})");
    say(response, 200, R"({"user":"ada"})");
  });
  RunningServer server(asking(
      std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url(), .headers = {"X-Tenant"}})));
  const auto last_question = [&] {
    const std::lock_guard lock(mutex);
    return questions.back();
  };
  const std::string ada = "Cookie: session=ada\r\nX-Tenant: acme\r\nX-Other: no\r\n";
  const StreamClient stream(server.port(), "/events?topic=rooms/*&topic=a", ada);
  EXPECT_EQ(server->subscriptions().front().user, "ada");
  EXPECT_EQ(last_question(),
            std::pair(json::parse(R"({"action":"subscribe","topics":["rooms/*","a"]})"), std::string("acme")));
  const std::string refused = ask(server.port(), request("GET", "/events?topic=a"));
  EXPECT_EQ(status_of(refused), 401);
  EXPECT_NE(refused.find("sign in first"), std::string::npos) << refused;
  EXPECT_EQ(status_for(server.port(), "/events?topic=a", "Cookie: session=eve\r\n"), 403);
  EXPECT_EQ(status_of(ask(server.port(), request("POST", "/events", ada, R"({"topic":"b","data":"x"})"))), 200);
  EXPECT_EQ(last_question().first, json::parse(R"({"action":"publish","topics":["b"]})"));
}

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kOtherTrace[] = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(HttpAuthorizer, PassesOnTheTraceOfARequestAndKeepsAnAnswerForEveryTrace) {
  std::mutex mutex;
  std::vector<std::string> traces;
  Application application([&](const httplib::Request& asked, httplib::Response& response) {
    {
      const std::lock_guard lock(mutex);
      traces.push_back(asked.get_header_value("traceparent") + " " + asked.get_header_value("tracestate"));
    }
    say(response, 200, "{}", asked.body.find("kept") != std::string::npos ? "max-age=600" : "no-store");
  });
  RunningServer server(asking(std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url()})));
  const auto publish = [&](const std::string& topic, const std::string& trace) {
    return status_of(ask(server.port(), request("POST", "/events", "traceparent: " + trace + "\r\ntracestate: a=b\r\n",
                                                R"({"topic":")" + topic + R"(","data":"x"})")));
  };
  EXPECT_EQ(publish("a", kTrace), 200);
  EXPECT_EQ(publish("a", "00-not-valid"), 200);
  EXPECT_EQ(publish("kept", kTrace), 200);
  EXPECT_EQ(publish("kept", kOtherTrace), 200);
  const std::lock_guard lock(mutex);
  const std::string traced = std::string(kTrace) + " a=b";
  EXPECT_EQ(traces, (std::vector<std::string>{traced, " ", traced}));
}

TEST(HttpAuthorizer, KeepsAnAnswerAsLongAsItSays) {
  std::atomic<bool> may = true;
  Application application([&](const httplib::Request& asked, httplib::Response& response) {
    say(response, may ? 200 : 403, "{}",
        asked.get_header_value("Cookie") == "kept" ? "private, max-age=600" : "no-store");
  });
  const auto authorizer =
      std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url(), .max_kept = 2});
  RunningServer server(asking(authorizer));
  const auto status = [&](const std::string& topic, const std::string& cookie) {
    return status_for(server.port(), "/events?topic=" + topic, "Cookie: " + cookie + "\r\n");
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(status("a", "kept"), 200);
  EXPECT_EQ(application.asked, 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(status("a", "asked anew"), 200);
  EXPECT_EQ(application.asked, 3);
  EXPECT_EQ(status("b", "kept"), 200) << "another question";
  EXPECT_EQ(application.asked, 4);
  StreamClient stream(server.port(), "/events?topic=b", "Cookie: kept\r\n");
  EXPECT_EQ(application.asked, 4);
  EXPECT_EQ(status("c", "kept"), 200);
  EXPECT_EQ(status("a", "kept"), 200);
  EXPECT_EQ(application.asked, 6) << "two are kept, and the oldest was forgotten";
  may = false;
  EXPECT_EQ(status("a", "kept"), 200) << "it said so for ten minutes";
  authorizer->forget();
  EXPECT_TRUE(stream.read_to_end()) << "asked about again";
  EXPECT_EQ(status("a", "kept"), 403);
}

TEST(HttpAuthorizer, AllowsNothingWhileTheApplicationIsAwayAndEndsNoStream) {
  std::atomic<int> status = 200;
  Application application([&](const httplib::Request&, httplib::Response& response) { say(response, status, "{}"); });
  const auto authorizer = std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url()});
  RunningServer server(asking(authorizer));
  StreamClient stream(server.port(), "/events?topic=a");
  status = 500;
  const std::string refused = ask(server.port(), request("GET", "/events?topic=b"));
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_FALSE(header_of(refused, "Retry-After").empty()) << refused;
  authorizer->changed();
  application.stop();
  server->hub().publish("a", {.data = "still here"}).or_throw();
  EXPECT_EQ(stream.next_data(), "still here");
  EXPECT_NE(ask(server.port(), request("GET", "/events?topic=b")).find("503"), std::string::npos);
}

TEST(HttpAuthorizer, LeavesAnApplicationAloneForAMomentThatItCannotReach) {
  const SilentListener listener;  // which speaks no TLS
  RunningServer server(asking(std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{
      .url = "https://127.0.0.1:" + std::to_string(listener.port()), .timeout = Duration{50}})));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status_for(server.port(), "/events?topic=b"), 503);
  const int connections = listener.connections();
  EXPECT_GE(connections, 1);
  EXPECT_LT(connections, 20);
}

// One client must not be able to have all others refused.
TEST(HttpAuthorizer, AsksForOthersWhateverTheQuestionOfOneClientDoesToTheApplication) {
  std::promise<void> over;
  const std::shared_future<void> is_over = over.get_future().share();
  Application application([is_over](const httplib::Request& asked, httplib::Response& response) {
    const std::string cookie = asked.get_header_value("Cookie");
    if (cookie == "broken") return say(response, 400, "what is this?");
    if (cookie == "failing") return say(response, 500, "");
    if (cookie == "long") return say(response, 200, std::string(70'000, ' '));
    if (cookie == "nonsense") return say(response, 200, "[]");
    if (cookie == "slow") is_over.wait();
    say(response, 200, "{}");
  });
  RunningServer server(asking(
      std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url(), .timeout = Duration{2'000}})));
  for (const char* const cookie : {"broken", "failing", "long", "nonsense", "slow"}) {
    EXPECT_EQ(status_for(server.port(), "/events?topic=a", std::string("Cookie: ") + cookie + "\r\n"), 503) << cookie;
    EXPECT_EQ(status_for(server.port(), "/events?topic=a", "Cookie: ada\r\n"), 200) << "after " << cookie;
  }
  over.set_value();
}

TEST(HttpAuthorizer, OneAddressLeavesQuestionsForOthers) {
  std::promise<void> over;
  const std::shared_future<void> is_over = over.get_future();
  std::atomic<int> slow = 0;
  Application application([&](const httplib::Request& asked, httplib::Response& response) {
    if (asked.get_header_value("Cookie").starts_with("slow")) {
      ++slow;
      is_over.wait();
    }
    say(response, 200, "{}");
  });
  ServerOptions options =
      asking(std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url(), .max_at_once = 3}));
  options.threads.workers = 6;
  options.proxies.trusted = {"127.0.0.0/8"};
  RunningServer server(options);
  const auto fields = [](const std::string& address, const std::string& cookie) {
    return "X-Forwarded-For: " + address + "\r\nCookie: " + cookie + "\r\n";
  };
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (int i = 0; i < 2; ++i) {
    waiting.push_back(std::make_unique<RawClient>(server.port()));
    waiting.back()->send(request("HEAD", "/events?topic=a", fields("2001:db8::1", "slow" + std::to_string(i))));
  }
  EXPECT_TRUE(eventually([&] { return slow == 2; }));
  const std::string refused = ask(server.port(), request("GET", "/events?topic=a", fields("2001:db8::2", "ada")));
  EXPECT_EQ(status_of(refused), 429) << "of the same /64";
  EXPECT_NE(refused.find("HttpAuthorizer::Options::max_at_once_per_address"), std::string::npos) << refused;
  EXPECT_NE(refused.find("Retry-After"), std::string::npos) << refused;
  EXPECT_EQ(status_for(server.port(), "/events?topic=a", fields("192.0.2.1", "ada")), 200);
  over.set_value();
}

TEST(HttpAuthorizer, TakesNoOtherAnswerForAYes) {
  std::mutex mutex;
  std::string body;
  int status = 200;
  Application application([&](const httplib::Request&, httplib::Response& response) {
    const std::lock_guard lock(mutex);
    say(response, status, body);
  });
  const auto answer_from_now_on = [&](int now_status, const std::string& now_body) {
    const std::lock_guard lock(mutex);
    status = now_status;
    body = now_body;
  };
  for (const auto& [said, expected] : std::map<std::string, int>{
           {"", 200},
           {"{}", 200},
           {R"({"until":4102444800})", 200},
           {"no", 503},
           {"[]", 503},
           {R"({"user":7})", 503},
           {"{\"user\":\"" + std::string(257, 'a') + "\"}", 503},
           {R"({"until":"soon"})", 503},
           {R"({"until":-1})", 503},
           {std::string(70'000, ' '), 503},
       }) {
    answer_from_now_on(200, said);
    RunningServer server(asking(std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url()})));
    EXPECT_EQ(status_for(server.port(), "/events?topic=a"), expected) << said.substr(0, 40);
  }
  answer_from_now_on(302, "");
  RunningServer server(asking(std::make_shared<HttpAuthorizer>(HttpAuthorizer::Options{.url = application.url()})));
  EXPECT_EQ(status_for(server.port(), "/events?topic=a"), 503);
}

TEST(HttpAuthorizer, RefusesOptionsThatCannotWork) {
  for (const char* url : {"", "app.example", "ftp://app.example/", "http://", "http:///may", "http://u:p@app.example/",
                          "http://app.example/a b"}) {
    EXPECT_THROW(HttpAuthorizer({.url = url}), InvalidOption) << url;
  }
  EXPECT_THROW(HttpAuthorizer({.url = "http://a/", .timeout = Duration{0}}), InvalidOption);
  EXPECT_THROW(HttpAuthorizer({.url = "http://a/", .max_at_once = 0}), InvalidOption);
  EXPECT_THROW(HttpAuthorizer({.url = "http://a/", .max_at_once_per_address = 0}), InvalidOption);
}

}  // namespace
}  // namespace millrace::test
