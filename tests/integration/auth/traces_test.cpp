// The trace of an event: from its publisher, through the log or a store, to subscribers that ask for it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ask.h"
#include "millrace/server/hub.h"
#include "millrace/server/stores/sqlite.h"
#include "millrace/server/trace.h"
#include "running_server.h"
#include "stream_client.h"
#include "temporary_folder.h"

namespace millrace::test {
namespace {

constexpr char kParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kOther[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const std::string kFields = std::string("traceparent: ") + kParent + "\ntracestate: congo=1,rojo=2\n";
const std::string kHeaders =
    std::string("TraceParent: ") + kParent + "\r\ntracestate: congo=1\r\nTraceState: rojo=2\r\n";

void publish(const RunningServer& server, const std::string& headers, const std::string& body) {
  const std::string answer = ask(server.port(), request("POST", "/events", headers, body));
  EXPECT_EQ(status_of(answer), 200) << answer;
}

// What the stream brings up to an event with the data `end`, after its first block.
std::string text_up_to_end(StreamClient& stream) {
  EXPECT_TRUE(stream.read_until([](const StreamDecoder& decoder) {
    return decoder.text().find("end") != std::string::npos && decoder.text().ends_with("\n\n");
  }));
  const std::string& text = stream.decoder().text();
  return text.substr(text.find("\n\n") + 2);
}

TEST(Traces, GoFromAPublishersHeadersToSubscribersThatAsk) {
  RunningServer server(open_to_all());
  StreamClient plain(server.port(), "/events?topic=**");
  StreamClient traced(server.port(), "/events?topic=**&fields=trace");
  StreamClient both(server.port(), "/events?topic=**&fields=topic,trace");
  StreamClient repeated(server.port(), "/events?topic=**&fields=trace&fields=topic");
  StreamClient by_header(server.port(), "/events?topic=**", "Millrace-Fields: topic, trace, colour\r\n");
  StreamClient enveloped(server.port(), "/events?topic=**&envelope=json&fields=trace");
  publish(server, kHeaders, R"({"topic":"a","data":"1","id":"one"})");
  publish(server, "", R"({"topic":"a","data":"end","id":"two"})");
  const std::string second = "id: two\ndata: end\n\n";
  EXPECT_EQ(text_up_to_end(plain), "id: one\ndata: 1\n\n" + second);
  EXPECT_EQ(text_up_to_end(traced), kFields + "id: one\ndata: 1\n\n" + second);
  const std::string with_topic = "topic: a\n" + kFields + "id: one\ndata: 1\n\ntopic: a\n" + second;
  EXPECT_EQ(text_up_to_end(both), with_topic);
  EXPECT_EQ(text_up_to_end(repeated), with_topic);
  EXPECT_EQ(text_up_to_end(by_header), with_topic);
  EXPECT_EQ(text_up_to_end(enveloped), kFields + R"(id: one
data: {"topic":"a","data":"1","traceparent":")" +
                                           kParent +
                                           R"(","tracestate":"congo=1,rojo=2"}

id: two
data: {"topic":"a","data":"end"}

)");
}

TEST(Traces, OfALineOfARequestWinOverThoseOfItsHeaders) {
  RunningServer server(open_to_all());
  StreamClient traced(server.port(), "/events?topic=**&fields=trace");
  publish(server, kHeaders,
          R"({"topic":"a","data":"1","id":"one"})"
          "\n"
          R"({"topic":["a","b"],"data":"end","id":"two","traceparent":")" +
              std::string(kOther) + "\"}\n");
  EXPECT_EQ(text_up_to_end(traced),
            kFields + "id: one\ndata: 1\n\ntraceparent: " + kOther + "\nid: two\ndata: end\n\n");
}

TEST(Traces, ThatAreInvalidInAHeaderAreIgnored) {
  RunningServer server(open_to_all());
  StreamClient traced(server.port(), "/events?topic=**&fields=trace");
  const std::string parent = std::string("traceparent: ") + kParent + "\r\n";
  publish(server, parent + parent, R"({"topic":"a","data":"1","id":"1"})");
  publish(server, "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01\r\ntracestate: a=1\r\n",
          R"({"topic":"a","data":"2","id":"2"})");
  publish(server, "tracestate: a=1\r\n", R"({"topic":"a","data":"3","id":"3"})");
  publish(server, parent + "tracestate: a=" + std::string(520, 'x') + "\r\n", R"({"topic":"a","data":"end","id":"4"})");
  EXPECT_EQ(text_up_to_end(traced), std::string("id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\ndata: 3\n\ntraceparent: ") +
                                        kParent + "\nid: 4\ndata: end\n\n");
}

TEST(Traces, AreKeptWithTheEventsOfAStore) {
  const TemporaryFolder folder;
  const auto on_disk = [&] {
    ServerOptions options = open_to_all();
    options.store = open_sqlite(folder.path("events.db"));
    options.history.events = 1;  // the rest is read from the store
    return options;
  };
  {
    RunningServer server(on_disk());
    publish(server, kHeaders, R"({"topic":"a","data":"1","id":"one"})");
    publish(server, kHeaders, R"({"topic":"a","data":"2","id":"two"})");
  }
  RunningServer server(on_disk());
  publish(server, kHeaders, R"({"topic":"a","data":"end","id":"three"})");
  StreamClient traced(server.port(), "/events?topic=a&lastEventId=earliest&fields=trace");
  StreamClient plain(server.port(), "/events?topic=a&lastEventId=earliest");
  EXPECT_EQ(text_up_to_end(traced),
            kFields + "id: one\ndata: 1\n\n" + kFields + "id: two\ndata: 2\n\n" + kFields + "id: three\ndata: end\n\n");
  EXPECT_EQ(text_up_to_end(plain), "id: one\ndata: 1\n\nid: two\ndata: 2\n\nid: three\ndata: end\n\n");
}

TEST(Traces, OfAProgramsOwnRequestsGoWithItsEvents) {
  RunningServer server({}, [](Server& routes) {
    routes.events("/events");
    routes.Post("/orders", [&routes](const httplib::Request& request, httplib::Response&) {
      const OwnedTraceContext trace = trace_of(request);
      routes.hub().publish("orders", {.data = "end", .id = "1", .trace = trace}).or_throw();
    });
  });
  StreamClient traced(server.port(), "/events?topic=orders&fields=trace");
  ask(server.port(), request("POST", "/orders", kHeaders));
  EXPECT_EQ(text_up_to_end(traced), kFields + "id: 1\ndata: end\n\n");
}

}  // namespace
}  // namespace millrace::test
