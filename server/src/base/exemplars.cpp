#include "exemplars.h"

#include <charconv>
#include <chrono>
#include <string_view>

namespace millrace {

namespace {

// TraceContext has checked the digits.
std::uint64_t hexadecimal(std::string_view digits) {
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

std::string digits_of(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits(16, '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value /= 16) *digit = kDigits[value % 16];
  return digits;
}

}  // namespace

std::string TraceId::text() const {
  return digits_of(high) + digits_of(low);
}

std::optional<TraceId> sampled_trace(TraceContext trace) {
  if (trace.empty()) return std::nullopt;
  const std::string_view parent = trace.parent();  // 00-<32 digits>-<16>-<2>
  if (hexadecimal(parent.substr(53, 2)) % 2 == 0) return std::nullopt;
  return TraceId{.high = hexadecimal(parent.substr(3, 16)), .low = hexadecimal(parent.substr(19, 16))};
}

std::uint64_t wall_clock() {
  using std::chrono::milliseconds;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(since_1970).count());
}

}  // namespace millrace
