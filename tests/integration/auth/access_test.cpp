// What the program gets to know of each request and stream.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access_records.h"
#include "ask.h"
#include "eventually.h"
#include "millrace/server/access_record.h"
#include "millrace/server/function_authorizer.h"
#include "raw_client.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

TEST(Access, RecordsEachRequestOnceWhoeverAnswersIt) {
  Records records;
  RunningServer server(records.options(), [](Server& routes) {
    routes.events("/events").operations();
    routes.Get("/own", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(1000, 'x'), "text/plain");
    });
    routes.Get("/broken", [](const httplib::Request&, httplib::Response&) { throw std::runtime_error("no"); });
  });
  publish(server.port());
  const AccessRecord published = records.of("/events", 200);
  EXPECT_EQ(published.method, "POST");
  EXPECT_EQ(published.address, "127.0.0.1");
  EXPECT_GT(published.bytes, 20u);
  EXPECT_EQ(published.end, AccessEnd::kAnswered);
  ask(server.port(), request("GET", "/own?token=secret"));
  const AccessRecord own = records.of("/own", 200);
  EXPECT_GT(own.bytes, 1000u);
  EXPECT_LT(own.bytes, 1500u);
  ask(server.port(), request("GET", "/broken"));
  EXPECT_EQ(records.of("/broken", 500).method, "GET");
  ask(server.port(), request("GET", "/nowhere"));
  records.of("/nowhere", 404);
  ask(server.port(), request("GET", "/events?topic=a*"));
  records.of("/events", 400);
  ask(server.port(), "BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n");
  records.of("/pot", 501);
  ask(server.port(), "\x16\x03\x01 hello\r\n\r\n");
  EXPECT_EQ(records.of("", 400).method, "");
  EXPECT_EQ(records.count(), 0u) << "each once";
}

TEST(Access, RecordsAStreamWhenItEndsWithHowItDid) {
  Records records;
  ServerOptions options = records.options();
  options.authorizer = std::make_shared<FunctionAuthorizer>([](const httplib::Request& asked, auto, const auto&) {
    return Authorizer::Decision::allow(asked.get_header_value("X-User"));
  });
  RunningServer server(options);
  const auto stream = [&](const std::string& query) {
    return StreamClient(server.port(), "/events?client=tab&topic=" + query, "X-User: ada\r\n");
  };
  {
    StreamClient leaving = stream("a&topic=b/*");
    for (int i = 0; i < 3; ++i) server->hub().publish("a", {.data = "0123456789"}).or_throw();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(leaving.next_data(), "0123456789");
    EXPECT_EQ(records.count(), 0u) << "while it is open";
  }
  const AccessRecord left = records.of("/events", 200);
  EXPECT_EQ(left.end, AccessEnd::kClientLeft);
  EXPECT_EQ(left.user, "ada");
  EXPECT_EQ(left.client, "tab");
  EXPECT_EQ(left.topics, (std::vector<std::string>{"a", "b/*"}));
  EXPECT_EQ(left.events, 3u);
  EXPECT_GT(left.bytes, 30u);

  StreamClient resumed = stream("f&lastEventId=" + server->hub().cursor());
  const std::string id = server->hub().cursor();
  server->hub().finish("f").or_throw();
  EXPECT_TRUE(resumed.read_to_end());
  const AccessRecord finished = records.of("/events", 200);
  EXPECT_EQ(finished.end, AccessEnd::kFinished);
  EXPECT_EQ(finished.last_event_id, id);

  StreamClient ended = stream("a");
  server->disconnect({.user = "ada"});
  EXPECT_TRUE(ended.read_to_end());
  EXPECT_EQ(records.of("/events", 200).end, AccessEnd::kDisconnected);

  StreamClient drained = stream("a");
  server->drain(Duration{0});
  EXPECT_TRUE(drained.read_to_end());
  EXPECT_EQ(records.of("/events", 200).end, AccessEnd::kDrained);
}

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Access, RecordsTheTraceOfARequest) {
  Records records;
  RunningServer server(records.options(), [](Server& routes) {
    routes.events("/events");
    routes.Get("/own", [](const httplib::Request&, httplib::Response&) {});
  });
  const std::string trace = std::string("TraceParent: ") + kTrace + "\r\n";
  const std::string state = "tracestate: congo=t61rcWkgMzE\r\n";
  publish(server.port(), trace + state + "tracestate: rojo=1\r\n");
  const AccessRecord published = records.of("/events", 200);
  EXPECT_EQ(published.traceparent, kTrace);
  EXPECT_EQ(published.tracestate, "congo=t61rcWkgMzE,rojo=1");
  ask(server.port(), request("GET", "/own", trace));
  EXPECT_EQ(records.of("/own", 200).traceparent, kTrace);
  ask(server.port(), request("GET", "/events?topic=a*", trace));
  EXPECT_EQ(records.of("/events", 400).traceparent, kTrace);
  { const StreamClient stream(server.port(), "/events?topic=a", trace + state); }
  const AccessRecord stream = records.of("/events", 200);
  EXPECT_EQ(stream.traceparent, kTrace);
  EXPECT_EQ(stream.tracestate, "congo=t61rcWkgMzE");

  for (const std::string& fields : {std::string("traceparent: 00-not-valid\r\n"), trace + trace}) {
    publish(server.port(), fields + state);
    const AccessRecord untraced = records.of("/events", 200);
    EXPECT_EQ(untraced.traceparent, "") << fields;
    EXPECT_EQ(untraced.tracestate, "") << fields;
  }
  // In a body it is data.
  ask(server.port(), request("POST", "/events", {}, trace + "\r\n"));
  EXPECT_EQ(records.of("/events", 400).traceparent, "");
}

TEST(Access, RecordsStreamsOfTheProgramsOwn) {
  Records records;
  RunningServer server(records.options(), [](Server& routes) {
    routes.Post("/answer", [&routes](const httplib::Request& request, httplib::Response& response) {
      const EventStream stream = routes.open_stream(request, response);
      stream.send({.data = "0123456789"});
      stream.close();
    });
  });
  RawClient client(server.port());
  client.send(request("POST", "/answer"));
  client.read_until("0\r\n\r\n");
  const AccessRecord record = records.of("/answer", 200);
  EXPECT_EQ(record.method, "POST");
  EXPECT_EQ(record.end, AccessEnd::kFinished);
  EXPECT_GT(record.bytes, 10u);
}

TEST(Access, NamesASlowReaderThatIsCut) {
  Records records;
  ServerOptions options = records.options();
  options.history.events = 1;
  options.streams.max_pinned_bytes = 64 * 1024;
  RunningServer server(options);
  const StreamClient slow(server.port(), "/events?topic=a", "", 4096);
  const std::string large(512 * 1024, 'x');
  std::optional<AccessRecord> cut;
  ASSERT_TRUE(eventually([&] {
    for (int i = 0; i < 4; ++i) server->hub().publish("a", {.data = large}).or_throw();
    return records.count() > 0;
  }));
  EXPECT_EQ(records.of("/events", 200).end, AccessEnd::kTooSlow);
}

}  // namespace
}  // namespace millrace::test
