// Who is told who listens, over real sockets.
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "../running_server.h"
#include "../stream_client.h"
#include "ask.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/key_authorizer.h"
#include "millrace/server/push_service.h"

namespace millrace::test {
namespace {

using nlohmann::json;

constexpr char kAdmin[] = "Authorization: Bearer admin-key-0123456789\r\n";
constexpr char kSubscriber[] = "Authorization: Bearer subscriber-key-012345\r\n";

// The header X-User says who it is.
ServerOptions telling() {
  ServerOptions options;
  options.presence = true;
  options.authorizer = std::make_shared<FunctionAuthorizer>([](const httplib::Request& asked, auto, const auto&) {
    return Authorizer::Decision{.user = asked.get_header_value("X-User")};
  });
  return options;
}

json next_presence(StreamClient& watcher) {
  const auto event = watcher.next();
  if (!event) return {};
  EXPECT_EQ(event->type, "millrace.presence");
  EXPECT_NE(event->id, "");
  return json::parse(event->data);
}

json expected(const std::string& topic, int subscribers, const json& joined, const json& left) {
  return {{"topic", topic}, {"subscribers", subscribers}, {"joined", joined}, {"left", left}};
}

TEST(PresenceEvents, TellWhoBeginsAndCeasesToListen) {
  RunningServer server(telling());
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
  const json ada = {{"user", "ada"}, {"client", "tab"}};
  {
    const StreamClient one(server.port(), "/events?topic=rooms/1&topic=rooms/2&client=tab", "X-User: ada\r\n");
    EXPECT_EQ(next_presence(watcher), expected("rooms/1", 1, json::array({ada}), json::array()));
    const StreamClient two(server.port(), "/events?topic=rooms/1");
    EXPECT_EQ(next_presence(watcher), expected("rooms/1", 2, json::array(), json::array()));
  }
  json last = next_presence(watcher);
  if (last["subscribers"] == 1) last = next_presence(watcher);  // the two left at different moments
  EXPECT_EQ(last["subscribers"], 0);
  // A client that was away hears of it like of any event.
  StreamClient again(server.port(), "/events?topic=millrace.presence/rooms/1", "Last-Event-ID: earliest\r\n");
  EXPECT_EQ(next_presence(again), expected("rooms/1", 1, json::array({ada}), json::array()));
}

TEST(PresenceEvents, TellOfPatternsOnTheirOwnTopicAndOfPollsAndWatchersNowhere) {
  RunningServer server(telling());
  StreamClient watcher(server.port(), "/events?topic=millrace.presence&topic=millrace.presence/**");
  const StreamClient poll(server.port(), "/events?topic=polled&mode=poll");
  const StreamClient pattern(server.port(), "/events?topic=rooms/*");
  EXPECT_EQ(next_presence(watcher), expected("rooms/*", 1, json::array(), json::array()));
}

TEST(PresenceEvents, StayOutOfWhatWildcardsAskFor) {
  RunningServer server(telling());
  StreamClient everything(server.port(), "/events?topic=**");
  StreamClient watcher(server.port(), "/events?topic=millrace.presence&topic=millrace.presence/a");
  const StreamClient one(server.port(), "/events?topic=a");
  while (next_presence(watcher)["topic"] != "a") {
  }
  server->hub().publish("x", {.data = "first"});
  EXPECT_EQ(everything.next_data(), "first");
}

TEST(PresenceEvents, AreOffUnlessAskedFor) {
  ServerOptions options = telling();
  options.presence = false;
  RunningServer server(options);
  const StreamClient one(server.port(), "/events?topic=a");
  server->hub().publish("x", {.data = "first"});
  EXPECT_EQ(server->hub().statistics().entries, 1u);
}

TEST(PresenceEvents, AreForThoseWhoMaySeeThem) {
  const auto status = [](const ServerOptions& options, const std::string& topic, const std::string& headers) {
    RunningServer server(options);
    return status_of(ask(server.port(), request("HEAD", "/events?topic=a&topic=" + topic, headers)));
  };
  ServerOptions options;
  options.presence = true;
  for (const char* topic : {"millrace.presence", "millrace.presence/a", "millrace.presence/**"}) {
    EXPECT_EQ(status(options, topic, ""), 403) << topic;
    ServerOptions open = options;
    open.anonymous_publish = true;
    EXPECT_EQ(status(open, topic, ""), 200) << topic;
    ServerOptions keys = options;
    keys.authorizer = std::make_shared<KeyAuthorizer>(KeyAuthorizer::Options{.admin_keys = {"admin-key-0123456789"}});
    EXPECT_EQ(status(keys, "b", ""), 200);
    EXPECT_EQ(status(keys, topic, ""), 401) << topic;
    EXPECT_EQ(status(keys, topic, kAdmin), 200) << topic;
    keys.authorizer = std::make_shared<KeyAuthorizer>(
        KeyAuthorizer::Options{.subscribe_keys = {"subscriber-key-012345"}, .admin_keys = {"admin-key-0123456789"}});
    EXPECT_EQ(status(keys, "b", kSubscriber), 200);
    EXPECT_EQ(status(keys, topic, kSubscriber), 403) << topic;
    EXPECT_EQ(status(keys, topic, kAdmin), 200) << topic;
  }
}

TEST(PresenceEvents, NameTheUsersOfAPushService) {
  ServerOptions options;
  options.presence = true;
  options.anonymous_publish = true;
  std::unique_ptr<PushService> push;
  RunningServer server(options, [&](Server& one) {
    one.events("/events").operations();
    push = std::make_unique<PushService>(one);
    one.Get("/stream", [&](const httplib::Request& asked, httplib::Response& response) {
      push->connect(asked, response, asked.get_param_value("uid"));
    });
  });
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/users/ada");
  const StreamClient ada(server.port(), "/stream?uid=ada");
  EXPECT_EQ(next_presence(watcher), expected("users/ada", 1, json::array({{{"user", "ada"}}}), json::array()));
  const std::string who = ask(server.port(), request("GET", "/subscriptions"));
  EXPECT_NE(who.find("\"user\":\"ada\""), std::string::npos) << who;
  push.reset();
}

}  // namespace
}  // namespace millrace::test
