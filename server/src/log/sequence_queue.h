// SequenceQueue: sequences in order, added at the end and removed at the beginning. An empty one takes no memory of its
// own, and one with few members little: there is one for each topic.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace millrace {

class SequenceQueue {
 public:
  using Iterator = const std::uint64_t*;

  void push_back(std::uint64_t sequence) { sequences_.push_back(sequence); }

  void pop_front() {
    assert(!empty());
    ++begin_;
    if (begin_ >= kMostRemoved && 2 * begin_ >= sequences_.size()) {
      sequences_ = std::vector<std::uint64_t>(begin(), end());
      begin_ = 0;
    }
  }

  bool empty() const { return begin_ == sequences_.size(); }
  Iterator begin() const { return sequences_.data() + begin_; }
  Iterator end() const { return sequences_.data() + sequences_.size(); }

 private:
  // Removed members that stay in memory, unless the queue has more others.
  static constexpr std::size_t kMostRemoved = 16;

  std::vector<std::uint64_t> sequences_;
  std::size_t begin_ = 0;  // the members before it are removed
};

}  // namespace millrace
