// Rights that change while event streams are open, and streams that an administrator ends.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ask.h"
#include "auth/request_record.h"
#include "eventually.h"
#include "millrace/server/any_authorizer.h"
#include "millrace/server/function_authorizer.h"
#include "millrace/server/jwt_authorizer.h"
#include "millrace/server/key_authorizer.h"
#include "routes/stream_selection.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_file.h"
#include "token_signer.h"

namespace millrace::test {
namespace {

using std::chrono::system_clock;

// An authorizer of the user's: the header X-User names the user; users on the list may do everything.
class Members final : public Authorizer {
 public:
  explicit Members(std::set<std::string> names) : names_(std::move(names)) {}

  Decision decide(const httplib::Request& request, Action, const TopicPatterns&) const override {
    ++asked;
    const std::string name = request.get_header_value("X-User");
    const std::lock_guard lock(mutex_);
    if (fails_) throw std::runtime_error("the list of members cannot be read");
    if (!names_.contains(name)) return Decision::forbidden("no member");
    return Decision::allow(name, until_);
  }

  void change(const std::set<std::string>& names) {
    {
      const std::lock_guard lock(mutex_);
      names_ = names;
    }
    changed();
  }
  void end_at(std::optional<system_clock::time_point> time) {
    {
      const std::lock_guard lock(mutex_);
      until_ = time;
    }
    changed();
  }
  void fail() {
    {
      const std::lock_guard lock(mutex_);
      fails_ = true;
    }
    changed();
  }

  mutable std::atomic<std::size_t> asked = 0;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> names_;
  std::optional<system_clock::time_point> until_;
  bool fails_ = false;
};

std::string named(const std::string& user) {
  return "X-User: " + user + "\r\n";
}

std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token + "\r\n";
}

ServerOptions with(std::shared_ptr<const Authorizer> authorizer) {
  return {.threads = {.workers = 2, .loops = 2}, .authorizer = std::move(authorizer)};
}

void expect_alive(RunningServer& running, StreamClient& stream, const std::string& topic) {
  running->hub().publish(*Topic::parse(topic), {.data = "still here"}).or_throw();
  EXPECT_EQ(stream.next_data(), "still here");
}

TEST(Rights, ThatAreGoneEndTheirStreamsAndNoOthers) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada", "bob"});
  RunningServer running(with(members));
  StreamClient ada(running.port(), "/events?topic=a", named("ada"));
  StreamClient bob(running.port(), "/events?topic=a&topic=b", named("bob"));
  members->change({"bob"});
  EXPECT_TRUE(ada.read_to_end()) << "with its last chunk";
  expect_alive(running, bob, "b");
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a", named("ada")))), 403);
}

TEST(Rights, ThatEndAtAnotherTimeAreKeptUntilThen) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada"});
  RunningServer running(with(members));
  members->end_at(system_clock::now() + std::chrono::hours(1));
  StreamClient ada(running.port(), "/events?topic=a", named("ada"));
  members->end_at(std::nullopt);
  EXPECT_TRUE(eventually([&] { return members->asked >= 2; }));
  expect_alive(running, ada, "a");
  members->end_at(system_clock::now() + std::chrono::milliseconds(50));
  EXPECT_TRUE(ada.read_to_end());
}

TEST(Rights, ThatCannotBeCheckedAreGone) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada"});
  std::mutex mutex;
  std::string said;
  ServerOptions options = with(members);
  options.on_failure = [&](const std::string& failure) {
    const std::lock_guard lock(mutex);
    said = failure;
  };
  RunningServer running(options);
  StreamClient ada(running.port(), "/events?topic=a", named("ada"));
  members->fail();
  EXPECT_TRUE(ada.read_to_end());
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return said.find("the list of members cannot be read") != std::string::npos;
  })) << said;
}

TEST(Rights, ThatCannotBeCheckedAreGoneAlsoIfTheReportFails) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada", "bob"});
  std::atomic<int> reports = 0;
  ServerOptions options = with(members);
  options.on_failure = [&](const std::string&) {
    ++reports;
    throw std::runtime_error("nothing reports this");
  };
  RunningServer running(options);
  StreamClient ada(running.port(), "/events?topic=a", named("ada"));
  StreamClient bob(running.port(), "/events?topic=a", named("bob"));
  members->fail();
  EXPECT_TRUE(ada.read_to_end());
  EXPECT_TRUE(bob.read_to_end());
  EXPECT_TRUE(eventually([&] { return reports >= 2; }));
}

TEST(Rights, AreAskedForAgainOfAllStreamsWhileRequestsHaveTheirTurn) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada", "bob"});
  ServerOptions options = with(members);
  options.threads.workers = 1;
  RunningServer running(options);
  std::vector<StreamClient> streams;
  for (int i = 0; i < 200; ++i) {
    streams.emplace_back(running.port(), "/events?topic=a", named(i % 2 == 0 ? "ada" : "bob"));
  }
  std::thread changing([&] {
    for (int i = 0; i < 20; ++i) members->change({"ada", "bob"});
    members->change({"bob"});
  });
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(status_of(ask(running.port(), request("HEAD", "/events?topic=a", named("bob")))), 200);
  }
  changing.join();
  for (std::size_t i = 0; i < streams.size(); i += 2) EXPECT_TRUE(streams[i].read_to_end()) << i;
  EXPECT_TRUE(eventually([&] { return running->open_streams() == 100; }));
  for (std::size_t i = 1; i < streams.size(); i += 50) EXPECT_EQ(streams[i].decoder().ended(), false) << i;
}

// A right that changes between its being granted and the stream's beginning.
TEST(Rights, AreAskedForAgainOfStreamsThatBeginMeanwhile) {
  std::atomic<int> asked = 0;
  std::atomic<bool> may = true;
  std::shared_ptr<FunctionAuthorizer> authorizer;
  authorizer = std::make_shared<FunctionAuthorizer>([&](const httplib::Request&, auto, const auto&) {
    const bool granted = may;
    if (++asked == 1) {
      may = false;
      authorizer->changed();  // there is no stream to ask about yet
    }
    return granted ? Authorizer::Decision::allow() : Authorizer::Decision::forbidden("not any more");
  });
  RunningServer running(with(authorizer));
  StreamClient stream(running.port(), "/events?topic=a");
  EXPECT_TRUE(stream.read_to_end());
  EXPECT_GE(asked, 2);
}

TEST(Rights, OfKeysEndWhenTheFileIsReadAgainWithoutThem) {
  const TemporaryFile file("first-key-0123456789\nsecond-key-0123456789\n");
  const auto keys = std::make_shared<KeyAuthorizer>(KeyAuthorizer::Options{.subscribe_key_file = file.path()});
  RunningServer running(with(
      std::make_shared<AnyAuthorizer>(std::vector<std::shared_ptr<const Authorizer>>{keys})));  // which passes it on
  StreamClient first(running.port(), "/events?topic=a", bearer("first-key-0123456789"));
  StreamClient second(running.port(), "/events?topic=a", bearer("second-key-0123456789"));
  file.write("second-key-0123456789\n");
  keys->reload();
  EXPECT_TRUE(first.read_to_end());
  expect_alive(running, second, "a");
}

TEST(Rights, OfTokensEndWhenTheKeySetIsRotated) {
  const TokenSigner old_signer = TokenSigner::es256();
  const TokenSigner new_signer = TokenSigner::es256();
  const nlohmann::json claims = {{"millrace", {{"subscribe", {"a"}}}}};
  const TemporaryFile key_set(nlohmann::json{{"keys", {old_signer.jwk()}}}.dump());
  const auto tokens = std::make_shared<JwtAuthorizer>(JwtAuthorizer::Options{.jwks_file = key_set.path()});
  RunningServer running(with(tokens));
  StreamClient by_old(running.port(), "/events?topic=a", bearer(old_signer.sign(claims)));
  key_set.write(nlohmann::json{{"keys", {old_signer.jwk(), new_signer.jwk()}}}.dump());
  tokens->reload();
  StreamClient by_new(running.port(), "/events?topic=a", bearer(new_signer.sign(claims)));
  expect_alive(running, by_old, "a");
  key_set.write(nlohmann::json{{"keys", {new_signer.jwk()}}}.dump());
  tokens->reload();
  EXPECT_TRUE(by_old.read_to_end());
  running->hub().publish("a", {.data = "last"}).or_throw();
  std::string last;
  while (last != "last" && last != "<end>") last = by_new.next_data();
  EXPECT_EQ(last, "last");
}

TEST(Rights, MayChangeWhileTheServerStopsAndWhenItIsGone) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada"});
  std::atomic<bool> done = false;
  std::thread changing([&] {
    while (!done) members->change({"ada"});
  });
  for (int round = 0; round < 20; ++round) {
    RunningServer running(with(members));
    const StreamClient ada(running.port(), "/events?topic=a", named("ada"));
    running.stop();
  }
  done = true;
  changing.join();
}

std::vector<std::string> cookies_of(const httplib::Request& request) {
  const auto [begin, end] = request.headers.equal_range("Cookie");
  std::vector<std::string> cookies;
  for (auto field = begin; field != end; ++field) cookies.push_back(field->second);
  return cookies;
}

TEST(RequestRecord, KeepsWhatAnAuthorizerMayLookAt) {
  httplib::Request request;
  request.method = "GET";
  request.path = "/events";
  request.target = "/events?topic=a&topic=b";
  request.version = "HTTP/1.1";
  request.remote_addr = "10.0.0.1";
  request.remote_port = 4711;
  request.headers = {{"Cookie", "a=b"}, {"Cookie", std::string("c\0d", 3)}, {"X-Empty", ""}};
  request.params = {{"topic", "a"}, {"topic", "b"}};
  const httplib::Request again = RequestRecord(request).request();
  EXPECT_EQ(again.method, request.method);
  EXPECT_EQ(again.path, request.path);
  EXPECT_EQ(again.target, request.target);
  EXPECT_EQ(again.remote_addr, request.remote_addr);
  EXPECT_EQ(again.remote_port, request.remote_port);
  EXPECT_EQ(again.headers, request.headers);
  EXPECT_EQ(cookies_of(again), cookies_of(request));
  EXPECT_EQ(again.params, request.params);
}

// --- Ended by an administrator -------------------------------------------------------------------------------------

std::string disconnect(int port, const std::string& body, const std::string& headers = {}) {
  return ask(port, request("POST", "/subscriptions/disconnect", headers, body));
}

TEST(Disconnecting, EndsTheStreamsOfAUserAClientOrATopic) {
  const auto members = std::make_shared<Members>(std::set<std::string>{"ada", "bob", "root"});
  RunningServer running(with(members), [](Server& server) { server.events("/events").operations(); });
  const std::string root = named("root");
  StreamClient tab(running.port(), "/events?topic=a&client=tab", named("ada"));
  StreamClient phone(running.port(), "/events?topic=a&client=phone", named("ada"));
  StreamClient bob(running.port(), "/events?topic=b/**&client=tab", named("bob"));
  EXPECT_NE(disconnect(running.port(), R"({"user":"ada","client":"phone"})", root).find(R"({"disconnected":1})"),
            std::string::npos);
  EXPECT_TRUE(phone.read_to_end()) << "in order";
  EXPECT_NE(disconnect(running.port(), R"({"user":"nobody"})", root).find(R"({"disconnected":0})"), std::string::npos);
  EXPECT_NE(disconnect(running.port(), R"({"topic":"b/c"})", root).find(R"({"disconnected":1})"), std::string::npos);
  EXPECT_TRUE(bob.read_to_end());
  expect_alive(running, tab, "a");
  EXPECT_NE(disconnect(running.port(), R"({"user":"ada"})", root).find(R"({"disconnected":1})"), std::string::npos);
  EXPECT_TRUE(tab.read_to_end());
  EXPECT_GE(tab.decoder().retry(), kDefaultReconnectionTime);
}

TEST(Disconnecting, CanSendClientsAwayForATimeOrForGood) {
  RunningServer running(open_to_all(), [](Server& server) { server.events("/events").operations(); });
  StreamClient away(running.port(), "/events?topic=a&client=away");
  EXPECT_NE(disconnect(running.port(), R"({"client":"away","retry":60000})").find(R"({"disconnected":1})"),
            std::string::npos);
  EXPECT_TRUE(away.read_to_end());
  EXPECT_GE(away.decoder().retry(), Duration{60'000});
  EXPECT_LE(away.decoder().retry(), Duration{120'000});
  for (const char* form : {"event", "id", "none"}) {
    StreamClient gone(running.port(), "/events?topic=a&client=gone&cursor=" + std::string(form));
    EXPECT_EQ(running->disconnect({.client = "gone"}, {.for_good = true}), 1u);
    EXPECT_TRUE(gone.read_to_end()) << form;
    EXPECT_EQ(gone.decoder().last_event_id(), "millrace.gone") << form;
  }
  for (const char* query : {"topic=a", "topic=a&mode=poll", "topic=a&lastEventId=latest"}) {
    const auto again =
        ask(running.port(), request("GET", "/events?" + std::string(query), "Last-Event-ID: millrace.gone\r\n"));
    EXPECT_EQ(status_of(again), 204) << query;
  }
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a&lastEventId=millrace.gone"))), 204);
  EXPECT_THROW(running->disconnect({.client = "x"}, {.retry = Duration{-1}}), std::invalid_argument);
  EXPECT_THROW(running->disconnect({.client = "x"}, {.retry = Duration{1}, .for_good = true}), std::invalid_argument);
}

// One that does not read has a part of an event, which has to be whole before anything else is said.
TEST(Disconnecting, ForGoodWaitsForAClientThatDoesNotRead) {
  RunningServer running(open_to_all(), [](Server& server) { server.events("/events").operations(); });
  StreamClient slow(running.port(), "/events?topic=a&client=slow", {}, 4 * 1024);
  const std::string large(1'000'000, 'x');
  for (int i = 0; i < 20; ++i) running->hub().publish("a", {.data = large}).or_throw();
  EXPECT_TRUE(eventually([&] { return !running->subscriptions().front().live; }));
  EXPECT_EQ(running->disconnect({.client = "slow"}, {.for_good = true}), 1u);
  EXPECT_TRUE(slow.read_to_end());
  EXPECT_EQ(slow.decoder().last_event_id(), "millrace.gone");
  EXPECT_LT(slow.decoder().events().size(), 20u) << "nothing more is sent";
}

TEST(Disconnecting, IsForAdministratorsAndRefusesWhatItDoesNotUnderstand) {
  RunningServer running({.threads = {.workers = 2, .loops = 1}},
                        [](Server& server) { server.events("/events").operations(); });
  EXPECT_EQ(status_of(disconnect(running.port(), R"({"user":"ada"})")), 403);
  RunningServer open({.threads = {.workers = 2, .loops = 1}, .publishing = {.anonymous = true}},
                     [](Server& server) { server.events("/events").operations(); });
  for (const auto& [body, sentence] : std::map<std::string, std::string>{
           {"", "body: must be"},
           {"[]", "body: must be"},
           {"{}", "body: must be"},
           {R"({"user":""})", "user: must be"},
           {R"({"user":1})", "user: must be"},
           {R"({"topic":"a/*"})", "topic: "},
           {R"({"users":"ada"})", R"(\"users\" is not a field)"},
           {R"({"forGood":true})", "user: missing"},
           {R"({"user":"ada","forGood":1})", "forGood: must be"},
           {R"({"user":"ada","retry":-1})", "retry: must be"},
           {R"({"user":"ada","retry":2147483648})", "retry: must be"},
           {R"({"user":"ada","retry":1,"forGood":true})", "retry: has no effect"},
       }) {
    const std::string response = disconnect(open.port(), body);
    EXPECT_EQ(status_of(response), 400) << body;
    EXPECT_NE(response.find(sentence), std::string::npos) << response;
  }
  EXPECT_EQ(status_of(disconnect(open.port(), "{\"user\":\"" + std::string(5'000, 'a') + "\"}")), 413);
  EXPECT_EQ(status_of(disconnect(open.port(), R"({"user":"ada"})", "Origin: https://evil.example\r\n")), 403);
  EXPECT_EQ(open->disconnect(StreamSelection{}), 0u);
}

}  // namespace
}  // namespace millrace::test
