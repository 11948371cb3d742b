// What `millrace serve` logs of its start and of requests, and what it never says: secrets.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "ask.h"
#include "raw_client.h"
#include "serving.h"
#include "stream_client.h"
#include "temporary_file.h"
#include "token_signer.h"

namespace millrace::test {
namespace {

constexpr char kPublishKey[] = "publish-key-0123456789";
constexpr char kAdminKey[] = "admin-key-0123456789";
constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

// What it logs before it listens.
std::string warnings_of(std::vector<std::string> options) {
  Serving server(std::move(options));
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  return server.program().errors();
}

TEST(ServeLog, WarnsOfWhatIsOpenToOthers) {
  EXPECT_NE(warnings_of({"--host", "0.0.0.0", "--insecure"}).find("warning: --insecure on 0.0.0.0"), std::string::npos);
  EXPECT_EQ(warnings_of({"--insecure"}).find("warning"), std::string::npos);
  EXPECT_EQ(warnings_of({"--host", "localhost", "--insecure", "--demo"}).find("warning"), std::string::npos);
  EXPECT_EQ(warnings_of({"--host", "0.0.0.0"}).find("warning"), std::string::npos);
  EXPECT_NE(warnings_of({"--host", "0.0.0.0", "--demo"}).find("warning: --demo on 0.0.0.0"), std::string::npos);
}

TEST(ServeLog, SaysNoSecretInLogsMetricsAndAnswers) {
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
      for (const char* topic : {"a", "b", "a*", "millrace.presence"}) said += server.subscribe(topic, headers);
      said += server.publish("b", headers) + server.publish("", headers);
      said += server.get("/subscriptions", headers) + server.get("/nowhere", headers) + server.get("/metrics", headers);
      said += server.get("/events?topic=a*&key=" + text + "&mode=none", headers);
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

TEST(ServeLog, LogsALinePerConnectionOnlyWhenDebugging) {
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

TEST(ServeLog, LogsAnotherProtocolAsWhatItIs) {
  Serving server({"--no-http2"});
  RawClient http2(server.port());
  http2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  EXPECT_EQ(http2.read_response().status, 505);
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  const std::string log = server.program().errors();
  EXPECT_NE(log.find("HTTP/2"), std::string::npos) << log;
  EXPECT_EQ(log.find("handler or callback"), std::string::npos) << log;
}

TEST(ServeLog, LogsNothingThatATerminalWouldObey) {
  Serving server({"--log-level", "debug"});
  server.get(
      "/\xc2\x9b"
      "2Jgone?token=1234");  // other control characters are refused before
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  EXPECT_NE(server.program().errors().find(R"(GET /\u009b2Jgone 404)"), std::string::npos) << server.program().errors();
}

}  // namespace
}  // namespace millrace::test
