#include "content_coding.h"

#include <optional>

#include "field_text.h"
#include "weight.h"

namespace millrace {

bool prefers_gzip(std::string_view accept_encoding) {
  std::optional<int> gzip;
  std::optional<int> identity;
  std::optional<int> others;
  while (!accept_encoding.empty()) {
    std::string_view element = next_part(accept_encoding, ',');
    const std::string_view coding = next_part(element, ';');
    if (equals_ignoring_case(coding, "gzip") || equals_ignoring_case(coding, "x-gzip")) gzip = weight(element);
    if (equals_ignoring_case(coding, "identity")) identity = weight(element);
    if (coding == "*") others = weight(element);
  }
  const int weight_of_gzip = gzip.value_or(others.value_or(0));
  return weight_of_gzip > 0 && weight_of_gzip >= identity.value_or(0);
}

}  // namespace millrace
