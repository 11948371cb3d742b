// `millrace serve --store nats://…`, the process, and what becomes of it when NATS is not as it should be.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "eventually.h"
#include "free_port.h"
#include "nats_server.h"
#include "program.h"
#include "raw_client.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

// What it says on standard error, and that it exits with 1.
std::string refusal(std::vector<std::string> options) {
  std::vector<std::string> arguments = {"serve", "--port", "0", "--insecure"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  Program program(arguments);
  const std::string line = program.read_error_line();
  EXPECT_EQ(program.wait(), 1);
  return line;
}

int port_of(const ServeProgram& server) {
  return std::stoi(server.url().substr(server.url().rfind(':') + 1));
}

RawResponse publish(int port, const std::string& event) {
  return RawClient(port).exchange(post("/events", event, "Content-Type: application/json\r\n"));
}

TEST(StoreTrouble, NoServerIsSaid) {
  const std::string said = refusal({"--store", "nats://user:secret@127.0.0.1:" + std::to_string(free_port())});
  EXPECT_NE(said.find("no NATS server answers"), std::string::npos) << said;
  EXPECT_EQ(said.find("secret"), std::string::npos) << said;
}

TEST(StoreTrouble, NoJetStreamIsSaid) {
  const NatsServer nats("", false);
  const std::string said = refusal({"--store", nats.url()});
  EXPECT_NE(said.find("JetStream"), std::string::npos) << said;
}

TEST(StoreTrouble, WrongPasswordsAndTokensAreSaidAndRightOnesLetIn) {
  const NatsServer users("authorization { user: millrace, password: right }");
  const std::string said = refusal({"--store", "nats://millrace:wrong@" + users.host()});
  EXPECT_NE(said.find("refuses the user, password"), std::string::npos) << said;
  ServeProgram by_password({"--insecure", "--store", "nats://millrace:right@" + users.host()});
  EXPECT_EQ(publish(port_of(by_password), R"({"topic":"a","data":"x"})").status, 200);
  const NatsServer token("authorization { token: sesame }");
  ServeProgram by_token({"--insecure", "--store", "nats://sesame@" + token.host()});
  EXPECT_EQ(publish(port_of(by_token), R"({"topic":"a","data":"x"})").status, 200);
}

TEST(StoreTrouble, AnotherProgramsStreamIsLeftAlone) {
  const NatsServer nats;
  ServeProgram first({"--insecure", "--store", nats.url() + "/a"});
  // The index of "a" is a stream as well, but no log.
  const std::string said = refusal({"--store", nats.url() + "/a-ids"});
  EXPECT_NE(said.find("belongs to another program"), std::string::npos) << said;
}

TEST(StoreTrouble, WhileTheServerIsDeadStreamsStayAndPublishesAreRefused) {
  NatsServer nats;
  ServeProgram server({"--insecure", "--store", nats.url(), "--heartbeat", "1"});
  const int port = port_of(server);
  StreamClient stream(port, "/events?topic=a");
  ASSERT_EQ(publish(port, R"({"topic":"a","data":"0"})").status, 200);
  EXPECT_EQ(stream.next_data(), "0");
  const std::string first = stream.decoder().last_event_id();
  ASSERT_EQ(publish(port, R"({"topic":"a","data":"1"})").status, 200);
  EXPECT_EQ(stream.next_data(), "1");
  ASSERT_EQ(publish(port, R"({"topic":"over","data":"x","finish":true})").status, 200);
  StreamClient over(port, "/events?topic=over&lastEventId=earliest");
  ASSERT_TRUE(over.read_to_end());
  nats.kill();
  EXPECT_TRUE(eventually([&] { return RawClient(port).exchange(get("/readyz")).status == 503; }));
  const std::string end = "Last-Event-ID: " + over.decoder().last_event_id() + "\r\n";
  EXPECT_EQ(RawClient(port).exchange(get("/events?topic=over", end)).status, 204) << "what is over stays over";
  const RawResponse refused = publish(port, R"({"topic":"a","data":"lost"})");
  EXPECT_EQ(refused.status, 503);
  EXPECT_FALSE(refused.field("Retry-After").empty());
  const std::size_t before = stream.decoder().chunks();
  EXPECT_TRUE(stream.read_until([&](const StreamDecoder& decoder) { return decoder.chunks() > before; }));
  // What is in memory is served without it.
  StreamClient resumed(port, "/events?topic=a", "Last-Event-ID: " + first + "\r\n");
  EXPECT_EQ(resumed.next_data(), "1");
  StreamClient begun(port, "/events?topic=a");
  nats.start();
  EXPECT_TRUE(eventually([&] { return RawClient(port).exchange(get("/readyz")).status == 200; }));
  EXPECT_EQ(publish(port, R"({"topic":"a","data":"2"})").status, 200);
  for (StreamClient* one : {&stream, &resumed, &begun}) EXPECT_EQ(one->next_data(), "2");
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait(), 0);
}

TEST(StoreTrouble, SendingToUsersMeanwhileIsRefusedForNow) {
  NatsServer nats;
  ServeProgram server({"--insecure", "--demo", "--store", nats.url()});
  const int port = port_of(server);
  const auto send = [port](const std::string& id) {
    return RawClient(port).exchange("PUT /push/users/ada/messages/" + id +
                                    " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
  };
  StreamClient ada(port, "/push/createSse?uid=ada");
  ASSERT_EQ(send("1").status, 200);
  EXPECT_EQ(ada.next_data(), "hello");
  nats.kill();
  EXPECT_TRUE(eventually([&] { return RawClient(port).exchange(get("/readyz")).status == 503; }));
  const std::vector<RawResponse> refusals = {send("2"), RawClient(port).exchange(get("/push/createSse?uid=grace")),
                                             RawClient(port).exchange(get("/push/closeSse?uid=ada"))};
  for (const RawResponse& refused : refusals) {
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_FALSE(refused.field("Retry-After").empty()) << refused.body;
  }
  nats.start();
  ASSERT_TRUE(eventually([&] { return send("2").status == 200; })) << "her stream has not been closed";
  EXPECT_EQ(ada.next_data(), "hello");
}

TEST(StoreTrouble, ARestartGoesUnnoticedAlsoBeyondWhatIsInMemory) {
  const NatsServer nats;
  const std::vector<std::string> options = {"--insecure", "--store", nats.url(), "--history-events", "2"};
  std::string id;
  {
    ServeProgram server(options);
    const int port = port_of(server);
    ASSERT_EQ(publish(port, R"({"topic":"a","data":"0","id":"mine"})").status, 200);
    StreamClient stream(port, "/events?topic=a&lastEventId=mine");
    for (int i = 1; i <= 10; ++i) {
      ASSERT_EQ(publish(port, R"({"topic":"a","data":")" + std::to_string(i) + "\"}").status, 200);
      EXPECT_EQ(stream.next_data(), std::to_string(i));
    }
    ASSERT_EQ(publish(port, R"({"topic":"over","data":"x","id":"last","finish":true})").status, 200);
    server.program().signal(SIGKILL);
    server.program().wait();
  }
  ServeProgram server(options);
  const int port = port_of(server);
  EXPECT_EQ(publish(port, R"({"topic":"b","data":"again","id":"mine"})").status, 200);
  StreamClient stream(port, "/events?topic=*&lastEventId=mine");
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(stream.next_data(), std::to_string(i));
  EXPECT_EQ(stream.next_data(), "x") << "what came a second time was not published";
  StreamClient over(port, "/events?topic=over&lastEventId=earliest");
  EXPECT_EQ(over.next_data(), "x");
  EXPECT_TRUE(over.read_to_end());
  EXPECT_EQ(RawClient(port)
                .exchange(get("/events?topic=over", "Last-Event-ID: " + over.decoder().last_event_id() + "\r\n"))
                .status,
            204);
}

}  // namespace
}  // namespace millrace::test
