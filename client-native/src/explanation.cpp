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

// One line that a terminal and a log can bear, cut at a character's end.
std::string tidy(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin);
  std::string line(text.substr(0, text.find_first_of("\r\n")));
  std::erase_if(line, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (line.size() > kMaxExplanationBytes) {
    line.resize(kMaxExplanationBytes);
    while (!line.empty() && (static_cast<unsigned char>(line.back()) & 0xc0) == 0x80) line.pop_back();
    if (!line.empty() && static_cast<unsigned char>(line.back()) >= 0xc0) line.pop_back();
    line += "…";
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

bool may_explain(std::string_view content_type) {
  const std::string essence = essence_of(content_type);
  return essence == "text/plain" || is_json(essence);
}

std::string explanation_in(std::string_view content_type, std::string_view body) {
  if (!is_json(essence_of(content_type))) return tidy(body);
  return tidy(sentence_in(nlohmann::json::parse(body, nullptr, false)));
}

}  // namespace millrace
