#include "hub/presence.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "millrace/core/limits.h"
#include "millrace/server/limits.h"
#include "scripted_outlet.h"
#include "test_seed.h"

namespace millrace::test {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

class Presences : public ::testing::Test {
 protected:
  using Watch = Presence::Watch;

  // What there is for the watch, page by page.
  static Lines read(const Presence& presence, Watch& watch) {
    Lines lines;
    while (true) {
      const Presence::Page page = presence.read(watch);
      lines.insert(lines.end(), page.events.begin(), page.events.end());
      if (!page.has_more) return lines;
    }
  }
  Lines read(Watch& watch) const { return read(presence_, watch); }
  void report() {
    while (!presence_.report()) continue;
  }
  static std::string state(const std::string& topic, int subscribers, const json& present) {
    return json{
        {"topic", topic}, {"subscribers", subscribers}, {"joined", present}, {"left", json::array()}, {"state", true}}
        .dump();
  }
  static std::string change(const std::string& topic, int subscribers, const json& joined, const json& left) {
    return json{{"topic", topic}, {"subscribers", subscribers}, {"joined", joined}, {"left", left}}.dump();
  }

  Presence presence_;
  const std::shared_ptr<const TopicFilter> room_ = filter_for({"rooms/1"});
  const Presence::Listener ada_{.user = "ada", .client = "tab"};
  const json json_of_ada_ = {{{"user", "ada"}}};
  const json nobody_ = json::array();
};

TEST_F(Presences, ReportsTheStateFirstAndThenWhatChanges) {
  EXPECT_TRUE(presence_.join(*room_, ada_).asks);
  EXPECT_FALSE(presence_.join(*room_, {}).asks) << "somebody has been asked already";
  Watch early(filter_for({"millrace.presence/rooms/1"}));
  EXPECT_EQ(read(early), Lines{state("rooms/1", 0, nobody_)}) << "a topic that is asked for by name, also when empty";
  EXPECT_TRUE(presence_.report());
  EXPECT_EQ(read(early), Lines{change("rooms/1", 2, json_of_ada_, nobody_)});
  Watch late(filter_for({"millrace.presence/rooms/1", "millrace.presence/rooms/2", "x"}));
  EXPECT_EQ(read(late), (Lines{state("rooms/1", 2, json_of_ada_), state("rooms/2", 0, nobody_)}));
  EXPECT_EQ(read(late), Lines{});
  EXPECT_TRUE(presence_.leave(*room_, ada_));
  report();
  for (Watch* watch : {&early, &late}) EXPECT_EQ(read(*watch), Lines{change("rooms/1", 1, nobody_, json_of_ada_)});
  presence_.leave(*room_, {});
  report();
  EXPECT_EQ(read(late), Lines{change("rooms/1", 0, nobody_, nobody_)});
  report();
  EXPECT_EQ(read(late), Lines{});
}

TEST_F(Presences, BeginsAnewWithAResetWherePatternsAreAskedFor) {
  presence_.join(*room_, ada_);
  presence_.join(*filter_for({"gone"}), ada_);
  report();
  presence_.leave(*filter_for({"gone"}), ada_);
  report();
  for (const Lines& patterns : {Lines{"millrace.presence/**"}, Lines{"millrace.presence/*/1"},
                                Lines{"millrace.presence", "millrace.presence/**"}}) {
    Watch watch(filter_for(patterns));
    EXPECT_EQ(read(watch), (Lines{R"({"reset":true})", state("rooms/1", 1, json_of_ada_)}));
    EXPECT_EQ(read(watch), Lines{});
  }
}

TEST_F(Presences, TakesAUsersTabsForOneListener) {
  Watch watch(filter_for({"millrace.presence/rooms/1"}));
  read(watch);
  presence_.join(*room_, {.user = "ada", .client = "one"});
  report();
  EXPECT_EQ(read(watch), Lines{change("rooms/1", 1, json_of_ada_, nobody_)});
  presence_.join(*room_, {.user = "ada", .client = "two"});
  report();
  EXPECT_EQ(read(watch), Lines{change("rooms/1", 2, nobody_, nobody_)});
  presence_.leave(*room_, {.user = "ada", .client = "one"});
  report();
  EXPECT_EQ(read(watch), Lines{change("rooms/1", 1, nobody_, nobody_)});
  presence_.leave(*room_, {.user = "ada", .client = "two"});
  report();
  EXPECT_EQ(read(watch), Lines{change("rooms/1", 0, nobody_, json_of_ada_)});
  // Without a user the client's name stands for one.
  const json tab = {{{"client", "tab"}}};
  presence_.join(*room_, {.user = {}, .client = "tab"});
  presence_.join(*room_, {.user = {}, .client = "tab"});
  report();
  EXPECT_EQ(read(watch), Lines{change("rooms/1", 2, tab, nobody_)});
}

TEST_F(Presences, CountsTheBytesOfNotesAndForgetsThemWithTheirListener) {
  const std::size_t before = presence_.statistics().bytes;
  presence_.join(*room_, ada_, R"({"name":"Ada"})");
  const std::size_t with_note = presence_.statistics().bytes;
  presence_.join(*room_, ada_, R"({"n":1})");
  EXPECT_EQ(presence_.statistics().bytes, with_note - 7) << "the newer one is shorter";
  report();
  for (int i = 0; i < 2; ++i) presence_.leave(*room_, ada_);
  report();
  presence_.reset();
  EXPECT_EQ(presence_.statistics().bytes, before);
  Presence small({.bytes = with_note + 100});
  EXPECT_TRUE(small.join(*room_, ada_, R"({"name":"Ada"})").is_counted);
  EXPECT_FALSE(small.join(*room_, ada_, std::string(101, 'x')).is_counted) << "beyond the bound";
}

TEST_F(Presences, ReportsNothingOfAClientThatReconnects) {
  Watch watch(filter_for({"millrace.presence/**"}));
  presence_.join(*room_, ada_);
  report();
  read(watch);
  presence_.leave(*room_, ada_);
  presence_.join(*room_, ada_);
  const auto other = filter_for({"x"});
  presence_.join(*other, ada_);
  presence_.leave(*other, ada_);
  report();
  EXPECT_EQ(read(watch), Lines{});
  EXPECT_EQ(presence_.statistics().topics, 1u) << "and keeps nothing of a topic that nobody was told of";
}

TEST_F(Presences, ReportsPatternsOnTheTopicOfAllAndMillracesOwnNowhere) {
  Watch all(filter_for({"millrace.presence"}));
  Watch topics(filter_for({"millrace.presence/**"}));
  read(all);
  read(topics);
  presence_.join(*filter_for({"rooms/*", "millrace.presence/**", std::string(kMaxTopicBytes, 'x')}), ada_);
  report();
  EXPECT_EQ(read(all).size(), 2u);
  EXPECT_EQ(read(topics), Lines{});
}

TEST_F(Presences, GivesASlowReaderTheNewestStateInsteadOfAQueue) {
  Watch slow(filter_for({"millrace.presence/rooms/1"}));
  read(slow);
  for (int i = 0; i < 1'000; ++i) {
    presence_.join(*room_, {.user = "user-" + std::to_string(i), .client = {}});
    if (i > 0) presence_.leave(*room_, {.user = "user-" + std::to_string(i - 1), .client = {}});
    report();
  }
  EXPECT_EQ(read(slow), Lines{state("rooms/1", 1, {{{"user", "user-999"}}})});
}

TEST_F(Presences, BoundsANamesBytesAsTheyAreSent) {
  Watch watch(filter_for({"millrace.presence/rooms/1"}));
  read(watch);
  // Six bytes for each, in JSON.
  const int count = 200;
  for (int i = 0; i < count; ++i) {
    presence_.join(*room_,
                   {.user = {}, .client = std::string(kMaxClientNameBytes - 4, '\x01') + std::to_string(1000 + i)});
  }
  presence_.join(*room_, {.user = std::string(kMaxClientNameBytes + 1, 'x'), .client = "of such a user"});
  report();
  const Lines lines = read(watch);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_LE(lines[0].size(), kPresenceEventBytes + 1'000);
  const json data = json::parse(lines[0]);
  EXPECT_EQ(data["subscribers"], count + 1);
  EXPECT_EQ(data["joined"].size() + data["unnamed"].get<std::size_t>(), count);
  EXPECT_GT(data["joined"].size(), 50u);
  Watch late(filter_for({"millrace.presence/rooms/1"}));
  const json whole = json::parse(read(late).at(0));
  EXPECT_EQ(whole["joined"].size(), data["joined"].size());
  EXPECT_EQ(whole["unnamed"], data["unnamed"]);
}

TEST_F(Presences, MakesABoundedNumberOfBytesAtATime) {
  const std::string name(kMaxClientNameBytes - 4, '\x01');
  for (int topic = 0; topic < 64; ++topic) {
    for (int i = 0; i < 64; ++i) {
      presence_.join(*filter_for({"t" + std::to_string(topic)}), {.user = {}, .client = name + std::to_string(i)});
    }
  }
  Watch watch(filter_for({"millrace.presence/**"}));
  read(watch);
  int intervals = 0;
  while (!presence_.report()) {
    ++intervals;
    EXPECT_FALSE(presence_.join(*filter_for({"again" + std::to_string(intervals)}), {}).asks) << "it goes on anyway";
    std::size_t bytes = 0;
    for (const std::string& line : read(watch)) bytes += line.size();
    EXPECT_LE(bytes, kPresenceIntervalBytes + kPresenceEventBytes + 1'000);
  }
  EXPECT_GE(intervals, 5);
  const Presence::Statistics statistics = presence_.statistics();
  EXPECT_EQ(statistics.listeners, 64u * 64);
  EXPECT_LE(statistics.bytes, 64 * 64 * (kMaxClientNameBytes + 200) + kPresenceChangesBytes + 100'000);
}

TEST_F(Presences, LeavesOutListenersBeyondItsBound) {
  Presence small({.bytes = 3'000, .changes_bytes = 3'000});
  int counted = 0;
  std::vector<std::shared_ptr<const TopicFilter>> filters;
  for (int i = 0; i < 20; ++i) {
    filters.push_back(filter_for({std::to_string(i), "more/" + std::to_string(i)}));
    counted += small.join(*filters.back(), ada_).is_counted ? 1 : 0;
  }
  EXPECT_EQ(counted, 2);
  EXPECT_EQ(small.statistics().not_reported, 18u);
  EXPECT_LE(small.statistics().bytes, 3'000u);
  small.report();
  small.leave(*filters[0], ada_);
  small.report();
  EXPECT_LE(small.statistics().bytes, 6'000u);
  EXPECT_EQ(small.statistics().topics, 4u) << "two of them for those who have to be told that they are empty";
}

TEST_F(Presences, ForgetsTopicsWithoutListenersAndStartsSlowReadersAnew) {
  Presence small({.bytes = 1'000'000, .changes_bytes = 5'000});
  Watch slow(filter_for({"millrace.presence/**"}));
  Watch named(filter_for({"millrace.presence/0"}));
  read(small, slow);
  read(small, named);
  small.join(*room_, ada_);
  for (int i = 0; i < 1'000; ++i) {
    const auto filter = filter_for({std::to_string(i)});
    small.join(*filter, ada_);
    small.report();
    small.leave(*filter, ada_);
    small.report();
  }
  EXPECT_LE(small.statistics().bytes, 12'000u);
  EXPECT_LE(small.statistics().topics, 15u);
  EXPECT_EQ(read(small, slow), (Lines{R"({"reset":true})", state("rooms/1", 1, json_of_ada_)}));
  EXPECT_EQ(read(small, named), Lines{state("0", 0, nobody_)});
}

// Whoever folds what it is told has what is so, however slowly it reads: at any bound, at any page.
TEST_F(Presences, AreRightForEveryReaderInTheEnd) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("MILLRACE_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  struct Reader {
    explicit Reader(std::shared_ptr<const TopicFilter> filter) : watch(std::move(filter)) {}
    void take(const Presence::Page& page) {
      for (const std::string& line : page.events) {
        const json data = json::parse(line);
        if (data.contains("reset")) {
          present.clear();
          continue;
        }
        auto& names = present[data["topic"]];
        if (data.contains("state")) names.clear();
        for (const json& one : data["joined"]) {
          EXPECT_TRUE(names.insert(one["user"].get<std::string>()).second) << line;
        }
        for (const json& one : data["left"]) EXPECT_EQ(names.erase(one["user"].get<std::string>()), 1u) << line;
        if (names.empty()) present.erase(data["topic"].get<std::string>());
      }
    }
    Watch watch;
    std::map<std::string, std::set<std::string>> present;
  };
  for (int round = 0; round < 15; ++round) {
    Presence presence({.bytes = 10'000'000, .changes_bytes = random() % 20'000});
    std::vector<Reader> readers;
    readers.reserve(100);
    std::map<std::pair<std::string, std::string>, int> here;
    // So long that not all of them go on a page.
    const std::string long_name(100, 'x');
    for (int step = 0; step < 600; ++step) {
      const std::string topic = "t" + std::to_string(random() % 40);
      const std::string user = long_name + std::to_string(random() % 30);
      const auto filter = filter_for({topic});
      if (random() % 2 == 0) {
        presence.join(*filter, {.user = user, .client = {}});
        ++here[{topic, user}];
      } else if (!here.empty()) {
        const auto place = std::next(here.begin(), static_cast<std::ptrdiff_t>(random() % here.size()));
        presence.leave(*filter_for({place->first.first}), {.user = place->first.second, .client = {}});
        if (--place->second == 0) here.erase(place);
      }
      if (random() % 5 == 0) presence.report();
      if (random() % 50 == 0 && readers.size() < 100) {
        readers.emplace_back(filter_for(random() % 2 == 0 ? Lines{"millrace.presence/**"}
                                                          : Lines{"millrace.presence/t1", "millrace.presence/t2"}));
      }
      for (Reader& reader : readers) {
        if (random() % 20 == 0) reader.take(presence.read(reader.watch));
      }
    }
    while (!presence.report()) continue;
    for (Reader& reader : readers) {
      Presence::Page page;
      do {
        page = presence.read(reader.watch);
        reader.take(page);
      } while (page.has_more);
      std::map<std::string, std::set<std::string>> expected;
      for (const auto& [key, count] : here) {
        const OwnedTopic topic = OwnedTopic::parse("millrace.presence/" + key.first).value();
        if (reader.watch.filter->matches(topic)) {
          expected[key.first].insert(key.second);
        }
      }
      EXPECT_EQ(reader.present, expected);
    }
  }
}

}  // namespace
}  // namespace millrace::test
