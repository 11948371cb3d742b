// TopicMatcher: asks a filter about many topics, one after the other.
//
// From the first few on, a topic costs what its own segments do, not what there are of patterns.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "millrace/server/topic_filter.h"
#include "topic_trie.h"

namespace millrace {

class TopicMatcher {
 public:
  /// The filter must stay.
  explicit TopicMatcher(const TopicFilter& filter) : filter_(filter) {}

  bool matches(Topic topic);
  /// Steps that all answers have taken.
  std::size_t steps() const { return steps_; }

 private:
  void compile();

  const TopicFilter& filter_;
  std::size_t steps_ = 0;
  std::unique_ptr<TopicTrie<const TopicFilter>> trie_;
  std::vector<TopicTrie<const TopicFilter>::Entry> entries_;
};

}  // namespace millrace
