// TopicFilter: the patterns of one subscription. Immutable; any thread.
//
//   const millrace::TopicFilter filter({"orders/*", "news"});
//   filter.matches("orders/17");   // true
#pragma once

#include <string_view>
#include <vector>

#include "millrace/core/owned.h"
#include "millrace/core/topic.h"

namespace millrace {

/// The patterns of one subscription, with their text.
class TopicFilter {
 public:
  /// Copies the patterns' text. Without a pattern nothing matches.
  explicit TopicFilter(const std::vector<TopicPattern>& patterns);

  /// Whether one of the patterns matches. Takes as many steps as there are patterns: to ask about many topics in a row,
  /// use a PageScan.
  bool matches(Topic topic) const;

  /// The patterns, in the order of their bytes, each once. Valid as long as the filter.
  const std::vector<TopicPattern>& patterns() const { return patterns_.views(); }

  /// Whether no pattern has a wildcard, so that patterns() are topics.
  bool is_literal() const { return is_literal_; }

  /// The same text for equal filters, whatever the order their patterns were given in. Valid as long as the filter.
  std::string_view key() const { return patterns_.text(); }

 private:
  const OwnedList<TopicPattern> patterns_;
  const bool is_literal_;
};

}  // namespace millrace
