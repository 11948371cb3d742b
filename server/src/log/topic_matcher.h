// TopicMatcher: matches many topics against a filter, one after the other.
//
// After the first few topics, the cost of a topic depends on its segments, not on the number of patterns.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "millrace/server/topic_filter.h"
#include "topic_trie.h"

namespace millrace {

class TopicMatcher {
 public:
  /// The filter must outlive it.
  explicit TopicMatcher(const TopicFilter& filter) : filter_(filter) {}

  bool matches(Topic topic);
  /// Steps of all matches so far.
  std::size_t steps() const { return steps_; }

 private:
  void compile();

  const TopicFilter& filter_;
  std::size_t steps_ = 0;
  std::unique_ptr<TopicTrie<const TopicFilter>> trie_;
  std::vector<TopicTrie<const TopicFilter>::Entry> entries_;
};

}  // namespace millrace
