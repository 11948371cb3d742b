#include "terminal_text.h"

#include <cstddef>
#include <cstdio>

namespace millrace::cli {

namespace {

// The character at the front, and its length in bytes; 0xfffd and 1 for a byte that begins no character.
struct Character {
  char32_t code;
  std::size_t bytes;
};

Character first_of(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  char32_t code = lead & (0x7f >> bytes);
  bool valid = lead >= 0xc2 && lead < 0xf5 && text.size() >= bytes;
  for (std::size_t at = 1; valid && at < bytes; ++at) {
    valid = (byte(at) & 0xc0) == 0x80;
    code = (code << 6) | (byte(at) & 0x3f);
  }
  const char32_t least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  valid = valid && code >= least && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return valid ? Character{code, bytes} : Character{0xfffd, 1};
}

bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  char escape[8];
  while (!text.empty()) {
    const Character character = first_of(text);
    const bool is_no_text = character.code == 0xfffd && character.bytes == 1;
    if (character.code == '\n') {
      result += "\\n";
    } else if (is_no_text || (is_control(character.code) && character.code != '\t')) {
      const unsigned code = is_no_text ? static_cast<unsigned char>(text.front()) : character.code;
      std::snprintf(escape, sizeof escape, character.bytes == 1 ? "\\x%02x" : "\\u%04x", code);
      result += escape;
    } else {
      result += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return result;
}

std::string printable_json(std::string_view json) {
  std::string result;
  char escape[8];
  while (!json.empty()) {
    const Character character = first_of(json);
    if (is_control(character.code)) {
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(character.code));
      result += escape;
    } else {
      result += json.substr(0, character.bytes);
    }
    json.remove_prefix(character.bytes);
  }
  return result;
}

}  // namespace millrace::cli
