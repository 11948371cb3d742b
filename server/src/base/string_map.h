// StringMap: a hash map with string keys and lookup by string_view. Clients that choose the keys cannot make them
// collide.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sip_hash.h"

namespace millrace {

/// Uses a random key, created at the first use, for as long as the program runs.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return SipHash<1, 3>::hash(key(), text); }

 private:
  static const SipKey& key() {
    static const SipKey kKey = [] {
      std::random_device device;
      const auto draw = [&device] { return std::uint64_t{device()} << 32 | device(); };
      return SipKey{.first = draw(), .second = draw()};
    }();
    return kKey;
  }
};

template <typename Value>
using StringMap = std::unordered_map<std::string, Value, StringHash, std::equal_to<>>;

}  // namespace millrace
