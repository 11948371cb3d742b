#include "newsroom.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "newsroom_words.h"

namespace millrace::test {
namespace {

using demo::DemoEvent;
using demo::Newsroom;
using nlohmann::json;

constexpr std::int64_t kMinute = 60'000;
constexpr std::int64_t kHour = 60 * kMinute;

// How long it took until the same was said again, at the least.
class Repeats {
 public:
  void say(const std::string& text, std::int64_t time) {
    const auto [before, is_new] = said_.emplace(text, time);
    if (is_new) return;
    soonest_ = std::min(soonest_, time - before->second);
    before->second = time;
  }

  std::int64_t soonest() const { return soonest_; }

 private:
  std::map<std::string, std::int64_t> said_;
  std::int64_t soonest_ = kHour;
};

std::string without_place(std::string text, std::string_view demo::Words::*language) {
  for (const demo::Words& place : demo::places()) {
    std::string name((place.*language));
    if (const auto found = text.find(name); found != std::string::npos) return text.erase(found, name.size());
    name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    if (text.starts_with(name)) return text.erase(0, name.size());
  }
  return text;
}

TEST(Newsroom, RepeatsNoHeadlineWithinMinutesInEitherLanguage) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Newsroom newsroom(seed);
    Repeats texts;
    Repeats stories;
    for (std::int64_t time = 0; time < kHour; time += newsroom.until_headline()) {
      const json news = json::parse(newsroom.headline(time).data);
      for (const auto& [language, words] : {std::pair{"en", &demo::Words::en}, std::pair{"zh", &demo::Words::zh}}) {
        const std::string text = news[language];
        texts.say(text, time);
        stories.say(without_place(text, words), time);
      }
    }
    EXPECT_GE(texts.soonest(), 20 * kMinute) << "seed " << seed;
    EXPECT_GE(stories.soonest(), 2 * kMinute) << "seed " << seed;
  }
}

TEST(Newsroom, RepeatsNoRemarkWithinMinutesInEitherLanguage) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Newsroom newsroom(seed);
    Repeats remarks;
    for (std::int64_t time = 0; time < kHour; time += newsroom.until_remark()) {
      const json chat = json::parse(newsroom.remark(time).data);
      for (const char* language : {"en", "zh"}) remarks.say(chat[language], time);
    }
    EXPECT_GE(remarks.soonest(), 4 * kMinute) << "seed " << seed;
  }
}

TEST(Newsroom, CountsTheRemarksOfEachRoom) {
  Newsroom newsroom(7);
  std::map<std::string, std::uint64_t> counts;
  for (int i = 0; i < 100; ++i) {
    const DemoEvent remark = newsroom.remark(1);
    EXPECT_EQ(json::parse(remark.data)["n"], ++counts[remark.topic]);
  }
  EXPECT_EQ(counts.size(), 2u);
}

}  // namespace
}  // namespace millrace::test
