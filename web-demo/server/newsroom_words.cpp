#include "newsroom_words.h"

#include <array>

namespace millrace::demo {

namespace {

constexpr std::array kPlaces = {Words{"Upper Weir", "上堰"},       Words{"the Old Lock", "老船闸"},
                                Words{"Heron Bend", "鹭湾"},       Words{"Millbrook", "磨坊溪"},
                                Words{"the North Quay", "北码头"}, Words{"Stone Bridge", "石桥"},
                                Words{"Alder Reach", "桤木河段"},  Words{"the Reed Beds", "芦苇荡"}};

constexpr std::array kStories = {
    Story{"rivers", {"Water at {} rises four centimetres overnight", "{}水位一夜上涨四厘米"}},
    Story{"rivers", {"Sluice at {} opens early after the rain", "雨后{}闸门提前开启"}},
    Story{"rivers", {"Otters are back at {}, wardens say", "巡河员称水獭重返{}"}},
    Story{"rivers", {"Divers clear a sunken willow at {}", "潜水员清走{}的沉柳"}},
    Story{"rivers", {"Salmon seen above {} for the first time in years", "多年来首次在{}上游见到鲑鱼"}},
    Story{"rivers", {"Ferry at {} runs until midnight this week", "{}渡船本周开到午夜"}},
    Story{"rivers", {"Schoolchildren count dragonflies at {}", "小学生在{}数蜻蜓"}},
    Story{"rivers", {"Level gauge at {} gets a new float", "{}的水位计换了新浮子"}},
    Story{"rivers", {"Rowers train at {} before sunrise", "赛艇手日出前在{}训练"}},
    Story{"works", {"New wheel at {} turns for the first time", "{}的新水轮首次转动"}},
    Story{"works", {"Repairs at {} finish a week ahead of plan", "{}的修缮提前一周完工"}},
    Story{"works", {"Engineers replace the last oak paddle at {}", "工程师更换了{}最后一块橡木桨板"}},
    Story{"works", {"Lock keeper at {} retires after forty years", "{}的守闸人工作四十年后退休"}},
    Story{"works", {"Turbine at {} lights two hundred homes", "{}的水轮机点亮两百户人家"}},
    Story{"works", {"Masons reset the coping stones at {}", "石匠重砌{}的压顶石"}},
    Story{"works", {"Old grindstone found in the mud at {}", "{}的淤泥里挖出旧磨石"}},
    Story{"works", {"Crane arrives at {} by barge", "起重机由驳船运抵{}"}},
    Story{"works", {"Apprentices rebuild the footbridge at {}", "学徒们重建{}的步行桥"}},
    Story{"markets", {"Flour from {} fetches its best price this year", "{}面粉卖出今年最高价"}},
    Story{"markets", {"Bakers queue at {} as the harvest comes in", "新麦上市，面包师在{}排起长队"}},
    Story{"markets", {"Barges wait at {} for the morning tide", "驳船在{}等候早潮"}},
    Story{"markets", {"Rye runs short at {}, oats do not", "{}黑麦告急，燕麦充足"}},
    Story{"markets", {"Saturday market at {} moves under a roof", "{}的周六集市搬进棚下"}},
    Story{"markets", {"Eel prices halve at {}", "{}鳗鱼价格减半"}},
    Story{"markets", {"Cooperative at {} buys a second silo", "{}合作社买下第二座粮仓"}},
    Story{"markets", {"Auction of old mill tools draws a crowd at {}", "{}拍卖旧磨坊工具，人头攒动"}},
    Story{"markets", {"Honey from {} sells out before noon", "{}蜂蜜午前售罄"}},
    Story{"weather", {"Fog over {} until noon, then clear", "{}大雾，午后转晴"}},
    Story{"weather", {"First frost reported at {}", "{}出现初霜"}},
    Story{"weather", {"Steady west wind, good milling at {}", "西风平稳，{}宜磨面"}},
    Story{"weather", {"Hail the size of peas at {}, no damage", "{}下豌豆大的冰雹，无损失"}},
    Story{"weather", {"Double rainbow over {} stops the traffic", "{}上空双彩虹，行人驻足"}},
    Story{"weather", {"Driest month at {} since records began", "{}迎来有记录以来最干的一个月"}},
    Story{"weather", {"Thunder heard at {}, the rain stays away", "{}闻雷声，不见雨"}},
    Story{"weather", {"Ice at {} bears a duck, not yet a dog", "{}的冰能站鸭子，还站不住狗"}},
    Story{"weather", {"Mild night ahead at {}", "{}今夜温和"}}};

constexpr std::array kLobby = {
    Remark{"Ines", {"Morning. The wheel is turning.", "早上好，水轮在转。"}},
    Remark{"Bram", {"Morning! Slowly, though. Low water?", "早！就是有点慢，水位低？"}},
    Remark{"Ines", {"Four centimetres up since midnight, says the gauge.", "水位计说半夜以来涨了四厘米。"}},
    Remark{"Mei", {"Try the cut button while we talk. I will wait.", "聊着天按一下“切断”试试，我等你。"}},
    Remark{"Bram", {"Done. Did I miss anything?", "按了。我漏了什么吗？"}},
    Remark{"Mei", {"You tell me. What was my last line?", "你说呢？我上一句是什么？"}},
    Remark{"Bram", {"That you wait. So, nothing missed.", "说你等我。那就是一条没漏。"}},
    Remark{
        "Tomas",
        {"I closed the lid on the train. Everything was here when I opened it.", "在火车上合了盖，打开后一条不少。"}},
    Remark{"Ines", {"Which train has a network?", "哪趟火车有网络？"}},
    Remark{"Tomas", {"None. That is the point of my story.", "都没有，我说的就是这个。"}},
    Remark{"Bram",
           {"Three hundred ticks a second and my laptop fan is still off.", "每秒三百条报价，笔记本风扇都没响。"}},
    Remark{"Mei", {"Mine never was on. It is a tablet.", "我的从来不响，是平板。"}},
    Remark{"Ines", {"Open this page in a second window and say hello to yourself.", "再开一个窗口，跟自己打个招呼。"}},
    Remark{"Tomas", {"I did. I am good company.", "打了，跟自己聊得不错。"}},
    Remark{"Bram", {"Who left the sluice open?", "谁忘了关闸门？"}},
    Remark{"Ines", {"It opens by itself after rain.", "雨后它自己会开。"}},
    Remark{"Mei", {"No thread for each of us. That is the whole trick.", "我们每个人都不占线程，秘诀就在这里。"}},
    Remark{"Tomas", {"And who reads for us, then?", "那谁替我们读呢？"}},
    Remark{"Mei", {"A loop, with a place in the log for each.", "一个循环，给每个人在日志里记个位置。"}},
    Remark{"Bram", {"Like bookmarks.", "像书签。"}},
    Remark{"Mei", {"Exactly like bookmarks.", "正是书签。"}},
    Remark{"Tomas", {"Quiet here. The heartbeats keep us warm.", "这里真安静，全靠心跳取暖。"}},
    Remark{"Ines", {"One every fifteen seconds, if nothing else is said.", "没人说话时，每十五秒一次。"}},
    Remark{"Bram", {"Has anybody seen the otters?", "有谁见到水獭了？"}},
    Remark{"Tomas", {"Two, below the bridge. They did not wave.", "两只，在桥下，没跟我打招呼。"}},
    Remark{"Ines", {"Choose polling in the panel, it still works.", "在面板里选轮询，照样能用。"}},
    Remark{"Bram", {"Slower, but nothing is lost. Fine by me.", "慢一点，但一条不丢，可以。"}},
    Remark{"Mei", {"For proxies that hold everything back.", "给那些什么都扣住的代理用的。"}},
    Remark{"Tomas", {"We have one of those at work.", "我们公司就有一个。"}},
    Remark{"Ines", {"Everybody has one of those at work.", "谁的公司都有一个。"}},
    Remark{"Bram", {"WEIR is up two percent. I own none.", "WEIR 涨了百分之二，可我没有。"}},
    Remark{"Mei", {"Nobody does. It is made up.", "没人有，是编的。"}},
    Remark{"Bram", {"Then I am not sorry.", "那就不可惜了。"}},
    Remark{"Tomas", {"The tea is ready. Cut me off for five minutes.", "茶好了，把我切断五分钟吧。"}},
    Remark{"Ines", {"The log keeps what we say.", "我们说的，日志都留着。"}},
    Remark{"Tomas", {"Back. I have read it all. You said nothing.", "回来了，都读了，你们什么也没说。"}},
    Remark{"Mei", {"We waited for you.", "我们在等你。"}},
    Remark{"Bram", {"How many are here now?", "现在这里有多少人？"}},
    Remark{"Ines", {"See the list on the side: as many as there are names.", "看旁边的名单，有几个名字就有几个人。"}},
    Remark{"Mei", {"I have to go. Keep the wheel turning.", "我得走了，让水轮接着转。"}}};

constexpr std::array kWorkshop = {
    Remark{"Ada", {"The log is the queue. There is no other queue.", "日志就是队列，没有别的队列。"}},
    Remark{"Wen", {"A slow reader costs a cursor, not a buffer.", "慢读者只占一个游标，不占缓冲区。"}},
    Remark{"Jonas", {"And a reader that never comes back?", "那永远不回来的读者呢？"}},
    Remark{"Wen", {"Costs nothing. The cursor was on its side.", "什么也不占，游标在它那边。"}},
    Remark{"Ada", {"Same parser on both ends, so we argue only once.", "两端同一个解析器，只需争论一次。"}},
    Remark{"Jonas", {"We argued about the byte order mark twice.", "字节序标记我们争了两次。"}},
    Remark{"Ada", {"The second time there was a test.", "第二次已经有测试了。"}},
    Remark{"Wen",
           {"Come back with an ID nobody knows and see what it says.", "拿一个没人认识的 ID 回来，看它怎么说。"}},
    Remark{"Jonas", {"It says so, and begins with the oldest. Honest.", "它如实相告，从最早的开始，诚实。"}},
    Remark{"Ada",
           {"Silent lines are worse than broken ones. Hence the watchdog.", "无声的连接比断线更糟，所以有看门狗。"}},
    Remark{"Wen", {"Four seconds in this page. Press “Go silent”.", "本页是四秒，按一下“静默”。"}},
    Remark{"Jonas", {"Deployed at noon. Nobody noticed.", "中午发布的，没人察觉。"}},
    Remark{"Ada", {"Twelve thousand came back within ten seconds.", "一万二千人在十秒内回来。"}},
    Remark{"Jonas", {"Not all in the first one?", "没挤在第一秒？"}},
    Remark{"Ada", {"Each was given another wait.", "给每个人的等待都不一样。"}},
    Remark{"Wen", {"Encode once, write many. The loop does no more than that.", "编码一次，写很多次，循环只做这些。"}},
    Remark{"Jonas", {"What if the socket is full?", "套接字满了怎么办？"}},
    Remark{"Wen", {"Then it reads from the log when there is room again.", "等有空位时再从日志里读。"}},
    Remark{"Ada",
           {"The state of a topic is its newest event. No second store.", "主题的状态就是它最新的事件，不用另存。"}},
    Remark{"Jonas", {"So the board starts full.", "所以报价板一开始就是满的。"}},
    Remark{"Ada", {"In one paint, if the network is kind.", "网络好的话，一次就画完。"}},
    Remark{"Wen", {"Two prices a second are enough for my eyes.", "对我的眼睛，每秒两次报价就够了。"}},
    Remark{"Jonas", {"Then tick the box: only the newest, twice a second.", "那就勾上方框：只要最新的，每秒两次。"}},
    Remark{"Ada", {"Two thirds of the bytes went away. Lovely.", "字节少了三分之二，真好。"}},
    Remark{"Wen", {"Who fuzzes the parser this week?", "这周谁来给解析器做模糊测试？"}},
    Remark{"Jonas", {"The machine. It does not get bored.", "机器来，它不会烦。"}},
    Remark{"Ada", {"Found anything?", "找到什么了？"}},
    Remark{"Jonas", {"Only a typo in my commit message.", "只有我提交说明里的一个错字。"}}};

}  // namespace

std::span<const Words> places() {
  return kPlaces;
}

std::span<const Story> stories() {
  return kStories;
}

std::span<const Remark> lobby_script() {
  return kLobby;
}

std::span<const Remark> workshop_script() {
  return kWorkshop;
}

}  // namespace millrace::demo
