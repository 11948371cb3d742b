// A client that comes back with a last event ID: where its stream goes on.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/server/hub.h"
#include "running_server.h"
#include "stream_client.h"

namespace millrace::test {
namespace {

using Json = nlohmann::json;

std::string last_event_id(std::string_view id) {
  return "Last-Event-ID: " + std::string(id) + "\r\n";
}

class Resuming : public ::testing::Test {
 protected:
  Resuming() {
    for (int i = 1; i <= 6; ++i) {
      const std::string data = std::to_string(i);
      ids_.push_back(
          server_->hub().publish("a", {.data = data, .id = i == 4 ? EventId("%41 \xc3\xa9") : EventId()}).id);
    }
  }
  static ServerOptions keeping_five() {
    ServerOptions options;
    options.history.events = 5;
    options.streams.heartbeat = Duration{50};
    return options;
  }

  // What a subscriber gets until a heartbeat says that it has everything.
  std::vector<std::string> data_of(const std::string& target, const std::string& fields) {
    StreamClient stream(server_.port(), target, fields);
    const std::string heartbeat = "\n\nevent: millrace.cursor\nid: " + server_->hub().cursor() + "\ndata:\n\n";
    EXPECT_TRUE(stream.read_until([&](const StreamDecoder& decoder) { return decoder.text().ends_with(heartbeat); }));
    std::vector<std::string> result;
    for (const Received& event : stream.decoder().events()) {
      result.push_back(event.type == "millrace.gap" ? "gap " + Json::parse(event.data)["reason"].get<std::string>()
                                                    : event.data);
    }
    return result;
  }

  RunningServer server_{keeping_five(), [](Server& server) { server.events("/events"); }};
  std::vector<std::string> ids_;
};

using Data = std::vector<std::string>;

TEST_F(Resuming, ContinuesAfterTheHeadersId) {
  EXPECT_EQ(data_of("/events?topic=a", last_event_id(ids_[4])), (Data{"6"}));
  EXPECT_EQ(data_of("/events?topic=**", last_event_id(ids_[4])), (Data{"6"}));
}

TEST_F(Resuming, ContinuesAfterTheQuerysId) {
  EXPECT_EQ(data_of("/events?topic=a&lastEventId=" + ids_[4], ""), (Data{"6"}));
}

TEST_F(Resuming, TheHeaderWinsOverTheQuery) {
  EXPECT_EQ(data_of("/events?topic=a&lastEventId=" + ids_[5], last_event_id(ids_[4])), (Data{"6"}));
}

TEST_F(Resuming, TakesAPublishersIdByteForByte) {
  EXPECT_EQ(data_of("/events?topic=a", last_event_id("%41 \xc3\xa9")), (Data{"5", "6"}));
  EXPECT_EQ(data_of("/events?topic=a&lastEventId=%2541+%C3%A9", "").front(), "5")
      << "in a query it is percent-encoded once";
}

TEST_F(Resuming, EarliestIsAllThatIsThere) {
  EXPECT_EQ(data_of("/events?topic=a", last_event_id("earliest")), (Data{"2", "3", "4", "5", "6"}));
  EXPECT_EQ(data_of("/events?topic=*&lastEventId=earliest", ""), (Data{"2", "3", "4", "5", "6"}));
}

TEST_F(Resuming, WithoutAnIdBeginsWithWhatComes) {
  EXPECT_EQ(data_of("/events?topic=a", ""), Data{});
}

TEST_F(Resuming, WhatTheLogCannotHonourIsSaid) {
  server_->hub().publish("a", {.data = "7"}).or_throw();
  EXPECT_EQ(data_of("/events?topic=a", last_event_id(ids_[0])), (Data{"gap expired", "3", "4", "5", "6", "7"}));
  EXPECT_EQ(data_of("/events?topic=a", last_event_id("nonsense")).front(), "gap unknown");
}

TEST_F(Resuming, AGapQuotesTheIdWhateverIsInIt) {
  StreamClient stream(server_.port(), "/events?topic=a", last_event_id("q\"\\\x01 \xff"));
  const auto gap = stream.next();
  ASSERT_TRUE(gap);
  EXPECT_EQ(Json::parse(gap->data), (Json{{"lastEventId", "q\"\\\x01 \xef\xbf\xbd"}, {"reason", "unknown"}}));
}

TEST_F(Resuming, FromTheFirstBlockMissesNothing) {
  // A client that drops before its first event still knows where it was.
  StreamClient stream(server_.port(), "/events?topic=a");
  const std::string cursor = stream.decoder().last_event_id();
  stream.client().reset();
  server_->hub().publish("a", {.data = "while away"}).or_throw();
  EXPECT_EQ(data_of("/events?topic=a", last_event_id(cursor)), (Data{"while away"}));
}

}  // namespace
}  // namespace millrace::test
