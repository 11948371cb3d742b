#include "millrace/server/topic_filter.h"

#include <algorithm>

namespace millrace {

namespace {

std::vector<TopicPattern> sorted(std::vector<TopicPattern> patterns) {
  const auto comes_first = [](TopicPattern one, TopicPattern other) { return one.view() < other.view(); };
  const auto are_equal = [](TopicPattern one, TopicPattern other) { return one.view() == other.view(); };
  std::sort(patterns.begin(), patterns.end(), comes_first);
  patterns.erase(std::unique(patterns.begin(), patterns.end(), are_equal), patterns.end());
  return patterns;
}

}  // namespace

TopicFilter::TopicFilter(const std::vector<TopicPattern>& patterns)
    : patterns_(sorted(patterns)),
      is_literal_(std::all_of(patterns.begin(), patterns.end(), [](TopicPattern one) { return one.is_literal(); })) {}

bool TopicFilter::matches(Topic topic) const {
  return std::any_of(patterns().begin(), patterns().end(),
                     [&](const TopicPattern& pattern) { return pattern.matches(topic); });
}

}  // namespace millrace
