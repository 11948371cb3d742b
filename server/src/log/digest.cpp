#include "digest.h"

#include <openssl/sha.h>

#include <array>

namespace millrace {

std::string sha256(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const unsigned char byte : hash) digits.append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 0xf]);
  return digits;
}

}  // namespace millrace
