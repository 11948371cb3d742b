// What the system says of this process, for the metrics.
#pragma once

#include <cstdint>
#include <optional>

namespace millrace {

struct ProcessFigures {
  double cpu_seconds = 0;
  double start_time_seconds = 0;  ///< since 1970
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t max_descriptors = 0;
  std::uint64_t threads = 0;
};

/// Nothing where there is no /proc.
std::optional<ProcessFigures> process_figures();

}  // namespace millrace
