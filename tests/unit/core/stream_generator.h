// StreamGenerator: random event streams that are nasty on purpose. The same seed gives the same streams everywhere.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

class StreamGenerator {
 public:
  explicit StreamGenerator(std::uint64_t seed) : random_(seed) {}

  /// Lines of known, nearly known and unknown fields with all kinds of values and line ends, some of it then damaged.
  std::string stream();

  /// `stream` in random pieces, now and then an empty one.
  std::vector<std::string_view> chunks(std::string_view stream);

  /// Text with line ends, control characters, ill-formed UTF-8 and what looks like fields.
  std::string text();

  /// Below `bound`, which is at least 1.
  std::size_t below(std::size_t bound) { return random_() % bound; }

 private:
  std::string_view one_of(const std::vector<std::string_view>& choices) { return choices[below(choices.size())]; }
  std::string value();
  std::string line();
  void damage(std::string& stream);

  std::mt19937_64 random_;
};

}  // namespace millrace::test
