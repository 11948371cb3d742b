#include "newsroom.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace millrace::demo {

namespace {

struct Words {
  std::string_view en;
  std::string_view zh;
};

struct Story {
  std::string_view desk;
  Words words;  // {} is the place
};

constexpr std::array kPlaces = {Words{"Upper Weir", "上堰"},       Words{"the Old Lock", "老船闸"},
                                Words{"Heron Bend", "鹭湾"},       Words{"Millbrook", "磨坊溪"},
                                Words{"the North Quay", "北码头"}, Words{"Stone Bridge", "石桥"},
                                Words{"Alder Reach", "桤木河段"},  Words{"the Reed Beds", "芦苇荡"}};

constexpr std::array kStories = {
    Story{"rivers", {"Water at {} rises four centimetres overnight", "{}水位一夜上涨四厘米"}},
    Story{"rivers", {"Sluice at {} opens early after the rain", "雨后{}闸门提前开启"}},
    Story{"rivers", {"Otters are back at {}, wardens say", "巡河员称水獭重返{}"}},
    Story{"works", {"New wheel at {} turns for the first time", "{}的新水轮首次转动"}},
    Story{"works", {"Repairs at {} finish a week ahead of plan", "{}的修缮提前一周完工"}},
    Story{"works", {"Engineers replace the last oak paddle at {}", "工程师更换了{}最后一块橡木桨板"}},
    Story{"markets", {"Flour from {} fetches its best price this year", "{}面粉卖出今年最高价"}},
    Story{"markets", {"Bakers queue at {} as the harvest comes in", "新麦上市，面包师在{}排起长队"}},
    Story{"markets", {"Barges wait at {} for the morning tide", "驳船在{}等候早潮"}},
    Story{"weather", {"Fog over {} until noon, then clear", "{}大雾，午后转晴"}},
    Story{"weather", {"First frost reported at {}", "{}出现初霜"}},
    Story{"weather", {"Steady west wind, good milling at {}", "西风平稳，{}宜磨面"}}};

struct Remark {
  std::string_view name;
  Words words;
};

constexpr std::array kLobby = {
    Remark{"Ines", {"Morning. The wheel is turning.", "早上好，水轮在转。"}},
    Remark{"Bram",
           {"Three hundred ticks a second and my laptop fan is still off.", "每秒三百条报价，笔记本风扇都没响。"}},
    Remark{"Mei", {"Try the cut button while we talk. I will wait.", "聊着天按一下“切断”试试，我等你。"}},
    Remark{
        "Tomas",
        {"I closed the lid on the train. Everything was here when I opened it.", "在火车上合了盖，打开后一条不少。"}},
    Remark{"Ines", {"Open this page in a second window and say hello to yourself.", "再开一个窗口，跟自己打个招呼。"}},
    Remark{"Mei", {"No thread for each of us. That is the whole trick.", "我们每个人都不占线程，秘诀就在这里。"}},
    Remark{"Bram", {"Who left the sluice open?", "谁忘了关闸门？"}},
    Remark{"Tomas", {"Quiet here. The heartbeats keep us warm.", "这里真安静，全靠心跳取暖。"}}};

constexpr std::array kWorkshop = {
    Remark{"Ada", {"The log is the queue. There is no other queue.", "日志就是队列，没有别的队列。"}},
    Remark{"Wen", {"A slow reader costs a cursor, not a buffer.", "慢读者只占一个游标，不占缓冲区。"}},
    Remark{"Jonas", {"Same parser on both ends, so we argue only once.", "两端同一个解析器，只需争论一次。"}},
    Remark{"Ada",
           {"Come back with an ID nobody knows and see what it says.", "拿一个没人认识的 ID 回来，看它怎么说。"}},
    Remark{"Wen",
           {"Silent lines are worse than broken ones. Hence the watchdog.", "无声的连接比断线更糟，所以有看门狗。"}},
    Remark{"Jonas", {"Deployed at noon. Nobody noticed.", "中午发布的，没人察觉。"}}};

template <typename List, typename Random>
const auto& one_of(const List& list, Random& random) {
  return list[random() % list.size()];
}

std::string filled(std::string_view sentence, std::string_view place) {
  std::string text(sentence);
  text.replace(text.find("{}"), 2, place);
  text[0] = static_cast<char>(text[0] >= 'a' && text[0] <= 'z' ? text[0] - 'a' + 'A' : text[0]);
  return text;
}

}  // namespace

DemoEvent Newsroom::headline(std::int64_t time) {
  const Story& story = one_of(kStories, random_);
  const Words& place = one_of(kPlaces, random_);
  const nlohmann::ordered_json news{{"n", ++headlines_},
                                    {"time", time},
                                    {"desk", story.desk},
                                    {"en", filled(story.words.en, place.en)},
                                    {"zh", filled(story.words.zh, place.zh)}};
  return {.topic = "demo/news", .type = "news", .data = news.dump()};
}

DemoEvent Newsroom::remark(std::int64_t time) {
  const bool lobby = random_() % 3 != 0;
  const Remark& remark = lobby ? one_of(kLobby, random_) : one_of(kWorkshop, random_);
  const std::string room = lobby ? "lobby" : "workshop";
  const nlohmann::ordered_json chat{{"n", ++remarks_},     {"time", time},          {"room", room},
                                    {"name", remark.name}, {"en", remark.words.en}, {"zh", remark.words.zh}};
  return {.topic = "demo/chat/" + room, .type = "chat", .data = chat.dump()};
}

int Newsroom::until_headline() {
  return std::uniform_int_distribution<int>(3'000, 7'000)(random_);
}

int Newsroom::until_remark() {
  return std::uniform_int_distribution<int>(5'000, 14'000)(random_);
}

}  // namespace millrace::demo
