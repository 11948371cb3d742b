// SipHash: a hash with a secret key. Without the key, clients cannot find texts that collide.
//
// std::hash has the same key in every program: a client that chooses topics could choose a million with one hash, and
// make each lookup in a map pass through all of them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace millrace {

struct SipKey {
  std::uint64_t first;
  std::uint64_t second;
};

/// SipHash with these numbers of rounds for each 8 bytes and at the end. [Aumasson, Bernstein: SipHash]
template <int kRounds, int kLastRounds>
class SipHash {
 public:
  static std::uint64_t hash(const SipKey& key, std::string_view text) {
    SipHash state(key);
    const std::size_t whole = text.size() / 8 * 8;
    for (std::size_t i = 0; i < whole; i += 8) state.add(word(text.substr(i, 8)));
    state.add(word(text.substr(whole)) | static_cast<std::uint64_t>(text.size()) << 56);
    state.c_ ^= 0xff;
    state.template mix<kLastRounds>();
    return state.a_ ^ state.b_ ^ state.c_ ^ state.d_;
  }

 private:
  explicit SipHash(const SipKey& key)
      : a_(key.first ^ 0x736f6d6570736575),
        b_(key.second ^ 0x646f72616e646f6d),
        c_(key.first ^ 0x6c7967656e657261),
        d_(key.second ^ 0x7465646279746573) {}

  // 8 bytes in little-endian order; missing ones are 0. Compilers make one load of it.
  static std::uint64_t word(std::string_view bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
  }

  void add(std::uint64_t value) {
    d_ ^= value;
    mix<kRounds>();
    a_ ^= value;
  }

  template <int kTimes>
  void mix() {
    for (int i = 0; i < kTimes; ++i) {
      a_ += b_;
      b_ = std::rotl(b_, 13) ^ a_;
      a_ = std::rotl(a_, 32);
      c_ += d_;
      d_ = std::rotl(d_, 16) ^ c_;
      a_ += d_;
      d_ = std::rotl(d_, 21) ^ a_;
      c_ += b_;
      b_ = std::rotl(b_, 17) ^ c_;
      c_ = std::rotl(c_, 32);
    }
  }

  std::uint64_t a_;
  std::uint64_t b_;
  std::uint64_t c_;
  std::uint64_t d_;
};

}  // namespace millrace
