// Two servers that share a store: what one has to say to the other goes through it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "answer_server.h"
#include "crash_server.h"
#include "free_port.h"
#include "millrace/server/invalid_option.h"
#include "millrace/server/stores/jetstream.h"
#include "nats_server.h"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

constexpr Duration kTimeout{6'000};  // short, but a machine under load is not taken for dead

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
  const Answer taken_for_dead = one->producer();
  EXPECT_TRUE(eventually([&] { return taken_for_dead.end() == AnswerEnd::kInterrupted; }));
  EXPECT_FALSE(taken_for_dead.send({.data = "late"}));
}

// A server whose death nobody sees, and that never comes back.
TEST_F(AnswerCluster, TheAnswersOfAServerThatFallsSilentEndAtTheOthers) {
  const int port = free_port();
  CrashServer one({nats_.url(), std::to_string(port), "50", "100000", "one", std::to_string(kTimeout.count())});
  const auto two = serve("two", {.node_timeout = kTimeout});
  const std::string twos = id_of(two->ask());
  StreamClient here(RawClient(port), post("/answers", "why?", ""));
  const std::string id = id_of(here);
  ASSERT_TRUE(knows(*two, id));
  StreamClient there = two->resume(id);
  EXPECT_EQ(there.next_data(), id + " 1");
  one.kill();
  int last = 1;
  std::optional<Received> event = there.next();
  for (; event && event->type == "message"; event = there.next()) {
    EXPECT_EQ(event->data, id + ' ' + std::to_string(++last));
  }
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, "interrupted");
  EXPECT_EQ(event->id, id + ':' + std::to_string(last + 1));
  EXPECT_FALSE(there.next());
  EXPECT_TRUE(eventually([&] { return (*two)->find(id)->end == AnswerEnd::kInterrupted; }));
  EXPECT_TRUE((*two)->find(twos)->end == AnswerEnd::kNone) << "nobody ends the answers of a server that lives";
}

// It has not died, but the others cannot know that: what it has not written yet must not come behind the end.
TEST_F(AnswerCluster, AServerThatWasSuspendedForTooLongAddsNothingToItsAnswers) {
  const int port = free_port();
  CrashServer one({nats_.url(), std::to_string(port), "50", "100000", "one", std::to_string(kTimeout.count())});
  const auto two = serve("two", {.node_timeout = kTimeout});
  StreamClient here(RawClient(port), post("/answers", "why?", ""));
  const std::string id = id_of(here);
  ASSERT_TRUE(knows(*two, id));
  StreamClient there = two->resume(id);
  EXPECT_EQ(there.next_data(), id + " 1");
  one.suspend();
  EXPECT_EQ(rest_of(there).back(), R"(interrupted {"reason":"the server that produced the answer has ended"})");
  ASSERT_TRUE(eventually([&] { return (*two)->find(id)->end == AnswerEnd::kInterrupted; }));
  const std::uint64_t events = (*two)->find(id)->events;
  one.go_on();
  EXPECT_TRUE(here.read_to_end()) << "its own listeners get the end, too";
  EXPECT_EQ(here.decoder().events().back().id, id + ':' + std::to_string(events));
  StreamClient again(port, "/answers/" + id);
  again.read_to_end();
  EXPECT_EQ(again.decoder().events().back().id, id + ':' + std::to_string(events)) << "and there is nothing more";
}

TEST_F(AnswerCluster, AServerThatCannotWriteGivesItsAnswersUpAndEndsThemLater) {
  const auto one = serve("one", {.node_timeout = kTimeout});
  StreamClient stream = one->ask();
  const Answer answer = one->producer();
  EXPECT_TRUE(answer.send({.data = "word"}));
  EXPECT_EQ(stream.next_data(), "word");
  std::atomic<int> stops = 0;
  answer.on_stop([&] { ++stops; });
  nats_.kill();
  EXPECT_TRUE(eventually([&] { return answer.end() == AnswerEnd::kInterrupted; }));
  EXPECT_TRUE(eventually([&] { return stops == 1; }));
  EXPECT_FALSE(answer.send({.data = "late"}));
  nats_.start();
  EXPECT_EQ(stream.next()->type, "interrupted");
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
