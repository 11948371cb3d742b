// The program `millrace` as its users meet it: arguments in, lines and an exit code out.

#include "program.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "collector.h"
#include "free_port.h"
#include "scripted_server.h"

namespace millrace::test {
namespace {

using Arguments = std::vector<std::string>;

struct UsageMistake {
  Arguments arguments;
  std::string complaint;  // a part of it
};

class ProgramUsage : public ::testing::TestWithParam<UsageMistake> {};

TEST_P(ProgramUsage, IsOneClearLineAndExitCodeTwo) {
  Program program(GetParam().arguments);
  EXPECT_EQ(program.wait(), 2);
  EXPECT_EQ(program.output(), "");
  EXPECT_EQ(program.errors().substr(0, 10), "millrace: ");
  EXPECT_EQ(std::count(program.errors().begin(), program.errors().end(), '\n'), 1) << program.errors();
  EXPECT_NE(program.errors().find(GetParam().complaint), std::string::npos) << program.errors();
}

INSTANTIATE_TEST_SUITE_P(
    , ProgramUsage,
    ::testing::Values(
        UsageMistake{{}, "missing command: expected serve, tail, publish, bench, kick, "},
        UsageMistake{{"frobnicate"}, "frobnicate"}, UsageMistake{{"tail"}, "URL is required; see millrace tail --help"},
        UsageMistake{{"tail", "http://a/", "--bogus"}, "--bogus"},
        UsageMistake{{"tail", "localhost:8080"}, "expected http(s)://host[:port]/path"},
        UsageMistake{{"tail", "http://a/", "--topic", "a*b"}, "--topic \"a*b\""},
        UsageMistake{{"tail", "http://a/", "--header", "nonsense"}, "expected \"Name: value\""},
        UsageMistake{{"tail", "http://a/", "--header", "Bad Name: x"}, "\"Bad Name\""},
        UsageMistake{{"tail", "http://a/", "--header", "connection: close"}, "millrace sets this header itself"},
        UsageMistake{{"publish", "http://a/", "-t", "x", "x", "--header", "A: x\nB: y"}, "a line end"},
        UsageMistake{{"tail", "http://a/", "--count", "0"}, "--count"},
        UsageMistake{{"tail", "http://a/", "--max-time", "0"}, "--max-time"},
        UsageMistake{{"publish", "http://a/", "data", "--ndjson"}, "--ndjson needs - as the data"},
        UsageMistake{{"publish", "http://a/", "--topic", "x"}, "DATA is required"},
        UsageMistake{{"publish", "http://a/", "data"}, "--topic is required"},
        UsageMistake{{"publish", "ftp://a/", "data", "--topic", "x"}, "\"ftp\" is not supported"},
        UsageMistake{{"publish", "http://a/", "data", "--topic", "x/*"}, "--topic \"x/*\""},
        UsageMistake{{"publish", "http://a/", "-", "--topic", "x", "--id", "1"}, "--id names one event"},
        UsageMistake{{"serve", "--port", "65536"}, "--port"}, UsageMistake{{"serve", "--port", "x"}, "--port"},
        UsageMistake{{"serve", "--workers", "0"}, "--workers"},
        UsageMistake{{"serve", "--port", "0", "--host", "no.such.host.invalid"}, "no.such.host.invalid"},
        UsageMistake{{"serve", "--port", "0", "--web", "/no/such/folder"}, "\"/no/such/folder\": not a directory"}));

TEST(Program, ExplainsItself) {
  Program help({"serve", "--help"});
  EXPECT_EQ(help.wait(), 0);
  for (const char* option : {"--host", "--port", "--insecure", "--web", "--demo", "--workers"}) {
    EXPECT_NE(help.output().find(option), std::string::npos) << option;
  }
  Program version({"--version"});
  EXPECT_EQ(version.wait(), 0);
  EXPECT_EQ(version.output().substr(0, 9), "millrace ");
}

TEST(Program, TakesNoPortThatIsTaken) {
  ServeProgram first({});
  const std::string port = first.url().substr(first.url().rfind(':') + 1);
  Program second({"serve", "--port", port});
  EXPECT_EQ(second.wait(), 1) << "an invalid option is 2, but a port may be free later";
  EXPECT_NE(second.errors().find("the port is in use"), std::string::npos) << second.errors();
}

TEST(Program, PublishesAndTails) {
  ServeProgram server({"--insecure"});
  Program one({"publish", server.url(), "--topic", "a/b", "--event", "note", "--id", "mine", "two\nlines"});
  EXPECT_EQ(one.wait(), 0) << one.errors();
  EXPECT_EQ(one.output(), "mine\n");

  Program lines({"publish", server.url() + "/events", "-t", "a/c", "-"}, "first\n\nthird");
  EXPECT_EQ(lines.wait(), 0) << lines.errors();
  EXPECT_EQ(std::count(lines.output().begin(), lines.output().end(), '\n'), 3) << lines.output();
  const std::string first_id = lines.output().substr(0, lines.output().find('\n'));

  Program all({"tail", server.url(), "--topic", "a/*", "--since", "earliest", "--count", "2"});
  EXPECT_EQ(all.wait(), 0) << all.errors();
  EXPECT_EQ(all.output(), "note mine two\\nlines\nmessage " + first_id + " first\n");

  Program since({"tail", "--topic", "a/b", "--topic", "a/c", "--json", "--since", first_id, "-n", "1", server.url()});
  EXPECT_EQ(since.wait(), 0) << since.errors();
  const auto event = nlohmann::json::parse(since.output());
  EXPECT_EQ(event["type"], "message");
  EXPECT_EQ(event["data"], "");
}

TEST(Program, TailsEverythingOfAServerUnlessTopicsAreGiven) {
  ServeProgram server({"--insecure"});
  Program tail({"tail", server.url(), "--since", "earliest", "--count", "2"});
  for (const char* topic : {"x", "y/z"}) {
    Program publish({"publish", server.url(), "--topic", topic, "hello"});
    EXPECT_EQ(publish.wait(), 0) << publish.errors();
  }
  EXPECT_EQ(tail.wait(), 0) << tail.errors();
}

TEST(Program, PassesOnWhatTheServerRefuses) {
  ServeProgram server({});
  Program publish({"publish", server.url(), "--topic", "x", "data"});
  EXPECT_EQ(publish.wait(), 1);
  EXPECT_NE(publish.errors().find("--insecure"), std::string::npos) << publish.errors();
  EXPECT_EQ(publish.errors().find('{'), std::string::npos) << "a sentence, not JSON";

  Program lines({"publish", server.url(), "--topic", "x", "-"}, "data\n");
  EXPECT_EQ(lines.wait(), 1);
  EXPECT_EQ(lines.errors().substr(0, 18), "millrace: line 1: ");
}

TEST(ProgramPublish, SendsTheHeadersItIsGiven) {
  ServeProgram server({"--publish-key", "a-key-long-enough"});
  Program publish({"publish", server.url(), "-t", "x", "data", "-H", "Authorization: Bearer a-key-long-enough"});
  EXPECT_EQ(publish.wait(), 0) << publish.errors();
  Program without({"publish", server.url(), "-t", "x", "data"});
  EXPECT_EQ(without.wait(), 1);
}

TEST(Program, SaysThatThereIsNoServer) {
  const std::string url = "http://127.0.0.1:" + std::to_string(free_port());
  Program publish({"publish", url, "--topic", "x", "data"});
  EXPECT_EQ(publish.wait(), 1);
  EXPECT_EQ(publish.errors(), "millrace: cannot reach " + url + ": no server answers there\n");
}

TEST(Program, RefusesDataThatIsNotUtf8) {
  Program publish({"publish", "http://127.0.0.1:1", "--topic", "x", "\xff"});
  EXPECT_EQ(publish.wait(), 1);
  EXPECT_NE(publish.errors().find("not valid UTF-8"), std::string::npos) << publish.errors();
}

TEST(Program, TailReconnectsAndSaysSo) {
  Collector resumed_from;
  ScriptedServer server([&](Peer& peer, int attempt) {
    const std::string request = peer.read_request();
    if (attempt == 1)
      return peer.send(std::string(kStreamHead) + "retry: 1\nid: 1\ndata: \x1b[31mr\xc2\x9b\xc3\xa9\x64\n\n");
    resumed_from.add(header_of(request, "Last-Event-ID") + " " + header_of(request, "X-Key"));
    peer.send(std::string(kStreamHead) + "id: 2\ndata: b\n\n");
    peer.wait_until_closed();
  });
  Program tail({"tail", server.url(), "--header", "X-Key: secret", "--count", "2"});
  EXPECT_EQ(tail.wait(), 0);
  EXPECT_EQ(tail.output(), "message 1 \\x1b[31mr\\u009b\xc3\xa9\x64\nmessage 2 b\n");
  EXPECT_EQ(tail.errors().substr(0, 49), "millrace: the server ended the stream; reconnecti") << tail.errors();
  EXPECT_NE(tail.errors().find("millrace: reconnected\n"), std::string::npos) << tail.errors();
  EXPECT_EQ(resumed_from.lines(), std::vector<std::string>{"1 secret"});
}

TEST(Program, TailFailsWhereThereIsNoStream) {
  ScriptedServer server([&](Peer& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 404 Not Found\r\n\r\n");
  });
  Program tail({"tail", server.url()});
  EXPECT_EQ(tail.wait(), 1);
  EXPECT_EQ(tail.errors(), "millrace: the server answered 404\n");
}

TEST(Program, EndsCleanlyWhenInterrupted) {
  for (const int number : {SIGINT, SIGTERM}) {
    ServeProgram server({"--demo"});
    Program tail({"tail", server.url()});
    EXPECT_NE(tail.read_line(), "");
    tail.signal(number);
    EXPECT_EQ(tail.wait(), 0);
    EXPECT_EQ(tail.errors(), "");
    server.program().signal(number);
    EXPECT_EQ(server.program().wait(), 0);
    EXPECT_NE(server.program().errors().find("info: stopped\n"), std::string::npos) << server.program().errors();
  }
}

TEST(Program, ServesADemoFeedAndCutsItOnDemand) {
  ServeProgram server({"--demo", "--insecure"});
  Program tail({"tail", server.url() + "/events?client=page-1&topic=demo/stocks/*", "--json", "--since", "earliest"});
  std::map<std::string, int> last;  // of each symbol
  for (int i = 1; i <= 100; ++i) {
    const auto event = nlohmann::json::parse(tail.read_line());
    EXPECT_EQ(event["type"], "tick");
    const auto tick = nlohmann::json::parse(std::string(event["data"]));
    EXPECT_EQ(tick["n"], ++last[tick["symbol"]]);
    EXPECT_GT(tick["price"], 0);
    EXPECT_GT(tick["time"], 1'600'000'000'000);
    EXPECT_NE(tick["symbol"], "");
  }
  // A client whose output nobody reads stops reading, too, and would not see the cut.
  std::thread reader([&tail] {
    while (!tail.read_line().empty()) continue;
  });
  // The page's own way to cut its stream, asked for with our HTTP client: publish posts to any URL.
  Program cut({"publish", server.url() + "/demo/cut?client=page-1", "--topic", "ignored", "ignored"});
  EXPECT_EQ(cut.wait(), 1) << "its answer holds no event ID";
  EXPECT_EQ(tail.read_error_line().substr(0, 10), "millrace: ");
  EXPECT_EQ(tail.read_error_line(), "millrace: reconnected");
  tail.signal(SIGTERM);
  reader.join();
}

}  // namespace
}  // namespace millrace::test
