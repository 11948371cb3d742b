// Place: where a reader is in the log, and how it reads on from there.
#pragma once

#include <compare>
#include <cstdint>

namespace millrace {

struct Place {
  enum class Reads : std::uint8_t {
    kEverything,  ///< each entry
    kState,       ///< up to `until`, the newest event of each topic that is not finished
    kNewest,      ///< up to the head, the newest event of each topic
  };
  std::uint64_t sequence = 0;  ///< everything up to here has been seen
  Reads reads = Reads::kEverything;
  std::uint64_t until = UINT64_MAX;  ///< of kState
  std::uint64_t forgiven = 0;        ///< that newest events up to here are gone is no gap: the reader knows it

  auto operator<=>(const Place&) const = default;
};

}  // namespace millrace
