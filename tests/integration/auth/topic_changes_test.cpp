// Topics that are added to an open event stream, and removed from it, by its client.
#include "routes/topic_changes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/stores/sqlite.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

using nlohmann::json;
using Data = std::vector<std::string>;

constexpr char kKey[] = "7f0c2b1e9a4d4c1f8e55";

std::string change(int port, const std::string& client, const std::string& body, const std::string& headers = {}) {
  return ask(port, request("POST", "/subscriptions/" + client, headers, body));
}

json topics_of(const std::string& response) {
  EXPECT_EQ(status_of(response), 200) << response;
  return json::parse(response.substr(response.find("\r\n\r\n") + 4), nullptr, false).value("topics", json());
}

StreamClient open(const RunningServer& server, const std::string& query, const std::string& fields = {}) {
  return StreamClient(server.port(), "/events?client=" + std::string(kKey) + "&" + query, fields);
}

void publish(RunningServer& server, const std::string& topic, const std::string& data) {
  server->hub().publish(topic, {.data = data}).or_throw();
}

Data next(StreamClient& stream, std::size_t count) {
  Data all;
  while (all.size() < count) all.push_back(stream.next_data());
  return all;
}

TEST(TopicChanges, AddAndRemoveTopicsOfAnOpenStream) {
  RunningServer server;
  auto stream = open(server, "topic=a");
  publish(server, "b", "before");
  publish(server, "a", "a1");
  EXPECT_EQ(topics_of(change(server.port(), kKey, R"({"add":["b","c/**"]})")), json({"a", "b", "c/**"}));
  for (const char* const topic : {"b", "c/x", "a", "d"}) publish(server, topic, topic);
  EXPECT_EQ(next(stream, 4), (Data{"a1", "b", "c/x", "a"}));
  EXPECT_EQ(topics_of(change(server.port(), kKey, R"({"add":"d","remove":["a","never"]})")), json({"b", "c/**", "d"}));
  for (const char* const topic : {"a", "b", "d"}) publish(server, topic, topic);
  EXPECT_EQ(next(stream, 2), (Data{"b", "d"}));
  EXPECT_EQ(server->subscriptions().front().topics, (Data{"b", "c/**", "d"}));
}

void change_the_newest(std::size_t loops) {
  RunningServer server(ServerOptions{.threads = {.workers = 2, .loops = loops}});
  auto older = open(server, "topic=a");
  {
    auto newer = open(server, "topic=b");
    EXPECT_EQ(topics_of(change(server.port(), kKey, R"({"add":"c"})")), json({"b", "c"}));
    publish(server, "c", "to the newer");
    EXPECT_EQ(newer.next_data(), "to the newer");
  }
  ASSERT_TRUE(eventually([&] { return server->open_streams() == 1; }));
  EXPECT_EQ(topics_of(change(server.port(), kKey, R"({"add":"c"})")), json({"a", "c"})) << "the newer one is gone";
  publish(server, "c", "to the older");
  EXPECT_EQ(older.next_data(), "to the older");
}

TEST(TopicChanges, GoToTheNewestOpenStreamThatHasTheName) {
  change_the_newest(1);
  change_the_newest(4);
}

// What matters: at any rate of publishing, the topics that stay lose nothing and get nothing twice.
void run_while_publishing(const ServerOptions& options, int events) {
  RunningServer server(options);
  auto stream = open(server, "topic=steady");
  std::atomic<bool> done = false;
  std::thread publishing([&] {
    for (int i = 0; i < events; ++i) {
      publish(server, "steady", std::to_string(i));
      publish(server, "sometimes", "s" + std::to_string(i));
    }
    done = true;
  });
  std::thread changing([&] {
    for (bool adds = true; !done; adds = !adds) {
      topics_of(change(server.port(), kKey, adds ? R"({"add":"sometimes"})" : R"({"remove":"sometimes"})"));
    }
    topics_of(change(server.port(), kKey, R"({"add":"sometimes"})"));
    publish(server, "sometimes", "last");
  });
  int steady = 0;
  std::set<std::string> others;
  for (std::string data; (data = stream.next_data()) != "last";) {
    ASSERT_NE(data, "<end>");
    if (data[0] != 's') {
      ASSERT_EQ(data, std::to_string(steady++));
    } else {
      ASSERT_TRUE(others.insert(data).second) << data << " twice";
    }
  }
  EXPECT_EQ(steady, events);
  publishing.join();
  changing.join();
}

TEST(TopicChanges, LoseNothingAndRepeatNothingWhileOthersPublish) {
  run_while_publishing({}, 4'000);
}

TEST(TopicChanges, LoseNothingWithAStoreWhoseMemoryIsShort) {
  const TemporaryFolder folder;
  ServerOptions options{.history = {.events = 16}};
  options.store = open_sqlite(folder.path("log"));
  run_while_publishing(options, 500);
}

TEST(TopicChanges, BringTheStateOfTheTopicsThatAreAdded) {
  RunningServer server;
  for (const char* const data : {"b1", "b2"}) publish(server, "b", data);
  publish(server, "c", "c1");
  server->hub().finish("c").or_throw();
  publish(server, "d", "d1");
  auto stream = open(server, "topic=a&lastEventId=latest");
  publish(server, "a", "a1");
  EXPECT_EQ(stream.next_data(), "a1");
  const std::string place = stream.decoder().last_event_id();
  topics_of(change(server.port(), kKey, R"({"add":["b","c","d"],"lastEventId":"latest"})"));
  EXPECT_EQ(next(stream, 2), (Data{"b2", "d1"}));
  EXPECT_TRUE(stream.read_until([&](const StreamDecoder& decoder) { return decoder.last_event_id() == place; }))
      << "back at its place";
  publish(server, "b", "b3");
  EXPECT_EQ(stream.next_data(), "b3");
  topics_of(change(server.port(), kKey, R"({"add":"b","lastEventId":"latest"})"));
  publish(server, "a", "a2");
  EXPECT_EQ(next(stream, 2), (Data{"b3", "a2"})) << "for a client that was cut off before it had come";
}

TEST(TopicChanges, LetAClientResumeThoughItsLastIdIsOfARemovedTopic) {
  RunningServer server;
  auto stream = open(server, "topic=a&topic=b");
  server->hub().publish("a", {.data = "1", .id = "own"}).or_throw();
  EXPECT_EQ(stream.next_data(), "1");
  EXPECT_EQ(stream.decoder().last_event_id(), "own");
  topics_of(change(server.port(), kKey, R"({"remove":"a"})"));
  EXPECT_TRUE(stream.read_until([](const StreamDecoder& decoder) { return decoder.last_event_id() != "own"; }));
  publish(server, "b", "2");
  StreamClient again(server.port(), "/events?topic=b", "Last-Event-ID: " + stream.decoder().last_event_id() + "\r\n");
  EXPECT_EQ(again.next_data(), "2") << "and no gap";
}

TEST(TopicChanges, GoOnFromWhereAStreamIsThatHasResumed) {
  RunningServer server;
  for (const char* const data : {"1", "2"}) publish(server, "a", data);
  auto stream = open(server, "topic=a", "Last-Event-ID: earliest\r\n");
  EXPECT_EQ(next(stream, 2), (Data{"1", "2"}));
  publish(server, "b", "missed by nobody who had not asked");
  publish(server, "a", "3");
  EXPECT_EQ(stream.next_data(), "3");
  topics_of(change(server.port(), kKey, R"({"add":"b"})"));
  publish(server, "b", "4");
  EXPECT_EQ(stream.next_data(), "4");
  const std::string id = stream.decoder().last_event_id();
  publish(server, "b", "5");
  StreamClient again(server.port(), "/events?topic=a&topic=b", "Last-Event-ID: " + id + "\r\n");
  EXPECT_EQ(again.next_data(), "5");
}

// The header X-User names the user; topics of others are forbidden.
std::shared_ptr<FunctionAuthorizer> own_topics(const std::shared_ptr<std::set<std::string>>& forbidden) {
  return std::make_shared<FunctionAuthorizer>(
      [forbidden](const httplib::Request& asked, Authorizer::Action, const TopicPatterns& topics) {
        for (const OwnedTopicPattern& topic : topics) {
          if (forbidden->contains(topic.text())) return Authorizer::Decision::forbidden("not " + topic.text());
        }
        return Authorizer::Decision::allow(asked.get_header_value("X-User"));
      });
}

TEST(TopicChanges, AskForRightsAgain) {
  const auto forbidden = std::make_shared<std::set<std::string>>(std::set<std::string>{"secret"});
  const auto authorizer = own_topics(forbidden);
  RunningServer server({.threads = {.workers = 2, .loops = 2}, .authorizer = authorizer});
  const std::string ada = "X-User: ada\r\n";
  StreamClient stream(server.port(), "/events?topic=a&client=tab", ada);
  EXPECT_EQ(status_of(change(server.port(), "tab", R"({"add":["b","secret"]})", ada)), 403);
  EXPECT_EQ(status_of(change(server.port(), "tab", R"({"add":"b"})", "X-User: eve\r\n")), 404);
  EXPECT_EQ(status_of(change(server.port(), "tab", R"({"add":"b"})")), 403) << "no user, and no key";
  EXPECT_EQ(server->subscriptions().front().topics, (Data{"a"})) << "it stays as it is";
  EXPECT_EQ(topics_of(change(server.port(), "tab", R"({"add":"b"})", ada)), json({"a", "b"})) << "a user needs no key";
  publish(server, "b", "1");
  EXPECT_EQ(stream.next_data(), "1");
  // Asked about what it has now, not about what it was opened with.
  forbidden->insert("b");
  authorizer->changed();
  EXPECT_TRUE(stream.read_to_end());
}

// Presence tells names, and so do the names themselves: whoever knows one learns neither whether the stream is open nor
// what its topics are.
TEST(TopicChanges, TellOthersNothingOfAStream) {
  const auto authorizer = std::make_shared<FunctionAuthorizer>(
      [](const httplib::Request& asked, Authorizer::Action, const TopicPatterns& topics) {
        const std::string user = asked.get_header_value("X-User");
        for (const OwnedTopicPattern& topic : topics) {
          const bool is_private = topic.text().starts_with("users/");
          if (is_private && topic.text() != "users/" + user) return Authorizer::Decision::forbidden(topic.text());
        }
        return Authorizer::Decision::allow(user);
      });
  RunningServer server({.authorizer = authorizer});
  const std::string ada = "X-User: ada\r\n";
  const StreamClient stream(server.port(), "/events?topic=users/ada&client=ada-phone", ada);
  const StreamClient keyed(server.port(), "/events?topic=users/ada&client=" + std::string(kKey), ada);
  const StreamClient guessable(server.port(), "/events?topic=users/&client=kiosk");
  std::string many;
  for (int i = 0; i < 64; ++i) many.append(i > 0 ? "," : "").append("\"t" + std::to_string(i) + "\"");
  const auto answer = [&](const std::string& client, const std::string& body, const std::string& user) {
    const std::string response = change(server.port(), client, body, user);
    return std::pair(status_of(response), response.substr(response.find("\r\n\r\n")));
  };
  for (const std::string user : {"X-User: eve\r\n", ""}) {
    for (const std::string& body : {std::string(R"({"remove":"users/ada"})"), std::string(R"({"remove":"never"})"),
                                    std::string(R"({"add":"b"})"), std::string(R"({"add":"b","remove":"users/ada"})"),
                                    std::string(R"({"add":"users/ada"})"), R"({"add":[)" + many + "]}"}) {
      EXPECT_EQ(answer("ada-phone", body, user), answer("eva-phone", body, user)) << body << user;
      EXPECT_EQ(answer(kKey, body, user), answer("8f0c2b1e9a4d4c1f8e55", body, user)) << body << user;
      EXPECT_EQ(answer("kiosk", body, user), answer("quiosk", body, user)) << body << user;
    }
  }
  EXPECT_EQ(answer("ada-phone", R"({"remove":"users/ada"})", ada).first, 400);
  EXPECT_EQ(answer("ada-phone", R"({"add":[)" + many + "]}", ada).first, 400);
  EXPECT_EQ(answer("ada-phone", R"({"add":"users/eve"})", ada).first, 403);
  EXPECT_EQ(answer("ada-phone", R"({"remove":"never"})", ada).first, 200);
}

TEST(TopicChanges, GoToAUsersOwnStreamWhoeverElseHasTakenItsName) {
  RunningServer server({.authorizer = own_topics(std::make_shared<std::set<std::string>>())});
  const std::string ada = "X-User: ada\r\n";
  const std::string eve = "X-User: eve\r\n";
  const StreamClient of_ada(server.port(), "/events?topic=a&client=tab", ada);
  const StreamClient of_eve(server.port(), "/events?topic=e&client=tab", eve);
  EXPECT_EQ(topics_of(change(server.port(), "tab", R"({"add":"b"})", ada)), json({"a", "b"}));
  EXPECT_EQ(topics_of(change(server.port(), "tab", R"({"remove":"a"})", ada)), json({"b"}));
  EXPECT_EQ(topics_of(change(server.port(), "tab", R"({"add":"b"})", eve)), json({"b", "e"}));
}

TEST(TopicChanges, EndTheStreamWithTheEarlierOfTheTwoRights) {
  auto until = std::make_shared<std::atomic<int>>(3'600'000);
  RunningServer server({.authorizer = std::make_shared<FunctionAuthorizer>([until](const auto&, auto, const auto&) {
                          return Authorizer::Decision::allow(
                              "ada", std::chrono::system_clock::now() + std::chrono::milliseconds(until->load()));
                        })});
  auto stream = open(server, "topic=a");
  *until = 50;
  topics_of(change(server.port(), kKey, R"({"add":"b"})"));
  EXPECT_TRUE(stream.read_to_end());
}

TEST(TopicChanges, NeedAKeyWhereThereIsNoUser) {
  RunningServer server;
  const StreamClient stream(server.port(), "/events?topic=a&client=guessable");
  const std::string response = change(server.port(), "guessable", R"({"add":"b"})");
  EXPECT_EQ(status_of(response), 403);
  EXPECT_NE(response.find("client: "), std::string::npos) << response;
}

TEST(TopicChanges, AreForOpenStreamsOfEventsRoutes) {
  RunningServer server(open_to_all(), [](Server& made) {
    made.events("/events").operations();
    made.events("/api/events");
    made.Get("/own", [&made](const httplib::Request& asked, httplib::Response& response) {
      made.subscribe(asked, response, {.topics = {"a"}, .client = kKey});
    });
  });
  EXPECT_EQ(status_of(change(server.port(), kKey, R"({"add":"b"})")), 404);
  {
    const StreamClient own(server.port(), "/own");
    EXPECT_EQ(status_of(change(server.port(), kKey, R"({"add":"b"})")), 404) << "the program's";
    StreamClient poll(server.port(), "/events?mode=poll&topic=a&client=" + std::string(kKey));
    EXPECT_EQ(status_of(change(server.port(), kKey, R"({"add":"b"})")), 404);
    auto old = open(server, "topic=a");
    auto stream = open(server, "topic=a");
    EXPECT_EQ(
        topics_of(ask(server.port(), request("POST", "/api/subscriptions/" + std::string(kKey), "", R"({"add":"b"})"))),
        json({"a", "b"}));
    publish(server, "b", "1");
    EXPECT_EQ(stream.next_data(), "1") << "the newest of its name";
    publish(server, "a", "2");
    EXPECT_EQ(old.next_data(), "2");
  }
  EXPECT_TRUE(eventually([&] { return server->open_streams() == 0; }));
  EXPECT_EQ(status_of(change(server.port(), kKey, R"({"add":"b"})")), 404) << "it has gone";
  EXPECT_EQ(status_of(change(server.port(), "disconnect", R"({"client":"x"})")), 200) << "another route's";
}

TEST(TopicChanges, EndAStreamThatIsLeftWithFinishedTopics) {
  RunningServer server;
  auto stream = open(server, "topic=a&topic=b");
  server->hub().finish("b").or_throw();
  topics_of(change(server.port(), kKey, R"({"remove":"a"})"));
  EXPECT_TRUE(stream.read_to_end());
}

TEST(TopicChanges, AreReportedByPresence) {
  ServerOptions options = open_to_all();
  options.streams.presence = true;
  RunningServer server(options);
  auto stream = open(server, "topic=a");
  topics_of(change(server.port(), kKey, R"({"add":"b","remove":"a"})"));
  StreamClient watcher(server.port(), "/events?topic=millrace.presence/a&topic=millrace.presence/b");
  std::map<std::string, json> subscribers;
  // What presence collects first, it may report in between.
  while (subscribers["a"] != 0 || subscribers["b"] != 1) {
    const auto event = watcher.next();
    ASSERT_TRUE(event);
    const json data = json::parse(event->data);
    subscribers[data["topic"]] = data["subscribers"];
  }
  // One that watches from here on begins with the state.
  topics_of(change(server.port(), kKey, R"({"add":"millrace.presence/b"})"));
  const auto event = stream.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, "millrace.presence");
  EXPECT_EQ(json::parse(event->data).value("state", false), true);
}

TEST(TopicChanges, RefuseWhatTheyDoNotUnderstand) {
  RunningServer server;
  const auto stream = open(server, "topic=a");
  std::string many;
  for (int i = 0; i < 64; ++i) many.append(i > 0 ? "," : "").append("\"t" + std::to_string(i) + "\"");
  for (const auto& [body, sentence] : std::map<std::string, std::string>{
           {"", "body: must be"},
           {"[]", "body: must be"},
           {"{}", "add: missing"},
           {R"({"add":[]})", "add: missing"},
           {R"({"add":1})", "add: must be"},
           {R"({"add":["b",null]})", "add: must be"},
           {R"({"add":"b//**/c"})", "add: topic: "},
           {R"({"remove":""})", "remove: topic: "},
           {R"({"topics":"b"})", R"(\"topics\" is not a field)"},
           {R"({"add":"b","lastEventId":"earliest"})", "lastEventId: expected"},
           {R"({"remove":"a"})", "remove: no topic would be left"},
           {"{\"add\":[" + many + "]}", "topic: more than 64"},
           {"{\"add\":[" + many + ",\"t\"]}", "add: more than 64"},
           {"{\"remove\":[" + many + ",\"t\"]}", "remove: more than 64"},
       }) {
    const std::string response = change(server.port(), kKey, body);
    EXPECT_EQ(status_of(response), 400) << body;
    EXPECT_NE(response.find(sentence), std::string::npos) << response;
  }
  EXPECT_EQ(status_of(change(server.port(), kKey, "\"" + std::string(kMaxTopicChangeBytes, 'a') + "\"")), 413);
  EXPECT_EQ(status_of(change(server.port(), kKey, R"({"add":"millrace.presence/**"})")), 403);
  EXPECT_EQ(status_of(change(server.port(), kKey, R"({"add":"b"})", "Origin: https://evil.example\r\n")), 403);
  EXPECT_EQ(server->subscriptions().front().topics, (Data{"a"}));
}

}  // namespace
}  // namespace millrace::test
