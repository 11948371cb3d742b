// Every route of the program, listed, and asked under foreign names and by foreign pages.
#include "routes/guarded_routes.h"

#include <gtest/gtest.h>

#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "ask.h"
#include "demo.h"
#include "millrace/server/function_authorizer.h"
#include "push_routes.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using demo::DemoAccess;

// What cpp-httplib's server keeps to itself: only there can be seen what no list of ours has.
struct Handlers {
  std::size_t all = 0;
  std::size_t unguarded = 0;

  template <typename Routes>
  void count(const Routes& routes) {
    for (const auto& [path, handler] : routes) {
      ++all;
      const bool is_guarded = target_is<GuardedHandler>(handler) || target_is<GuardedBodyHandler>(handler) ||
                              target_is<SubscribeHandler>(handler) || target_is<PublishHandler>(handler) ||
                              target_is<ChangeTopicsHandler>(handler) || target_is<PreflightHandler>(handler);
      if (!is_guarded) ++unguarded;
    }
  }

 private:
  template <typename Kind, typename Handler>
  static bool target_is(const Handler& handler) {
    return handler.target_type() == typeid(Kind);
  }
};

Handlers handlers_of(const httplib::Server& server);

template <typename... Lists>
Handlers counted(const Lists&... lists) {
  Handlers handlers;
  (handlers.count(lists), ...);
  return handlers;
}

template <auto... kLists>
struct Opened {
  friend Handlers handlers_of(const httplib::Server& server) { return counted(server.*kLists...); }
};
template struct Opened<&httplib::Server::get_handlers_, &httplib::Server::post_handlers_,
                       &httplib::Server::post_handlers_for_content_reader_, &httplib::Server::put_handlers_,
                       &httplib::Server::put_handlers_for_content_reader_, &httplib::Server::patch_handlers_,
                       &httplib::Server::patch_handlers_for_content_reader_, &httplib::Server::delete_handlers_,
                       &httplib::Server::delete_handlers_for_content_reader_, &httplib::Server::options_handlers_>;

// `millrace serve --demo`, in this process.
class Program {
 public:
  Program(ServerOptions options, DemoAccess access, const std::string& host = "127.0.0.1")
      : running_(options, [&](Server& server) {
          server.events("/events").operations();
          push_.emplace(server, access);
          demo_.emplace(server, access, 1);
        }) {
    if (host == "127.0.0.1") return;
    running_.stop();
    running_.start(host);
  }
  // The demo's threads end before the server goes; its streams hold nothing of it by then.
  ~Program() {
    running_.stop();
    demo_.reset();
    push_.reset();
  }

  Server& server() { return *running_; }
  int port() const { return running_.port(); }

 private:
  std::optional<demo::PushRoutes> push_;
  std::optional<demo::Demo> demo_;
  RunningServer running_;
};

// A path that the route's takes.
std::string example_of(const std::string& path) {
  return std::regex_replace(path, std::regex(R"(\(\.\*\)|(\(\?!disconnect\$\))?\(\[\^/\]\+\))"), "x");
}

std::string asking(const std::string& method, const std::string& path, const std::string& headers) {
  const std::string target = example_of(path) + "?uid=ada&client=tab&topic=a&name=n&seconds=1";
  return request(method, target, headers, method == "GET" ? "" : R"({"topic":"a","data":"x","id":"1","prompt":"p"})");
}

bool changes_something(const std::string& method, const std::string& path) {
  return method != "GET" || path.starts_with("/push/");
}

TEST(GuardedRoutes, AreAllThatTheProgramHas) {
  Program program(open_to_all(), DemoAccess::kOpen);
  // Preflight routes are added as the server begins to listen, on its thread: with the first answer they are there.
  ASSERT_EQ(status_of(ask(program.port(), request("GET", "/healthz", "Host: localhost:8080\r\n"))), 200);
  const auto routes = program.server().guarded_routes();
  const Handlers handlers = handlers_of(program.server());
  EXPECT_EQ(handlers.unguarded, 0u);
  EXPECT_GT(handlers.all, routes.size()) << "preflight requests have theirs";
  for (const auto& expected : std::vector<std::pair<std::string, std::string>>{{"GET", "/events"},
                                                                               {"POST", "/events"},
                                                                               {"GET", "/healthz"},
                                                                               {"GET", "/readyz"},
                                                                               {"GET", "/metrics"},
                                                                               {"GET", "/subscriptions"},
                                                                               {"GET", "/push/closeSse"},
                                                                               {"POST", "/demo/cut"}}) {
    EXPECT_NE(std::find(routes.begin(), routes.end(), expected), routes.end()) << expected.second;
  }
}

TEST(GuardedRoutes, AnswerToNoForeignNameAndChangeNothingForForeignPages) {
  Program program(open_to_all(), DemoAccess::kOpen);
  for (const auto& [method, path] : program.server().guarded_routes()) {
    const auto answer_to = [&, &method = method, &path = path](const std::string& headers) {
      return ask(program.port(), asking(method, path, headers));
    };
    for (const char* host : {"evil.example", "evil.example:8080", "127.0.0.1.evil.example"}) {
      EXPECT_EQ(status_of(answer_to(std::string("Host: ") + host + "\r\n")), 421) << method << ' ' << path;
    }
    const std::string here = "Host: localhost:8080\r\n";
    EXPECT_NE(status_of(answer_to(here)), 421) << method << ' ' << path;
    for (const char* page :
         {"Origin: https://evil.example\r\n", "Origin: null\r\n", "Origin: http://localhost:3000\r\n",
          "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"}) {
      const std::string response = answer_to(here + page);
      EXPECT_EQ(header_of(response, "Access-Control-Allow-Origin"), "") << method << ' ' << path;
      EXPECT_EQ(status_of(response) == 403, changes_something(method, path)) << method << ' ' << path << page;
    }
    EXPECT_EQ(
        status_of(ask(program.port(), request("OPTIONS", example_of(path), here + "Origin: https://evil.example\r\n"))),
        403)
        << path;
  }
  EXPECT_EQ(program.server().hub().statistics().repeated, 0u);
}

TEST(GuardedRoutes, LetListedPagesReadEveryAnswer) {
  ServerOptions options = open_to_all();
  options.cors.origins = {"https://app.example"};
  Program program(options, DemoAccess::kOpen);
  for (const auto& [method, path] : program.server().guarded_routes()) {
    const std::string response = ask(program.port(), asking(method, path, "Origin: https://app.example\r\n"));
    EXPECT_NE(status_of(response), 403) << method << ' ' << path;
    EXPECT_EQ(header_of(response, "Access-Control-Allow-Origin"), "https://app.example") << method << ' ' << path;
    const std::string preflight =
        ask(program.port(), request("OPTIONS", example_of(path), "Origin: https://app.example\r\n"));
    EXPECT_EQ(status_of(preflight), 204) << path;
    EXPECT_NE(header_of(preflight, "Access-Control-Allow-Methods").find(method), std::string::npos) << path;
  }
}

TEST(GuardedRoutes, OfTheDemoAreForAdministratorsWhereOthersCanReachThem) {
  ServerOptions options;
  options.authorizer = std::make_shared<FunctionAuthorizer>(
      [](const httplib::Request& asked, Authorizer::Action action, const TopicPatterns&) {
        const bool may = action != Authorizer::Action::kAdminister || asked.get_header_value("X-User") == "root";
        return may ? Authorizer::Decision::allow() : Authorizer::Decision::forbidden("not you");
      });
  Program program(options, DemoAccess::kAdministrators, "0.0.0.0");
  Program without_keys({}, DemoAccess::kAdministrators, "0.0.0.0");
  for (const auto& [method, path] : program.server().guarded_routes()) {
    if (!path.starts_with("/push/") && !path.starts_with("/demo/")) continue;
    EXPECT_EQ(status_of(ask(program.port(), asking(method, path, ""))), 403) << method << ' ' << path;
    EXPECT_EQ(status_of(ask(without_keys.port(), asking(method, path, ""))), 403) << method << ' ' << path;
    EXPECT_NE(status_of(ask(program.port(), asking(method, path, "X-User: root\r\n"))), 403) << method << ' ' << path;
  }
}

TEST(GuardedRoutes, OfTheDemoGoByRightsOnLoopback) {
  ServerOptions options;
  options.authorizer = std::make_shared<FunctionAuthorizer>(
      [](const httplib::Request& asked, Authorizer::Action action, const TopicPatterns& topics) {
        const std::string user = asked.get_header_value("X-User");
        const bool may = action == Authorizer::Action::kSubscribe && topics == TopicPatterns{"users/" + user};
        return may ? Authorizer::Decision::allow(user) : Authorizer::Decision::forbidden("not you");
      });
  Program program(options, DemoAccess::kByRights);
  const auto status = [&](const std::string& path, const std::string& user) {
    return status_of(ask(program.port(), request("GET", path, "X-User: " + user + "\r\n")));
  };
  EXPECT_EQ(status("/push/createSse?uid=ada", "ada"), 200);
  EXPECT_EQ(status("/push/createSse?uid=ada", "bob"), 403);
  EXPECT_EQ(status("/push/sendMsg?uid=ada", "ada"), 200);
  EXPECT_EQ(status("/push/sendMsg?uid=ada&id=1&message=x", "ada"), 403);
  EXPECT_EQ(status("/push/closeSse?uid=ada", "ada"), 403);
}

TEST(GuardedRoutes, NeedARightUnlessTheySayThatTheyNeedNone) {
  RunningServer running(open_to_all(), [](Server& server) {
    const auto answer = [](const auto&, httplib::Response& response) { response.set_content("done", "text/plain"); };
    server.guarded({.method = "GET", .path = "/open", .right = GuardedRoute::no_right, .handler = answer});
    EXPECT_THROW(server.guarded({.method = "TRACE", .path = "/x", .handler = answer}), std::invalid_argument);
    EXPECT_THROW(server.guarded({.method = "GET", .path = "/x"}), std::invalid_argument);
  });
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/open"))), 200);
  RunningServer closed({.threads = {.workers = 1}}, [](Server& server) {
    server.guarded({.method = "GET", .path = "/closed", .handler = [](const auto&, auto&) { ADD_FAILURE(); }});
  });
  EXPECT_EQ(status_of(ask(closed.port(), request("GET", "/closed"))), 403);
}

}  // namespace
}  // namespace millrace::test
