#include "millrace/core/topic.h"

#include "utf8.h"

namespace millrace {

namespace {

// Removes the first segment from `rest`, which is not empty, and returns it.
std::string_view take_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

}  // namespace

std::optional<Topic> Topic::parse(std::string_view text) {
  if (!detail::is_topic(text, false) || !utf8::is_valid(text)) return std::nullopt;
  return Topic(Checked{text});
}

std::optional<TopicPattern> TopicPattern::parse(std::string_view text) {
  if (!detail::is_topic(text, true) || !utf8::is_valid(text)) return std::nullopt;
  return TopicPattern(Checked{text});
}

bool TopicPattern::matches(Topic topic) const {
  if (is_reserved() != topic.is_reserved()) return false;
  std::string_view pattern_rest = text_;
  std::string_view topic_rest = topic.view();
  while (!pattern_rest.empty() && !topic_rest.empty()) {
    const std::string_view wanted = take_segment(pattern_rest);
    if (wanted == "**") return true;  // only ever the last segment; at least one of the topic's is left for it
    const std::string_view segment = take_segment(topic_rest);
    if (wanted != "*" && wanted != segment) return false;
  }
  return pattern_rest.empty() && topic_rest.empty();
}

bool TopicPattern::covers(TopicPattern other) const {
  if (is_reserved() != other.is_reserved()) return false;
  std::string_view rest = text_;
  std::string_view other_rest = other.text_;
  while (!rest.empty() && !other_rest.empty()) {
    const std::string_view wanted = take_segment(rest);
    if (wanted == "**") return true;  // whatever is left of the other, it stands for at least one segment
    const std::string_view segment = take_segment(other_rest);
    if (segment == "**") return false;  // it takes in longer topics than this pattern
    if (wanted != "*" && wanted != segment) return false;
  }
  return rest.empty() && other_rest.empty();
}

std::optional<Topic> TopicPattern::literal() const {
  if (text_.find('*') != std::string_view::npos) return std::nullopt;
  return Topic(Topic::Checked{text_});
}

}  // namespace millrace
