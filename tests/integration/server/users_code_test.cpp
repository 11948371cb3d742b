// Handlers, routes and authorizers of the program see requests to an events route wherever these are answered: on a
// worker or on the loop.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "eventually.h"
#include "millrace/server/any_authorizer.h"
#include "millrace/server/key_authorizer.h"
#include "raw_client.h"
#include "running_server.h"

namespace millrace::test {
namespace {

using httplib::Request;
using httplib::Response;

const std::string kEvent = R"({"topic":"a","data":"1"})";

TEST(TheUsersCode, SeesRequestsToEventsRoutes) {
  std::atomic<int> seen = 0;
  std::atomic<int> logged = 0;
  RunningServer server(open_to_all(), [&](Server& made) {
    httplib::Server& base = made;  // as code does that knows nothing of Millrace
    base.set_pre_routing_handler([&](const Request& request, Response& response) {
      ++seen;
      if (request.has_header("X-Stop")) {
        response.status = 418;
        return httplib::Server::HandlerResponse::Handled;
      }
      return httplib::Server::HandlerResponse::Unhandled;
    });
    base.set_logger([&](const Request&, const Response&) { ++logged; });
    made.events("/events");
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/events", kEvent)).status, 200);
  EXPECT_EQ(client.exchange(post("/events", kEvent, "X-Stop: 1\r\n")).status, 418);
  EXPECT_EQ(seen, 2);
  // A request is logged behind its answer, which may already have arrived.
  EXPECT_TRUE(eventually([&] { return logged == 2; }));
}

TEST(TheUsersCode, KeepsTheRoutesThatStoodBeforeTheEventsRoute) {
  RunningServer server(open_to_all(), [](Server& made) {
    made.Get("/ev.*", [](const Request&, Response& response) { response.set_content("mine", "text/plain"); });
    made.events("/events");
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(get("/events?topic=a")).body, "mine");
  EXPECT_EQ(client.exchange(post("/events", kEvent)).status, 200);
}

// Says on which thread it was asked last.
class Asked : public Authorizer {
 public:
  Decision decide(const Request&, Action, const TopicPatterns&) const override {
    on_ = std::this_thread::get_id();
    return Decision::allow();
  }
  std::thread::id on() const { return on_; }

 private:
  mutable std::atomic<std::thread::id> on_;
};

class AskedAtOnce final : public Asked {
 public:
  bool may_block() const override { return false; }
};

// Whether `authorizer`, of which `asked` is a part, is asked by the one worker that there is.
bool is_asked_by_the_worker(std::shared_ptr<const Authorizer> authorizer, const Asked& asked) {
  std::atomic<std::thread::id> worker;
  ServerOptions options;
  options.threads.loops = 1;
  options.threads.workers = 1;
  options.authorizer = std::move(authorizer);
  RunningServer server(options, [&](Server& made) {
    made.events("/events");
    made.Get("/who", [&](const Request&, Response&) { worker = std::this_thread::get_id(); });
  });
  RawClient client(server.port());
  EXPECT_EQ(client.exchange(post("/events", kEvent)).status, 200);
  client.exchange(get("/who"));
  EXPECT_NE(asked.on(), std::thread::id());
  return asked.on() == worker.load();
}

TEST(TheUsersCode, AuthorizesWhereItMayWait) {
  const auto asked = std::make_shared<Asked>();
  EXPECT_TRUE(is_asked_by_the_worker(asked, *asked));
}

TEST(TheUsersCode, AuthorizesOnTheLoopIfItSaysThatItDoesNotBlock) {
  const auto asked = std::make_shared<AskedAtOnce>();
  EXPECT_FALSE(is_asked_by_the_worker(asked, *asked));
}

TEST(TheUsersCode, OfSeveralAuthorizersIsAskedWhereAllOfThemCanBe) {
  using All = std::vector<std::shared_ptr<const Authorizer>>;
  const auto at_once = std::make_shared<AskedAtOnce>();
  const auto slow = std::make_shared<Asked>();
  const auto keys =
      std::make_shared<KeyAuthorizer>(KeyAuthorizer::Options{.publish_keys = {"0123456789abcdef0123456789abcdef"}});
  EXPECT_FALSE(is_asked_by_the_worker(std::make_shared<AnyAuthorizer>(All{keys, at_once}), *at_once));
  EXPECT_TRUE(is_asked_by_the_worker(std::make_shared<AnyAuthorizer>(All{at_once, slow}), *at_once));
}

}  // namespace
}  // namespace millrace::test
