#include "base/string_map.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace millrace::test {
namespace {

// Texts of 16 bytes that libstdc++'s std::hash, MurmurHash64A with its key, gives one value: the second half of each
// takes back what the first has made different.
std::vector<std::string> colliding_texts(std::size_t count) {
  constexpr std::uint64_t kFactor = 0xc6a4a7935bd1e995;
  constexpr std::uint64_t kSeed = 0xc70f6907;
  std::uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kFactor * inverse;
  const auto shift_mix = [](std::uint64_t value) { return value ^ (value >> 47); };
  std::vector<std::string> texts;
  for (std::uint64_t first = 0; first < count; ++first) {
    std::uint64_t state = kSeed ^ (16 * kFactor);
    state = (state ^ shift_mix(first * kFactor) * kFactor) * kFactor;
    const std::uint64_t second = shift_mix(state * inverse) * inverse;
    std::string text(16, '\0');
    std::memcpy(text.data(), &first, 8);
    std::memcpy(text.data() + 8, &second, 8);
    texts.push_back(text);
  }
  return texts;
}

TEST(StringHash, HasNoneOfTheCollisionsThatAStrangerCanMakeOfStdHash) {
  const std::vector<std::string> texts = colliding_texts(10'000);
  std::set<std::size_t> unkeyed;
  std::set<std::size_t> keyed;
  for (const std::string& text : texts) {
    unkeyed.insert(std::hash<std::string_view>{}(text));
    keyed.insert(StringHash{}(text));
  }
#ifdef __GLIBCXX__
  EXPECT_EQ(unkeyed.size(), 1u) << "the texts are what they are said to be";
#endif
  EXPECT_EQ(keyed.size(), texts.size());
}

std::string bytes_up_to(std::size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

SipKey key_of(const std::string& bytes) {
  SipKey key{};
  std::memcpy(&key.first, bytes.data(), 8);
  std::memcpy(&key.second, bytes.data() + 8, 8);
  return key;
}

std::uint64_t openssl_siphash(const std::string& key, const std::string& text, unsigned rounds, unsigned last_rounds) {
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* const context = EVP_MAC_CTX_new(mac);
  std::size_t size = 8;
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_size_t("size", &size), OSSL_PARAM_construct_uint("c-rounds", &rounds),
      OSSL_PARAM_construct_uint("d-rounds", &last_rounds), OSSL_PARAM_construct_end()};
  std::uint64_t hash = 0;
  EXPECT_EQ(EVP_MAC_CTX_set_params(context, parameters.data()), 1);
  EXPECT_EQ(EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(key.data()), key.size(), nullptr), 1);
  EXPECT_EQ(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size()), 1);
  EXPECT_EQ(EVP_MAC_final(context, reinterpret_cast<unsigned char*>(&hash), &size, sizeof hash), 1);
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return hash;
}

TEST(SipHash, IsOpenssls) {
  const std::string key = bytes_up_to(16);
  for (std::size_t size = 0; size < 64; ++size) {
    const std::string text = bytes_up_to(size);
    EXPECT_EQ((SipHash<1, 3>::hash(key_of(key), text)), openssl_siphash(key, text, 1, 3)) << size;
    EXPECT_EQ((SipHash<2, 4>::hash(key_of(key), text)), openssl_siphash(key, text, 2, 4)) << size;
  }
}

}  // namespace
}  // namespace millrace::test
