// Every status in the tables of docs/protocol.md, provoked: each has a JSON body with a sentence, whatever error
// handler the application has.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/limits.h"
#include "raw_client.h"
#include "routes/operation_routes.h"
#include "running_server.h"

namespace millrace::test {
namespace {

// The header X-User names the user; `nobody` stands for an unknown one.
std::shared_ptr<const Authorizer> by_header() {
  return std::make_shared<FunctionAuthorizer>([](const httplib::Request& asked, auto, const auto&) {
    const std::string user = asked.get_header_value("X-User");
    if (user.empty()) return Authorizer::Decision::unauthenticated("say who you are");
    return user == "ada" ? Authorizer::Decision::allow(user) : Authorizer::Decision::forbidden("not you");
  });
}

struct Provoked {
  int status;
  std::string what;
  std::string response;
};

constexpr char kAda[] = "X-User: ada\r\n";
constexpr char kEvent[] = R"({"topic":"a","data":"x"})";

class Provoking {
 public:
  explicit Provoking(std::function<void(Server&)> configure) : configure_(std::move(configure)) {}

  std::vector<Provoked> all() {
    answer_to_single_requests();
    answer_to_slow_ones();
    answer_to_too_many();
    answer_to_one_overtaken();
    answer_while_draining();
    return std::move(all_);
  }

 private:
  std::unique_ptr<RunningServer> start(ServerOptions options) const {
    options.threads.workers = 2;
    options.threads.loops = 1;
    if (options.authorizer == nullptr) options.authorizer = by_header();
    return std::make_unique<RunningServer>(options, [this](Server& server) {
      server.events("/events").operations();
      server.Get("/fails", [](const auto&, auto&) { throw std::runtime_error("it does"); });
      configure_(server);
    });
  }
  void add(int status, const std::string& what, std::string response) {
    all_.push_back({status, what, std::move(response)});
  }

  void answer_to_single_requests() {
    const auto server = start({});
    const std::string range = [] {
      std::string parts = "Range: bytes=0-0";
      for (int i = 0; i < 20; ++i) parts += ",1-1";
      return parts + "\r\n";
    }();
    const std::string long_line(9'000, 'x');
    for (const auto& [status, bytes] : std::vector<std::pair<int, std::string>>{
             {400, "GET /events HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n"},
             {400, request("GET", "/events", kAda)},
             {400, request("GET", "/events?topic=a&mode=none", kAda)},
             {400, request("GET", "/events?Topic=a", kAda)},
             {400, request("POST", "/events", kAda, "{")},
             {400, request("POST", "/events", kAda, R"({"topic":"a","data":"x","id":"earliest"})")},
             {400, request("GET", "/healthz", range)},
             {400, request("GET", "/healthz", "REMOTE_ADDR: 1.2.3.4\r\n")},
             {400, request("GET", "/health%00z")},
             {401, request("GET", "/events?topic=a")},
             {401, request("POST", "/events", {}, kEvent)},
             {403, request("GET", "/events?topic=a", "X-User: bob\r\n")},
             {403, request("GET", "/subscriptions", "X-User: bob\r\n")},
             {403, request("POST", "/events", "X-User: ada\r\nOrigin: https://evil.example\r\n", kEvent)},
             {404, request("GET", "/nowhere")},
             {404, request("POST", "/nowhere", {}, "x")},
             {405, request("DELETE", "/events")},
             {405, request("POST", "/healthz", {}, "x")},
             {413, request("POST", "/events", kAda, std::string(kMaxPublishBytes + 1, ' '))},
             {413, request("POST", "/subscriptions/disconnect", kAda, std::string(kMaxDisconnectBytes + 1, ' '))},
             {414, "GET /" + long_line + " HTTP/1.1\r\nHost: localhost\r\n\r\n"},
             {415, request("POST", "/events", "X-User: ada\r\nContent-Encoding: zstd\r\n", kEvent)},
             {421, request("GET", "/events?topic=a", "Host: evil.example\r\n")},
             {421, request("GET", "/healthz", "Host: evil.example\r\n")},
             {431, request("GET", "/events", "X: " + long_line + "\r\n")},
             {431, request("GET", "/events", "X: " + std::string(8'000, 'x') + "\r\nY: " + std::string(9'000, 'x'))},
             {500, request("GET", "/fails")},
             {505, "GET /events HTTP/2.0\r\nHost: localhost\r\n\r\n"},
             {501, request("POST", "/events", "Transfer-Encoding: gzip, chunked\r\n")},
         }) {
      add(status, bytes.substr(0, 60), ask(server->port(), bytes));
    }
  }

  void answer_to_slow_ones() {
    const auto server = start({.http = {.head_deadline = Duration{500}, .body_deadline = Duration{500}}});
    add(408, "a head", ask(server->port(), "GET /events HTTP/1.1\r\n"));
    const std::string publish = request("POST", "/events", kAda, kEvent);
    add(408, "a body", ask(server->port(), publish.substr(0, publish.size() - 1)));
    add(408, "a body in chunks",
        ask(server->port(),
            "POST /events HTTP/1.1\r\nHost: localhost\r\nX-User: ada\r\nTransfer-Encoding: chunked\r\n\r\n"));
  }

  void answer_to_too_many() {
    {
      const auto server = start({.shares = {.max_streams_per_user = 1}});
      RawClient stream(server->port());
      stream.send(request("GET", "/events?topic=a", kAda));
      stream.read_until("\n\n");
      add(429, "a user's streams", ask(server->port(), request("GET", "/events?topic=a", kAda)));
    }
    {
      const auto server = start({.publishing = {.rate = 0.001, .burst = 1}});
      ASSERT_EQ(status_of(ask(server->port(), request("POST", "/events", kAda, kEvent))), 200);
      add(429, "a publisher's events", ask(server->port(), request("POST", "/events", kAda, kEvent)));
    }
    {
      const auto server = start({.history = {.max_retained_bytes = 1}});
      const std::string retained = R"({"topic":"a","data":"x","retain":true})";
      add(507, "a retained event", ask(server->port(), request("POST", "/events", kAda, retained)));
    }
    for (const bool of_one_address : {true, false}) {
      const auto server = of_one_address ? start({.shares = {.max_connections_per_address = 1}})
                                         : start({.shares = {.max_connections = 1}});
      RawClient stream(server->port());
      stream.send(request("GET", "/events?topic=a", kAda));
      stream.read_until("\n\n");
      const RawResponse refused = RawClient(server->port()).read_response();
      add(of_one_address ? 429 : 503, "connections", refused.head + refused.body);
    }
    add(503, "uploads", refused_upload());
  }

  // One is under way, the others but one wait. Which one is refused depends on the order in which they are read.
  std::string refused_upload() {
    const auto server = start({.threads = {.max_uploads = 1}});
    std::deque<RawClient> uploads;
    for (std::size_t i = 0; i < kMaxWaitingUploads + 2; ++i) {
      uploads.emplace_back(server->port())
          .send(
              "POST /events HTTP/1.1\r\nHost: localhost\r\nX-User: ada\r\nTransfer-Encoding: "
              "chunked\r\n\r\n1\r\n{\r\n");
    }
    std::string refused;
    EXPECT_TRUE(eventually([&] {
      const auto answered =
          std::find_if(uploads.begin(), uploads.end(), [](RawClient& wire) { return wire.has_input(); });
      if (answered == uploads.end()) return false;
      const RawResponse response = answered->read_response();
      refused = response.head + response.body;
      return true;
    }));
    return refused;
  }

  // Each time the right to a change is asked for, another change of the same stream comes first.
  void answer_to_one_overtaken() {
    constexpr char kChanges[] = "/subscriptions/board";
    int port = 0;
    int changes = 0;
    const auto server = start(
        {.authorizer = std::make_shared<FunctionAuthorizer>([&](const httplib::Request& asked, auto, const auto&) {
           if (asked.has_header("X-Overtaken")) {
             const std::string topic = "t/" + std::to_string(++changes);
             const std::string other = request("POST", kChanges, {}, R"({"add":")" + topic + R"("})");
             EXPECT_EQ(status_of(ask(port, other)), 200);
           }
           return Authorizer::Decision::allow("ada");
         })});
    port = server->port();
    RawClient stream(port);
    stream.send(request("GET", "/events?topic=a&client=board"));
    stream.read_until("\n\n");
    add(409, "a change of topics", ask(port, request("POST", kChanges, "X-Overtaken: 1\r\n", R"({"add":"b"})")));
    EXPECT_GT(changes, 1) << "it tries again";
  }

  void answer_while_draining() {
    const auto server = start({});
    (*server)->drain(Duration{0});
    add(503, "a stream while it drains", ask(server->port(), request("GET", "/events?topic=a", kAda)));
    add(503, "readiness while it drains", ask(server->port(), request("GET", "/readyz")));
  }

  std::function<void(Server&)> configure_;
  std::vector<Provoked> all_;
};

void expect_sentences(const std::vector<Provoked>& all) {
  for (const auto& [status, what, response] : all) {
    EXPECT_EQ(status_of(response), status) << what << '\n' << response;
    EXPECT_EQ(header_of(response, "Content-Type"), "application/json") << what << '\n' << response;
    const auto body = nlohmann::json::parse(response.substr(response.find("\r\n\r\n") + 4), nullptr, false);
    ASSERT_TRUE(body.is_object() && body.contains("error") && body["error"].is_string()) << what << '\n' << response;
    EXPECT_EQ(body.size(), 1u) << response;
    EXPECT_GT(body["error"].get<std::string>().size(), 5u) << response;
    const bool has_retry_after = !header_of(response, "Retry-After").empty();
    EXPECT_EQ(has_retry_after, status == 429 || (status == 503 && what.find("readiness") == std::string::npos))
        << what << '\n'
        << response;
    EXPECT_EQ(header_of(response, "Allow").empty(), status != 405) << response;
    EXPECT_EQ(header_of(response, "WWW-Authenticate"), status == 401 ? "Bearer" : "") << response;
  }
}

// The statuses of errors in the document's tables.
std::set<int> documented() {
  std::ifstream file(MILLRACE_PROTOCOL_DOCUMENT);
  std::stringstream text;
  text << file.rdbuf();
  std::set<int> statuses;
  const std::regex row("\\| ([45][0-9]{2})(?:, ([45][0-9]{2}))? \\|");
  const std::string all = text.str();
  for (std::sregex_iterator found(all.begin(), all.end(), row), end; found != end; ++found) {
    for (std::size_t group : {1, 2}) {
      if ((*found)[group].matched) statuses.insert(std::stoi((*found)[group]));
    }
  }
  return statuses;
}

TEST(Errors, HaveASentenceWhateverTheirStatus) {
  const auto all = Provoking([](Server&) {}).all();
  expect_sentences(all);
  std::set<int> provoked;
  for (const Provoked& one : all) provoked.insert(one.status);
  for (const int status : documented()) EXPECT_TRUE(provoked.contains(status)) << status;
  EXPECT_GE(documented().size(), 15u);
}

// It is called for the application's own errors; ours are answered already.
TEST(Errors, KeepTheirSentenceWhereTheApplicationHasAnErrorHandler) {
  auto all = Provoking([](Server& server) {
               server.set_error_handler([](const auto&, httplib::Response& response) {
                 if (response.body.empty() || response.status != 404)
                   response.set_content("<h1>ours</h1>", "text/html");
               });
             }).all();
  // What has no route, and what its own handlers fail at, is the application's to answer.
  std::erase_if(all, [](const Provoked& one) { return one.status == 404 || one.status == 405 || one.status == 500; });
  expect_sentences(all);
}

}  // namespace
}  // namespace millrace::test
