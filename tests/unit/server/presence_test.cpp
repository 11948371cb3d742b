#include "hub/presence.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "millrace/core/limits.h"
#include "scripted_output.h"

namespace millrace::test {
namespace {

using nlohmann::json;

class Presences : public ::testing::Test {
 protected:
  // Topic and data of what there is to tell now.
  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const Presence::Change& change : presence_.take(is_all_))
      lines.push_back(change.topic.text() + " " + change.data);
    return lines;
  }
  static std::string line(const std::string& topic, const json& data) { return topic + " " + data.dump(); }

  Presence presence_;
  bool is_all_ = false;
  const std::shared_ptr<const TopicFilter> room_ = filter_for({"rooms/1"});
  const Presence::Listener ada_{.user = "ada", .client = "tab"};
};

TEST_F(Presences, TellsWhoHasComeAndGone) {
  EXPECT_TRUE(presence_.join(*room_, ada_));
  EXPECT_FALSE(presence_.join(*room_, {})) << "somebody has been asked already";
  const json ada = {{"user", "ada"}, {"client", "tab"}};
  EXPECT_EQ(told(),
            std::vector{line("millrace.presence/rooms/1",
                             {{"topic", "rooms/1"}, {"subscribers", 2}, {"joined", {ada}}, {"left", json::array()}})});
  EXPECT_TRUE(is_all_);
  EXPECT_TRUE(presence_.leave(*room_, ada_));
  EXPECT_EQ(told(),
            std::vector{line("millrace.presence/rooms/1",
                             {{"topic", "rooms/1"}, {"subscribers", 1}, {"joined", json::array()}, {"left", {ada}}})});
  presence_.leave(*room_, {});
  EXPECT_EQ(told().size(), 1u);
  EXPECT_EQ(told().size(), 0u);
}

TEST_F(Presences, SaysNothingOfWhoReconnects) {
  presence_.join(*room_, ada_);
  told();
  presence_.leave(*room_, ada_);
  presence_.join(*room_, ada_);
  EXPECT_EQ(told(), std::vector<std::string>{});
  const auto other = filter_for({"x"});
  presence_.join(*other, ada_);
  presence_.leave(*other, ada_);
  EXPECT_EQ(told(), std::vector<std::string>{});
}

TEST_F(Presences, TellsOfPatternsOnTheTopicOfAllAndOfMillracesOwnNowhere) {
  presence_.join(*filter_for({"rooms/*", "millrace.presence/**", std::string(kMaxTopicBytes, 'x')}), ada_);
  const auto lines = told();
  ASSERT_EQ(lines.size(), 2u);
  for (const std::string& one : lines) EXPECT_EQ(one.substr(0, 19), "millrace.presence {") << one;
}

TEST_F(Presences, TellsABoundedNumberAtATime) {
  for (std::size_t i = 0; i < kMaxPresenceEvents + 1; ++i) presence_.join(*filter_for({std::to_string(i)}), ada_);
  EXPECT_EQ(told().size(), kMaxPresenceEvents);
  EXPECT_FALSE(is_all_);
  EXPECT_FALSE(presence_.join(*room_, ada_)) << "the one who was asked comes again";
  EXPECT_EQ(told().size(), 2u);
  EXPECT_TRUE(is_all_);
}

TEST_F(Presences, NamesABoundedNumber) {
  for (std::size_t i = 0; i < kMaxPresenceNames + 5; ++i)
    presence_.join(*room_, {.user = std::to_string(i), .client = {}});
  presence_.join(*room_, {.user = std::string(kMaxClientNameBytes + 1, 'x'), .client = {}});
  const auto changes = presence_.take(is_all_);
  ASSERT_EQ(changes.size(), 1u);
  const json data = json::parse(changes[0].data);
  EXPECT_EQ(data["joined"].size(), kMaxPresenceNames);
  EXPECT_EQ(data["subscribers"], kMaxPresenceNames + 6);
}

TEST_F(Presences, CountsRightThoughItCouldNotTellAll) {
  for (std::size_t i = 0; i < kMaxPendingPresence; ++i) presence_.join(*filter_for({std::to_string(i)}), {});
  presence_.join(*room_, ada_);
  while (!is_all_) {
    for (const std::string& one : told()) EXPECT_EQ(one.find("rooms/1"), std::string::npos);
  }
  presence_.join(*room_, ada_);
  const auto changes = presence_.take(is_all_);
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(json::parse(changes[0].data)["subscribers"], 2);
}

}  // namespace
}  // namespace millrace::test
