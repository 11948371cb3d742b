// What `millrace tail` makes of events and `millrace publish` of lines: colours, commands, ends, NDJSON, progress.

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "program.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

/// Sends the same bytes to every client, and then nothing.
ScriptedServer::Script saying(std::string stream) {
  return [stream = std::string(kStreamHead) + std::move(stream)](Peer& peer, int) {
    peer.read_request();
    peer.send(stream);
    peer.wait_until_closed();
  };
}

TEST(ProgramTail, IsColouredOnATerminalUnlessAskedNotTo) {
  ScriptedServer server(saying("event: note\nid: 7\ndata: hi\n\n"));
  setenv("TERM", "xterm", 1);
  unsetenv("NO_COLOR");
  Program coloured({"tail", server.url(), "-n", "1"}, "", Program::Terminal::kOutput);
  EXPECT_EQ(coloured.wait(), 0) << coloured.errors();
  EXPECT_EQ(coloured.output(), "\x1b[36mnote\x1b[0m \x1b[2m7\x1b[0m hi\r\n");

  Program json({"tail", server.url(), "-n", "1", "--json"}, "", Program::Terminal::kOutput);
  EXPECT_EQ(json.wait(), 0);
  EXPECT_EQ(json.output(), "{\"type\":\"note\",\"id\":\"7\",\"data\":\"hi\"}\r\n");

  setenv("NO_COLOR", "1", 1);
  Program plain({"tail", server.url(), "-n", "1"}, "", Program::Terminal::kOutput);
  EXPECT_EQ(plain.wait(), 0);
  EXPECT_EQ(plain.output(), "note 7 hi\r\n");
  unsetenv("NO_COLOR");
}

TEST(ProgramTail, RunsACommandForEachEventWithoutPuttingTheEventIntoIt) {
  ScriptedServer server(saying("event: $(echo x)\nid: ';1\ndata: a b\ndata: \"$HOME\"\n\nevent: e\ndata: c\n\n"));
  Program tail({"tail", server.url(), "-n", "2", "--exec", "echo \"<$MILLRACE_TYPE|$MILLRACE_ID>\"; cat; echo"});
  EXPECT_EQ(tail.wait(), 0) << tail.errors();
  EXPECT_EQ(tail.output(), "<$(echo x)|';1>\na b\n\"$HOME\"\n<e|';1>\nc\n");

  Program json({"tail", server.url(), "-n", "1", "--json", "--exec", "cat"});
  EXPECT_EQ(json.wait(), 0) << json.errors();
  EXPECT_EQ(nlohmann::json::parse(json.output())["data"], "a b\n\"$HOME\"");
}

TEST(ProgramTail, EndsWhenItsCommandFails) {
  ScriptedServer server(saying("id: 1\ndata: " + std::string(200'000, 'x') + "\n\ndata: y\n\n"));
  Program tail({"tail", server.url(), "--exec", "exit 9"});  // reads nothing of it
  EXPECT_EQ(tail.wait(), 1);
  EXPECT_EQ(tail.errors(), "millrace: the command failed with exit code 9 at the event with the ID \"1\"\n");
}

TEST(ProgramTail, EndsWhenNobodyReadsItsOutputAnyMore) {
  ScriptedServer server(saying("data: a\n\n"));  // and then nothing: there is no next event to fail with
  for (const char* option : {"--json", "--max-time=60"}) {
    Program tail({"tail", server.url(), option});
    EXPECT_NE(tail.read_line(), "");
    tail.close_output();
    EXPECT_EQ(tail.wait(), 1);
    EXPECT_EQ(tail.errors(), "") << "quietly";
  }
}

TEST(ProgramTail, LetsNothingThroughThatATerminalObeys) {
  const std::string data = "a\x1b[31m\x7f\xc2\x80\xc2\x9f\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9\xc2\x85z";
  ScriptedServer server(saying("event: e\xc2\x9b\nid: i\xc2\x9b\ndata: " + data + "\n\n"));
  Program json({"tail", server.url(), "-n", "1", "--json"});
  EXPECT_EQ(json.wait(), 0) << json.errors();
  EXPECT_EQ(json.output(), R"({"type":"e\u009b","id":"i\u009b","data":"a\u001b[31m\u007f\u0080\u009f)"
                           "\xc2\xa0"
                           R"(\u2028\u2029\u0085z"})"
                           "\n");
  EXPECT_EQ(nlohmann::json::parse(json.output())["data"], data) << "and it means the same";
  Program plain({"tail", server.url(), "-n", "1"});
  EXPECT_EQ(plain.wait(), 0);
  EXPECT_EQ(plain.output(), "e\\u009b i\\u009b a\\x1b[31m\\x7f\\u0080\\u009f\xc2\xa0\\u2028\\u2029\\u0085z\n");
}

TEST(ProgramTail, LetsNothingThroughInWhatAServerSaysEither) {
  ScriptedServer server([](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/\x9b\x1b]0;x\xc2\x9bhtml\r\nContent-Length: 0\r\n\r\n");
  });
  Program tail({"tail", server.url()});
  EXPECT_EQ(tail.wait(), 1);
  EXPECT_EQ(tail.errors(),
            "millrace: the server answered with content type \"text/]0;xhtml\" instead of text/event-stream\n");
}

TEST(ProgramTail, GivesUpASilentConnectionAfterTheIdleTimeout) {
  ScriptedServer server([](Peer& peer, int attempt) {
    peer.read_request();
    if (attempt == 1) {
      peer.send(std::string(kStreamHead) + "retry: 0\n\n");
      return peer.wait_until_closed();
    }
    peer.send(std::string(kStreamHead) + "data: a\n\n");
    peer.wait_until_closed();
  });
  Program tail({"tail", server.url(), "-n", "1", "--idle-timeout", "0.2"});
  EXPECT_EQ(tail.wait(), 0);
  EXPECT_EQ(tail.output(), "message - a\n");
  EXPECT_NE(tail.errors().find("no data arrived for 200 ms"), std::string::npos) << tail.errors();
}

TEST(ProgramTail, EndsWithItsFirstConnectionWhereItShouldNotConnectAgain) {
  const std::string event = std::string(kStreamHead) + "id: 1\ndata: a\n\n";
  ScriptedServer whole([&](Peer& peer, int) {
    peer.read_request();
    peer.send(event);
  });
  Program tail({"tail", whole.url(), "--reconnect", "never"});
  EXPECT_EQ(tail.wait(), 0) << "the server had no more to send";
  EXPECT_EQ(tail.output(), "message 1 a\n");
  EXPECT_EQ(whole.attempts(), 1);

  ScriptedServer broken([&](Peer& peer, int) {
    peer.read_request();
    peer.send(event.substr(0, 17) + "Content-Length: 1000\r\n" + event.substr(17));
  });
  Program cut({"tail", broken.url(), "--reconnect", "never"});
  EXPECT_EQ(cut.wait(), 1);
  EXPECT_EQ(broken.attempts(), 1);
}

TEST(ProgramPublish, LetsNothingThroughThatATerminalObeys) {
  const auto publishing = [](const std::string& head, const std::string& body) {
    ScriptedServer server([&](Peer& peer, int) {
      peer.read_request();
      peer.send(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    });
    Program publish({"publish", server.url(), "-t", "x", "data"});
    publish.wait();
    return publish.output() + publish.errors();
  };
  EXPECT_EQ(publishing("HTTP/1.1 200 OK\r\n", R"({"id":"a\u001b[31m\u009b"})"), "a\\x1b[31m\\u009b\n");
  EXPECT_EQ(publishing("HTTP/1.1 400 No\r\n", R"({"error":"no\u001b[31m\u009b"})"), "millrace: no\\x1b[31m\\u009b\n");
  const std::string deep = R"({"error":"x","y":)" + std::string(10'000, '[') + std::string(10'000, ']') + "}";
  EXPECT_NE(publishing("HTTP/1.1 400 No\r\n", deep).find("without a Millrace server's error message"),
            std::string::npos);
}

TEST(ProgramTail, SaysByItsExitCodeWhetherTheTimeWasUpFirst) {
  ScriptedServer server(saying("data: a\n\n"));
  Program enough({"tail", server.url(), "--max-time", "100", "--count", "1"});
  EXPECT_EQ(enough.wait(), 0);
  // In this time the program has to start, and the event to come.
  Program short_of({"tail", server.url(), "--max-time", "2", "--count", "2"});
  EXPECT_EQ(short_of.wait(), 3);
  Program any({"tail", server.url(), "--max-time", "2"});
  EXPECT_EQ(any.wait(), 0);
  EXPECT_EQ(any.output(), "message - a\n");
  Program nothing({"tail", "http://127.0.0.1:1/", "--max-time", "0.3"});
  EXPECT_EQ(nothing.wait(), 1) << "there was no stream";
}

TEST(ProgramTail, NamesItsOptionsInWhatItRefuses) {
  const auto refusal = [](const char* option, const char* value) {
    Program tail({"tail", "http://127.0.0.1:1/", option, value});
    EXPECT_EQ(tail.wait(), 2);
    return tail.errors();
  };
  EXPECT_EQ(refusal("--since", "a\nb"),
            "millrace: --since: expected an event ID without line ends, of at most 256 bytes\n");
  EXPECT_EQ(refusal("--max-time", "-1"),
            "millrace: --max-time: \"-1\": expected seconds, from 0.001 to 100000000; see millrace tail --help\n");
}

TEST(ProgramPublish, TakesLinesOfJson) {
  ServeProgram server({"--insecure"});
  Program publish({"publish", server.url(), "-", "--ndjson", "-t", "a/b"},
                  "{\"topic\":\"a/c\",\"id\":\"one\",\"event\":\"note\",\"data\":\"x\"}\n\n{\"data\":{\"n\":1}}\n");
  EXPECT_EQ(publish.wait(), 0) << publish.errors();
  EXPECT_EQ(publish.output().substr(0, 4), "one\n");
  Program tail({"tail", server.url(), "-t", "a/*", "--since", "earliest", "-n", "2"});
  EXPECT_EQ(tail.wait(), 0) << tail.errors();
  EXPECT_EQ(tail.output(),
            "note one x\nmessage " + publish.output().substr(4, publish.output().size() - 5) + " {\"n\":1}\n");
}

TEST(ProgramPublish, PublishesOneEventToSeveralTopicsAndCopiesSuchEvents) {
  ServeProgram server({"--insecure"});
  Program publish({"publish", server.url(), "-t", "a/b", "--topic", "c", "--id", "1", "x"});
  EXPECT_EQ(publish.wait(), 0) << publish.errors();
  Program tail({"tail", server.url(), "--since", "earliest", "-n", "1", "--json"});
  EXPECT_EQ(tail.wait(), 0) << tail.errors();
  EXPECT_EQ(nlohmann::json::parse(tail.output())["topic"], (nlohmann::json{"a/b", "c"})) << tail.output();

  ServeProgram mirror({"--insecure"});
  Program copy({"publish", mirror.url(), "-", "--ndjson"}, tail.output());
  EXPECT_EQ(copy.wait(), 0) << copy.errors();
  Program again({"tail", mirror.url(), "--since", "earliest", "-n", "1", "--json"});
  EXPECT_EQ(again.wait(), 0) << again.errors();
  EXPECT_EQ(again.output(), tail.output());

  Program of_one({"tail", server.url(), "--since", "earliest", "-n", "1", "--json", "-t", "c"});
  EXPECT_EQ(of_one.wait(), 0) << of_one.errors();
  EXPECT_EQ(nlohmann::json::parse(of_one.output())["topic"], "c") << "of its own topics only";
}

TEST(ProgramPublish, GivesAnEventItsTraceAndCopiesIt) {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ServeProgram server({"--insecure"});
  Program publish({"publish", server.url(), "-t", "a", "--id", "1", "-H", "traceparent: " + parent, "-H",
                   "tracestate: congo=1", "x"});
  EXPECT_EQ(publish.wait(), 0) << publish.errors();
  Program untraced({"tail", server.url(), "--since", "earliest", "-n", "1", "--json"});
  EXPECT_EQ(untraced.wait(), 0) << untraced.errors();
  EXPECT_EQ(untraced.output(), "{\"topic\":\"a\",\"type\":\"message\",\"id\":\"1\",\"data\":\"x\"}\n");

  Program tail({"tail", server.url(), "--since", "earliest", "-n", "1", "--json", "--traces"});
  EXPECT_EQ(tail.wait(), 0) << tail.errors();
  EXPECT_EQ(nlohmann::json::parse(tail.output())["traceparent"], parent) << tail.output();
  EXPECT_EQ(nlohmann::json::parse(tail.output())["tracestate"], "congo=1") << tail.output();

  ServeProgram mirror({"--insecure"});
  Program copy({"publish", mirror.url(), "-", "--ndjson"}, tail.output());
  EXPECT_EQ(copy.wait(), 0) << copy.errors();
  Program again({"tail", mirror.url(), "--since", "earliest", "-n", "1", "--json", "--traces"});
  EXPECT_EQ(again.wait(), 0) << again.errors();
  EXPECT_EQ(again.output(), tail.output());

  Program without_json({"tail", server.url(), "--traces"});
  EXPECT_EQ(without_json.wait(), 2);
  EXPECT_NE(without_json.errors().find("--json"), std::string::npos) << without_json.errors();
}

TEST(ProgramPublish, NamesTheLineThatIsNoEvent) {
  ServeProgram server({"--insecure"});
  for (const auto& [line, complaint] :
       std::vector<std::pair<std::string, std::string>>{{"[1]", "not a JSON object"},
                                                        {"{", "not a JSON object"},
                                                        {R"({"data":"x"})", "no \"topic\" in the object"},
                                                        {R"({"topic":"x"})", "data"},
                                                        {R"({"topic":"*","data":"x"})", "topic"}}) {
    Program publish({"publish", server.url(), "-", "--ndjson"}, "{\"topic\":\"x\",\"data\":\"x\"}\n" + line + "\n");
    EXPECT_EQ(publish.wait(), 1);
    EXPECT_EQ(publish.errors().substr(0, 18), "millrace: line 2: ") << line;
    EXPECT_NE(publish.errors().find(complaint), std::string::npos) << publish.errors();
  }
}

TEST(ProgramPublish, ShowsOnATerminalHowFarALongInputHasCome) {
  ServeProgram server({"--insecure"});
  std::string lines;
  for (int n = 0; n < 250; ++n) lines += "x\n";
  Program publish({"publish", server.url(), "-", "-t", "x"}, lines, Program::Terminal::kErrors);
  EXPECT_EQ(publish.wait(), 0);
  EXPECT_EQ(publish.errors(), "\r\x1b[Kmillrace: 100 events published\r\x1b[Kmillrace: 200 events published\r\x1b[K");
  Program unseen({"publish", server.url(), "-", "-t", "x"}, lines);
  EXPECT_EQ(unseen.wait(), 0);
  EXPECT_EQ(unseen.errors(), "");
}

}  // namespace
}  // namespace millrace::test
