// TopicFilter: the patterns of one subscription.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topic.h"

namespace millrace {

class TopicFilter {
 public:
  explicit TopicFilter(const std::vector<TopicPattern>& patterns);

  bool matches(Topic topic) const;

  /// The patterns, sorted, each once.
  const std::vector<std::string>& patterns() const { return patterns_; }

  /// Whether no pattern has a wildcard, so that patterns() are topics.
  bool is_literal() const { return is_literal_; }

  /// The same for equal filters, whatever the order their patterns were given in.
  std::string key() const;

 private:
  std::vector<std::string> patterns_;
  bool is_literal_ = true;
};

}  // namespace millrace
