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

  /// Whether all have been returned.
  bool empty() const { return is_over_; }

  /// All that are left, joined by slashes.
  std::string_view text() const { return rest_; }

  /// The next segment.
  std::string_view first() const { return rest_.substr(0, rest_.find('/')); }

  /// Returns the next segment, and continues after it.
  std::string_view next() {
    const std::string_view segment = first();
    go_on_after(segment.size());
    return segment;
  }

  /// Goes on after these segments, which are joined by slashes, if they are the next.
  bool skip(std::string_view segments) {
    const bool are_next =
        rest_.starts_with(segments) && (rest_.size() == segments.size() || rest_[segments.size()] == '/');
    if (are_next) go_on_after(segments.size());
    return are_next;
  }

 private:
  void go_on_after(std::size_t bytes) {
    is_over_ = bytes == rest_.size();
    if (!is_over_) rest_.remove_prefix(bytes + 1);
  }

  std::string_view rest_;
  bool is_over_ = false;
};

}  // namespace millrace
