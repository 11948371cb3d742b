// TopicSegments: takes a topic or a pattern apart, one segment after the other.
#pragma once

#include <cstddef>
#include <string_view>

namespace millrace {

/// The segments of a text that are left. Behind the last slash there is one more, which may be empty.
class TopicSegments {
 public:
  /// Begins with the first segment. The text must outlive it.
  explicit TopicSegments(std::string_view text) : rest_(text) {}

  /// Whether all have been taken.
  bool empty() const { return is_over_; }

  /// Returns the next segment, and continues after it.
  std::string_view take() {
    const std::size_t slash = rest_.find('/');
    const std::string_view segment = rest_.substr(0, slash);
    is_over_ = slash == std::string_view::npos;
    if (!is_over_) rest_.remove_prefix(slash + 1);
    return segment;
  }

 private:
  std::string_view rest_;
  bool is_over_ = false;
};

}  // namespace millrace
