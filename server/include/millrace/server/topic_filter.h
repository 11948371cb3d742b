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
  /// Copies the patterns' texts. A filter without patterns matches nothing.
  explicit TopicFilter(const std::vector<TopicPattern>& patterns);

  /// Whether a pattern matches. Takes one step per pattern; for many topics in a row, use a PageScan.
  bool matches(Topic topic) const;

  /// The patterns in byte order, each once. Valid as long as the filter.
  const std::vector<TopicPattern>& patterns() const { return patterns_.views(); }

  /// Whether no pattern has a wildcard: then patterns() are topics.
  bool is_literal() const { return is_literal_; }

  /// A text that is the same for equal filters, in whatever order their patterns were given. Valid as long as the
  /// filter.
  std::string_view key() const { return patterns_.text(); }

 private:
  const OwnedList<TopicPattern> patterns_;
  const bool is_literal_;
};

}  // namespace millrace
