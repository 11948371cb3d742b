#include "trace_context.h"

#include <algorithm>

namespace millrace {

namespace {

// Of version 00.
constexpr std::size_t kParentBytes = 55;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string_view without_blanks_around(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

bool is_trace_parent(std::string_view text) {
  if (text.size() < kParentBytes || text.size() > kMaxTraceParentBytes) return false;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const std::string_view version = text.substr(0, 2);
  if (!is_hex(version) || version == "ff") return false;
  if (!is_id(text.substr(3, 32)) || !is_id(text.substr(36, 16)) || !is_hex(text.substr(53, 2))) return false;
  if (text.size() == kParentBytes) return true;
  const std::string_view rest = text.substr(kParentBytes);
  return version != "00" && rest.front() == '-' && is_printable(rest) && rest.find(' ') == std::string_view::npos;
}

TraceContext trace_context(const std::vector<std::string_view>& parents, const std::vector<std::string_view>& states) {
  if (parents.size() != 1) return {};
  TraceContext context{.parent = std::string(without_blanks_around(parents.front())), .state = {}};
  if (!is_trace_parent(context.parent)) return {};
  for (const std::string_view value : states) {
    const std::string_view list = without_blanks_around(value);
    if (list.empty()) continue;
    if (!context.state.empty()) context.state += ',';
    context.state += list;
    if (context.state.size() > kMaxTraceStateBytes || !is_printable(list))
      return {.parent = context.parent, .state = {}};
  }
  return context;
}

}  // namespace millrace
