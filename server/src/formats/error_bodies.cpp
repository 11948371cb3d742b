#include "millrace/server/formats/error_bodies.h"

#include "json_text.h"

namespace millrace {

std::string openai_error_body(std::string_view sentence, std::string_view field, std::string_view type) {
  const Json param = field.empty() ? Json(nullptr) : Json(field);
  return text_of({{"error", {{"message", sentence}, {"type", type}, {"param", param}, {"code", nullptr}}}});
}

std::string anthropic_error_body(std::string_view sentence, std::string_view type) {
  return text_of({{"type", "error"}, {"error", {{"type", type}, {"message", sentence}}}});
}

}  // namespace millrace
