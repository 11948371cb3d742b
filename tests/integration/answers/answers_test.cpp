#include "millrace/server/answers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "answer_server.h"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

TEST(Answers, TheRequestListensToItsAnswerToTheEnd) {
  AnswerServer server;
  StreamClient stream = server.ask();
  const std::string id = id_of(stream);
  EXPECT_EQ(id.size(), 16u);
  EXPECT_TRUE(stream.decoder().last_event_id().starts_with(id + ':')) << "the first block has the ID";
  const Answer answer = server.producer();
  EXPECT_EQ(answer.id(), id);
  EXPECT_TRUE(answer.send({.data = "one"}));
  EXPECT_TRUE(answer.send({.type = "tool", .data = "two\nlines"}));
  EXPECT_EQ(stream.next(), (Received{"message", "one", id + ":1"}));
  EXPECT_EQ(stream.next(), (Received{"tool", "two\nlines", id + ":2"}));
  answer.finish();
  EXPECT_TRUE(stream.read_to_end());
  EXPECT_FALSE(answer.send({.data = "late"}));
  EXPECT_EQ(answer.end(), AnswerEnd::kFinished);
  EXPECT_EQ(stream.decoder().events().size(), 2u);
}

TEST(Answers, TheLastHandlesEndFinishesTheAnswer) {
  AnswerServer server;
  StreamClient stream = server.ask();
  {
    const Answer copy = server.producer();
    server.forget_producers();
    EXPECT_TRUE(copy.send({.data = "still here"}));
  }
  EXPECT_EQ(rest_of(stream), Lines{"still here"});
}

TEST(Answers, AFailureIsTheLastEventOfAllListeners) {
  AnswerServer server;
  StreamClient one = server.ask();
  StreamClient other = server.resume(id_of(one));
  server.producer().fail("the model \"x\" is gone");
  const Lines expected{R"(failed {"reason":"the model \"x\" is gone"})"};
  EXPECT_EQ(rest_of(one), expected);
  EXPECT_EQ(rest_of(other), expected);
}

TEST(Answers, ResumesAfterAnyEventByIdAndByNumber) {
  AnswerServer server;
  StreamClient first = server.ask();
  const std::string id = id_of(first);
  for (int n = 1; n <= 5; ++n) EXPECT_TRUE(server.producer().send({.data = std::to_string(n)}));
  server.forget_producers();
  const Lines all{"1", "2", "3", "4", "5"};
  EXPECT_EQ(rest_of(first), all);
  for (int n = 0; n < 5; ++n) {
    const Lines expected(all.begin() + n, all.end());
    StreamClient by_id = server.resume(id, "Last-Event-ID: " + id + ':' + std::to_string(n) + "\r\n");
    EXPECT_EQ(rest_of(by_id), expected) << n;
    StreamClient by_number = server.resume(id, {}, "?starting_after=" + std::to_string(n));
    EXPECT_EQ(rest_of(by_number), expected) << n;
    StreamClient by_parameter = server.resume(id, {}, "?lastEventId=" + id + ':' + std::to_string(n));
    EXPECT_EQ(rest_of(by_parameter), expected) << n;
  }
  StreamClient beginning = server.resume(id);
  EXPECT_EQ(rest_of(beginning), all);
  StreamClient earliest = server.resume(id, "Last-Event-ID: earliest\r\n");
  EXPECT_EQ(rest_of(earliest), all);
}

// Two listeners get the same bytes, whenever they came.
TEST(Answers, AllListenersGetTheSameBytes) {
  AnswerServer server;
  StreamClient one = server.ask();
  for (int n = 0; n < 50; ++n) EXPECT_TRUE(server.producer().send({.data = "word " + std::to_string(n)}));
  StreamClient other = server.resume(id_of(one));
  for (int n = 50; n < 100; ++n) EXPECT_TRUE(server.producer().send({.data = "word " + std::to_string(n)}));
  server.forget_producers();
  EXPECT_TRUE(one.read_to_end());
  EXPECT_TRUE(other.read_to_end());
  const auto events_of = [](const StreamClient& stream) {
    const std::string& text = stream.decoder().text();
    return text.substr(text.find("data: word"));
  };
  EXPECT_EQ(events_of(one), events_of(other));
  EXPECT_EQ(one.decoder().events().size(), 100u);
}

TEST(Answers, ACutBeforeTheFirstEventLosesNothing) {
  AnswerServer server;
  std::string id;
  std::string cursor;
  {
    const StreamClient cut = server.ask();
    id = id_of(cut);
    cursor = cut.decoder().last_event_id();
  }
  EXPECT_TRUE(server.producer().send({.data = "one"}));
  StreamClient back = server.resume(id, "Last-Event-ID: " + cursor + "\r\n");
  EXPECT_EQ(back.next_data(), "one");
  EXPECT_TRUE(back.head().field("Last-Event-ID").starts_with(id + ':'));
}

TEST(Answers, AWholeAnswerIsA204) {
  AnswerServer server;
  StreamClient stream = server.ask();
  const std::string id = id_of(stream);
  EXPECT_TRUE(server.producer().send({.data = "one"}));
  server.forget_producers();
  EXPECT_TRUE(stream.read_to_end());
  const std::string cursor = stream.decoder().last_event_id();
  EXPECT_NE(cursor, id + ":1") << "the end has a cursor of its own";
  EXPECT_EQ(server.resume_in_vain(id, "Last-Event-ID: " + cursor + "\r\n").status, 204);
  EXPECT_EQ(server.resume_in_vain(id, "Last-Event-ID: " + id + ":1\r\n").status, 204);
  EXPECT_EQ(server.resume_in_vain(id, {}, "?starting_after=1").status, 204);
  EXPECT_EQ(server.resume_in_vain(id, {}, "?starting_after=99").status, 204);
}

TEST(Answers, ANumberBeyondTheLastEventWaitsForTheNext) {
  AnswerServer server;
  const StreamClient stream = server.ask();
  EXPECT_TRUE(server.producer().send({.data = "one"}));
  StreamClient ahead = server.resume(id_of(stream), {}, "?starting_after=7");
  EXPECT_TRUE(server.producer().send({.data = "two"}));
  EXPECT_EQ(ahead.next_data(), "two");
}

TEST(Answers, WhatIsNoNumberIsRefusedByName) {
  AnswerServer server;
  const StreamClient stream = server.ask();
  for (const char* number : {"", "-1", "1x", "99999999999999999999999"}) {
    const RawResponse response = server.resume_in_vain(id_of(stream), {}, std::string("?starting_after=") + number);
    EXPECT_EQ(response.status, 400) << number;
    EXPECT_NE(response.body.find("starting_after: expected"), std::string::npos) << response.body;
  }
}

// What the log has let go is said, as of all events.
TEST(Answers, AGapIsReportedWhereTheLogNoLongerReaches) {
  ServerOptions options;
  options.history.events = 10;
  AnswerServer server({}, options);
  const StreamClient stream = server.ask();
  const std::string id = id_of(stream);
  for (int n = 1; n <= 30; ++n) EXPECT_TRUE(server.producer().send({.data = std::to_string(n)}));
  StreamClient back = server.resume(id, "Last-Event-ID: " + id + ":2\r\n");
  const auto gap = back.next();
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->type, "millrace.gap");
  EXPECT_TRUE(gap->id.starts_with(id + ':')) << gap->id;
  EXPECT_EQ(back.next_data(), "21");
  StreamClient beginning = server.resume(id);
  EXPECT_EQ(beginning.next()->type, "millrace.gap");
}

// Clients that read the data of every event get no cursor: what they name is the event, and other topics push that out
// of the log.
TEST(Answers, ThereIsNoGapWhereOnlyOthersEventsAreGone) {
  ServerOptions options;
  options.history.events = 10;
  AnswerServer server({.cursor = CursorForm::kNone}, options);
  const std::string id = id_of(server.ask());
  const Answer answer = server.producer();
  const auto fill_log = [&](int events) {
    for (int n = 0; n < events; ++n) server.server().hub().publish("others", {.data = "x"}).or_throw();
  };
  fill_log(20);
  StreamClient beginning = server.resume(id);
  EXPECT_TRUE(answer.send({.data = "one"}));
  EXPECT_EQ(beginning.next_data(), "one") << "behind a beginning that is gone";
  fill_log(20);
  StreamClient back = server.resume(id, "Last-Event-ID: " + id + ":1\r\n");
  EXPECT_TRUE(answer.send({.data = "two"}));
  EXPECT_EQ(back.next_data(), "two") << "it had all that there was";
  fill_log(8);
  StreamClient behind = server.resume(id, {}, "?starting_after=1");
  EXPECT_EQ(behind.next_data(), "two") << "which the log still has";
  fill_log(20);
  EXPECT_EQ(server.resume(id, {}, "?starting_after=1").next()->type, "millrace.gap") << "now it is gone";
  answer.finish();
  fill_log(20);
  EXPECT_EQ(server.resume_in_vain(id, "Last-Event-ID: " + id + ":2\r\n").status, 204);
  EXPECT_EQ(server.resume_in_vain(id).status, 404) << "a stream that the log cannot end any more would stay open";
}

// --- Idempotency ----------------------------------------------------------------------------------------------------

TEST(Answers, TheSameKeyJoinsTheRunningAnswer) {
  AnswerServer server;
  StreamClient first = server.ask("Idempotency-Key: k1\r\n");
  const Answer answer = server.producer();
  EXPECT_TRUE(answer.send({.data = "one"}));
  StreamClient second = server.ask("Idempotency-Key: k1\r\n");
  EXPECT_EQ(id_of(second), id_of(first));
  const Answer joined = server.producer();
  EXPECT_TRUE(joined.is_joined());
  EXPECT_FALSE(joined) << "there is nothing to generate";
  EXPECT_FALSE(joined.send({.data = "paid twice"}));
  EXPECT_TRUE(answer.send({.data = "two"}));
  answer.finish();
  EXPECT_EQ(rest_of(second), (Lines{"one", "two"}));
  StreamClient later = server.ask("Idempotency-Key: k1\r\n");
  EXPECT_EQ(rest_of(later), (Lines{"one", "two"})) << "also when it is over";
  EXPECT_NE(id_of(server.ask("Idempotency-Key: k2\r\n")), id_of(first));
  // A worker counts once its handler's response is on its way.
  EXPECT_TRUE(eventually([&] { return server->statistics().begun == 2 && server->statistics().joined == 2; }));
}

TEST(Answers, TheSameKeyWithAnotherRequestIsRefused) {
  AnswerServer server;
  const StreamClient first = server.ask("Idempotency-Key: k1\r\n", "why?");
  const RawResponse other = server.ask_in_vain("Idempotency-Key: k1\r\n", "how?");
  EXPECT_EQ(other.status, 422);
  EXPECT_NE(other.body.find("Idempotency-Key: it was sent with a different request"), std::string::npos) << other.body;
  const RawResponse longer = server.ask_in_vain("Idempotency-Key: " + std::string(256, 'k') + "\r\n");
  EXPECT_EQ(longer.status, 400);
}

// A client that repeats its POST as it reconnects gets the rest, and not another answer.
TEST(Answers, ARequestWithALastEventIdJoinsItsAnswer) {
  AnswerServer server;
  StreamClient first = server.ask();
  const std::string id = id_of(first);
  const Answer answer = server.producer();
  EXPECT_TRUE(answer.send({.data = "one"}));
  EXPECT_TRUE(answer.send({.data = "two"}));
  StreamClient again = server.ask("Last-Event-ID: " + id + ":1\r\n");
  EXPECT_EQ(id_of(again), id);
  EXPECT_EQ(again.next_data(), "two");
  EXPECT_EQ(server.ask_in_vain("Last-Event-ID: nobodys:1\r\n").status, 404);
  answer.finish();
  EXPECT_EQ(server.ask_in_vain("Last-Event-ID: " + id + ":2\r\n").status, 204);
  EXPECT_TRUE(server.producer().is_joined()) << "whole as it is, nothing is to be generated";
}

// --- Coalescing -----------------------------------------------------------------------------------------------------

TEST(Answers, ABatchLeavesTogetherAndInOrder) {
  AnswerServer server({.batch = 1s});
  StreamClient stream = server.ask();
  const std::size_t before = stream.decoder().chunks();
  Lines expected;
  for (int n = 0; n < 20; ++n) {
    EXPECT_TRUE(server.producer().send({.data = std::to_string(n)}));
    expected.push_back(std::to_string(n));
  }
  EXPECT_GT(server->statistics().waiting_bytes, 0u);
  server.forget_producers();
  EXPECT_EQ(rest_of(stream), expected);
  EXPECT_GT(stream.decoder().chunks(), before);
  EXPECT_TRUE(eventually([&] { return server->statistics().waiting_bytes == 0; }));
}

// --- The end of the service -----------------------------------------------------------------------------------------

TEST(Answers, EndingTheServiceInterruptsWhatIsRunning) {
  AnswerServer server;
  StreamClient stream = server.ask();
  const Answer answer = server.producer();
  EXPECT_TRUE(answer.send({.data = "one"}));
  server.end_service();
  EXPECT_EQ(answer.end(), AnswerEnd::kInterrupted);
  EXPECT_FALSE(answer.send({.data = "two"}));
  EXPECT_EQ(rest_of(stream),
            (Lines{"one", R"(interrupted {"reason":"the server that produced the answer has ended"})"}));
  std::atomic<bool> called = false;
  answer.on_stop([&] { called = true; });
  EXPECT_TRUE(called);
}

TEST(Answers, AHandleOnNoAnswerIsOver) {
  const Answer none;
  EXPECT_FALSE(none);
  EXPECT_FALSE(none.send({.data = "x"}));
  EXPECT_EQ(none.id(), "");
  EXPECT_EQ(none.wait_for_room(1ms).room, Answer::Room::kNever);
  none.finish();
  none.fail("x");
  none.on_stop([] { FAIL(); });
}

TEST(Answers, HandlesOutliveServiceAndServer) {
  Answer answer;
  {
    AnswerServer server;
    const StreamClient stream = server.ask();
    answer = server.producer();
  }
  EXPECT_FALSE(answer.send({.data = "late"}));
  answer.finish();
  EXPECT_NE(answer.end(), AnswerEnd::kNone);
}

// Any number of threads may send; each event has its number, and none is lost.
TEST(Answers, ManyThreadsSendToOneAnswer) {
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  AnswerServer server;
  StreamClient stream = server.ask();
  {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([answer = server.producer()] {
        for (int n = 0; n < kEach; ++n) EXPECT_TRUE(answer.send({.data = "x"}));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  server.forget_producers();
  const std::string id = id_of(stream);
  for (int n = 1; n <= kThreads * kEach; ++n) EXPECT_EQ(stream.next()->id, id + ':' + std::to_string(n));
  EXPECT_TRUE(stream.read_to_end());
}

}  // namespace
}  // namespace millrace::test
