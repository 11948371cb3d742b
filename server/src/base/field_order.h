// Fields of one name, in the order in which they were added. cpp-httplib 0.17 to 0.51 keep them in a
// std::unordered_multimap, which may list them in reverse.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace millrace {

/// Whether fields of one name may be listed in another order than that in which they were added.
template <typename Headers>
inline constexpr bool kAreFieldsUnordered = requires(const Headers& headers) {
  headers.key_eq();
};

namespace detail {

template <typename Headers>
bool lists_in_reverse() {
  Headers headers;
  headers.emplace("a", "1");
  headers.emplace("a", "2");
  return headers.begin()->second == "2";
}

// For a range that can only be read forwards.
template <typename Field>
void reverse_values(Field first, Field last) {
  if (std::next(first) == last) return;
  std::vector<std::string> values;
  for (Field field = first; field != last; ++field) values.push_back(std::move(field->second));
  for (; first != last; ++first, values.pop_back()) first->second = std::move(values.back());
}

}  // namespace detail

/// Call it once for `headers`, after the last of its fields has been added by emplace().
template <typename Headers>
void put_in_order([[maybe_unused]] Headers& headers) {
  if constexpr (kAreFieldsUnordered<Headers>) {
    static const bool kListsInReverse = detail::lists_in_reverse<Headers>();
    if (!kListsInReverse) return;
    const auto is_same = headers.key_eq();
    for (auto first = headers.begin(); first != headers.end();) {
      const auto last = std::find_if(std::next(first), headers.end(),
                                     [&](const auto& field) { return !is_same(field.first, first->first); });
      detail::reverse_values(first, last);
      first = last;
    }
  }
}

}  // namespace millrace
