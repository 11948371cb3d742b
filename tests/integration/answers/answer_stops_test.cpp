// How answers stop: a stop reaches the producer and all listeners; leaving stops nothing unless the program wants it.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "answer_server.h"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

const std::string kStoppedEvent = R"(stopped {"reason":"the answer was stopped"})";

TEST(AnswerStops, AStopReachesTheProducerAndAllListeners) {
  AnswerServer server;
  StreamClient one = server.ask();
  StreamClient other = server.resume(id_of(one));
  const Answer answer = server.producer();
  std::atomic<int> stops = 0;
  answer.on_stop([&] { ++stops; });
  EXPECT_TRUE(answer.send({.data = "word"}));
  EXPECT_EQ(server.stop(id_of(one)).status, 204);
  EXPECT_FALSE(answer.send({.data = "late"}));
  EXPECT_EQ(answer.end(), AnswerEnd::kStopped);
  EXPECT_TRUE(eventually([&] { return stops == 1; }));
  answer.on_stop([&] { ++stops; });
  EXPECT_EQ(stops, 2) << "of an answer that is over it is called at once";
  const Lines expected{"word", kStoppedEvent};
  EXPECT_EQ(rest_of(one), expected);
  EXPECT_EQ(rest_of(other), expected);
  EXPECT_EQ(server.stop(id_of(one)).status, 204) << "no error";
  EXPECT_EQ(server->stop(id_of(one)).outcome, Stopped::Outcome::kOver);
}

TEST(AnswerStops, AFinishedAnswerWasNotStopped) {
  AnswerServer server;
  const StreamClient stream = server.ask();
  const Answer answer = server.producer();
  std::atomic<int> stops = 0;
  answer.on_stop([&] { ++stops; });
  answer.finish();
  answer.on_stop([&] { ++stops; });
  EXPECT_EQ(server->stop(answer.id()).outcome, Stopped::Outcome::kOver);
  server.end();
  EXPECT_EQ(stops, 0);
}

TEST(AnswerStops, AnAnswerGoesOnWithoutListeners) {
  AnswerServer server;
  std::string id;
  id = id_of(server.ask());
  ASSERT_TRUE(eventually([&] { return server->find(id)->listeners == 0; }));
  EXPECT_TRUE(server.producer().send({.data = "one"}));
  server.forget_producers();
  StreamClient back = server.resume(id);
  EXPECT_EQ(rest_of(back), Lines{"one"});
}

TEST(AnswerStops, StopsAtOnceWhenTheLastListenerHasLeft) {
  AnswerServer server({.when_alone = stop_at_once()});
  auto one = std::make_unique<StreamClient>(server.ask());
  const std::string id = id_of(*one);
  auto other = std::make_unique<StreamClient>(server.resume(id));
  one.reset();
  ASSERT_TRUE(eventually([&] { return server->find(id)->listeners == 1; }));
  EXPECT_TRUE(server.producer().send({.data = "to the other"}));
  other.reset();
  EXPECT_TRUE(eventually([&] { return server.producer().end() == AnswerEnd::kAlone; }));
  EXPECT_FALSE(server.producer().send({.data = "to nobody"}));
}

TEST(AnswerStops, ComingBackStopsTheClock) {
  AnswerServer server({.when_alone = stop_after(2s)});
  std::string id = id_of(server.ask());
  ASSERT_TRUE(eventually([&] { return server->find(id)->listeners == 0; }));
  auto back = std::make_unique<StreamClient>(server.resume(id));
  const auto came_back = std::chrono::steady_clock::now();
  // The clock of the first leaving would have run out by then.
  ASSERT_TRUE(eventually([&] { return std::chrono::steady_clock::now() > came_back + 2'500ms; }));
  EXPECT_TRUE(server.producer().send({.data = "still running"}));
  EXPECT_EQ(back->next_data(), "still running");
  back.reset();
  EXPECT_TRUE(eventually([&] { return server.producer().end() == AnswerEnd::kAlone; }));
}

TEST(AnswerStops, AnAnswerThatNeverHadAListenerIsNotAlone) {
  AnswerServer server({.when_alone = stop_at_once()});
  const Answer answer = server->begin({.id = "background", .note = "nightly"});
  EXPECT_TRUE(answer.send({.data = "one"}));
  EXPECT_EQ(server->find("background")->note, "nightly");
  { StreamClient listener = server.resume("background"); }
  EXPECT_TRUE(eventually([&] { return answer.end() == AnswerEnd::kAlone; }));
}

}  // namespace
}  // namespace millrace::test
