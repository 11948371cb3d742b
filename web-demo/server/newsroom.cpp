#include "newsroom.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <string>
#include <string_view>

#include "newsroom_words.h"

namespace millrace::demo {

namespace {

std::string filled(std::string_view sentence, std::string_view place) {
  std::string text(sentence);
  text.replace(text.find("{}"), 2, place);
  text[0] = static_cast<char>(text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0]);
  return text;
}

}  // namespace

Newsroom::Newsroom(std::uint64_t seed) : random_(seed), stories_(stories().size()) {
  std::iota(stories_.begin(), stories_.end(), std::size_t{0});
  std::shuffle(stories_.begin(), stories_.end(), random_);
  lobby_.next = random_() % lobby_script().size();
  workshop_.next = random_() % workshop_script().size();
}

DemoEvent Newsroom::headline(std::int64_t time) {
  const std::uint64_t round = headlines_ / stories_.size();
  const std::size_t card = stories_[headlines_ % stories_.size()];
  const Story& story = stories()[card];
  const Words& place = places()[(card + round) % places().size()];
  const nlohmann::ordered_json news{{"n", ++headlines_},
                                    {"time", time},
                                    {"desk", story.desk},
                                    {"en", filled(story.words.en, place.en)},
                                    {"zh", filled(story.words.zh, place.zh)}};
  return {.topic = "demo/news", .type = "news", .data = news.dump()};
}

DemoEvent Newsroom::remark(std::int64_t time) {
  const bool in_lobby = random_() % 3 != 0;
  Room& room = in_lobby ? lobby_ : workshop_;
  const std::span<const Remark> script = in_lobby ? lobby_script() : workshop_script();
  const std::string name = in_lobby ? "lobby" : "workshop";
  const Remark& remark = script[room.next];
  room.next = (room.next + 1) % script.size();
  const nlohmann::ordered_json chat{{"n", ++room.remarks}, {"time", time},          {"room", name},
                                    {"name", remark.name}, {"en", remark.words.en}, {"zh", remark.words.zh}};
  return {.topic = "demo/chat/" + name, .type = "chat", .data = chat.dump()};
}

int Newsroom::until_headline() {
  return std::uniform_int_distribution<int>(3'000, 7'000)(random_);
}

int Newsroom::until_remark() {
  return std::uniform_int_distribution<int>(5'000, 14'000)(random_);
}

}  // namespace millrace::demo
