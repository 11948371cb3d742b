// Files of options, the environment, and what becomes of both: on the program as a process.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "program.h"
#include "temporary_file.h"

namespace millrace::test {
namespace {

ProgramResult check(const TemporaryFile& file, const std::vector<std::string>& variables = {}) {
  return run_program({"check-config", file.path()}, variables);
}

#define EXPECT_CONTAINS(text, part) \
  EXPECT_NE((text).find(part), std::string::npos) << "instead of " << (part) << ": " << (text)

TEST(Configuration, NamesEachUnknownKeyWithItsLineAndTheNearestRightName) {
  const TemporaryFile file(
      "[serve]\nprot = 8080\nhistory_events = 5\nxyzzy = 1\n\n[sevre]\nport = 1\n[tail]\nsinze = \"x\"\n");
  const ProgramResult said = check(file);
  EXPECT_EQ(said.code, 2);
  EXPECT_CONTAINS(said.errors,
                  "millrace: " + file.path() + ":2: prot: [serve] has no option of this name; did you mean port?\n");
  EXPECT_CONTAINS(
      said.errors,
      file.path() + ":3: history_events: [serve] has no option of this name; did you mean history-events?\n");
  EXPECT_CONTAINS(said.errors, file.path() + ":4: xyzzy: [serve] has no option of this name\n");
  EXPECT_CONTAINS(said.errors, file.path() + ":6: [sevre]: no command has this name; did you mean serve?\n");
  EXPECT_CONTAINS(said.errors, file.path() + ":9: sinze: [tail] has no option of this name; did you mean since?\n");
}

TEST(Configuration, NamesEachValueThatAnOptionCannotHaveWithItsLine) {
  const TemporaryFile file(
      "port = 8080\n[serve]\nport = 70000\nheartbeat = \"soon\"\ngzip = \"perhaps\"\nhost = [\"a\", \"b\"]\n"
      "retain = [1979-05-27]\ncursor = \"newest\"\n");
  const ProgramResult said = check(file);
  EXPECT_EQ(said.code, 2);
  EXPECT_CONTAINS(said.errors, file.path() + ":1: port: an option belongs in the section of its command");
  EXPECT_CONTAINS(said.errors, file.path() + ":3: --port: ");
  EXPECT_CONTAINS(said.errors, file.path() + ":4: ");
  EXPECT_CONTAINS(said.errors, "--heartbeat");
  EXPECT_CONTAINS(said.errors, file.path() + ":5: gzip: expected true or false");
  EXPECT_CONTAINS(said.errors, file.path() + ":6: host: expected one value instead of a list");
  EXPECT_CONTAINS(said.errors, file.path() + ":7: retain: expected a text in quotes, a number, true or false");
  EXPECT_CONTAINS(said.errors, file.path() + ":8: --cursor: ");
}

TEST(Configuration, SaysWhereAFileIsNotToml) {
  const TemporaryFile unquoted("[serve]\nport = 8080\nhost = localhost\n");
  const ProgramResult said = check(unquoted);
  EXPECT_EQ(said.code, 2);
  EXPECT_CONTAINS(said.errors, unquoted.path() + ":3:8: not valid TOML: ");
  EXPECT_CONTAINS(said.errors, "text needs quotes");
  EXPECT_EQ(said.errors.find("INI"), std::string::npos) << said.errors;
  const TemporaryFile twice("[serve]\nport = 1\nport = 2\n");
  EXPECT_CONTAINS(check(twice).errors, twice.path() + ":3:");
  const ProgramResult missing = run_program({"check-config", "/no/such/file.toml"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_CONTAINS(missing.errors, "--config: cannot read \"/no/such/file.toml\": No such file or directory");
  const TemporaryFile large(std::string((1 << 20) + 1, '#'));
  EXPECT_CONTAINS(check(large).errors, "more than 1048576 bytes");
}

TEST(Configuration, RefusesVariablesThatAreNoOptions) {
  const TemporaryFile file("[serve]\nport = 0\n");
  const ProgramResult said =
      check(file, {"MILLRACE_PROT=1", "MILLRACE_HEARTBEAT=0", "MILLRACE_TYPE=of-tail", "MILLRACE_HOST="});
  EXPECT_EQ(said.code, 2);
  EXPECT_CONTAINS(said.errors, "environment: MILLRACE_PROT: no option has this name; did you mean MILLRACE_PORT?\n");
  EXPECT_CONTAINS(said.errors, "MILLRACE_HEARTBEAT: --heartbeat: ");
  EXPECT_EQ(said.errors.find("MILLRACE_TYPE"), std::string::npos) << said.errors;
  const ProgramResult link =
      run_program({"serve", "--check-config"}, {"MILLRACE_PORT=tcp://10.0.0.1:8080", "MILLRACE_SERVICE_HOST=10.0.0.1"});
  EXPECT_EQ(link.code, 2);
  EXPECT_CONTAINS(link.errors, "MILLRACE_PORT: Kubernetes sets it");
  EXPECT_CONTAINS(link.errors, "MILLRACE_SERVICE_HOST: Kubernetes sets it");
  EXPECT_CONTAINS(link.errors, "enableServiceLinks: false");
}

TEST(Configuration, NamesThePlaceOfAValueThatTheLibraryRefuses) {
  const TemporaryFile file("[serve]\n\npublish-key = [\"short\"]\n");
  const ProgramResult said = check(file);
  EXPECT_EQ(said.code, 2);
  EXPECT_CONTAINS(said.errors, "--publish-key");
  EXPECT_CONTAINS(said.errors, "(" + file.path() + ":3)");
  EXPECT_CONTAINS(run_program({"serve", "--check-config"}, {"MILLRACE_CORS_ORIGIN=app.example"}).errors,
                  "(MILLRACE_CORS_ORIGIN)");
}

TEST(Configuration, SuggestsTheNearestFlagAndCommand) {
  EXPECT_CONTAINS(run_program({"serve", "--prot", "1"}).errors, "; did you mean --port?\n");
  EXPECT_CONTAINS(run_program({"serve", "--prot=1"}).errors, "; did you mean --port?\n");
  EXPECT_CONTAINS(run_program({"srve"}).errors, "srve; did you mean serve?\n");
  EXPECT_CONTAINS(run_program({"serve", "--xyzzy"}).errors, "--xyzzy; see millrace serve --help\n");
}

TEST(Configuration, PrintsWhatCountsAndWhereItComesFrom) {
  const TemporaryFile file(
      "[serve]\nport = 9000\nheartbeat = 20\ngzip = true\nretain = [\"a/*\", \"b\"]\nhistory-events = 7\n"
      "publish-key = [\"a-publish-key-0123456789\"]\n");
  const std::vector<std::string> variables = {"MILLRACE_HEARTBEAT=30", "MILLRACE_WORKERS=3", "MILLRACE_PRESENCE=yes",
                                              "MILLRACE_STORE=nats://a-password@one,two:4222"};
  const ProgramResult said =
      run_program({"serve", "--config", file.path(), "--print-config", "--history-events", "8"}, variables);
  EXPECT_EQ(said.code, 0) << said.errors;
  for (const char* line : {"[serve]\n", "host = \"127.0.0.1\"  # default\n", "history-events = 8  # command line\n",
                           "workers = 3  # MILLRACE_WORKERS\n", "presence = true  # MILLRACE_PRESENCE\n",
                           "publish-key = [\"***\"]  # ", "nats://***@one,two:4222"}) {
    EXPECT_CONTAINS(said.output, line);
  }
  for (const char* entry : {"port = 9000  # %:2\n", "heartbeat = 20  # %:3\n", "gzip = true  # %:4\n",
                            "retain = [\"a/*\", \"b\"]  # %:5\n"}) {
    std::string line = entry;
    line.replace(line.find('%'), 1, file.path());
    EXPECT_CONTAINS(said.output, line);
  }
  EXPECT_EQ(said.output.find("a-publish-key"), std::string::npos);
  EXPECT_EQ(said.output.find("a-password"), std::string::npos);
  const ProgramResult postgres = run_program(
      {"serve", "--print-config"}, {"MILLRACE_STORE=postgres://ada:a-p@ssword@db.example/shop?password=a-p@ssword"});
  EXPECT_CONTAINS(postgres.output, "store = \"postgres://***@db.example/shop\"  # MILLRACE_STORE");

  // What it prints, and the template, are files that it accepts.
  const TemporaryFile printed(run_program({"serve", "--print-config"}).output);
  EXPECT_EQ(check(printed).code, 0) << check(printed).errors;
  const std::string text = run_program({"serve", "--print-template"}).output;
  const TemporaryFile commented(text);
  EXPECT_EQ(check(commented).code, 0) << check(commented).errors;
  std::string all;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const std::string line = text.substr(at, end - at);
    all += (line.starts_with("#") && !line.starts_with("# ") ? line.substr(1) : line) + "\n";
    at = end + 1;
  }
  const TemporaryFile uncommented(all);
  EXPECT_EQ(check(uncommented).code, 0) << check(uncommented).errors;
  EXPECT_CONTAINS(all, "\nport = 8080\n");
}

TEST(Configuration, GivesTheOtherCommandsTheirSections) {
  const TemporaryFile file("[tail]\nURL = \"http://127.0.0.1:1\"\nreconnect = \"never\"\n[publish]\ntopic = \"a\"\n");
  EXPECT_EQ(run_program({"tail", "--config", file.path()}).errors.find("URL is required"), std::string::npos);
  const ProgramResult said = run_program({"publish", "--config", file.path()});
  EXPECT_EQ(said.code, 2);
  EXPECT_CONTAINS(said.errors, "URL is required; see millrace publish --help");
  EXPECT_CONTAINS(run_program({"publish", "--help"}).output, "REQUIRED");
}

TEST(Configuration, IsReadAgainBySighupWhichSaysWhatNeedsARestart) {
  const TemporaryFile file("[serve]\nlog-level = \"info\"\nheartbeat = 15\n");
  ServeProgram server({"--config", file.path()});
  Program& program = server.program();
  const auto wait_for = [&](const std::string& part) {
    for (std::string line; !(line = program.read_error_line()).empty();) {
      if (line.find(part) != std::string::npos) return line;
    }
    return std::string();
  };
  file.write("[serve]\nlog-level = \"warning\"\nheartbeat = 20\nprot = 1\n");
  program.signal(SIGHUP);
  EXPECT_CONTAINS(wait_for("could not reload"),
                  file.path() + ":4: prot: [serve] has no option of this name; did you mean port?");
  file.write("[serve]\nlog-level = \"debug\"\nheartbeat = 20\n");
  program.signal(SIGHUP);
  EXPECT_CONTAINS(wait_for("--heartbeat"),
                  "--heartbeat is 20 in the options now (" + file.path() + ":3), and 15 in this process: restart it");
  EXPECT_CONTAINS(wait_for("--log-level"), "--log-level is now \"debug\" (" + file.path() + ":2)");
  program.signal(SIGTERM);
  EXPECT_EQ(program.wait(), 0);
}

}  // namespace
}  // namespace millrace::test
