// Two servers that share a store: what one has to say to the other goes through it.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "answer_server.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/jetstream.h"
#include "nats_server.h"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

class AnswerCluster : public ::testing::Test {
 protected:
  std::unique_ptr<AnswerServer> serve(const std::string& node, AnswersOptions options = {}) {
    ServerOptions server;
    server.store = open_jetstream(nats_.url());
    options.node = node;
    return std::make_unique<AnswerServer>(std::move(options), server);
  }
  // Until the one knows of the other's answer.
  static bool knows(AnswerServer& server, const std::string& id) {
    return eventually([&] { return server->find(id).has_value(); });
  }

  NatsServer nats_;
};

TEST_F(AnswerCluster, AnAnswerIsHeardAndStoppedAtAnotherServer) {
  const auto one = serve("one");
  const auto two = serve("two");
  StreamClient here = one->ask("Idempotency-Key: k1\r\n");
  const std::string id = id_of(here);
  const Answer answer = one->producer();
  EXPECT_TRUE(answer.send({.data = "word"}));
  ASSERT_TRUE(knows(*two, id));
  StreamClient there = two->resume(id);
  EXPECT_EQ(there.next_data(), "word");
  StreamClient joined = two->ask("Idempotency-Key: k1\r\n");
  EXPECT_EQ(id_of(joined), id) << "a key is known everywhere";
  EXPECT_EQ(two->stop(id).status, 204);
  EXPECT_TRUE(eventually([&] { return answer.end() == AnswerEnd::kStopped; }));
  const std::string stopped = R"(stopped {"reason":"the answer was stopped"})";
  EXPECT_EQ(rest_of(here), (Lines{"word", stopped}));
  EXPECT_EQ(rest_of(there), Lines{stopped});
  EXPECT_TRUE(eventually([&] { return (*two)->find(id)->end == AnswerEnd::kStopped; }));
  EXPECT_EQ(two->resume_in_vain(id, {}, "?starting_after=2").status, 204);
  EXPECT_EQ((*two)->stop(id).outcome, Stopped::Outcome::kOver);
}

TEST_F(AnswerCluster, AListenerAtAnotherServerCounts) {
  const auto one = serve("one", {.when_alone = stop_at_once()});
  const auto two = serve("two");
  auto here = std::make_unique<StreamClient>(one->ask());
  const std::string id = id_of(*here);
  ASSERT_TRUE(knows(*two, id));
  auto there = std::make_unique<StreamClient>(two->resume(id));
  ASSERT_TRUE(eventually([&] { return (*one)->find(id)->listeners == 2; }));
  here.reset();
  ASSERT_TRUE(eventually([&] { return (*one)->find(id)->listeners == 1; }));
  EXPECT_TRUE(one->producer().send({.data = "word"}));
  EXPECT_EQ(there->next_data(), "word");
  there.reset();
  EXPECT_TRUE(eventually([&] { return one->producer().end() == AnswerEnd::kAlone; }));
}

TEST_F(AnswerCluster, AServerThatComesBackInterruptsItsOwnAnswersOnly) {
  const auto one = serve("one");
  const auto two = serve("two");
  const std::string ones = id_of(one->ask());
  const std::string twos = id_of(two->ask());
  EXPECT_TRUE(one->producer().send({.data = "word"}));
  ASSERT_TRUE(knows(*two, ones));
  // Another one of this name, as after a death that nobody has noticed.
  const auto back = serve("one");
  EXPECT_EQ((*back)->find(ones)->end, AnswerEnd::kInterrupted);
  EXPECT_EQ((*back)->find(twos)->end, AnswerEnd::kNone);
  StreamClient stream = two->resume(ones);
  EXPECT_EQ(stream.next_data(), "word");
  EXPECT_EQ(stream.next()->type, "interrupted");
  EXPECT_TRUE(two->producer().is_running());
}

TEST_F(AnswerCluster, AServerNeedsAName) {
  ServerOptions options;
  options.store = open_jetstream(nats_.url());
  Server server(options);
  try {
    const Answers answers(server);
    FAIL() << "it would end the answers of all others when it starts";
  } catch (const InvalidOption& refused) {
    EXPECT_EQ(refused.option(), "AnswersOptions::node");
  }
}

TEST_F(AnswerCluster, NobodyElseCanAskForAStop) {
  const auto one = serve("one");
  const std::string id = id_of(one->ask());
  EXPECT_FALSE(one->server().hub().publish("millrace.answer-requests/answers/" + id, {.data = "stop"}));
}

}  // namespace
}  // namespace millrace::test
