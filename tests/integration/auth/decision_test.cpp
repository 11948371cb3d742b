// An authorizer that does not say yes says no.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <type_traits>

#include "ask.h"
#include "millrace/core/limits.h"
#include "millrace/server/any_authorizer.h"
#include "millrace/server/function_authorizer.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using Decision = Authorizer::Decision;

// `return {.reason = "sign in first"};`, `return {200};` and `return "sign in first";` do not compile.
static_assert(!std::is_aggregate_v<Decision>);
static_assert(!std::is_constructible_v<Decision, int>);
static_assert(!std::is_convertible_v<const char*, Decision>);
static_assert(!std::is_convertible_v<bool, Decision>);
static_assert(!std::is_assignable_v<decltype(std::declval<Decision&>().status()), int>);

TEST(Decision, ForbidsUnlessItAllows) {
  EXPECT_FALSE(Decision().is_allowed());
  EXPECT_EQ(Decision().status(), 403);
  EXPECT_EQ(Decision::forbidden("not you").status(), 403);
  EXPECT_EQ(Decision::unauthenticated("sign in first").status(), 401);
  EXPECT_EQ(Decision::unauthenticated("sign in first").reason(), "sign in first");
  const auto until = std::chrono::system_clock::now();
  const Decision allowed = Decision::allow("ada", until);
  EXPECT_TRUE(allowed.is_allowed());
  EXPECT_EQ(allowed.status(), 200);
  EXPECT_EQ(allowed.user(), "ada");
  EXPECT_EQ(allowed.until(), until);
}

TEST(Decision, OfAFunctionThatDecidesNothingPublishesAndSubscribesNothing) {
  const auto nothing = std::make_shared<FunctionAuthorizer>([](const auto&, auto, const auto&) { return Decision(); });
  const std::vector<std::shared_ptr<const Authorizer>> both{
      nothing, std::make_shared<AnyAuthorizer>(std::vector<std::shared_ptr<const Authorizer>>{nothing, nothing})};
  for (const auto& authorizer : both) {
    RunningServer running({.threads = {.workers = 2, .loops = 1}, .authorizer = authorizer},
                          [](Server& server) { server.events("/events").operations(); });
    for (const std::string& asked : {request("GET", "/events?topic=a"), request("GET", "/subscriptions"),
                                     request("POST", "/events", {}, R"({"topic":"a","data":"x"})")}) {
      const std::string response = ask(running.port(), asked);
      EXPECT_EQ(status_of(response), 403) << response;
      EXPECT_NE(response.find("not allowed"), std::string::npos) << response;
    }
    EXPECT_EQ(running->hub().statistics().publishes, 0u);
  }
}

// An authorizer sees valid patterns only, whoever the client is.
TEST(Decision, IsNotAskedForAboutTopicsThatAreNone) {
  std::atomic<int> asked = 0;
  const auto authorizer = std::make_shared<FunctionAuthorizer>([&](const auto&, auto, const auto&) {
    ++asked;
    return Decision::unauthenticated("sign in first");
  });
  RunningServer running({.threads = {.workers = 2, .loops = 1}, .authorizer = authorizer}, [](Server& server) {
    server.events("/events");
    server.guarded({.method = "GET",
                    .path = "/nothing",
                    .right = [](const auto&) { return DemandedRight{.action = Authorizer::Action::kSubscribe}; },
                    .handler = [](const auto&, auto&) { ADD_FAILURE() << "without a right"; }});
    server.guarded({.method = "GET",
                    .path = "/rooms",
                    .right =
                        [](const httplib::Request& of) {
                          return DemandedRight{.action = Authorizer::Action::kSubscribe,
                                               .topics = {"rooms/" + of.get_param_value("room")}};
                        },
                    .handler = [](const auto&, auto&) { ADD_FAILURE() << "without a right"; }});
  });
  std::string many = "/events?topic=a";
  for (std::size_t i = 0; i < kMaxTopicsPerSubscription; ++i) many += "&topic=" + std::to_string(i);
  for (const std::string& path :
       {std::string("/events"), std::string("/events?topic="), std::string("/events?topic=a%2F**%2Fb"),
        std::string("/events?topic=a&topic=b*"), many, std::string("/rooms?room=%0A")}) {
    const std::string response = ask(running.port(), request("GET", path));
    EXPECT_EQ(status_of(response), 400) << path;
    EXPECT_NE(response.find(R"({"error":"topic: )"), std::string::npos) << response;
  }
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/nothing"))), 500) << "a right to no topic at all";
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a"))), 401);
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/rooms?room=a"))), 401);
  EXPECT_EQ(asked, 2);
}

}  // namespace
}  // namespace millrace::test
