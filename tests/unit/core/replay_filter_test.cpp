#include "millrace/core/replay_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "millrace/core/event_source_state.h"
#include "simulated_client.h"

namespace millrace::test {
namespace {

/// A source that leaves out replays, behind one connection that has brought `stream`.
SimulatedClient after(std::string_view stream) {
  SimulatedClient client({.drop_replays = EventSourceState::DropReplays::kAlways});
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

TEST(ReplayFilter, DistinguishesEventsOfOneIdByTypeAndData) {
  auto client = after("id: 1\ndata: temp=20\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 1\nevent: x\ndata: temp=20\n\n"), Outputs{"x temp=20 1"});
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: longer\n\n"), Outputs{"message longer 1"});
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: temp=30\n\n"), Outputs{"message temp=30 1"}) << "as long";
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: temp=30,temp=40\n\n"), Outputs{"message temp=30,temp=40 1"});
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: temp=30,temp=50\n\n"), Outputs{"message temp=30,temp=50 1"});
}

TEST(ReplayFilter, TakesForReplaysOnlyWhatComesInTheOrderInWhichItCame) {
  auto client = after("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: c\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 2\ndata: b\n\nid: 1\ndata: a\n\n"), Outputs{"message a 1"});
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: a\n\nid: 1\ndata: a\n\nid: 1\ndata: a\n\n"),
            Outputs{"message a 1"})
      << "it has come twice";
}

TEST(ReplayFilter, ExpectsNothingAgainFromAServerThatWasGivenNoIdToGoBackTo) {
  auto client = after("id: 1\ndata: a\n\nid\ndata: b\n\n");
  EXPECT_EQ(receive_after_break(client, "id: 1\ndata: a\n\n"), Outputs{"message a 1"});
}

TEST(ReplayFilter, OfLogsLeavesOutWhatComesAgainOnlyWhereTheHeadSaysWhereTheStreamBegins) {
  const auto repeated = [](std::string_view begins_behind) {
    SimulatedClient client({.drop_replays = EventSourceState::DropReplays::kOfLogs});
    client.start();
    client.respond_from(begins_behind);
    client.receive("id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
    client.reconnect_after_break();
    client.respond_from(begins_behind);
    return client.receive("id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
  };
  EXPECT_EQ(repeated("e-7"), Outputs{});
  EXPECT_EQ(repeated(""), (Outputs{"message a 1", "message b 2"})) << "a server that counts anew for each connection";
  EXPECT_EQ(repeated("2"), (Outputs{"message a 1", "message b 2"})) << "it goes on from where it was asked to";
}

TEST(ReplayFilter, RemembersSoManyEventsAndNoMore) {
  std::string stream;
  const auto event = [](std::size_t id) { return "id: " + std::to_string(id) + "\ndata: a\n\n"; };
  for (std::size_t id = 0; id <= kReplayWindowEvents; ++id) stream += event(id);
  ReplayFilter filter;
  filter.begin(true, false);
  EventStreamParser parser;
  parser.feed(stream);
  while (parser.next() == EventStreamParser::Item::kEvent) {
    ASSERT_FALSE(filter.is_replay(parser.event()));
  }
  filter.begin(true, true);
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
