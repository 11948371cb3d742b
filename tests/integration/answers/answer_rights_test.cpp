#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <memory>
#include <string>

#include "answer_server.h"
#include "millrace/server/authorizer.h"

namespace millrace::test {
namespace {

using Action = Authorizer::Action;

// Users say who they are; `mallory` may do nothing.
struct Everybody final : Authorizer {
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override {
    const std::string user = request.get_header_value("User");
    if (action != Action::kSubscribe || topics.size() != 1 || !topics[0].text().starts_with("answers/")) return {};
    if (user.empty()) return Decision::unauthenticated("say who you are");
    return user == "mallory" || barred ? Decision::forbidden("not you") : Decision::allow(user);
  }
  mutable std::atomic<bool> barred = false;
};

ServerOptions guarded(const std::shared_ptr<Everybody>& authorizer = std::make_shared<Everybody>()) {
  ServerOptions options;
  options.authorizer = authorizer;
  return options;
}

constexpr const char* kAda = "User: ada\r\n";
constexpr const char* kBob = "User: bob\r\n";
constexpr const char* kMallory = "User: mallory\r\n";

TEST(AnswerRights, WhoMayNotListenBeginsNothing) {
  AnswerServer server({}, guarded());
  EXPECT_EQ(server.ask_in_vain().status, 401);
  EXPECT_EQ(server.ask_in_vain(kMallory).status, 403);
  EXPECT_FALSE(server.producer());
  EXPECT_EQ(server->statistics().begun, 0u);
  EXPECT_EQ(server.ask(kAda).head().status, 200);
}

TEST(AnswerRights, AnotherUsersAnswerDoesNotExist) {
  AnswerServer server({}, guarded());
  const StreamClient stream = server.ask(kAda);
  const std::string id = id_of(stream);
  EXPECT_EQ(server->find(id)->owner, "ada");
  const std::string of_none = server.resume_in_vain("0123456789abcdef", kBob).body;
  for (const char* other : {kBob, kMallory}) {
    const RawResponse resumed = server.resume_in_vain(id, other);
    EXPECT_EQ(resumed.status, 404);
    EXPECT_EQ(resumed.body, of_none) << "nothing tells it from an answer that never was";
    EXPECT_EQ(server.stop(id, other).status, 404);
    EXPECT_EQ(server.ask_in_vain("Last-Event-ID: " + id + ":0\r\n" + other).status, 404);
  }
  EXPECT_EQ(server.resume_in_vain(id).status, 401);
  EXPECT_EQ(server.resume_in_vain("0123456789abcdef").status, 401) << "who asks is settled first";
  EXPECT_EQ(server.stop(id).status, 401);
  EXPECT_EQ(server.resume(id, kAda).head().status, 200);
  EXPECT_EQ(server.stop(id, kAda).status, 204);
}

TEST(AnswerRights, TheAuthorizerIsAskedAgainWhenAClientComesBack) {
  const auto authorizer = std::make_shared<Everybody>();
  AnswerServer server({}, guarded(authorizer));
  const StreamClient stream = server.ask(kAda);
  authorizer->barred = true;
  EXPECT_EQ(server.resume_in_vain(id_of(stream), kAda).status, 404);
  EXPECT_EQ(server.stop(id_of(stream), kAda).status, 404);
  EXPECT_TRUE(server.producer().is_running());
}

TEST(AnswerRights, ASharedAnswerIsHeardByOthersAndStoppedByItsOwner) {
  AnswerServer server({}, guarded(), {.shared = true});
  const StreamClient stream = server.ask(kAda);
  EXPECT_EQ(server.resume(id_of(stream), kBob).head().status, 200);
  EXPECT_EQ(server.stop(id_of(stream), kBob).status, 404);
  EXPECT_EQ(server.resume_in_vain(id_of(stream), kMallory).status, 404);
  EXPECT_EQ(server.stop(id_of(stream), kAda).status, 204);
}

// A program with sessions of its own.
TEST(AnswerRights, TheProgramNamesUsersItself) {
  Answers* answers = nullptr;
  const auto user = [](const httplib::Request& request) { return request.get_header_value("User"); };
  std::unique_ptr<Answers> service;
  RunningServer server({}, [&](Server& configured) {
    service = std::make_unique<Answers>(configured);
    answers = service.get();
    configured.Post("/a", [&](const auto& request, auto& response) {
      answers->begin(request, response, {.id = "one", .listen = false, .owner = user(request)}).fail("for now");
    });
    configured.Get("/a", [&](const auto& request, auto& response) {
      answers->resume(request, response, "one", {.user = user(request)});
    });
    configured.Delete(
        "/a", [&](const auto& request, auto& response) { answers->stop(request, response, "one", user(request)); });
  });
  const auto ask = [&](const std::string& method, const char* who) {
    RawClient client(server.port());
    return client.exchange(method + " /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n" + who + "\r\n");
  };
  const RawResponse begun = ask("POST", kAda);
  EXPECT_EQ(begun.status, 200);
  EXPECT_EQ(begun.field("Millrace-Answer"), "one");
  EXPECT_EQ(ask("GET", kBob).status, 404);
  EXPECT_EQ(ask("DELETE", kBob).status, 404);
  EXPECT_EQ(ask("DELETE", kAda).status, 204);
  StreamClient back(server.port(), "/a", kAda);
  EXPECT_EQ(back.next()->type, "failed");
  server.stop();
  service.reset();
}

TEST(AnswerRights, AKeyIsItsUsersOwn) {
  AnswerServer server({}, guarded());
  const std::string key = "Idempotency-Key: k1\r\n";
  const std::string adas = id_of(server.ask(key + kAda));
  EXPECT_NE(id_of(server.ask(key + kBob)), adas);
  EXPECT_EQ(id_of(server.ask(key + kAda)), adas);
}

}  // namespace
}  // namespace millrace::test
