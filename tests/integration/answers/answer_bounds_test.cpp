#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "answer_server.h"
#include "millrace/server/invalid_option.h"

namespace millrace::test {
namespace {

using namespace std::chrono_literals;

TEST(AnswerBounds, OneTooManyIsRefusedUntilAnotherIsOver) {
  AnswerServer server({.max_running = 2, .max_running_per_client = 2});
  const StreamClient one = server.ask();
  const StreamClient two = server.ask();
  const RawResponse refused = server.ask_in_vain();
  EXPECT_EQ(refused.status, 503);
  EXPECT_FALSE(refused.field("Retry-After").empty());
  EXPECT_NE(refused.body.find("too many answers"), std::string::npos) << refused.body;
  EXPECT_FALSE(server.producer());
  EXPECT_FALSE(server->begin({.id = "also"}));
  server->stop(id_of(one));
  EXPECT_EQ(server.ask().head().status, 200);
}

// Behind a proxy that the server trusts, so that there are many addresses.
TEST(AnswerBounds, OneClientLeavesRoomForOthers) {
  ServerOptions options;
  options.proxies.trusted = {"127.0.0.0/8"};
  AnswerServer server({.max_running = 4}, options);
  const auto by = [](const std::string& address) { return "X-Forwarded-For: " + address + "\r\n"; };
  const StreamClient one = server.ask(by("2001:db8::1"));
  const StreamClient two = server.ask(by("2001:db8::2"));
  const RawResponse refused = server.ask_in_vain(by("2001:db8::3"));
  EXPECT_EQ(refused.status, 429) << "of the same /64";
  EXPECT_FALSE(refused.field("Retry-After").empty());
  EXPECT_NE(refused.body.find("AnswersOptions::max_running_per_client"), std::string::npos) << refused.body;
  EXPECT_FALSE(server.producer());
  EXPECT_EQ(server.ask(by("2001:db8:0:1::1")).head().status, 200);
  EXPECT_TRUE(server->begin()) << "the program's own";
  server->stop(id_of(one));
  EXPECT_EQ(server.ask(by("2001:db8::3")).head().status, 200);
}

TEST(AnswerBounds, AnOwnersAnswersCountTogetherWhereverTheyComeFrom) {
  AnswerServer server({.max_running = 9, .max_running_per_client = 2}, {}, {.owner = "ada"});
  const StreamClient one = server.ask(RawClient(server.port()));
  const StreamClient two = server.ask(RawClient(server.port(), 0, "127.0.0.2"));
  EXPECT_EQ(server.ask_in_vain().status, 429);
  EXPECT_FALSE(server->begin({.owner = "ada"}));
  EXPECT_TRUE(server->begin({.owner = "bob"}));
}

TEST(AnswerBounds, TheOldestOfThoseKeptIsForgotten) {
  AnswerServer server({.max_running = 1, .max_kept = 2});
  std::vector<std::string> ids;
  for (int n = 0; n < 3; ++n) {
    StreamClient stream = server.ask("Idempotency-Key: k" + std::to_string(n) + "\r\n");
    ids.push_back(id_of(stream));
    server.forget_producers();
    EXPECT_TRUE(stream.read_to_end());
  }
  const RawResponse gone = server.resume_in_vain(ids[0]);
  EXPECT_EQ(gone.status, 404);
  EXPECT_NE(gone.body.find("no such answer"), std::string::npos) << gone.body;
  EXPECT_EQ(server.stop(ids[0]).status, 404);
  EXPECT_NE(server.resume_in_vain(ids[1]).status, 404);
  EXPECT_TRUE(eventually([&] { return server->statistics().kept == 2; }));
  EXPECT_NE(id_of(server.ask("Idempotency-Key: k0\r\n")), ids[0]) << "its key is free again";
}

TEST(AnswerBounds, AClientThatEndsManyPushesOutItsOwn) {
  ServerOptions options;
  options.proxies.trusted = {"127.0.0.0/8"};
  AnswerServer server({.max_kept = 3}, options);
  const auto ended_by = [&](const std::string& address) {
    StreamClient stream = server.ask("X-Forwarded-For: " + address + "\r\n");
    server.forget_producers();
    EXPECT_TRUE(stream.read_to_end());
    return id_of(stream);
  };
  const std::string others = ended_by("192.0.2.1");
  std::vector<std::string> own;
  for (int n = 0; n < 4; ++n) own.push_back(ended_by("192.0.2.2"));
  EXPECT_TRUE(eventually([&] { return !server->find(own[1]); }));
  EXPECT_FALSE(server->find(own[0]));
  for (const std::string& id : {others, own[2], own[3]}) EXPECT_TRUE(server->find(id)) << id;
}

TEST(AnswerBounds, WhatIsOverIsForgottenAfterItsTime) {
  AnswerServer server({.keep_for = 1ms});
  StreamClient stream = server.ask();
  server.forget_producers();
  EXPECT_TRUE(stream.read_to_end());
  EXPECT_TRUE(eventually([&] { return !server->find(id_of(stream)); }));
  EXPECT_EQ(server.resume_in_vain(id_of(stream)).status, 404);
}

TEST(AnswerBounds, ATooLargeAnswerEnds) {
  AnswerServer server({.max_bytes = 100});
  StreamClient stream = server.ask();
  const Answer answer = server.producer();
  EXPECT_TRUE(answer.send({.data = std::string(100, 'x')}));
  EXPECT_TRUE(answer.is_running());
  EXPECT_FALSE(answer.send({.data = "y"}));
  EXPECT_EQ(answer.end(), AnswerEnd::kTooLarge);
  const auto rest = rest_of(stream);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[1], R"(failed {"reason":"the answer has reached its maximum size"})");
  EXPECT_TRUE(eventually([&] { return server->statistics().failed == 1; }));
}

TEST(AnswerBounds, ATooOldAnswerEnds) {
  AnswerServer server({.max_age = 1ms});
  StreamClient stream = server.ask();
  EXPECT_TRUE(eventually([&] { return server.producer().end() == AnswerEnd::kTooOld; }));
  EXPECT_TRUE(stream.read_to_end());
}

// One that is not paced, and whose events nobody writes meanwhile.
TEST(AnswerBounds, ATooFastAnswerEndsAndAPacedOneDoesNot) {
  AnswerServer server({.batch = 10s, .max_bytes = 100 * kAnswerRoomBytes, .max_waiting_bytes = 2 * kAnswerRoomBytes});
  const StreamClient stream = server.ask();
  const Answer answer = server.producer();
  const std::string piece(kAnswerRoomBytes / 2, 'x');
  EXPECT_EQ(answer.wait_for_room(0ms).room, Answer::Room::kNow);
  EXPECT_TRUE(answer.send({.data = piece}));
  EXPECT_TRUE(answer.send({.data = piece}));
  EXPECT_EQ(answer.wait_for_room(0ms).room, Answer::Room::kNotInTime);
  EXPECT_TRUE(answer.send({.data = piece}));
  EXPECT_FALSE(answer.send({.data = piece}));
  EXPECT_EQ(answer.end(), AnswerEnd::kTooFast);
  EXPECT_EQ(answer.wait_for_room(1s).room, Answer::Room::kNever);
}

TEST(AnswerBounds, APacedProducerIsNeverCut) {
  AnswerServer server({.batch = 1ms, .max_waiting_bytes = kAnswerRoomBytes * 2});
  StreamClient stream = server.ask();
  const std::string piece(kAnswerRoomBytes / 2, 'x');
  for (int n = 0; n < 40; ++n) {
    ASSERT_TRUE(server.producer().wait_for_room(30s));
    ASSERT_TRUE(server.producer().send({.data = piece}));
  }
  server.forget_producers();
  EXPECT_EQ(rest_of(stream).size(), 40u);
}

// A listener that does not read keeps nobody waiting, and gets everything in the end.
TEST(AnswerBounds, ASlowListenerNeitherSlowsTheProducerNorLosesAnything) {
  AnswerServer server;
  StreamClient slow = server.ask(RawClient(server.port(), 4'096));
  const std::string piece(16 * 1024, 'x');
  for (int n = 0; n < 300; ++n) ASSERT_TRUE(server.producer().send({.data = piece}));
  EXPECT_TRUE(server.producer().wait_for_room(0ms)) << "listeners make no difference";
  server.forget_producers();
  EXPECT_EQ(rest_of(slow).size(), 300u);
}

TEST(AnswerBounds, OptionsOutOfRangeAreRefusedByName) {
  Server server;
  const auto option = [&](const AnswersOptions& options) {
    try {
      const Answers answers(server, options);
    } catch (const InvalidOption& refused) {
      return refused.option();
    }
    return std::string("none");
  };
  EXPECT_EQ(option({}), "none");
  EXPECT_EQ(option({.when_alone = stop_after(-1ms)}), "AnswersOptions::when_alone");
  EXPECT_EQ(option({.topic = ""}), "AnswersOptions::topic");
  EXPECT_EQ(option({.topic = "millrace.answers"}), "AnswersOptions::topic");
  EXPECT_EQ(option({.topic = "a*"}), "AnswersOptions::topic");
  EXPECT_EQ(option({.batch = 11s}), "AnswersOptions::batch");
  EXPECT_EQ(option({.retry = -1ms}), "AnswersOptions::retry");
  EXPECT_EQ(option({.max_running = 0}), "AnswersOptions::max_running");
  EXPECT_EQ(option({.max_running_per_client = 0}), "AnswersOptions::max_running_per_client");
  EXPECT_EQ(option({.max_kept = 0}), "AnswersOptions::max_kept");
  EXPECT_EQ(option({.max_bytes = 0}), "AnswersOptions::max_bytes");
  EXPECT_EQ(option({.max_age = 0ms}), "AnswersOptions::max_age");
  EXPECT_EQ(option({.keep_for = 0ms}), "AnswersOptions::keep_for");
  EXPECT_EQ(option({.max_waiting_bytes = kAnswerRoomBytes - 1}), "AnswersOptions::max_waiting_bytes");
  EXPECT_EQ(option({.node = std::string(129, 'n')}), "AnswersOptions::node");
  Answers answers(server);
  for (const char* id : {"a/b", "*", " a", "a\nb"}) {
    EXPECT_THROW(answers.begin({.id = id}), InvalidOption) << id;
  }
  EXPECT_THROW(answers.begin({.id = std::string(129, 'i')}), InvalidOption);
  EXPECT_THROW(answers.begin({.note = std::string(4'097, 'n')}), InvalidOption);
  const Answer answer = answers.begin({.id = "once"});
  EXPECT_THROW(answers.begin({.id = "once"}), InvalidOption);
}

TEST(AnswerBounds, ARequestForAnIdThatThereIsIsRefused) {
  AnswerServer server({}, {}, {.id = "once"});
  const StreamClient stream = server.ask();
  const RawResponse again = server.ask_in_vain();
  EXPECT_EQ(again.status, 409);
  EXPECT_NE(again.body.find("an answer with this ID already exists"), std::string::npos) << again.body;
  EXPECT_FALSE(server.producer());
}

TEST(AnswerBounds, AnEventThatCannotBePublishedFailsItsAnswer) {
  AnswerServer server;
  StreamClient stream = server.ask();
  EXPECT_FALSE(server.producer().send({.type = "millrace.gap", .data = "forged"}));
  const auto rest = rest_of(stream);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_NE(rest[0].find("reserved"), std::string::npos) << rest[0];
}

// The words of another format, in place of the usual last event.
TEST(AnswerBounds, TheProgramMakesTheLastEvents) {
  AnswersOptions options;
  options.last_events = [](const AnswerEnding& ending) -> std::vector<OwnedAnswerEvent> {
    if (ending.end == AnswerEnd::kFailed) throw std::runtime_error("no words for that");
    if (ending.end == AnswerEnd::kFinished) return {{.data = "[DONE]"}};
    return {{.data = "cut: " + std::string(ending.note)}, {.data = std::to_string(ending.number)}};
  };
  AnswerServer server(options);
  StreamClient finished = server.ask();
  server.forget_producers();
  EXPECT_EQ(rest_of(finished), std::vector<std::string>{"[DONE]"});
  const Answer stopped = server->begin({.id = "stopped", .note = "note"});
  server->stop("stopped");
  StreamClient stream = server.resume("stopped");
  EXPECT_EQ(rest_of(stream), (std::vector<std::string>{"cut: note", "1"}));
  EXPECT_EQ(server->find("stopped")->events, 2u);
  StreamClient failed = server.ask();
  server.producer().fail("why");
  EXPECT_EQ(rest_of(failed), std::vector<std::string>{R"(failed {"reason":"why"})"});
}

// A client may come back after the answer has ended and before its last event is in the log.
TEST(AnswerBounds, AClientThatComesWhileTheLastEventsAreMadeGetsThem) {
  AnswerServer* running = nullptr;
  std::vector<StreamClient> streams;
  AnswersOptions options;
  options.last_events = [&](const AnswerEnding& ending) -> std::vector<OwnedAnswerEvent> {
    if (ending.end != AnswerEnd::kStopped) return {};
    streams.push_back(running->resume("ending"));
    streams.push_back(running->resume("ending", "Last-Event-ID: ending:1\r\n"));
    return {{.data = "last"}};
  };
  AnswerServer server(options);
  running = &server;
  const Answer answer = server->begin({.id = "ending"});
  EXPECT_TRUE(answer.send({.data = "first"}));
  server->stop("ending");
  ASSERT_EQ(streams.size(), 2u);
  EXPECT_EQ(rest_of(streams[0]), (std::vector<std::string>{"first", "last"}));
  EXPECT_EQ(rest_of(streams[1]), std::vector<std::string>{"last"});
}

TEST(AnswerBounds, FiguresAreAmongTheServersMetrics) {
  AnswerServer server;
  StreamClient stream = server.ask();
  EXPECT_TRUE(server.producer().send({.data = "one"}));
  const auto value = [&](std::string_view name) {
    for (const Metric& metric : server.server().metrics()) {
      if (metric.name != name) continue;
      return metric.kind == Metric::Kind::kHistogram ? static_cast<double>(metric.count) : metric.samples.at(0).value;
    }
    return -1.0;
  };
  EXPECT_EQ(value("millrace_answers_running"), 1);
  EXPECT_EQ(value("millrace_answers_listeners"), 1);
  EXPECT_EQ(value("millrace_answers_begun_total"), 1);
  EXPECT_EQ(value("millrace_answers_first_event_seconds"), 1);
  server.forget_producers();
  EXPECT_TRUE(stream.read_to_end());
  EXPECT_TRUE(eventually([&] {
    return value("millrace_answers_running") == 0 && value("millrace_answers_kept") == 1 &&
           value("millrace_answers_ended_total") == 1;
  }));
  server.end_service();
  EXPECT_EQ(value("millrace_answers_running"), -1) << "they go with the service";
}

}  // namespace
}  // namespace millrace::test
