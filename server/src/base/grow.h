// Growth of vectors of which there are few, but very large ones, or very many: a quarter at a time, since twice as much
// as is needed is too much.
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
