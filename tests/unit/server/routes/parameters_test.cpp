#include "routes/parameters.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

namespace millrace {
namespace {

TEST(Parameters, AreRecognisedWhenTheyAreMisspelt) {
  struct Case {
    std::string_view name;
    std::optional<std::string_view> right;
  };
  constexpr std::string_view kTopic = "topic";
  constexpr std::string_view kLastEventId = "lastEventId";
  constexpr std::string_view kClient = "client";
  constexpr std::string_view kMode = "mode";
  for (const auto& [name, right] : {
           Case{"topic", std::nullopt},
           Case{"lastEventId", std::nullopt},
           Case{"client", std::nullopt},
           Case{"mode", std::nullopt},
           // by case, signs and number
           Case{"Topic", kTopic},
           Case{"TOPIC", kTopic},
           Case{"topics", kTopic},
           Case{"topic[]", kTopic},
           Case{"topic[0]", kTopic},
           Case{"lastEventID", kLastEventId},
           Case{"lasteventid", kLastEventId},
           Case{"LastEventId", kLastEventId},
           Case{"last_event_id", kLastEventId},
           Case{"last-event-id", kLastEventId},
           Case{"Last-Event-ID", kLastEventId},
           Case{"Client", kClient},
           Case{"clients", kClient},
           Case{"Mode", kMode},
           // by a slip
           Case{"topci", kTopic},
           Case{"topik", kTopic},
           Case{"tpic", kTopic},
           Case{"lastEvenId", kLastEventId},
           Case{"lastEventIds", kLastEventId},
           Case{"lsatEventId", kLastEventId},
           Case{"cilent", kClient},
           // by another name
           Case{"lastId", kLastEventId},
           Case{"last_event", kLastEventId},
           // somebody else's
           Case{"", std::nullopt},
           Case{"_", std::nullopt},
           Case{"t", std::nullopt},
           Case{"ts", std::nullopt},
           Case{"v", std::nullopt},
           Case{"cb", std::nullopt},
           Case{"nocache", std::nullopt},
           Case{"token", std::nullopt},
           Case{"access_token", std::nullopt},
           Case{"key", std::nullopt},
           Case{"code", std::nullopt},
           Case{"node", std::nullopt},
           Case{"model", std::nullopt},
           Case{"modes", std::nullopt},
           Case{"client_id", std::nullopt},
           Case{"event", std::nullopt},
           Case{"eventId", std::nullopt},
           Case{"id", std::nullopt},
           Case{"last", std::nullopt},
           Case{"user", std::nullopt},
           Case{"\xff\xfe", std::nullopt},
       }) {
    EXPECT_EQ(right_spelling_of(name), right) << name;
  }
}

}  // namespace
}  // namespace millrace
