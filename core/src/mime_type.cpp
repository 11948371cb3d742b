#include "millrace/core/mime_type.h"

#include <cstddef>

namespace millrace {

namespace {

// Fetch removes spaces and tabs around a value, and MIME sniffing also line ends.
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// [MIME sniffing 3, "HTTP token code point"]
bool is_token(char c) {
  return c > ' ' && c < 0x7f && std::string_view("\"(),/:;<=>?@[\\]{}").find(c) == std::string_view::npos;
}

std::size_t skip(std::string_view text, std::size_t at, bool (*what)(char)) {
  while (at < text.size() && what(text[at])) ++at;
  return at;
}

}  // namespace

// [Fetch 2.2.2, "get, decode, and split"; MIME sniffing 4.4, "parse a MIME type"] in one pass.
std::string_view extract_essence(std::string_view content_type) {
  std::string_view last;
  for (std::size_t at = 0; at < content_type.size(); ++at) {
    const std::size_t begin = skip(content_type, at, is_space);
    const std::size_t slash = skip(content_type, begin, is_token);
    at = slash;
    if (slash > begin && content_type.substr(slash).starts_with('/')) {
      const std::size_t end = skip(content_type, slash + 1, is_token);
      at = skip(content_type, end, is_space);
      const std::string_view essence = content_type.substr(begin, end - begin);
      // Nothing that follows the subtype makes the type invalid.
      const bool ends = at == content_type.size() || content_type[at] == ';' || content_type[at] == ',';
      if (ends && end > slash + 1 && essence != "*/*") last = essence;
    }
    // Commas in quoted strings belong to them; an unclosed string extends to the end.
    for (bool quoted = false; at < content_type.size() && (quoted || content_type[at] != ','); ++at) {
      if (content_type[at] == '"') quoted = !quoted;
      if (quoted && content_type[at] == '\\') ++at;
    }
  }
  return last;
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
