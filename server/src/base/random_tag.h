// random_tag: distinguishes the IDs of one log from those of another.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace millrace {

/// 8 random letters and digits.
inline std::string random_tag() {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device device;
  std::uniform_int_distribution<std::size_t> index(0, kAlphabet.size() - 1);
  std::string tag(8, ' ');
  for (char& c : tag) c = kAlphabet[index(device)];
  return tag;
}

}  // namespace millrace
