#include "trace_context.h"

#include <string>

#include "millrace/core/limits.h"

namespace millrace {

namespace {

std::string_view without_blanks_around(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace

OwnedTraceContext trace_context(const std::vector<std::string_view>& parents,
                                const std::vector<std::string_view>& states) {
  if (parents.size() != 1) return {};
  std::string joined;
  for (const std::string_view value : states) {
    const std::string_view list = without_blanks_around(value);
    if (list.empty()) continue;
    if (!joined.empty()) joined += ',';
    joined += list;
    if (joined.size() > kMaxTraceStateBytes) break;
  }
  const auto trace = TraceContext::parse(without_blanks_around(parents.front()), joined);
  return trace ? OwnedTraceContext(*trace) : OwnedTraceContext();
}

}  // namespace millrace
