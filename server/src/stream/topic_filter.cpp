#include "topic_filter.h"

#include <algorithm>

namespace millrace {

TopicFilter::TopicFilter(const std::vector<TopicPattern>& patterns) {
  for (const TopicPattern& pattern : patterns) {
    patterns_.emplace_back(pattern.view());
    is_literal_ = is_literal_ && pattern.is_literal();
  }
  std::sort(patterns_.begin(), patterns_.end());
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end()), patterns_.end());
  patterns_.shrink_to_fit();
}

bool TopicFilter::matches(Topic topic) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return TopicPattern::parse(pattern)->matches(topic); });
}

std::string TopicFilter::key() const {
  std::string key;
  for (const std::string& pattern : patterns_) (key += pattern) += '\n';  // no pattern holds a line end
  return key;
}

}  // namespace millrace
