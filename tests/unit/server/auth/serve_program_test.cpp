// The options of `millrace serve` that say who may do what, on the program as a process.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "../../client/program.h"
#include "../eventually.h"
#include "../stream_client.h"
#include "ask.h"
#include "temporary_file.h"
#include "token_signer.h"

namespace millrace::test {
namespace {

using nlohmann::json;
using testing::Program;
using testing::ServeProgram;

constexpr char kPublishKey[] = "publish-key-0123456789";
constexpr char kSubscribeKey[] = "subscribe-key-012345678";
constexpr char kAdminKey[] = "admin-key-0123456789";
constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

class Serving {
 public:
  explicit Serving(std::vector<std::string> options)
      : program_(std::move(options)), port_(std::stoi(program_.url().substr(program_.url().rfind(':') + 1))) {}

  int port() const { return port_; }
  Program& program() { return program_.program(); }
  std::string subscribe(const std::string& topic, const std::string& headers = {}) const {
    return ask(port_, request("HEAD", "/events?topic=" + topic, headers));
  }
  std::string publish(const std::string& topic, const std::string& headers = {}) const {
    return ask(port_, request("POST", "/events", headers, json{{"topic", topic}, {"data", "x"}}.dump()));
  }
  std::string get(const std::string& path, const std::string& headers = {}) const {
    return ask(port_, request("GET", path, headers));
  }

 private:
  ServeProgram program_;
  int port_;
};

std::string bearer(const std::string& token) {
  return "Authorization: Bearer " + token + "\r\n";
}

TEST(ServeProgram, GoesByKeysFromOptionsAndFilesAndReadsTheFilesAgain) {
  const TemporaryFile publish_keys(std::string("# ours\n") + kPublishKey + "\n");
  const TemporaryFile subscribe_keys("from-a-file-0123456789\n");
  const TemporaryFile admin_keys("admin-from-a-file-0123\n");
  Serving server({"--publish-key-file", publish_keys.path(), "--publish-key", "another-key-0123456789",
                  "--subscribe-key", kSubscribeKey, "--subscribe-key-file", subscribe_keys.path(), "--admin-key",
                  kAdminKey, "--admin-key-file", admin_keys.path(), "--presence"});
  EXPECT_EQ(status_of(server.publish("a")), 401);
  for (const char* key : {kPublishKey, "another-key-0123456789", kAdminKey, "admin-from-a-file-0123"}) {
    EXPECT_EQ(status_of(server.publish("a", bearer(key))), 200) << key;
  }
  EXPECT_EQ(status_of(server.publish("a", bearer(kSubscribeKey))), 403);
  EXPECT_EQ(status_of(server.subscribe("a")), 401);
  for (const char* key : {kSubscribeKey, "from-a-file-0123456789"}) {
    EXPECT_EQ(status_of(server.subscribe("a", bearer(key))), 200) << key;
    EXPECT_EQ(status_of(server.subscribe("millrace.presence", bearer(key))), 403) << key;
    EXPECT_EQ(status_of(server.get("/subscriptions", bearer(key))), 403) << key;
  }
  EXPECT_EQ(status_of(server.subscribe("millrace.presence", bearer(kAdminKey))), 200);
  EXPECT_EQ(status_of(server.get("/subscriptions", bearer(kAdminKey))), 200);

  publish_keys.write("a-new-key-0123456789\n");
  server.program().signal(SIGHUP);
  EXPECT_TRUE(eventually([&] { return status_of(server.publish("a", bearer("a-new-key-0123456789"))) == 200; }));
  EXPECT_EQ(status_of(server.publish("a", bearer(kPublishKey))), 401);
}

TEST(ServeProgram, GoesByTokensOfAllKindsOfKeys) {
  const TokenSigner rsa = TokenSigner::rs256();
  const TokenSigner ec = TokenSigner::es256();
  const TokenSigner hmac = TokenSigner::hs256(kSecret);
  const TemporaryFile secret(kSecret);
  const TemporaryFile pem(rsa.public_pem());
  const TemporaryFile key_set(json{{"keys", {ec.jwk()}}}.dump());
  const Serving server({"--jwt-secret-file", secret.path(), "--jwt-public-key", pem.path(), "--jwks", key_set.path(),
                        "--jwt-cookie", "login", "--jwt-issuer", "us", "--jwt-audience", "them", "--public-topic",
                        "open/**"});
  const json claims = {{"iss", "us"}, {"aud", "them"}, {"millrace", {{"subscribe", {"news"}}, {"publish", {"chat"}}}}};
  for (const TokenSigner* signer : {&hmac, &rsa, &ec}) {
    const std::string token = signer->sign(claims);
    EXPECT_EQ(status_of(server.subscribe("news", bearer(token))), 200);
    EXPECT_EQ(status_of(server.subscribe("news", "Cookie: login=" + token + "\r\n")), 200);
    EXPECT_EQ(status_of(server.subscribe("news", "Cookie: other=" + token + "\r\n")), 401);
    EXPECT_EQ(status_of(server.subscribe("chat", bearer(token))), 403);
    EXPECT_EQ(status_of(server.publish("chat", bearer(token))), 200);
    EXPECT_EQ(status_of(server.publish("news", bearer(token))), 403);
  }
  json foreign = claims;
  foreign["iss"] = "others";
  EXPECT_EQ(status_of(server.subscribe("news", bearer(hmac.sign(foreign)))), 401);
  foreign = claims;
  foreign["aud"] = "others";
  EXPECT_EQ(status_of(server.subscribe("news", bearer(hmac.sign(foreign)))), 401);
  EXPECT_EQ(status_of(server.subscribe("open/a")), 200);
  EXPECT_EQ(status_of(server.subscribe("news")), 401);
}

TEST(ServeProgram, KeepsItsBordersAndFairShares) {
  const Serving server({"--publish-key", kPublishKey, "--cors-origin", "https://app.example", "--allowed-host",
                        "events.example", "--publish-rate", "0.001", "--publish-burst", "2"});
  EXPECT_EQ(header_of(server.subscribe("a", "Origin: https://app.example\r\n"), "Access-Control-Allow-Origin"),
            "https://app.example");
  EXPECT_EQ(header_of(server.subscribe("a", "Origin: https://evil.example\r\n"), "Access-Control-Allow-Origin"), "");
  EXPECT_EQ(status_of(server.subscribe("a", "Host: events.example\r\n")), 200);
  EXPECT_EQ(status_of(server.subscribe("a", "Host: evil.example\r\n")), 421);
  for (const int status : {200, 200, 429}) {
    EXPECT_EQ(status_of(server.publish("a", bearer(kPublishKey))), status);
  }
  const Serving small(
      {"--subscribe-key", kSubscribeKey, "--max-streams-per-user", "1", "--max-connections-per-address", "2"});
  const StreamClient stream(small.port(), "/events?topic=a", bearer(kSubscribeKey));
  RawClient second(small.port());
  EXPECT_EQ(second.exchange(get("/events?topic=a", bearer(kSubscribeKey))).status, 429) << "the user's second stream";
  EXPECT_EQ(second.exchange(get("/healthz")).status, 200) << "and the connection stays";
  RawClient third(small.port());
  EXPECT_EQ(third.read_response().status, 429) << "the address's third connection";
}

TEST(ServeProgram, SaysWhichOptionCannotBeHonoured) {
  const auto complaint = [](std::vector<std::string> options) {
    options.insert(options.begin(), {"serve", "--port", "0", "--check-config"});
    Program program(options);
    EXPECT_EQ(program.wait(), 2);
    return program.errors();
  };
  EXPECT_NE(complaint({"--publish-key", "short"}).find("publish_key"), std::string::npos);
  EXPECT_NE(complaint({"--jwks", "/no/such/file"}).find("jwks_file"), std::string::npos);
  EXPECT_NE(complaint({"--publish-key", kPublishKey, "--insecure"}).find("--insecure"), std::string::npos);
  EXPECT_NE(complaint({"--cors-origin", "app.example"}).find("app.example"), std::string::npos);
  EXPECT_NE(complaint({"--allowed-host", "events.example:80"}).find("events.example:80"), std::string::npos);
}

TEST(ServeProgram, SaysNoSecretInLogsMetricsAndAnswers) {
  const TokenSigner signer = TokenSigner::hs256(kSecret);
  const std::string good = signer.sign({{"millrace", {{"subscribe", {"a"}}}}});
  const std::string expired = signer.sign({{"exp", 1}});
  const std::string wrong_key = "wrong-key-0123456789";
  const TemporaryFile secret(kSecret);
  Serving server({"--log-level", "debug", "--publish-key", kPublishKey, "--admin-key", kAdminKey, "--jwt-secret-file",
                  secret.path(), "--jwt-cookie", "login"});
  std::string said;
  for (const std::string& text : {std::string(kPublishKey), wrong_key, good, expired, good + "x"}) {
    for (const std::string& headers :
         {bearer(text), "Cookie: login=" + text + "\r\n", "Authorization: " + text + "\r\n",
          bearer(text) + "Host: evil.example\r\n", bearer(text) + "No colon\r\n"}) {
      for (const char* topic : {"a", "b", "a//b", "millrace.presence"}) said += server.subscribe(topic, headers);
      said += server.publish("b", headers) + server.publish("", headers);
      said += server.get("/subscriptions", headers) + server.get("/nowhere", headers) + server.get("/metrics", headers);
      said += server.get("/events?topic=a//b&key=" + text + "&mode=none", headers);
    }
  }
  const StreamClient stream(server.port(), "/events?topic=a&client=me", bearer(good));
  said += server.get("/subscriptions", bearer(kAdminKey)) + server.get("/metrics");
  ASSERT_NE(said.find("\"me\""), std::string::npos);
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  said += server.program().errors();
  ASSERT_NE(said.find("GET /nowhere"), std::string::npos) << "requests are logged";
  for (const std::string& text :
       {std::string(kPublishKey), std::string(kAdminKey), std::string(kSecret), wrong_key, good, expired}) {
    const std::size_t at = said.find(text);
    EXPECT_EQ(at, std::string::npos) << said.substr(at < 200 ? 0 : at - 200, 400);
  }
}

TEST(ServeProgram, ServesNothingOutsideItsWebFolder) {
  const std::filesystem::path folder(TemporaryFile("").path() + ".folder");
  std::filesystem::create_directories(folder / "web");
  std::ofstream(folder / "secret.txt") << "not for you";
  std::ofstream(folder / "web" / "page.txt") << "for you";
  const Serving server({"--web", (folder / "web").string()});
  EXPECT_NE(server.get("/page.txt").find("for you"), std::string::npos);
  for (const char* path : {"/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt",
                           "/..%5csecret.txt", "/x/../../secret.txt", "/./../secret.txt", "//../secret.txt",
                           "/..%00/secret.txt", "/....//secret.txt", "/%252e%252e/secret.txt", "/..;/secret.txt",
                           "/page.txt/../../secret.txt", "/%c0%ae%c0%ae/secret.txt", "/page.txt%00.html"}) {
    const std::string answer = server.get(path);
    EXPECT_EQ(status_of(answer) / 100, 4) << path << ": " << answer;
    EXPECT_EQ(answer.find("not for you"), std::string::npos) << path;
  }
  const std::string absolute = server.get((folder / "secret.txt").string());
  EXPECT_EQ(status_of(absolute), 404);
  std::filesystem::remove_all(folder);
}

// What it has logged by the time it has ended, after two requests and a stream on three connections.
std::string log_of(const std::string& level) {
  Serving server({"--log-level", level});
  server.get("/healthz");
  server.get("/readyz");
  {
    const StreamClient stream(server.port(), "/events?topic=a");
    server.program().signal(SIGTERM);
  }
  EXPECT_EQ(server.program().wait(), 0);
  return server.program().errors();
}

TEST(ServeProgram, LogsALinePerConnectionOnlyWhenDebugging) {
  const std::string quiet = log_of("info");
  EXPECT_EQ(quiet.find("GET"), std::string::npos) << quiet;
  const std::string all = log_of("debug");
  std::size_t lines = 0;
  for (std::size_t at = all.find("127.0.0.1 GET /"); at != std::string::npos;
       at = all.find("127.0.0.1 GET /", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 3u) << all;
}

TEST(ServeProgram, LogsNothingThatATerminalWouldObey) {
  Serving server({"--log-level", "debug"});
  server.get("/\x1b[2Jgone\x7f?token=1234");
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  EXPECT_NE(server.program().errors().find(R"(GET /\x1b[2Jgone\x7f 404)"), std::string::npos)
      << server.program().errors();
}

}  // namespace
}  // namespace millrace::test
