#include "topic_matcher.h"

namespace millrace {

namespace {

// With at most this many patterns, or topics, checking each pattern is faster than building a tree.
constexpr std::size_t kFewPatterns = 4;
constexpr std::size_t kFewTopics = 16;

}  // namespace

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
