#include "explanation.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "millrace/core/limits.h"

namespace millrace {

namespace {

std::string essence_of(std::string_view content_type) {
  std::string essence(content_type.substr(0, content_type.find_first_of("; \t")));
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

}  // namespace

std::string one_line(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  text = text.substr(0, text.find_first_of("\r\n"));
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {  // Unicode's second block of them, two bytes each in UTF-8
      ++i;
    } else if (byte >= 0x20 && byte != 0x7f) {
      line += text[i];
    }
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
  return one_line(sentence_in(nlohmann::json::parse(body, nullptr, false)));
}

}  // namespace millrace
