// `millrace serve` under a service manager, its logs, and the files of its package.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "program.h"
#include "stream_client.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

using nlohmann::json;

// What a service manager has: a socket for datagrams.
class NotifySocket {
 public:
  NotifySocket() {
    std::filesystem::remove(path_);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    timeval patience{.tv_sec = kDeadline.count(), .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~NotifySocket() {
    close(socket_);
    std::filesystem::remove(path_);
  }
  std::string variable() const { return "NOTIFY_SOCKET=" + path_; }

  // The next message that contains `part`, but for signs of life.
  std::string read_with(const std::string& part) const {
    char text[1024];
    for (ssize_t size = 0; (size = recv(socket_, text, sizeof text, 0)) > 0;) {
      std::string message(text, static_cast<std::size_t>(size));
      if (message.find(part) != std::string::npos) return message;
    }
    return {};
  }

 private:
  const std::string path_ = ::testing::TempDir() + "millrace-notify-" + std::to_string(getpid());
  const int socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

TEST(Service, ReportsToItsManagerThatItIsReadyReloadsAndStops) {
  const NotifySocket manager;
  const TemporaryFile file("[serve]\nheartbeat = 15\n");
  ServeProgram server({"--config", file.path()}, {manager.variable()});
  EXPECT_EQ(manager.read_with("READY=1"), "READY=1\nSTATUS=listening on " + server.url());
  server.program().signal(SIGHUP);
  EXPECT_NE(manager.read_with("RELOADING=1").find("MONOTONIC_USEC="), std::string::npos);
  EXPECT_EQ(manager.read_with("READY=1"), "READY=1");
  server.program().signal(SIGTERM);
  EXPECT_EQ(manager.read_with("STOPPING=1"), "STOPPING=1");
  EXPECT_EQ(server.program().wait(), 0);
}

TEST(Service, ShowsItsWatchdogThatItIsAlive) {
  const NotifySocket manager;
  const ServeProgram server({}, {manager.variable(), "WATCHDOG_USEC=20000"});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager.read_with("WATCHDOG=1"), "WATCHDOG=1");
}

TEST(Service, FailsOnATakenPortAsOnSomethingThatMayPass) {
  const ServeProgram first({});
  const std::string port = first.url().substr(first.url().rfind(':') + 1);
  Program second({"serve", "--port", port});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.errors().find("the port is in use"), std::string::npos) << second.errors();
}

TEST(Service, NamesTheOptionOfAPortThatIsTaken) {
  const ServeProgram first({});
  const std::string port = first.url().substr(first.url().rfind(':') + 1);
  Program second({"serve", "--port", "0", "--tls-dev", "--redirect-port", port});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_NE(second.errors().find("choose another with --redirect-port"), std::string::npos) << second.errors();
}

TEST(Logs, SayAtTheStartWhatRunsAndHow) {
  ServeProgram server({"--heartbeat", "20", "--publish-key", "a-publish-key-0123456789"}, {"MILLRACE_WORKERS=3"});
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  const std::string log = server.program().errors();
  EXPECT_NE(log.find("; options that differ from the defaults: port=0, workers=3, heartbeat=20, publish-key=[\"***\"]"),
            std::string::npos)
      << log;
  EXPECT_NE(log.find("events are kept in memory only"), std::string::npos) << log;
  EXPECT_EQ(log.find("a-publish-key"), std::string::npos) << log;
}

TEST(Logs, AreJsonOnEveryLineIfWanted) {
  Program program({"serve", "--port", "0", "--log-format", "json", "--access-log", "-"});
  const json listening = json::parse(program.read_line());
  const std::string url = listening.at("url");
  EXPECT_EQ(listening.at("message"), "listening on " + url);
  const int port = std::stoi(url.substr(url.rfind(':') + 1));
  ask(port, request("GET", "/no\"where?token=secret"));
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), 0);
  std::istringstream lines(program.errors());
  bool has_access = false;
  for (std::string line; std::getline(lines, line);) {
    const json parsed = json::parse(line, nullptr, false);
    ASSERT_TRUE(parsed.is_object()) << line;
    EXPECT_TRUE(parsed.contains("time")) << line;
    has_access = has_access || (parsed.contains("path") && parsed["path"] == "/no\"where" && parsed["status"] == 404);
  }
  EXPECT_TRUE(has_access) << program.errors();
  EXPECT_EQ(program.errors().find("secret"), std::string::npos) << program.errors();
}

std::string text_in(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Logs, HaveALineForEachAccessInAFileThatCanBeMoved) {
  const TemporaryFile file("");
  const std::string moved = file.path() + ".1";
  ServeProgram server({"--insecure", "--access-log", file.path(), "--access-log-every", "2"});
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  for (int i = 0; i < 4; ++i) ask(port, request("POST", "/events", "", R"({"topic":"a","data":"x"})"));
  ask(port, request("GET", "/nowhere"));
  { const StreamClient stream(port, "/events?topic=a&client=tab"); }
  const auto has = [](const std::string& path, const std::string& part) {
    return eventually([&] { return text_in(path).find(part) != std::string::npos; });
  };
  EXPECT_TRUE(has(file.path(), "\"GET /nowhere\" 404 ")) << text_in(file.path());
  EXPECT_TRUE(has(file.path(), " end=client-left events=0 topic=\"a\" client=\"tab\"\n")) << text_in(file.path());
  const std::string text = text_in(file.path());
  std::size_t published = 0;
  for (std::size_t at = text.find("POST"); at != std::string::npos; at = text.find("POST", at + 1)) ++published;
  EXPECT_EQ(published, 2u) << text;

  std::filesystem::rename(file.path(), moved);
  server.program().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(file.path()); }));
  ask(port, request("GET", "/elsewhere"));
  EXPECT_TRUE(has(file.path(), "/elsewhere"));
  EXPECT_EQ(text_in(moved).find("/elsewhere"), std::string::npos);
  std::filesystem::remove(moved);
  Program unopened({"serve", "--port", "0", "--access-log", "/no/such/folder/x"});
  EXPECT_EQ(unopened.wait(), 2);
  EXPECT_NE(unopened.errors().find("--access-log: cannot open"), std::string::npos) << unopened.errors();
}

TEST(Logs, SeeClientsBehindATrustedProxy) {
  const TemporaryFile file("");
  ServeProgram server({"--access-log", file.path(), "--trusted-proxy", "127.0.0.1", "--proxy-field", "forwarded"});
  const int port = std::stoi(server.url().substr(server.url().rfind(':') + 1));
  ask(port, request("GET", "/here", "Forwarded: for=192.0.2.1\r\n"));
  EXPECT_TRUE(eventually([&] {
    return text_in(file.path()).find(" 192.0.2.1 - \"GET /here\" 404") != std::string::npos;
  })) << text_in(file.path());
  Program wrong({"serve", "--port", "0", "--trusted-proxy", "proxy.example"});
  EXPECT_EQ(wrong.wait(), 2);
  EXPECT_NE(wrong.errors().find("--trusted-proxy: \"proxy.example\" is not a network"), std::string::npos);
}

TEST(Manual, HasEveryOptionOfHelp) {
  Program help({"serve", "--print-options"});
  ASSERT_EQ(help.wait(), 0);
  Program page({"generate", "man-serve"});
  ASSERT_EQ(page.wait(), 0);
  Program bash({"generate", "bash"});
  ASSERT_EQ(bash.wait(), 0);
  Program zsh({"generate", "zsh"});
  ASSERT_EQ(zsh.wait(), 0);
  Program fish({"generate", "fish"});
  ASSERT_EQ(fish.wait(), 0);
  std::istringstream rows(help.output());
  std::size_t options = 0;
  for (std::string row; std::getline(rows, row);) {
    if (!row.starts_with("| `--")) continue;
    ++options;
    const std::string name = row.substr(5, row.find('`', 5) - 5);
    std::string in_roff = "--" + name;
    for (std::size_t at = 0; (at = in_roff.find('-', at)) != std::string::npos; at += 2) in_roff.insert(at, 1, '\\');
    EXPECT_NE(page.output().find("\\fB" + in_roff + "\\fR"), std::string::npos) << in_roff;
    EXPECT_NE(bash.output().find("--" + name + " "), std::string::npos) << name;
    EXPECT_NE(zsh.output().find("--" + name + "["), std::string::npos) << name;
    EXPECT_NE(fish.output().find(" -l " + name + " "), std::string::npos) << name;
  }
  EXPECT_GE(options, 45u);
  Program unknown({"generate", "tcsh"});
  EXPECT_EQ(unknown.wait(), 2);
  EXPECT_NE(unknown.errors().find("expected one of man, bash, zsh, fish, man-serve"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
