// What it costs an event loop to answer a publish request itself: a step for each byte, and kWorkPerEvent for each
// event. A step takes about 25 ns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace millrace {

/// An event costs as much as this many bytes.
inline constexpr std::size_t kWorkPerEvent = 64;

/// `body`: events, one on each line.
inline std::size_t publish_work(std::string_view body) {
  const auto lines = std::count(body.begin(), body.end(), '\n');
  return body.size() + kWorkPerEvent * (1 + static_cast<std::size_t>(lines));
}

}  // namespace millrace
