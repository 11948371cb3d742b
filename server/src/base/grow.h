// Growth by a quarter for vectors that are very large or very many, for which doubling would waste too much memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace millrace {

/// Makes room for one more.
template <typename T>
void make_room(std::vector<T>& all) {
  constexpr std::size_t kFirst = 4;
  if (all.size() == all.capacity()) all.reserve(all.size() + std::max(kFirst, all.size() / 4));
}

}  // namespace millrace
