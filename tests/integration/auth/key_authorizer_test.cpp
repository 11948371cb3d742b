#include "millrace/server/key_authorizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "ask.h"
#include "millrace/server/any_authorizer.h"
#include "millrace/server/function_authorizer.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

constexpr char kPublishKey[] = "publish-0123456789abcdef";
constexpr char kSubscribeKey[] = "subscribe-0123456789abcdef";
constexpr char kAdminKey[] = "admin-0123456789abcdef";

std::string bearing(const std::string& key) {
  return key.empty() ? std::string() : "Authorization: Bearer " + key + "\r\n";
}

int publish(int port, const std::string& key) {
  return status_of(ask(port, request("POST", "/events", bearing(key), R"({"topic":"a","data":"x"})")));
}
int subscribe(int port, const std::string& key) {
  return status_of(ask(port, request("GET", "/events?topic=a", bearing(key))));
}

ServerOptions with(std::shared_ptr<const Authorizer> authorizer) {
  return {.threads = {.workers = 2, .loops = 1}, .authorizer = std::move(authorizer)};
}

std::shared_ptr<KeyAuthorizer> keys(KeyAuthorizer::Options options) {
  return std::make_shared<KeyAuthorizer>(std::move(options));
}

int administer(const Authorizer& authorizer, const std::string& key) {
  httplib::Request request;
  if (!key.empty()) request.headers.emplace("Authorization", "Bearer " + key);
  return authorizer.decide(request, Authorizer::Action::kAdminister, {}).status();
}

TEST(KeyAuthorizer, LetsAnyoneSubscribeAndOnlyThePublishKeyPublish) {
  RunningServer running(with(keys({.publish_keys = {kPublishKey}})));
  EXPECT_EQ(subscribe(running.port(), ""), 200);
  EXPECT_EQ(subscribe(running.port(), kPublishKey), 200);
  EXPECT_EQ(publish(running.port(), kPublishKey), 200);
  EXPECT_EQ(publish(running.port(), ""), 401);
  EXPECT_EQ(publish(running.port(), "publish-0123456789abcdeg"), 401);
  EXPECT_EQ(publish(running.port(), "publish-0123456789abcde"), 401);
  EXPECT_EQ(publish(running.port(), "publish-0123456789abcdef0"), 401);
}

TEST(KeyAuthorizer, TakesEachOfSeveralKeys) {
  constexpr char kOtherKey[] = "another-0123456789abcdef";
  RunningServer running(with(keys({.publish_keys = {kPublishKey, kOtherKey}})));
  EXPECT_EQ(publish(running.port(), kPublishKey), 200);
  EXPECT_EQ(publish(running.port(), kOtherKey), 200);
  EXPECT_EQ(publish(running.port(), kSubscribeKey), 401);
}

TEST(KeyAuthorizer, AsksForTheSubscribeKeyWhereThereIsOne) {
  RunningServer running(with(keys({.publish_keys = {kPublishKey}, .subscribe_keys = {kSubscribeKey}})));
  EXPECT_EQ(subscribe(running.port(), kSubscribeKey), 200);
  EXPECT_EQ(subscribe(running.port(), ""), 401);
  EXPECT_EQ(subscribe(running.port(), kPublishKey), 403);
  EXPECT_EQ(publish(running.port(), kSubscribeKey), 403);
}

TEST(KeyAuthorizer, GivesTheAdminKeyEverythingAndAdministrationToNoOther) {
  const auto authorizer =
      keys({.publish_keys = {kPublishKey}, .subscribe_keys = {kSubscribeKey}, .admin_keys = {kAdminKey}});
  RunningServer running(with(authorizer));
  EXPECT_EQ(subscribe(running.port(), kAdminKey), 200);
  EXPECT_EQ(publish(running.port(), kAdminKey), 200);
  EXPECT_EQ(administer(*authorizer, kAdminKey), 200);
  EXPECT_EQ(administer(*authorizer, kPublishKey), 403);
  EXPECT_EQ(administer(*authorizer, kSubscribeKey), 403);
  EXPECT_EQ(administer(*authorizer, ""), 401);
}

TEST(KeyAuthorizer, KeepsTopicsOfMillracesOwnForTheAdminKey) {
  RunningServer running(
      with(keys({.publish_keys = {kPublishKey}, .subscribe_keys = {kSubscribeKey}, .admin_keys = {kAdminKey}})));
  const auto listen = [&](const std::string& key) {
    const std::string target = "/events?topic=a&topic=millrace.presence/a";
    return status_of(ask(running.port(), request("GET", target, bearing(key))));
  };
  EXPECT_EQ(listen(kAdminKey), 200);
  EXPECT_EQ(listen(kSubscribeKey), 403);
  EXPECT_EQ(listen(kPublishKey), 403);
  EXPECT_EQ(listen(""), 401);
  RunningServer open(with(keys({.publish_keys = {kPublishKey}})));
  EXPECT_EQ(status_of(ask(open.port(), request("GET", "/events?topic=millrace.presence/a"))), 401);
}

TEST(KeyAuthorizer, SaysHowToSendAKey) {
  RunningServer running(with(keys({.publish_keys = {kPublishKey}})));
  const std::string response = ask(running.port(), request("POST", "/events", "", R"({"topic":"a","data":"x"})"));
  EXPECT_EQ(header_of(response, "WWW-Authenticate"), "Bearer");
  EXPECT_NE(response.find("Authorization: Bearer <key>"), std::string::npos) << response;
}

TEST(KeyAuthorizer, TakesTheSchemeInAnyCaseAndNoTwoHeaders) {
  RunningServer running(with(keys({.publish_keys = {kPublishKey}})));
  const std::string body = R"({"topic":"a","data":"x"})";
  const std::string lower = std::string("authorization: bearer ") + kPublishKey + "\r\n";
  EXPECT_EQ(status_of(ask(running.port(), request("POST", "/events", lower, body))), 200);
  EXPECT_EQ(status_of(ask(running.port(), request("POST", "/events", lower + lower, body))), 401);
  const std::string basic = std::string("Authorization: Basic ") + kPublishKey + "\r\n";
  EXPECT_EQ(status_of(ask(running.port(), request("POST", "/events", basic, body))), 401);
}

TEST(KeyAuthorizer, ReadsItsFilesAgainAndKeepsTheKeysIfThatFails) {
  const TemporaryFile file(std::string("# the old one\n\n") + kPublishKey + "\r\n");
  const auto authorizer = keys({.publish_key_file = file.path()});
  RunningServer running(with(authorizer));
  EXPECT_EQ(publish(running.port(), kPublishKey), 200);
  file.write("another-0123456789abcdef");
  EXPECT_EQ(publish(running.port(), kPublishKey), 200);
  authorizer->reload();
  EXPECT_EQ(publish(running.port(), kPublishKey), 401);
  EXPECT_EQ(publish(running.port(), "another-0123456789abcdef"), 200);
  file.write("\n# nothing\n");
  EXPECT_EQ(complaint_of([&] { authorizer->reload(); }), "publish_key_file: \"" + file.path() + "\" contains no key");
  EXPECT_EQ(publish(running.port(), "another-0123456789abcdef"), 200);
}

TEST(KeyAuthorizer, RefusesKeysThatAreWeakOrCannotBeSent) {
  const auto complaint = [](const std::string& key) {
    return complaint_of([&] { KeyAuthorizer authorizer({.publish_keys = {key}}); });
  };
  for (const std::string& key :
       {std::string("short"), std::string(kMaxKeyBytes + 1, 'x'), std::string("0123456789 abcdef"),
        std::string(20, '='), std::string("0123456789%41abcdef")}) {
    EXPECT_TRUE(complaint(key).starts_with("publish_keys: a key must be 16 to 1024 bytes")) << key;
    EXPECT_EQ(complaint(key).find(key), std::string::npos);
  }
  EXPECT_NE(complaint_of([] { KeyAuthorizer authorizer({}); }).find("no key: set"), std::string::npos);
  EXPECT_EQ(complaint_of([] { KeyAuthorizer authorizer({.admin_key_file = "/nowhere"}); }),
            "admin_key_file: cannot read \"/nowhere\"");
}

TEST(AnyAuthorizer, TakesTheFirstThatAllowsAndTheStrongestRefusal) {
  const auto publishers = keys({.publish_keys = {kPublishKey}, .anonymous_subscribe = false});
  const auto subscribers = keys({.subscribe_keys = {kSubscribeKey}});
  RunningServer running(
      with(std::make_shared<AnyAuthorizer>(std::vector<std::shared_ptr<const Authorizer>>{publishers, subscribers})));
  EXPECT_EQ(publish(running.port(), kPublishKey), 200);
  EXPECT_EQ(subscribe(running.port(), kSubscribeKey), 200);
  EXPECT_EQ(publish(running.port(), kSubscribeKey), 403);
  EXPECT_EQ(subscribe(running.port(), kPublishKey), 403);
  EXPECT_EQ(subscribe(running.port(), ""), 401);
  EXPECT_FALSE(complaint_of([] { AnyAuthorizer none({}); }).empty());
  EXPECT_FALSE(complaint_of([] { AnyAuthorizer null({nullptr}); }).empty());
}

TEST(FunctionAuthorizer, AsksTheFunction) {
  RunningServer running(with(std::make_shared<FunctionAuthorizer>(
      [](const httplib::Request& asked, Authorizer::Action action, const TopicPatterns& topics) {
        const bool allowed = action == Authorizer::Action::kSubscribe && topics == TopicPatterns{"a"} &&
                             asked.get_header_value("X-User") == "ada";
        return allowed ? Authorizer::Decision::allow() : Authorizer::Decision::forbidden("not you");
      })));
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=a", "X-User: ada\r\n"))), 200);
  EXPECT_EQ(status_of(ask(running.port(), request("GET", "/events?topic=b", "X-User: ada\r\n"))), 403);
  EXPECT_NE(ask(running.port(), request("GET", "/events?topic=a")).find("not you"), std::string::npos);
  EXPECT_FALSE(complaint_of([] { FunctionAuthorizer null(nullptr); }).empty());
}

TEST(FunctionAuthorizer, IsAskedForAllTopicsOfARequestAndNoneIsPublishedWithoutARight) {
  RunningServer running(with(std::make_shared<FunctionAuthorizer>(
      [](const httplib::Request&, Authorizer::Action action, const TopicPatterns& topics) {
        const bool allowed = action == Authorizer::Action::kSubscribe || topics == TopicPatterns{"a"};
        return allowed ? Authorizer::Decision::allow() : Authorizer::Decision::forbidden("not there");
      })));
  const auto publish_both = [&](const std::string& one, const std::string& other) {
    const std::string body =
        R"({"topic":")" + one + R"(","data":"1"})" + "\n" + R"({"topic":")" + other + R"(","data":"2"})";
    return status_of(ask(running.port(), request("POST", "/events", {}, body)));
  };
  EXPECT_EQ(publish_both("a", "b"), 403);
  EXPECT_EQ(publish_both("b", "a"), 403);
  EXPECT_EQ(publish_both("a", "a"), 200);
  StreamClient stream(running.port(), "/events?topic=**", "Last-Event-ID: earliest\r\n");
  EXPECT_EQ(stream.next_data(), "1");
  EXPECT_EQ(stream.next_data(), "2");
}

// The right may end between the decision and the stream's beginning.
TEST(FunctionAuthorizer, MayGiveARightThatIsOver) {
  RunningServer running(
      with(std::make_shared<FunctionAuthorizer>([](const httplib::Request&, auto, const TopicPatterns&) {
        return Authorizer::Decision::allow({}, std::chrono::system_clock::now() - std::chrono::hours(1));
      })));
  StreamClient stream(running.port(), "/events?topic=a");
  EXPECT_TRUE(stream.read_to_end());
}

}  // namespace
}  // namespace millrace::test
