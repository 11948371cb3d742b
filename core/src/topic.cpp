#include "millrace/core/topic.h"

#include "millrace/core/topic_segments.h"
#include "utf8.h"

namespace millrace {

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
  TopicSegments pattern_rest(text_);
  TopicSegments topic_rest(topic.view());
  while (!pattern_rest.empty() && !topic_rest.empty()) {
    const std::string_view wanted = pattern_rest.next();
    if (wanted == "**") return true;  // only ever the last segment; at least one of the topic's is left for it
    const std::string_view segment = topic_rest.next();
    if (wanted != "*" && wanted != segment) return false;
  }
  return pattern_rest.empty() && topic_rest.empty();
}

bool TopicPattern::covers(TopicPattern other) const {
  if (is_reserved() != other.is_reserved()) return false;
  TopicSegments rest(text_);
  TopicSegments other_rest(other.text_);
  while (!rest.empty() && !other_rest.empty()) {
    const std::string_view wanted = rest.next();
    if (wanted == "**") return true;  // the other has at least one more segment
    const std::string_view segment = other_rest.next();
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
