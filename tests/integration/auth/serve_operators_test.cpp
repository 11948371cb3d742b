// What operators ask of a running `millrace serve`, on the program as a process.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "program.h"
#include "stream_client.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

int port_of(const ServeProgram& server) {
  return std::stoi(server.url().substr(server.url().rfind(':') + 1));
}

class AdminSocket {
 public:
  AdminSocket() { std::filesystem::remove(path_); }
  ~AdminSocket() { std::filesystem::remove(path_); }
  std::string address() const { return "unix:" + path_; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_ = ::testing::TempDir() + "millrace-admin-" + std::to_string(getpid());
};

TEST(Operators, HaveAnAddressOfTheirOwnWithWhatLeavesTheMainPort) {
  const AdminSocket socket;
  ServeProgram server({"--admin-listen", socket.address()});
  const int port = port_of(server);
  struct stat found {};
  ASSERT_EQ(stat(socket.path().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0660u);
  for (const char* path : {"/metrics", "/subscriptions"}) {
    EXPECT_EQ(status_of(ask(port, request("GET", path))), 404) << path;
  }
  for (const char* path : {"/healthz", "/readyz"}) {
    EXPECT_EQ(status_of(ask(port, request("GET", path))), 200) << path;
  }
  const StreamClient stream(port, "/events?topic=news/*&client=tab");
  // A worker counts a request behind its answer, which may already have arrived.
  ProgramResult top;
  EXPECT_TRUE(eventually([&] {
    top = run_program({"top", "--once", socket.address()});
    return top.output.find("refused      2 status=\"404\",reason=\"handler\"") != std::string::npos;
  })) << top.output;
  EXPECT_EQ(top.code, 0) << top.errors;
  EXPECT_NE(top.output.find("streams      1 open, 0 catching up"), std::string::npos) << top.output;
  EXPECT_NE(top.output.find("news/*\n"), std::string::npos) << top.output;
  EXPECT_NE(top.output.find("events       0 published, 0 delivered, "), std::string::npos) << "not: 0/s\n"
                                                                                           << top.output;
  EXPECT_NE(top.output.find(" so far\n"), std::string::npos) << top.output;
  EXPECT_NE(run_program({"inspect", socket.address(), "s0000000-1"}).errors.find("ask the server's main port"),
            std::string::npos);
  EXPECT_EQ(run_program({"topics", socket.address()}).output, "1\tnews/*\n");
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(socket.path()));
}

TEST(Operators, GetTheReasonOfAnAdminAddressThatCannotBe) {
  const TemporaryFile file("precious");
  for (const std::string& address :
       {std::string("9090"), std::string(":9090"), std::string("127.0.0.1:99999"), std::string("unix:")}) {
    const ProgramResult said = run_program({"serve", "--port", "0", "--admin-listen", address});
    EXPECT_EQ(said.code, 2);
    EXPECT_NE(said.errors.find("--admin-listen \"" + address + "\": expected HOST:PORT"), std::string::npos)
        << said.errors;
  }
  const ProgramResult no_socket = run_program({"serve", "--port", "0", "--admin-listen", "unix:" + file.path()});
  EXPECT_EQ(no_socket.code, 2);
  EXPECT_NE(no_socket.errors.find("exists and is not a socket"), std::string::npos) << no_socket.errors;
  EXPECT_TRUE(std::filesystem::exists(file.path()));
}

TEST(Operators, EndTheStreamsOfAClient) {
  constexpr char kKey[] = "admin-key-0123456789";
  ServeProgram server({"--admin-key", kKey});
  StreamClient tab(port_of(server), "/events?topic=a&client=tab");
  StreamClient other(port_of(server), "/events?topic=a&client=other");
  const ProgramResult refused = run_program({"kick", server.url(), "--client", "tab"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.errors.find("send an admin key"), std::string::npos) << refused.errors;
  EXPECT_EQ(run_program({"kick", server.url()}).code, 2);
  const TemporaryFile profile("[kick]\nURL = \"" + server.url() + "\"\nheader = [\"Authorization: Bearer " + kKey +
                              "\"]\n");
  const ProgramResult ended = run_program({"kick", "--config", profile.path(), "--client", "tab"});
  EXPECT_EQ(ended.output, "1 stream ended\n") << ended.errors;
  EXPECT_TRUE(tab.read_to_end());
  const std::vector<std::string> topics = {"topics", server.url(), "--header",
                                           std::string("Authorization: Bearer ") + kKey};
  EXPECT_TRUE(eventually([&] { return run_program(topics).output == "1\ta\n"; }));
}

TEST(Operators, SeeAnEventAsItIsSent) {
  ServeProgram server({"--insecure"});
  run_program({"publish", server.url(), "--topic", "a", "one"});
  Program publish({"publish", server.url(), "--topic", "a", "--event", "note", "two\nlines"});
  ASSERT_EQ(publish.wait(), 0);
  std::string id = publish.output();
  id.pop_back();
  run_program({"publish", server.url(), "--topic", "a", "three"});
  const ProgramResult said = run_program({"inspect", server.url(), id});
  EXPECT_EQ(said.code, 0) << said.errors;
  EXPECT_NE(said.output.find("event: note\n"), std::string::npos) << said.output;
  EXPECT_NE(said.output.find("data: two\ndata: lines\n"), std::string::npos) << said.output;
  EXPECT_NE(said.output.find("id: " + id), std::string::npos) << said.output;
  EXPECT_EQ(said.output.find("three"), std::string::npos) << said.output;
  EXPECT_EQ(said.output.substr(0, 9), "topic: a\n") << "without the stream's own fields";
  EXPECT_EQ(run_program({"inspect", server.url(), "mine"}).code, 2);
  const auto none = run_program({"inspect", "http://127.0.0.1:1", id});
  EXPECT_NE(none.errors.find("cannot reach http://127.0.0.1:1: no server answers there"), std::string::npos)
      << none.errors;
}

TEST(Operators, AskTheirOwnServerForItsHealth) {
  const ServeProgram server({});
  const std::string port = "MILLRACE_PORT=" + std::to_string(port_of(server));
  EXPECT_EQ(run_program({"healthcheck"}, {port}).code, 0);
  EXPECT_EQ(run_program({"healthcheck", "--ready"}, {port, "MILLRACE_HOST=0.0.0.0"}).code, 0);
  EXPECT_EQ(run_program({"healthcheck", server.url()}).code, 0);
  const TemporaryFile file("[serve]\nport = " + std::to_string(port_of(server)) + "\n");
  EXPECT_EQ(run_program({"healthcheck", "--config", file.path()}).code, 0);
  const ProgramResult none = run_program({"healthcheck", "http://127.0.0.1:1"});
  EXPECT_EQ(none.code, 1);
  EXPECT_NE(none.errors.find("http://127.0.0.1:1/healthz: no answer"), std::string::npos) << none.errors;
}

}  // namespace
}  // namespace millrace::test
