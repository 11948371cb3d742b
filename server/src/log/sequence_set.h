// SequenceSet: sequences of a log's recent entries. Each operation takes constant time, but for the search of the next
// member, which looks at 64 sequences in one step.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <optional>

namespace millrace {

class SequenceSet {
 public:
  /// Adds a sequence that is not before the end of what erase_before() has removed.
  void insert(std::uint64_t sequence) {
    if (words_.empty()) first_word_ = sequence / kBits;
    while (first_word_ + words_.size() <= sequence / kBits) words_.push_back(0);
    words_[sequence / kBits - first_word_] |= bit(sequence);
  }

  void erase(std::uint64_t sequence) {
    if (has_word(sequence / kBits)) words_[sequence / kBits - first_word_] &= ~bit(sequence);
  }

  /// Removes all sequences before this one.
  void erase_before(std::uint64_t sequence) {
    while (!words_.empty() && first_word_ < sequence / kBits) {
      words_.pop_front();
      ++first_word_;
    }
    if (has_word(sequence / kBits)) words_.front() &= from(sequence);
  }

  /// The least member that is not before `sequence`.
  std::optional<std::uint64_t> next(std::uint64_t sequence) const {
    std::uint64_t word = sequence / kBits;
    std::uint64_t wanted = from(sequence);
    if (word < first_word_) {
      word = first_word_;
      wanted = ~std::uint64_t{0};
    }
    for (; has_word(word); ++word, wanted = ~std::uint64_t{0}) {
      if (const std::uint64_t members = words_[word - first_word_] & wanted; members != 0) {
        return word * kBits + static_cast<std::uint64_t>(std::countr_zero(members));
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint64_t kBits = 64;

  static std::uint64_t bit(std::uint64_t sequence) { return std::uint64_t{1} << sequence % kBits; }
  // The bits of this sequence and of those after it.
  static std::uint64_t from(std::uint64_t sequence) { return ~std::uint64_t{0} << sequence % kBits; }
  bool has_word(std::uint64_t word) const { return word >= first_word_ && word - first_word_ < words_.size(); }

  std::deque<std::uint64_t> words_;
  std::uint64_t first_word_ = 0;
};

}  // namespace millrace
