#include "millrace/core/field_value.h"

#include <algorithm>

#include "utf8.h"

namespace millrace {

bool EventId::returns_in_a_header() const {
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  };
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text_.empty() && (is_blank(text_.front()) || is_blank(text_.back()))) return false;
  return std::none_of(text_.begin(), text_.end(), is_control) && utf8::is_valid(text_);
}

}  // namespace millrace
