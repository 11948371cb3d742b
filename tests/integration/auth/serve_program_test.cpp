// The options of `millrace serve` that say who may do what, on the program as a process.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "ask.h"
#include "eventually.h"
#include "program.h"
#include "serving.h"
#include "stream_client.h"
#include "temporary_file.h"
#include "temporary_folder.h"
#include "token_signer.h"

namespace millrace::test {
namespace {

using nlohmann::json;

constexpr char kPublishKey[] = "publish-key-0123456789";
constexpr char kSubscribeKey[] = "subscribe-key-012345678";
constexpr char kAdminKey[] = "admin-key-0123456789";
constexpr char kSecret[] = "0123456789abcdef0123456789abcdef";

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

// Whether the body has come, or was announced and is beyond the bound of all bodies.
TEST(ServeProgram, NamesItsOptionInRefusalsOfLargePublishes) {
  const Serving server({"--insecure", "--max-body-bytes", "2000000", "--max-publish-bytes", "1000"});
  const std::string announced = "POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n";
  for (const std::string& asked : {request("POST", "/events", "", std::string(1'001, 'x')), announced}) {
    const std::string answer = ask(server.port(), asked);
    EXPECT_EQ(status_of(answer), 413) << answer;
    EXPECT_NE(answer.find("limit of 1000 bytes (--max-publish-bytes)"), std::string::npos) << answer;
  }
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

std::string bad_option(std::vector<std::string> options) {
  options.insert(options.begin(), {"serve", "--port", "0"});
  Program program(options);
  EXPECT_EQ(program.wait(), 2) << options.back();
  return program.errors();
}

// Each option, and a value that cannot be honoured; those that take any text have none.
TEST(ServeProgram, NamesTheOptionThatWasTypedInEveryComplaint) {
  const std::map<std::string, std::string> bad_values = {{"--host", "nowhere.invalid"},
                                                         {"--web", "/no/such/folder"},
                                                         {"--store", "nats://"},
                                                         {"--access-log", "/no/such/folder/x"},
                                                         {"--publish-key", "short"},
                                                         {"--publish-key-file", "/no/such/file"},
                                                         {"--subscribe-key", "short"},
                                                         {"--subscribe-key-file", "/no/such/file"},
                                                         {"--admin-key", "short"},
                                                         {"--admin-key-file", "/no/such/file"},
                                                         {"--jwt-secret-file", "/no/such/file"},
                                                         {"--jwt-public-key", "/no/such/file"},
                                                         {"--jwks", "/no/such/file"},
                                                         {"--cors-origin", "app.example"},
                                                         {"--cors-header", "X-Token:"},
                                                         {"--allowed-host", "events.example:80"},
                                                         {"--publish-rate", "nan"},
                                                         {"--workers", "0"},
                                                         {"--history-events", "0"},
                                                         {"--history-bytes", "0"},
                                                         {"--retain", "a*"},
                                                         {"--max-connections", "0"},
                                                         {"--max-buffered-bytes", "0"},
                                                         {"--heartbeat", "0"}};
  const std::set<std::string> any_text = {"--store-ca", "--store-credentials"};
  Program table({"serve", "--print-options"});
  ASSERT_EQ(table.wait(), 0);
  std::size_t options = 0;
  std::istringstream rows(table.output());
  for (std::string row; std::getline(rows, row);) {
    if (!row.starts_with("| `--")) continue;
    const std::string option = row.substr(3, row.find('`', 3) - 3);
    ++options;
    if (any_text.contains(option)) continue;
    const auto known = bad_values.find(option);
    const std::string complaint = bad_option({option + "=" + (known != bad_values.end() ? known->second : "%")});
    EXPECT_NE(complaint.find(option), std::string::npos) << complaint;
    for (const char* field : {"ServerOptions", "Options::", "_file", "_keys", "_origins", "_hosts"}) {
      EXPECT_EQ(complaint.find(field), std::string::npos) << complaint;
    }
  }
  EXPECT_GE(options, 45u);
  const TemporaryFile secret(kSecret);
  EXPECT_NE(bad_option({"--jwt-secret-file", secret.path(), "--public-topic", "a*"}).find("--public-topic"),
            std::string::npos);
  for (const char* idle : {"--jwt-cookie", "--jwt-issuer", "--jwt-audience", "--public-topic"}) {
    const std::string complaint = bad_option({idle, "a", "--publish-key", kPublishKey});
    EXPECT_NE(complaint.find(std::string(idle) + " is for tokens"), std::string::npos) << complaint;
  }
  EXPECT_NE(bad_option({"--proxy-field", "forwarded"}).find("--proxy-field needs --trusted-proxy"), std::string::npos);
  EXPECT_NE(bad_option({"--publish-key", kPublishKey, "--insecure"}).find("--insecure"), std::string::npos);
  Program unopened({"serve", "--port", "0", "--store", "sqlite:/no/such/folder/x.db"});
  EXPECT_EQ(unopened.wait(), 1);
  EXPECT_NE(unopened.errors().find("--store: cannot open the store \"sqlite:"), std::string::npos) << unopened.errors();
}

TEST(ServeProgram, NamesTheOptionThatWouldHelpInItsRefusals) {
  const Serving server({"--log-level", "info"});
  const auto expect = [](const std::string& response, int status, std::initializer_list<const char*> options) {
    EXPECT_EQ(status_of(response), status) << response;
    EXPECT_EQ(response.find("ServerOptions"), std::string::npos) << response;
    for (const char* option : options) EXPECT_NE(response.find(option), std::string::npos) << response;
  };
  expect(server.subscribe("a", "Host: evil.example\r\n") + server.get("/events", "Host: evil.example\r\n"), 421,
         {"--allowed-host"});
  expect(server.publish("a", "Origin: https://evil.example\r\n"), 403, {"--cors-origin"});
  expect(server.publish("a"), 403, {"--publish-key", "--insecure"});
  expect(server.get("/subscriptions"), 403, {"--admin-key", "--insecure"});
}

TEST(ServeProgram, EndsTheStreamsOfKeysThatAreTakenOut) {
  const TemporaryFile keys("first-key-0123456789\nsecond-key-0123456789\n");
  Serving server({"--subscribe-key-file", keys.path(), "--publish-key", kPublishKey});
  StreamClient first(server.port(), "/events?topic=a", bearer("first-key-0123456789"));
  StreamClient second(server.port(), "/events?topic=a", bearer("second-key-0123456789"));
  keys.write("second-key-0123456789\n");
  server.program().signal(SIGHUP);
  EXPECT_TRUE(first.read_to_end());
  server.publish("a", bearer(kPublishKey));
  EXPECT_EQ(second.next_data(), "x");
  EXPECT_EQ(status_of(server.subscribe("a", bearer("first-key-0123456789"))), 401);
}

TEST(ServeProgram, EndsTheStreamsOfTokensWhoseKeyIsRotatedOut) {
  const TokenSigner old_signer = TokenSigner::es256();
  const TokenSigner new_signer = TokenSigner::es256();
  const json claims = {{"millrace", {{"subscribe", {"a"}}, {"publish", {"a"}}}}};
  const TemporaryFile key_set(json{{"keys", {old_signer.jwk(), new_signer.jwk()}}}.dump());
  Serving server({"--jwks", key_set.path(), "--jwt-cookie", "login"});
  StreamClient by_header(server.port(), "/events?topic=a", bearer(old_signer.sign(claims)));
  StreamClient by_cookie(server.port(), "/events?topic=a", "Cookie: login=" + old_signer.sign(claims) + "\r\n");
  StreamClient by_new(server.port(), "/events?topic=a", bearer(new_signer.sign(claims)));
  key_set.write(json{{"keys", {new_signer.jwk()}}}.dump());
  server.program().signal(SIGHUP);
  EXPECT_TRUE(by_header.read_to_end());
  EXPECT_TRUE(by_cookie.read_to_end());
  server.publish("a", bearer(new_signer.sign(claims)));
  EXPECT_EQ(by_new.next_data(), "x");
}

TEST(ServeProgram, LetsAnAdministratorEndTheStreamsOfAUser) {
  const TokenSigner signer = TokenSigner::hs256(kSecret);
  const TemporaryFile secret(kSecret);
  const Serving server({"--jwt-secret-file", secret.path(), "--admin-key", kAdminKey});
  const auto token = [&](const std::string& user) {
    return bearer(signer.sign({{"sub", user}, {"millrace", {{"subscribe", {"a"}}}}}));
  };
  StreamClient ada(server.port(), "/events?topic=a", token("ada"));
  StreamClient bob(server.port(), "/events?topic=a", token("bob"));
  const auto disconnect = [&](const std::string& headers) {
    return ask(server.port(), request("POST", "/subscriptions/disconnect", headers, R"({"user":"ada"})"));
  };
  EXPECT_EQ(status_of(disconnect("")), 401);
  EXPECT_EQ(status_of(disconnect(token("bob"))), 403);
  EXPECT_NE(disconnect(bearer(kAdminKey)).find(R"({"disconnected":1})"), std::string::npos);
  EXPECT_TRUE(ada.read_to_end());
  server.publish("a", bearer(kAdminKey));
  EXPECT_EQ(bob.next_data(), "x");
}

TEST(ServeProgram, KeepsTheDemosRoutesFromStrangers) {
  const std::vector<std::string> paths = {"/push/createSse?uid=ada", "/push/sendMsg?uid=ada",
                                          "/push/sendMsg?uid=ada&id=1&message=x", "/push/closeSse?uid=ada"};
  const Serving on_loopback({"--demo"});
  const Serving keys({"--demo", "--host", "0.0.0.0", "--publish-key", kPublishKey, "--admin-key", kAdminKey});
  const Serving public_address({"--demo", "--host", "0.0.0.0"});
  const Serving insecure({"--demo", "--host", "0.0.0.0", "--insecure", "--cors-origin", "https://app.example"});
  for (const std::string& path : paths) {
    const std::string listed = "Origin: https://app.example\r\n";
    EXPECT_NE(status_of(on_loopback.get(path)), 403) << path;
    EXPECT_EQ(status_of(on_loopback.get(path, "Host: evil.example\r\n")), 421) << path;
    EXPECT_EQ(status_of(on_loopback.get(path, listed)), 403) << path;
    EXPECT_EQ(status_of(on_loopback.get(path, "Sec-Fetch-Site: cross-site\r\n")), 403) << path;
    EXPECT_EQ(status_of(keys.get(path)), 401) << path;
    EXPECT_EQ(status_of(keys.get(path, bearer(kPublishKey))), 403) << path;
    EXPECT_NE(status_of(keys.get(path, bearer(kAdminKey))), 403) << path;
    EXPECT_EQ(status_of(public_address.get(path)), 403) << path;
    EXPECT_EQ(header_of(insecure.get(path, listed), "Access-Control-Allow-Origin"), "https://app.example") << path;
    EXPECT_NE(status_of(insecure.get(path, listed)), 403) << path;
  }
  for (const auto& [path, allowed] : std::map<std::string, int>{{"/demo/cut?client=tab", 200},
                                                                {"/demo/silence?client=tab&seconds=1", 200},
                                                                {"/demo/kick?client=tab", 404}}) {
    EXPECT_EQ(status_of(ask(keys.port(), request("POST", path))), 401) << path;
    EXPECT_EQ(status_of(ask(public_address.port(), request("POST", path))), 403) << path;
    EXPECT_EQ(status_of(ask(on_loopback.port(), request("POST", path))), allowed) << path;
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

TEST(ServeProgram, StartsWithNoStoreThatPromisesLessThanIsRequired) {
  const TemporaryFolder folder;
  const std::vector<std::vector<std::string>> too_little = {
      {"--require", "process"},
      {"--require", "quorum", "--store", "sqlite:" + folder.path("log")},
      {"--require", "disk", "--store", "sqlite:" + folder.path("log"), "--sync", "normal"}};
  for (std::vector<std::string> options : too_little) {
    options.insert(options.begin(), {"serve", "--port", "0"});
    Program program(options);
    EXPECT_EQ(program.wait(), 2);
    EXPECT_NE(program.errors().find("--require: the store promises \""), std::string::npos) << program.errors();
    EXPECT_NE(program.errors().find("does not cover the required \"" + options[4] + "\""), std::string::npos);
  }
  Serving server({"--require", "disk", "--store", "sqlite:" + folder.path("log")});
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
  EXPECT_NE(server.program().errors().find("durability of acknowledged events: disk"), std::string::npos);
}

}  // namespace
}  // namespace millrace::test
