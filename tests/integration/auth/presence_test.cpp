// Which clients get presence events, over real sockets.
#include "hub/presence.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ask.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/key_authorizer.h"
#include "millrace/server/push_service.h"
#include "millrace/server/stores/sqlite.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

using nlohmann::json;

constexpr char kAdmin[] = "Authorization: Bearer admin-key-0123456789\r\n";
constexpr char kSubscriber[] = "Authorization: Bearer subscriber-key-012345\r\n";

// The header X-User names the user.
ServerOptions telling() {
  ServerOptions options;
  options.streams.presence = true;
  options.authorizer = std::make_shared<FunctionAuthorizer>([](const httplib::Request& asked, auto, const auto&) {
    return Authorizer::Decision::allow(asked.get_header_value("X-User"));
  });
  return options;
}

// Throws where the stream ends instead.
json next_presence(StreamClient& watcher) {
  const auto event = watcher.next();
  if (!event) throw std::runtime_error("the stream ended, and a presence event was expected");
  EXPECT_EQ(event->type, "millrace.presence");
  return json::parse(event->data);
}

json change(const std::string& topic, int subscribers, const json& joined, const json& left) {
  return {{"topic", topic}, {"subscribers", subscribers}, {"joined", joined}, {"left", left}};
}

json state(const std::string& topic, int subscribers, const json& present) {
  json data = change(topic, subscribers, present, json::array());
  data["state"] = true;
  return data;
}

const json kReset = {{"reset", true}};
const json kNobody = json::array();
const json kAda = {{{"user", "ada"}}};

std::string as(const std::string& user) {
  return "X-User: " + user + "\r\n";
}

TEST(PresenceEvents, ReportTheListenersAndThoseThatComeAndGo) {
  RunningServer server(telling());
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
  EXPECT_EQ(next_presence(watcher), state("rooms/1", 0, kNobody));
  {
    const StreamClient one(server.port(), "/events?topic=rooms/1&topic=rooms/2&client=tab", as("ada"));
    EXPECT_EQ(next_presence(watcher), change("rooms/1", 1, kAda, kNobody));
    const StreamClient two(server.port(), "/events?topic=rooms/1");
    EXPECT_EQ(next_presence(watcher), change("rooms/1", 2, kNobody, kNobody));
    StreamClient late(server.port(), "/events?topic=millrace.presence/rooms/1");
    EXPECT_EQ(next_presence(late), state("rooms/1", 2, kAda)) << "the clients that were there before";
    StreamClient all(server.port(), "/events?topic=millrace.presence/**");
    EXPECT_EQ(next_presence(all), kReset);
    EXPECT_EQ(next_presence(all)["state"], true);
  }
  json last = next_presence(watcher);
  if (last["subscribers"] == 1) last = next_presence(watcher);  // the two left at different moments
  EXPECT_EQ(last["subscribers"], 0);
}

TEST(PresenceEvents, HaveTheNotesOfListeners) {
  RunningServer server(telling());
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
  EXPECT_EQ(next_presence(watcher), state("rooms/1", 0, kNobody));
  const json noted = {{{"user", "ada"}, {"note", {{"name", "Ada"}}}}};
  const StreamClient one(server.port(), "/events?topic=rooms/1&note=%7B%20%22name%22:%22Ada%22%7D", as("ada"));
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 1, noted, kNobody));
  const StreamClient two(server.port(), "/events?topic=rooms/1", as("ada"));
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 2, kNobody, kNobody)) << "it has no other to say";
  const StreamClient three(server.port(), "/events?topic=rooms/1&note=%7B%22away%22:true%7D", as("ada"));
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 3, {{{"user", "ada"}, {"note", {{"away", true}}}}}, kNobody));
  for (const std::string& note :
       {std::string("x"), std::string("[]"), "%7B%22a%22:%22" + std::string(250, 'x') + "%22%7D"}) {
    const std::string answer = ask(server.port(), request("GET", "/events?topic=a&note=" + note));
    EXPECT_EQ(status_of(answer), 400) << note;
    EXPECT_NE(answer.find("note: expected a JSON object"), std::string::npos) << answer;
  }
}

TEST(PresenceEvents, CanBeLookedAtOnce) {
  RunningServer server(telling());
  const StreamClient one(server.port(), "/events?topic=rooms/1&note=%7B%22name%22:%22Ada%22%7D", as("ada"));
  const auto look = [&](const std::string& query) { return ask(server.port(), request("GET", "/presence?" + query)); };
  const std::string answer = look("topic=rooms/1&topic=rooms/2");
  const json expected = {
      {"topics",
       {state("rooms/1", 1, {{{"user", "ada"}, {"note", {{"name", "Ada"}}}}}), state("rooms/2", 0, kNobody)}}};
  EXPECT_EQ(json::parse(answer.substr(answer.find("\r\n\r\n") + 4)), expected) << "at once, not at the next report";
  EXPECT_EQ(status_of(look("")), 400);
  EXPECT_EQ(status_of(look("topic=rooms/*")), 400);
  std::string many = "topic=a";
  for (int i = 0; i < 64; ++i) many += "&topic=t" + std::to_string(i);
  EXPECT_EQ(status_of(look(many)), 400);
  ServerOptions closed;
  closed.streams.presence = true;
  RunningServer without_rights(closed);
  EXPECT_EQ(status_of(ask(without_rights.port(), request("GET", "/presence?topic=a"))), 403);
  RunningServer off(open_to_all());
  EXPECT_EQ(status_of(ask(off.port(), request("GET", "/presence?topic=a"))), 404);
}

TEST(PresenceEvents, CountAUserOnceUntilTheLastTabIsGone) {
  RunningServer server(telling());
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
  EXPECT_EQ(next_presence(watcher), state("rooms/1", 0, kNobody));
  auto one = std::make_unique<StreamClient>(server.port(), "/events?topic=rooms/1&client=one", as("ada"));
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 1, kAda, kNobody));
  auto two = std::make_unique<StreamClient>(server.port(), "/events?topic=rooms/1&client=two", as("ada"));
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 2, kNobody, kNobody));
  one.reset();
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 1, kNobody, kNobody));
  two.reset();
  EXPECT_EQ(next_presence(watcher), change("rooms/1", 0, kNobody, kAda));
}

TEST(PresenceEvents, TellOfPatternsOnTheirOwnTopicAndOfPollsAndWatchersNowhere) {
  RunningServer server(telling());
  StreamClient watcher(server.port(), "/events?topic=millrace.presence&topic=millrace.presence/**");
  EXPECT_EQ(next_presence(watcher), kReset);
  const StreamClient poll(server.port(), "/events?topic=polled&mode=poll");
  const StreamClient pattern(server.port(), "/events?topic=rooms/*");
  EXPECT_EQ(next_presence(watcher), change("rooms/*", 1, kNobody, kNobody));
}

TEST(PresenceEvents, StayOutOfWhatWildcardsAskFor) {
  RunningServer server(telling());
  StreamClient everything(server.port(), "/events?topic=**");
  StreamClient watcher(server.port(), "/events?topic=millrace.presence&topic=millrace.presence/a");
  const StreamClient one(server.port(), "/events?topic=a");
  while (next_presence(watcher).value("topic", "") != "a") {
  }
  server->hub().publish("x", {.data = "first"}).or_throw();
  EXPECT_EQ(everything.next_data(), "first");
}

TEST(PresenceEvents, AreOffUnlessAskedFor) {
  ServerOptions options = telling();
  options.streams.presence = false;
  RunningServer server(options);
  StreamClient watcher(server.port(), "/events?topic=x&topic=millrace.presence/**");
  const StreamClient one(server.port(), "/events?topic=a");
  server->hub().publish("x", {.data = "first"}).or_throw();
  EXPECT_EQ(watcher.next_data(), "first");
}

// --- What they must not do ------------------------------------------------------------------------------------------

// Unknown clients come and go, with names of the greatest length, on as many topics as possible.
class Crowd {
 public:
  Crowd(int port, int size) : port_(port), size_(size) {
    for (int i = 0; i < 64; ++i) query_ += "&topic=t" + std::to_string(i);
  }
  void come_and_go() {
    streams_.clear();
    for (int i = 0; i < size_; ++i) {
      std::string name;
      for (int j = 0; j < 120; ++j) name += "%01";
      name += std::to_string(10'000'000 + ++count_);
      streams_.emplace_back(port_, "/events?client=" + name + query_);
    }
  }

 private:
  int port_;
  int size_;
  int count_ = 0;
  std::string query_;
  std::vector<StreamClient> streams_;
};

void expect_only_what_was_published(const ServerOptions& options) {
  RunningServer server(options, [](Server& one) { one.events("/events").operations(); });
  for (int i = 0; i < 10; ++i) server->hub().publish("orders", {.data = "precious"}).or_throw();
  const Hub::Statistics before = server->hub().statistics();
  {
    StreamClient watcher(server.port(), "/events?topic=millrace.presence/t63");
    EXPECT_EQ(next_presence(watcher), state("t63", 0, kNobody));
    Crowd crowd(server.port(), 16);
    for (int round = 0; round < 2; ++round) {
      crowd.come_and_go();
      while (next_presence(watcher)["subscribers"] != 16) continue;
    }
  }
  const Hub::Statistics after = server->hub().statistics();
  EXPECT_EQ(after.entries, before.entries);
  EXPECT_EQ(after.bytes, before.bytes);
  EXPECT_EQ(after.evictions, 0u);
  if (after.store) {
    EXPECT_EQ(after.store->entries, before.store->entries);
  }
  StreamClient replay(server.port(), "/events?topic=orders&lastEventId=earliest");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(replay.next_data(), "precious");
  const std::string metrics = ask(server.port(), request("GET", "/metrics"));
  for (const char* name : {"topics", "listeners", "bytes", "events_total", "not_reported_total"}) {
    EXPECT_NE(metrics.find("\nmillrace_presence_" + std::string(name) + " "), std::string::npos) << metrics;
  }
}

TEST(PresenceEvents, PushNothingOutOfTheLog) {
  ServerOptions options = telling();
  expect_only_what_was_published(options);
}

TEST(PresenceEvents, DoNotGoToTheStore) {
  const TemporaryFile file("");
  std::filesystem::remove(file.path());
  ServerOptions options = telling();
  options.store = open_sqlite(file.path());
  expect_only_what_was_published(options);
}

TEST(PresenceEvents, LeaveWhereAClientResumesAsItIs) {
  RunningServer server(telling());
  std::string last_event_id;
  {
    StreamClient both(server.port(), "/events?topic=orders&topic=millrace.presence/orders");
    EXPECT_EQ(next_presence(both), state("orders", 0, kNobody));
    while (next_presence(both)["subscribers"] != 1) continue;  // itself
    const std::string id = server->hub().publish("orders", {.data = "1"}).id;
    EXPECT_EQ(both.next_data(), "1");
    const StreamClient other(server.port(), "/events?topic=orders", as("ada"));
    EXPECT_EQ(next_presence(both), change("orders", 2, kAda, kNobody));
    EXPECT_EQ(both.decoder().last_event_id(), id);
    last_event_id = both.decoder().last_event_id();
  }
  server->hub().publish("orders", {.data = "2"}).or_throw();
  StreamClient again(server.port(), "/events?topic=orders&topic=millrace.presence/orders",
                     "Last-Event-ID: " + last_event_id + "\r\n");
  EXPECT_EQ(again.next_data(), "2") << "what it has missed, and nothing else";
  EXPECT_EQ(next_presence(again)["state"], true) << "and the state anew";
}

// A subscriber of presence alone is a subscriber of a quiet topic: its heartbeats carry the cursor while others
// publish.
TEST(PresenceEvents, DoNotTakeThePlaceOfHeartbeats) {
  ServerOptions options = telling();
  options.streams.heartbeat = Duration{2 * kPresenceInterval.count()};
  RunningServer server(options);
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
  const std::string first = watcher.decoder().last_event_id();
  server->hub().publish("x", {.data = "elsewhere"}).or_throw();
  std::atomic<bool> is_over = false;
  std::thread others([&] {
    while (!is_over) {
      const StreamClient one(server.port(), "/events?topic=rooms/1", as("ada"));
      std::this_thread::sleep_for(std::chrono::milliseconds(kPresenceInterval / 2));
    }
  });
  EXPECT_TRUE(watcher.read_until(
      [&](const StreamDecoder& decoder) { return decoder.last_event_id() != first || decoder.events().size() > 40; }));
  EXPECT_NE(watcher.decoder().last_event_id(), first);
  is_over = true;
  others.join();
}

TEST(PresenceEvents, GiveASlowReaderWhatIsSoWhenItReadsOn) {
  RunningServer server(telling());
  StreamClient slow(server.port(), "/events?topic=millrace.presence/**", "", 4'096);
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/last");
  next_presence(watcher);
  Crowd crowd(server.port(), 64);
  for (int round = 0; round < 10; ++round) crowd.come_and_go();
  const StreamClient last(server.port(), "/events?topic=last", as("ada"));
  EXPECT_EQ(next_presence(watcher), change("last", 1, kAda, kNobody));
  while (true) {
    const json data = next_presence(slow);
    if (data.value("topic", "") == "last") break;
  }
}

TEST(PresenceEvents, CanBePolledFor) {
  RunningServer server(telling());
  const StreamClient one(server.port(), "/events?topic=rooms/1", as("ada"));
  std::string last_event_id;
  {
    StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
    while (next_presence(watcher)["subscribers"] != 1) continue;
    StreamClient poll(server.port(), "/events?topic=millrace.presence/rooms/1&mode=poll");
    EXPECT_EQ(next_presence(poll), state("rooms/1", 1, kAda));
    EXPECT_TRUE(poll.read_to_end());
    last_event_id = poll.decoder().last_event_id();
  }
  // One that comes back waits for what changes.
  StreamClient poll(server.port(), "/events?topic=millrace.presence/rooms/1&mode=poll",
                    "Last-Event-ID: " + last_event_id + "\r\n");
  EXPECT_EQ(next_presence(poll), state("rooms/1", 1, kAda));
  const StreamClient other(server.port(), "/events?topic=rooms/1", as("bob"));
  EXPECT_EQ(next_presence(poll), change("rooms/1", 2, {{{"user", "bob"}}}, kNobody));
  EXPECT_TRUE(poll.read_to_end());
}

TEST(PresenceEvents, BeginAnewWithTheServer) {
  RunningServer server(telling());
  for (int round = 0; round < 2; ++round) {
    StreamClient watcher(server.port(), "/events?topic=millrace.presence/rooms/1");
    EXPECT_EQ(next_presence(watcher), state("rooms/1", 0, kNobody));
    const StreamClient one(server.port(), "/events?topic=rooms/1", as("ada"));
    EXPECT_EQ(next_presence(watcher), change("rooms/1", 1, kAda, kNobody));
    server.stop();
    server.start();
  }
}

TEST(PresenceEvents, AreForClientsThatMaySeeThem) {
  const auto status = [](const ServerOptions& options, const std::string& topic, const std::string& headers) {
    RunningServer server(options);
    return status_of(ask(server.port(), request("HEAD", "/events?topic=a&topic=" + topic, headers)));
  };
  ServerOptions options;
  options.streams.presence = true;
  for (const char* topic : {"millrace.presence", "millrace.presence/a", "millrace.presence/**"}) {
    EXPECT_EQ(status(options, topic, ""), 403) << topic;
    ServerOptions open = options;
    open.publishing.anonymous = true;
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
  options.streams.presence = true;
  options.publishing.anonymous = true;
  std::unique_ptr<PushService> push;
  RunningServer server(options, [&](Server& one) {
    one.events("/events").operations();
    push = std::make_unique<PushService>(one);
    one.Get("/stream", [&](const httplib::Request& asked, httplib::Response& response) {
      push->connect(asked, response, asked.get_param_value("uid"));
    });
  });
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/users/ada");
  EXPECT_EQ(next_presence(watcher), state("users/ada", 0, kNobody));
  const StreamClient ada(server.port(), "/stream?uid=ada");
  EXPECT_EQ(next_presence(watcher), change("users/ada", 1, kAda, kNobody));
  const std::string listed = ask(server.port(), request("GET", "/subscriptions"));
  EXPECT_NE(listed.find("\"user\":\"ada\""), std::string::npos) << listed;
  push.reset();
}

}  // namespace
}  // namespace millrace::test
