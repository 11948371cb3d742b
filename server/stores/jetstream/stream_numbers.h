// StreamNumbers: which number of the log an entry of the stream has.
//
// They are the same until NATS loses entries that a server has delivered. The stream then gives their sequences again,
// to other entries; the log must not. The server that notices it appends a mark to the stream: the entries after the
// last one that is left get numbers that no server has given. The numbers in between remain void. All servers read the
// marks in the stream's order and so come to the same numbers. A value; no I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Losses whose numbers are known. With more, entries before the oldest of them have the numbers of the stream.
inline constexpr std::size_t kMaxStreamLosses = 64;

/// Numbers that each loss leaves void beyond those given: for entries that other servers deliver until they have read
/// the mark.
inline constexpr std::uint64_t kNumbersBehindLoss = 1U << 20U;

/// Greatest number of an entry.
inline constexpr std::uint64_t kMaxLogNumber = std::uint64_t{1} << 62U;

/// Entries of a stream that were delivered and are lost.
struct StreamLoss {
  std::uint64_t through = 0;  ///< the stream's last entry that is left of what there was
  std::uint64_t next = 0;     ///< number in the log of the stream's entry after it
  std::uint64_t mark = 0;     ///< the stream's sequence of the mark

  /// The contents of a mark: `<through> <next>`.
  std::string text() const;
  /// The inverse, of the mark with this sequence.
  static std::optional<StreamLoss> parse(std::string_view text, std::uint64_t mark);
  friend bool operator==(const StreamLoss&, const StreamLoss&) = default;
};

class StreamNumbers {
 public:
  /// What text() has returned; without losses if it is anything else.
  static StreamNumbers parse(std::string_view text);
  /// For the stream's description; empty without losses.
  std::string text() const;

  /// Adds the next mark of the stream. Returns false if it is known, or impossible.
  bool add(StreamLoss loss);
  /// Forgets the marks after this entry, which the stream has lost as well.
  void forget_after(std::uint64_t in_stream);
  /// The sequence of the last mark; 0 without marks.
  std::uint64_t last_mark() const { return losses_.empty() ? 0 : losses_.back().mark; }

  std::uint64_t in_log(std::uint64_t in_stream) const;
  /// The last number before that of the next entry: in_log(), and after a loss all numbers that are void.
  std::uint64_t through_in_log(std::uint64_t in_stream) const { return in_log(in_stream + 1) - 1; }
  /// The stream's entry with this number, or the last one before it.
  std::uint64_t in_stream(std::uint64_t in_log) const;
  /// If this number is void: the number of the first entry after the loss. A reader there has seen entries that are
  /// lost, or that have another number now.
  std::optional<std::uint64_t> first_after(std::uint64_t in_log) const;

  /// Differs for two entries that the stream has had at one sequence; empty before the first loss.
  std::string generation(std::uint64_t in_stream) const;

 private:
  std::vector<StreamLoss> losses_;  // by `through`, and so by `next` and `mark`
};

}  // namespace millrace
