#include "millrace/core/trace_context.h"

#include "millrace/core/limits.h"

namespace millrace {

namespace {

// Of version 00.
constexpr std::size_t kParentBytes = 55;

// Longest key, and longest value, of a member of the state. [3.3.1.3]
constexpr std::size_t kMaxMemberPartBytes = 256;

constexpr bool is_in(char c, char first, char last) {
  return c >= first && c <= last;
}

constexpr bool is_key_character(char c, bool is_first) {
  if (is_in(c, 'a', 'z') || is_in(c, '0', '9')) return true;
  return !is_first && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@');
}

constexpr bool is_value_character(char c) {
  return is_in(c, ' ', '~') && c != ',' && c != '=';
}

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

enum class Digits : unsigned char { kInvalid, kAllZeros, kValid };

// Of this many hexadecimal digits from `at` on.
Digits digits_of(const char* at, std::size_t count) {
  auto found = Digits::kAllZeros;
  for (; count > 0; ++at, --count) {
    if (!is_in(*at, '0', '9') && !is_in(*at, 'a', 'f')) return Digits::kInvalid;
    if (*at != '0') found = Digits::kValid;
  }
  return found;
}

// From `begin` to `end`, without blanks around. [3.3.1.3]
bool is_member(const char* begin, const char* end) {
  const char* at = begin;
  while (at != end && is_key_character(*at, at == begin)) ++at;
  if (at == begin || at == end || *at != '=' || static_cast<std::size_t>(at - begin) > kMaxMemberPartBytes)
    return false;
  const char* const value = ++at;
  while (at != end && is_value_character(*at)) ++at;
  return at == end && at != value && static_cast<std::size_t>(at - value) <= kMaxMemberPartBytes;
}

}  // namespace

bool is_trace_parent(std::string_view text) {
  if (text.size() < kParentBytes || text.size() > kMaxTraceParentBytes) return false;
  const char* const at = text.data();
  if (at[2] != '-' || at[35] != '-' || at[52] != '-') return false;
  const Digits version = digits_of(at, 2);
  if (version == Digits::kInvalid || (at[0] == 'f' && at[1] == 'f')) return false;
  if (digits_of(at + 3, 32) != Digits::kValid || digits_of(at + 36, 16) != Digits::kValid) return false;
  if (digits_of(at + 53, 2) == Digits::kInvalid) return false;
  if (text.size() == kParentBytes) return true;
  if (version != Digits::kValid || at[kParentBytes] != '-') return false;
  for (std::size_t i = kParentBytes; i < text.size(); ++i) {
    if (!is_in(at[i], '!', '~')) return false;
  }
  return true;
}

bool is_trace_state(std::string_view text) {
  if (text.size() > kMaxTraceStateBytes) return false;
  std::size_t members = 0;
  const char* at = text.data();
  const char* const end_of_text = at + text.size();
  while (at != end_of_text) {
    while (at != end_of_text && (is_blank(*at) || *at == ',')) ++at;
    const char* const begin = at;
    while (at != end_of_text && *at != ',') ++at;
    const char* end = at;
    while (end != begin && is_blank(end[-1])) --end;
    if (end != begin && (!is_member(begin, end) || ++members > kMaxTraceStateMembers)) return false;
  }
  return members > 0;
}

std::optional<TraceContext> TraceContext::parse(std::string_view parent, std::string_view state) {
  if (!is_trace_parent(parent)) return std::nullopt;
  return TraceContext(parent, is_trace_state(state) ? state : std::string_view());
}

}  // namespace millrace
