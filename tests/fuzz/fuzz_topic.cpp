// Topic patterns against the plainest matcher there is, which tries every way.
//
// The input is two patterns and a topic, divided by LF.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "failure.h"
#include "millrace/core/topic.h"

using namespace millrace;
using namespace millrace::test;

namespace {

std::vector<std::string> segments(std::string_view text) {
  std::vector<std::string> all(1);
  for (const char c : text) {
    if (c == '/') {
      all.emplace_back();
    } else {
      all.back() += c;
    }
  }
  return all;
}

bool matches(const std::vector<std::string>& pattern, const std::vector<std::string>& topic, std::size_t at = 0) {
  if (at == 0 && topic[0].starts_with("millrace.") && !pattern[0].starts_with("millrace.")) return false;
  if (at == pattern.size() || at == topic.size()) return at == pattern.size() && at == topic.size();
  if (pattern[at] == "**") return at + 1 == pattern.size();
  return (pattern[at] == "*" || pattern[at] == topic[at]) && matches(pattern, topic, at + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(bytes), size);
  std::array<std::string_view, 3> parts;
  for (std::string_view& part : parts) {
    part = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
  }
  const auto one = TopicPattern::parse(parts[0]);
  const auto other = TopicPattern::parse(parts[1]);
  const auto topic = Topic::parse(parts[2]);
  if (topic && !TopicPattern::parse(parts[2])) stop("a topic that is no pattern: " + quoted(parts[2]));
  if (!one || !topic) return 0;
  if (one->matches(*topic) != matches(segments(parts[0]), segments(parts[2]))) {
    stop(quoted(parts[0]) + " and " + quoted(parts[2]) + ": matched wrongly");
  }
  if (!other) return 0;
  if (!one->covers(*one)) stop(quoted(parts[0]) + " does not cover itself");
  // What is covered gives no right that the cover has not.
  if (one->covers(*other) && other->matches(*topic) && !one->matches(*topic)) {
    stop(quoted(parts[0]) + " covers " + quoted(parts[1]) + ", which alone matches " + quoted(parts[2]));
  }
  return 0;
}
