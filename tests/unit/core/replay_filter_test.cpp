#include "millrace/core/replay_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "millrace/core/event_source_state.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

/// A source that leaves out replays, behind one connection that has brought `stream`.
SimulatedClient after(std::string_view stream) {
  SimulatedClient client({.drop_replays = true});
  client.connect();
  client.receive(stream);
  return client;
}

Outputs receive_after_break(SimulatedClient& client, std::string_view stream) {
  client.reconnect_after_break();
  client.respond(200);
  return client.receive(stream);
}

TEST(ReplayFilter, LeavesOutWhatComesAgainAfterAReconnection) {
  auto client = after("id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n"),
            Outputs{"message c 3"});
  EXPECT_EQ(receive_after_break(client, "id: 2\ndata: b\n\nid: 3\ndata: c\n\n"), Outputs{});
  EXPECT_EQ(client.state.last_event_id(), "3");
}

TEST(ReplayFilter, LeavesEventsThatAreAlikeWithinAConnectionAlone) {
  auto client = after("");
  EXPECT_EQ(client.receive("id: 1\ndata: a\n\nid: 1\ndata: a\n\n"), (Outputs{"message a 1", "message a 1"}));
}

TEST(ReplayFilter, StopsLookingAtTheFirstNewEvent) {
  auto client = after("id: 1\ndata: a\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 2\ndata: b\n\nid: 1\ndata: a\n\n"),
            (Outputs{"message b 2", "message a 1"}));
}

TEST(ReplayFilter, KeepsEventsWithoutAnIdOfTheirOwn) {
  auto client = after("id: 1\ndata: a\n\ndata: a\n\n");
  EXPECT_EQ(receive_after_break(client, "data: a\n\n"), Outputs{"message a 1"});
  auto cleared = after("id\ndata: a\n\n");
  EXPECT_EQ(receive_after_break(cleared, "id\ndata: a\n\n"), Outputs{"message a "});
}

TEST(ReplayFilter, TellsEventsOfOneIdApartByTypeAndLength) {
  auto client = after("id: 1\ndata: a\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 1\nevent: x\ndata: a\n\n"), Outputs{"x a 1"});
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: longer\n\n"), Outputs{"message longer 1"});
}

TEST(ReplayFilter, RemembersSoManyEventsAndNoMore) {
  std::string stream;
  const auto event = [](std::size_t id) { return "id: " + std::to_string(id) + "\ndata: a\n\n"; };
  for (std::size_t id = 0; id <= kReplayWindowEvents; ++id) stream += event(id);
  ReplayFilter filter;
  EventStreamParser parser;
  parser.feed(stream);
  while (parser.next() == EventStreamParser::Item::kEvent) {
    ASSERT_FALSE(filter.is_replay(parser.event()));
  }
  filter.expect();
  EXPECT_TRUE(filter.is_replay({.type = "message", .data = "a", .last_event_id = "1", .has_id = true}));
  EXPECT_FALSE(filter.is_replay({.type = "message", .data = "a", .last_event_id = "0", .has_id = true})) << "forgotten";
}

TEST(ReplayFilter, IsOffUnlessAskedFor) {
  SimulatedClient client({});
  client.connect();
  client.receive("id: 1\ndata: a\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: a\n\n"), Outputs{"message a 1"});
}

}  // namespace
}  // namespace millrace::test
