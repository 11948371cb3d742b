#include "explanation.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "millrace/client/limits.h"
#include "millrace/core/mime_type.h"
#include "parse_json.h"

namespace millrace {

namespace {

std::string essence_of(std::string_view content_type) {
  std::string essence(extract_essence(content_type));
  std::transform(essence.begin(), essence.end(), essence.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return essence;
}

bool is_json(const std::string& essence) {
  return essence == "application/json" || essence.ends_with("+json");
}

std::string sentence_in(const nlohmann::json& body) {
  if (!body.is_object()) return {};
  for (const char* name : {"error", "message", "detail", "title"}) {
    const auto member = body.find(name);
    if (member == body.end()) continue;
    if (member->is_string()) return *member;
    if (member->is_object() && member->contains("message") && (*member)["message"].is_string()) {
      return (*member)["message"];
    }
  }
  return {};
}

// Bytes of the UTF-8 character at the front; 0 for an invalid one: some terminals take such bytes for control
// characters.
std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (text.size() < bytes) return 0;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  return std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(bytes), continues) ? bytes : 0;
}

// Control characters of ASCII and of Unicode's second block, and Unicode's line ends.
bool is_control(std::string_view character) {
  if (character.size() == 1) return static_cast<unsigned char>(character[0]) < 0x20 || character[0] == 0x7f;
  return (character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0) || character == "\u2028" ||
         character == "\u2029";
}

}  // namespace

std::string one_line(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  text = text.substr(0, text.find_first_of("\r\n"));
  std::string line;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const std::string_view character = text.substr(0, std::max<std::size_t>(bytes, 1));
    if (bytes > 0 && !is_control(character)) line += character;
    text.remove_prefix(character.size());
  }
  if (line.size() > kMaxExplanationBytes) {  // at a character's end
    line.resize(kMaxExplanationBytes);
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) line.pop_back();
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0) line.pop_back();
    line += "…";
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

bool may_explain(std::string_view content_type) {
  const std::string essence = essence_of(content_type);
  return essence == "text/plain" || is_json(essence);
}

std::string explanation_in(std::string_view content_type, std::string_view body) {
  if (!is_json(essence_of(content_type))) return one_line(body);
  return one_line(sentence_in(parse_json(body)));
}

}  // namespace millrace
