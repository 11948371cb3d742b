#include "answer_words.h"

#include <algorithm>
#include <array>
#include <random>
#include <span>

namespace millrace::demo {

namespace {

// Paragraphs: each is a train of thought that stands by itself.
constexpr std::array<std::string_view, 6> kEnglish = {
    "Think of a mill. The water does not wait for the wheel, and the wheel does not own the water: there is a channel "
    "between them, and the channel keeps what is on its way. An event log is such a channel. Whatever is published "
    "goes "
    "into it first, in one order, and only then on to whoever listens.",
    "A listener is a place in that log, no more. Someone who is up to date stands at its end and gets each event at "
    "once. "
    "Someone whose train went into a tunnel stands a little further up, and walks down at their own pace when the "
    "tunnel "
    "is over. To the server the two are the same case, which is why neither needs a queue.",
    "When a connection breaks, the browser comes back by itself and says the last ID that it has seen. That is all the "
    "server needs: it looks the ID up and goes on with the next event. You can try it while you read this. Press Cut, "
    "and "
    "these words will stop; a moment later they go on where they were, since the writing never noticed.",
    "Stop is another matter. Stop tells the writer to put the pen down: the generation ends, its stream ends with it, "
    "and "
    "a client that comes back is told with a 204 that there is nothing more to come. Nobody pays for words that nobody "
    "reads.",
    "What could not be kept is said aloud. If a listener was away for longer than the log reaches back, the first "
    "thing "
    "it hears is that there is a gap, and where. Silence would be kinder for a moment and much worse afterwards.",
    "All of this is plain text over plain HTTP. There is no handshake to upgrade, no frame to mask, no second protocol "
    "to "
    "keep alive: a response that has not ended yet, and a few rules for reading it. It is old, it is simple, and it "
    "goes "
    "through every proxy that leaves it alone."};

constexpr std::array<std::string_view, 6> kChinese = {
    "想象一座水磨。水不等水轮，水轮也不拥有水：两者之间有一条渠，渠里存着正在路上的水。事件日志就是这样一条渠。"
    "发布的一切先按同一个顺序进入日志，然后才送到每个听众那里。",
    "听众不过是日志里的一个位置。跟得上的人站在末尾，事件一到就收到；列车进了隧道的人站在稍前的地方，"
    "出了隧道再按自己的步子走过来。对服务器来说这是同一回事，所以谁都不需要队列。",
    "连接断了，浏览器会自己回来，并报上最后见到的 ID。服务器只需要这个：找到它，从下一条接着讲。"
    "你现在就可以试试：按下“切断”，这些字会停住；片刻之后又从原处继续，因为写作的一方根本没有察觉。",
    "“停止”则不同。停止是让写的人放下笔：生成结束，流也随之结束，再回来的客户端会得到 204，知道后面没有了。"
    "没有人读的字，也就没有人付钱。",
    "留不住的，要明说。如果听众离开得太久，日志已经够不到那里，它回来听到的第一句话就是：这里有缺口，在哪里。"
    "沉默一时好听，事后却糟得多。",
    "这一切都只是普通 HTTP 上的普通文本：没有升级握手，没有掩码帧，也没有第二个需要维持的协议。"
    "只是一个还没有结束的响应，和几条读它的规则。它古老、简单，能穿过每一个不去打扰它的代理。"};

// Where the character that begins at `at` ends.
std::size_t character_end(std::string_view text, std::size_t at) {
  do ++at;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

// A word with the space before it; a long word in two pieces, as models do it.
void add_english(std::string_view text, std::vector<std::string>& tokens) {
  constexpr std::size_t kLongWord = 8;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin + 1), text.size());
    const std::size_t middle = end - begin > kLongWord ? begin + (end - begin) / 2 : end;
    tokens.emplace_back(text.substr(begin, middle - begin));
    if (middle < end) tokens.emplace_back(text.substr(middle, end - middle));
    begin = end;
  }
}

// One character or two.
void add_chinese(std::string_view text, std::mt19937& random, std::vector<std::string>& tokens) {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = character_end(text, begin);
    if (end < text.size() && random() % 2 == 0) end = character_end(text, end);
    tokens.emplace_back(text.substr(begin, end - begin));
    begin = end;
  }
}

}  // namespace

std::vector<std::string> answer_tokens(std::string_view prompt, bool chinese) {
  constexpr std::size_t kParagraphs = 4;
  std::seed_seq seed(prompt.begin(), prompt.end());
  std::mt19937 random(seed);
  const std::span<const std::string_view> paragraphs = chinese ? std::span(kChinese) : std::span(kEnglish);
  std::vector<std::string> tokens;
  std::size_t next = random() % paragraphs.size();
  for (std::size_t i = 0; i < kParagraphs; ++i, next = (next + 1) % paragraphs.size()) {
    if (i > 0) tokens.emplace_back("\n\n");
    if (chinese) {
      add_chinese(paragraphs[next], random, tokens);
    } else {
      add_english(paragraphs[next], tokens);
    }
  }
  return tokens;
}

}  // namespace millrace::demo
