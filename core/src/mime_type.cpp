#include "millrace/core/mime_type.h"

#include <cstddef>
#include <cstdint>

namespace millrace {

namespace {

/// A set of ASCII characters: a bit each.
struct Characters {
  std::uint32_t bits[4] = {};

  constexpr void add(char c) { bits[c / 32] |= std::uint32_t{1} << c % 32; }
  bool has(char c) const { return (c & 0x80) == 0 && (bits[c / 32] >> c % 32 & 1) != 0; }
};

// Fetch removes spaces and tabs around a value, and MIME sniffing also line ends.
constexpr Characters kSpaces = [] {
  Characters set;
  for (const char c : std::string_view(" \t\r\n")) set.add(c);
  return set;
}();

// [MIME sniffing 3, "HTTP token code point"]
constexpr Characters kToken = [] {
  Characters set;
  for (char c = ' ' + 1; c < 0x7f; ++c) {
    if (std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos) set.add(c);
  }
  return set;
}();

// Not inlined: it is called once a connection, and its size counts in the module for browsers.
[[gnu::noinline]] const char* skip(const char* at, const char* end, const Characters& what) {
  while (at != end && what.has(*at)) ++at;
  return at;
}

}  // namespace

// [Fetch 2.2.2, "get, decode, and split"; MIME sniffing 4.4, "parse a MIME type"] in one pass.
std::string_view extract_essence(std::string_view content_type) {
  std::string_view last;
  const char* at = content_type.data();
  const char* const end = at + content_type.size();
  while (true) {
    const char* const type = skip(at, end, kSpaces);
    const char* const slash = at = skip(type, end, kToken);
    if (slash != end && *slash == '/' && slash != type) {
      const char* const subtype_end = skip(slash + 1, end, kToken);
      at = skip(subtype_end, end, kSpaces);
      // Nothing that follows the subtype makes the type invalid.
      const bool ends = at == end || *at == ';' || *at == ',';
      const std::string_view essence(type, static_cast<std::size_t>(subtype_end - type));
      if (ends && subtype_end != slash + 1 && essence != "*/*") last = essence;
    }
    // Commas in quoted strings belong to them; an unclosed string extends to the end.
    for (bool quoted = false; at != end && (quoted || *at != ','); ++at) {
      if (*at == '"') quoted = !quoted;
      if (quoted && *at == '\\' && at + 1 != end) ++at;
    }
    if (at == end) return last;
    ++at;
  }
}

bool is_essence(std::string_view essence, std::string_view lowercase) {
  if (essence.size() != lowercase.size()) return false;
  for (std::size_t i = 0; i < essence.size(); ++i) {
    const char c = essence[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lowercase[i]) return false;
  }
  return true;
}

}  // namespace millrace
