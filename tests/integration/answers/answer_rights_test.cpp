#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "answer_server.h"
#include "millrace/server/authorizer.h"

namespace millrace::test {
namespace {

using Action = Authorizer::Action;

// A value that tests change while a server reads it.
template <typename Value>
class Guarded {
 public:
  void operator=(Value value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }
  bool operator==(const Value& other) const {
    const std::lock_guard lock(mutex_);
    return value_ == other;
  }

 private:
  mutable std::mutex mutex_;
  Value value_;
};

// Users say who they are; `mallory` may do nothing.
struct Everybody final : Authorizer {
  Decision decide(const httplib::Request& request, Action action, const TopicPatterns& topics) const override {
    const std::string user = request.get_header_value("User");
    if (action != Action::kSubscribe || topics.size() != 1 || !topics[0].text().starts_with("answers/")) return {};
    if (user.empty()) return Decision::unauthenticated("say who you are");
    ++asked;
    if (is_away) return Decision::unavailable("nobody can tell now");
    return user == "mallory" || barred == user ? Decision::forbidden("not you") : Decision::allow(renamed(user));
  }
  void bar(const std::string& user) {
    barred = user;
    changed();
  }
  void rename(const std::string& user) {
    somebody_else = user;
    changed();
  }
  std::string renamed(const std::string& user) const { return somebody_else == user ? "somebody else" : user; }

  Guarded<std::string> barred;         // a user who may do nothing any more
  Guarded<std::string> somebody_else;  // one whose session is another user's now
  std::atomic<bool> is_away = false;
  mutable std::atomic<int> asked = 0;
};

ServerOptions guarded(const std::shared_ptr<Everybody>& authorizer = std::make_shared<Everybody>()) {
  ServerOptions options;
  options.authorizer = authorizer;
  return options;
}

constexpr const char* kAda = "User: ada\r\n";
constexpr const char* kBob = "User: bob\r\n";
constexpr const char* kMallory = "User: mallory\r\n";

TEST(AnswerRights, StreamsOfAnswersCountForTheirUser) {
  ServerOptions options = guarded();
  options.shares.max_streams_per_user = 2;
  AnswerServer server({}, options);
  const StreamClient first = server.ask(kAda);
  const auto resumes = [&] {
    try {
      return server.resume(id_of(first), kAda).head().status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  {
    const StreamClient second = server.resume(id_of(first), kAda);
    for (const RawResponse& refused : {server.resume_in_vain(id_of(first), kAda), server.ask_in_vain(kAda)}) {
      EXPECT_EQ(refused.status, 429) << refused.body;
      EXPECT_FALSE(refused.field("Retry-After").empty());
      EXPECT_NE(refused.body.find("the maximum number of open event streams, 2"), std::string::npos) << refused.body;
    }
    EXPECT_FALSE(server.producer()) << "nobody hears the answer: it is not begun";
    EXPECT_EQ(server->statistics().running, 1u);
    EXPECT_EQ(server.ask(kBob).head().status, 200);
  }
  EXPECT_TRUE(eventually(resumes)) << "one of them has ended";
}

TEST(AnswerRights, AClientThatMayNotListenBeginsNothing) {
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
  authorizer->barred = "ada";
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

// Where the policy ends an answer that nobody listens to, the end of the revoked stream is a leave like any other.
TEST(AnswerRights, ChangedRightsEndTheStreamsOfListenersThatHaveLostThem) {
  const auto authorizer = std::make_shared<Everybody>();
  AnswerServer server({.when_alone = stop_at_once()}, guarded(authorizer), {.shared = true});
  StreamClient ada = server.ask(kAda);
  const Answer answer = server.producer();
  StreamClient bob = server.resume(id_of(ada), kBob);
  authorizer->bar("bob");
  EXPECT_TRUE(bob.read_to_end());
  EXPECT_TRUE(answer.send({.data = "word"}));
  EXPECT_EQ(ada.next_data(), "word") << "she may still listen";
  EXPECT_EQ(server.resume_in_vain(id_of(ada), kBob).status, 404);
  authorizer->bar("ada");
  EXPECT_TRUE(ada.read_to_end());
  EXPECT_TRUE(eventually([&] { return answer.end() == AnswerEnd::kAlone; }));
}

TEST(AnswerRights, AListenerThatIsAnotherUserNowIsNoLongerItsOwner) {
  const auto authorizer = std::make_shared<Everybody>();
  AnswerServer server({}, guarded(authorizer));
  StreamClient ada = server.ask(kAda);
  StreamClient bob = server.ask(kBob);
  authorizer->rename("ada");
  EXPECT_TRUE(ada.read_to_end());
  EXPECT_TRUE(server.producer().send({.data = "word"}));
  EXPECT_EQ(bob.next_data(), "word");
}

TEST(AnswerRights, ListenersStayWhileTheAuthorizerCannotTell) {
  const auto authorizer = std::make_shared<Everybody>();
  AnswerServer server({}, guarded(authorizer));
  StreamClient ada = server.ask(kAda);
  const Answer answer = server.producer();
  authorizer->is_away = true;
  const int before = authorizer->asked;
  authorizer->changed();
  EXPECT_TRUE(eventually([&] { return authorizer->asked > before; }));
  const std::string id = id_of(ada);
  for (const RawResponse& refused :
       {server.ask_in_vain(kAda), server.resume_in_vain(id, kAda), server.stop(id, kAda)}) {
    EXPECT_EQ(refused.status, 503);
    EXPECT_NE(refused.field("Retry-After"), "");
  }
  EXPECT_TRUE(answer.send({.data = "word"}));
  EXPECT_EQ(ada.next_data(), "word");
}

TEST(AnswerRights, AnAdministratorEndsTheStreamsOfAUser) {
  AnswerServer server({}, guarded());
  StreamClient ada = server.ask(kAda);
  const Answer answer = server.producer();
  EXPECT_EQ(server.server().disconnect({.user = "ada"}), 1u);
  EXPECT_TRUE(ada.read_to_end());
  EXPECT_TRUE(answer.is_running()) << "a listener has left, nothing more";
  EXPECT_EQ(server.resume(id_of(ada), kAda).head().status, 200) << "and may come back";
}

TEST(AnswerRights, AListenerThatIsSentAwayForGoodNeitherComesBackNorAsksAnew) {
  AnswerServer server({}, guarded());
  StreamClient ada = server.ask(kAda);
  EXPECT_EQ(server.server().disconnect({.user = "ada"}, {.for_good = true}), 1u);
  EXPECT_TRUE(ada.read_to_end());
  const std::string gone = "Last-Event-ID: " + ada.decoder().last_event_id() + "\r\n" + kAda;
  EXPECT_EQ(server.resume_in_vain(id_of(ada), gone).status, 204);
  EXPECT_EQ(server.resume_in_vain(id_of(ada), gone, "?starting_after=0").status, 204);
  EXPECT_EQ(server.ask_in_vain(gone).status, 204);
  EXPECT_FALSE(server.producer());
  EXPECT_EQ(server->statistics().begun, 1u);
}

TEST(AnswerRights, AListenersNameFindsItsStream) {
  AnswerServer server({}, guarded(), {.client = "tab-1"});
  StreamClient ada = server.ask(kAda);
  StreamClient back = server.resume(id_of(ada), kAda);
  EXPECT_EQ(server.server().disconnect("tab-1"), 1u);
  EXPECT_FALSE(ada.read_to_end()) << "it is cut";
  EXPECT_TRUE(server.producer().send({.data = "word"}));
  EXPECT_EQ(back.next_data(), "word");
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
