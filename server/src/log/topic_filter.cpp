#include "topic_filter.h"

#include <algorithm>

namespace millrace {

namespace {

// With fewer patterns, and for fewer topics, looking at each pattern is faster than a tree of them.
constexpr std::size_t kFewPatterns = 4;
constexpr std::size_t kFewTopics = 16;

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

bool TopicMatcher::matches(Topic topic) {
  const std::size_t patterns = filter_.patterns().size();
  if (trie_ == nullptr && patterns > kFewPatterns && steps_ >= kFewTopics * patterns) compile();
  if (trie_ == nullptr) {
    steps_ += patterns;
    return filter_.matches(topic);
  }
  bool matched = false;
  steps_ += trie_->match(topic, [&](const TopicFilter&) {
    matched = true;
    return false;
  });
  return matched;
}

void TopicMatcher::compile() {
  trie_ = std::make_unique<TopicTrie<const TopicFilter>>();
  entries_.resize(filter_.patterns().size());
  for (std::size_t i = 0; i < entries_.size(); ++i) trie_->add(filter_.patterns()[i], filter_, entries_[i]);
}

}  // namespace millrace
