// Place: a reader's position in the log, and how it reads on.
#pragma once

#include <compare>
#include <cstdint>

namespace millrace {

struct Place {
  enum class Reads : std::uint8_t {
    kEverything,  ///< every entry
    kState,       ///< up to `until`, the newest event of each topic that is not finished
    kNewest,      ///< up to the head, the newest event of each topic
  };
  std::uint64_t sequence = 0;  ///< the reader has seen everything up to here
  Reads reads = Reads::kEverything;
  std::uint64_t until = UINT64_MAX;  ///< for kState
  std::uint64_t forgiven = 0;  ///< newest events missing up to here are no gap: the reader knows that they are gone

  auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr): clang 14 errs
};

}  // namespace millrace
