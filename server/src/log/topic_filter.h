// TopicFilter: the patterns of one subscription.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "millrace/core/owned.h"
#include "millrace/core/topic.h"
#include "topic_trie.h"

namespace millrace {

class TopicFilter {
 public:
  explicit TopicFilter(const std::vector<TopicPattern>& patterns);

  /// Costs as much as there are patterns. For many topics: TopicMatcher.
  bool matches(Topic topic) const;

  /// The patterns, sorted, each once.
  const std::vector<TopicPattern>& patterns() const { return patterns_.views(); }

  /// Whether no pattern has a wildcard, so that patterns() are topics.
  bool is_literal() const { return is_literal_; }

  /// The same for equal filters, whatever the order their patterns were given in.
  std::string_view key() const { return patterns_.text(); }

 private:
  const OwnedList<TopicPattern> patterns_;
  const bool is_literal_;
};

/// Asks a filter about many topics: from the first few on, a topic costs what its own segments do, not what there are
/// of patterns. Counts the steps this takes.
class TopicMatcher {
 public:
  explicit TopicMatcher(const TopicFilter& filter) : filter_(filter) {}

  bool matches(Topic topic);
  std::size_t steps() const { return steps_; }

 private:
  void compile();

  const TopicFilter& filter_;
  std::size_t steps_ = 0;
  std::unique_ptr<TopicTrie<const TopicFilter>> trie_;
  std::vector<TopicTrie<const TopicFilter>::Entry> entries_;
};

}  // namespace millrace
