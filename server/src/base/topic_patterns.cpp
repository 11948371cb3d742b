#include "millrace/server/topic_patterns.h"

#include <optional>

#include "millrace/core/limits.h"

namespace millrace {

namespace {

[[noreturn]] void refuse(std::string_view text, std::string_view what, const std::string& rules) {
  std::string sentence = "topic: \"";
  sentence.append(text)
      .append("\" is not a ")
      .append(what)
      .append(": expected 1 to ")
      .append(std::to_string(kMaxTopicBytes));
  throw InvalidTopic(sentence.append(" bytes of segments separated by /").append(rules));
}

}  // namespace

Topic detail::checked_topic(std::string_view text) {
  if (const auto topic = Topic::parse(text)) return *topic;
  refuse(text, "topic", ", without * and control characters");
}

TopicPattern detail::checked_pattern(std::string_view text) {
  if (const auto pattern = TopicPattern::parse(text)) return *pattern;
  refuse(text, "topic pattern",
         "; * may be one of the first " + std::to_string(kMaxWildcardDepth) + " segments, ** the last");
}

TopicPatterns::TopicPatterns(std::initializer_list<Element> elements) {
  patterns_.reserve(elements.size());
  for (const Element& element : elements) push_back(element);
}

TopicPatterns::TopicPatterns(const std::vector<std::string>& texts) {
  patterns_.reserve(texts.size());
  for (const std::string& text : texts) push_back(text);
}

}  // namespace millrace
