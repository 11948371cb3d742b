#include "millrace/core/json_bounds.h"

namespace millrace {

JsonBound exceeded_json_bound(std::string_view text, std::size_t max_bytes, int max_depth) {
  if (text.size() > max_bytes) return JsonBound::kBytes;
  int depth = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '"':
        in_string = !in_string;
        break;
      case '\\':
        if (in_string) ++at;
        break;
      case '[':
      case '{':
        if (!in_string && ++depth > max_depth) return JsonBound::kDepth;
        break;
      case ']':
      case '}':
        if (!in_string) --depth;
        break;
      default:
        break;
    }
  }
  return JsonBound::kNone;
}

}  // namespace millrace
